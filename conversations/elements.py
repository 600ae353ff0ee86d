"""Elements in XML files, one by one, however many there are.

The parser is hardened: a document type, and with it every declaration of an entity, ends the
reading; nothing external is ever opened; elements are bounded in length, depth and number.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple
from xml.parsers import expat

from conversations import limits

_ROOT_DEPTH: Final = 1
_RECORD_DEPTH: Final = 2
_BROKEN_MAX: Final = 1000
_ENDED: Final = frozenset(
    expat.errors.codes[message]
    for message in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    )
)


class Element(NamedTuple):
    """A child of the root, with everything inside it in document order.

    ``left_out`` counts what was inside beyond the limits.
    """

    tag: str
    attributes: dict[str, str]
    inside: list[tuple[str, dict[str, str]]]
    left_out: int = 0


class Broken(NamedTuple):
    """Where something was no XML; reading goes on at the next element that begins a record."""

    reason: str


class BadElements(Exception):
    """The file cannot be read further; ``code`` names why, the message says more."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def elements_of(pieces: Iterable[bytes], records: tuple[str, ...]) -> Iterator[Element | Broken]:
    """The children of the root of a file in UTF-8, given in pieces.

    ``records`` are the tags of children where reading may begin again after what is no XML. Raises
    :class:`BadElements` when the file ends too early, is no XML in too many places, or declares a
    document type.
    """
    begins = re.compile(rb"<(?:%s)(?=\s)" % "|".join(records).encode())
    parser, broken = _Parser(), 0
    for whole in pieces:
        piece: bytes | None = whole
        while piece is not None:
            try:
                rest = parser.feed(piece)
            finally:
                yield from parser.taken()
            if parser.error:
                broken += 1
                if broken > _BROKEN_MAX:
                    raise BadElements("bad-xml", parser.error)
                yield Broken(parser.error)
                parser = _Parser(parser.root or "records", begins)
            piece = rest
    yield from parser.ended()


class _Parser:
    """Expat, and the elements that it has completed."""

    def __init__(self, root: str = "", begins: re.Pattern[bytes] | None = None) -> None:
        self.root = ""
        self.error = ""
        self._begins = begins
        self._depth = 0
        self._room = 0
        self._left_out = 0
        self._current: Element | None = None
        self._done: list[Element] = []
        self._fed = 0
        self._seam = b""
        self._expat = expat.ParserCreate("utf-8")
        self._expat.StartDoctypeDeclHandler = _forbidden
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        if root:
            self._parse(f"<{root}>".encode())

    def feed(self, piece: bytes) -> bytes | None:
        """Parse; the rest of the piece when there was an error in it."""
        piece = self._begun(piece)
        before = self._fed
        try:
            self._parse(piece)
        except expat.ExpatError as error:
            self.error = expat.ErrorString(error.code)
            return piece[max(0, self._expat.ErrorByteIndex - before) + 1 :]
        if self._fed - self._expat.CurrentByteIndex > limits.LINE_BYTES_MAX:
            self.error = "longer than any element may be"
            return b""
        return None

    def taken(self) -> list[Element]:
        """The elements since the last time."""
        done, self._done = self._done, []
        return done

    def ended(self) -> Iterator[Element]:
        """What was read of a last element that did not end. Raises :class:`BadElements`."""
        if self._begins is not None:
            return
        try:
            self._parse(b"", is_last=True)
        except expat.ExpatError as error:
            if self._current is not None:
                yield self._current._replace(left_out=self._left_out)
            code = "truncated" if error.code in _ENDED else "bad-xml"
            raise BadElements(code, expat.ErrorString(error.code)) from None

    def _begun(self, piece: bytes) -> bytes:
        """``piece`` from where a record begins, when one is looked for."""
        if self._begins is None:
            return piece if self._fed else piece.lstrip()
        piece = self._seam + piece
        found = self._begins.search(piece)
        if found is None:
            self._seam = piece[-16:]
            return b""
        self._begins = None
        return piece[found.start() :]

    def _parse(self, piece: bytes, *, is_last: bool = False) -> None:
        self._fed += len(piece)
        self._expat.Parse(piece, is_last)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == _RECORD_DEPTH:
            self._current = Element(tag, attributes, [])
            self._room, self._left_out = limits.LINE_BYTES_MAX, 0
        elif self._depth == _ROOT_DEPTH:
            self.root = tag
        elif self._depth > limits.RECORD_DEPTH_MAX:
            raise BadElements("nested-too-deep", f"nested deeper than {limits.RECORD_DEPTH_MAX}")
        else:
            self._inside(tag, attributes)

    def _inside(self, tag: str, attributes: dict[str, str]) -> None:
        if self._current is None:
            return
        self._room -= sum(map(len, attributes.values()))
        if self._room < 0 or len(self._current.inside) >= limits.ATTACHMENTS_MAX:
            self._left_out += 1
            return
        self._current.inside.append((tag, attributes))

    def _end(self, _tag: str) -> None:
        self._depth -= 1
        if self._depth == _ROOT_DEPTH and self._current is not None:
            left_out = self._left_out
            done = self._current._replace(left_out=left_out) if left_out else self._current
            self._done.append(done)
            self._current = None


def _forbidden(*_: object) -> None:
    raise BadElements("entities-forbidden", "it declares a document type")
