r"""JSON pulled piece by piece: a gigabyte of it within a few megabytes of memory.

A :class:`Json` stands before one value. The caller takes it whole (:meth:`Json.value`), walks into
it (:meth:`Json.members`, :meth:`Json.elements`) or leaves it, and it is skipped::

    for key in json.members():
        if key == "messages":
            for _ in json.elements():
                record = json.value()

Only a value taken whole is built, by the standard library's scanner in C; skipping never recurses,
so that a document may be nested as deep as it likes. A value that is too large, too deep or no JSON
comes as :class:`Unreadable` and what stands after it is read; a document that ends in the middle
raises :class:`BadRecords`.
"""

import codecs
import re
from collections.abc import Iterator
from json import JSONDecoder
from typing import Any, BinaryIO, Final, NamedTuple

from conversations import limits

_scanned: Final = JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined]
_blank: Final = re.compile(r"[ \t\n\r]*+").match
_next: Final = re.compile(r"[ \t\n\r]*+([,\]}])[ \t\n\r]*+").match
_scalar: Final = re.compile(r'[^\s,:{}\[\]"]*+').match
_string: Final = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL).match
_tokens: Final = re.compile(r'"(?:[^"\\]++|\\.)*+(")?|([{\[])|([}\]])', re.DOTALL).finditer
_STRING, _OPENED, _CLOSED = 1, 2, 3
_escaped: Final = re.compile(r"\\u[dD][89a-fA-F]").search
_lone: Final = re.compile("[\ud800-\udfff]")


class BadRecords(Exception):
    """The document is no JSON from here on; the message says why and where.

    ``file`` and ``line`` (the number of the record that was next) are set by who knows them.
    """

    def __init__(self, why: str, *, file: int = 0, line: int = 0) -> None:
        super().__init__(why)
        self.file = file
        self.line = line


class Unreadable(NamedTuple):
    """Stands for a value that was skipped, and says why."""

    why: str


class Json:
    """A document in UTF-8, with or without a byte order mark, from the start of ``file``."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._text = ""
        self._at = 0
        self._dropped = 0
        self._ended = False
        self._may_have_surrogates = False
        self.peek()

    @property
    def offset(self) -> int:
        """Characters before the next value."""
        return self._dropped + self._at

    def peek(self) -> str:
        """The character that the next value begins with; "" at the end of the document."""
        while True:
            match = _blank(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill()

    def members(self) -> Iterator[str]:
        """The keys of the object that is next, each before its value; nothing for another value."""
        if not self._entered("{"):
            return
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            key = self.value()
            if not isinstance(key, str) or self.peek() != ":":
                raise self._bad("the name of a value is missing")
            self._at += 1
            self.peek()
            before = self.offset
            yield key
            if self.offset == before:
                self.skip()
            if not self._more("}"):
                return

    def elements(self) -> Iterator[None]:
        """Stands before each element of the list that is next; nothing for another value."""
        if not self._entered("["):
            return
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            before = self.offset
            yield
            if self.offset == before:
                self.skip()
            if not self._more("]"):
                return

    def values(self) -> Iterator[Any]:
        """Each element of the list that is next, as :meth:`value` gives it; made to be fast."""
        if not self._entered("["):
            return
        if self.peek() == "]":
            self._at += 1
            return
        while True:
            yield self.value()
            if not self._more("]"):
                return

    def value(self) -> Any:  # noqa: ANN401 - JSON's
        """The next value, built; :class:`Unreadable` when its bounds forbid that."""
        text, start = self._text, self._at
        try:
            value, end = _scanned(text, start)
        except (StopIteration, ValueError, RecursionError):
            end = len(text)
        if end + 2 >= len(text):  # in the middle, or "1", "1." and "1e+", which may go on
            return self._value_slowly()
        return self._taken(value, end)

    def skip(self) -> None:
        """Go behind the next value, however large."""
        self._at = self._end_of_value(0)[1]

    def _value_slowly(self) -> Any:  # noqa: ANN401 - JSON's
        """After more of the document was read, or to find out why it failed."""
        is_whole, end = self._end_of_value(limits.RECORD_CHARS_MAX)
        if not is_whole:
            self._at = end
            return Unreadable(f"larger than {limits.RECORD_CHARS_MAX} characters")
        try:
            value, found = _scanned(self._text, self._at)
        except RecursionError:
            value, found = Unreadable(_TOO_DEEP), end
        except (StopIteration, ValueError):
            value, found = Unreadable("not JSON"), end
        if found != end or isinstance(value, Unreadable):
            self._at = end
            return value if isinstance(value, Unreadable) else Unreadable("not JSON")
        return self._taken(value, end)

    def _taken(self, value: Any, end: int) -> Any:  # noqa: ANN401 - JSON's
        text, start = self._text, self._at
        self._at = end
        opened = text.count("{", start, end) + text.count("[", start, end)
        if opened > limits.RECORD_DEPTH_MAX and _depth(text[start:end]) > limits.RECORD_DEPTH_MAX:
            return Unreadable(_TOO_DEEP)
        if self._may_have_surrogates and _escaped(text, start, end):
            return _without_surrogates(value)
        return value

    def _end_of_value(self, keep: int) -> tuple[bool, int]:
        """Where the next value ends, and whether its start is still there.

        It is kept while it has no more than ``keep`` characters.
        """
        scan, at, is_whole = _Scan(), self._at, True
        while True:
            at = scan.over(self._text, at, ended=self._ended)
            if scan.is_done:
                if at == self._at and is_whole:
                    raise self._bad("a value is missing")
                return is_whole, at
            if self._ended:
                raise self._bad("it ends in the middle")
            if at - self._at > keep:
                self._at, keep, is_whole = at, 0, False
            at -= self._fill()

    def _fill(self) -> int:
        """Read on; what stands before the next value is dropped, and its length returned."""
        data = self._file.read(limits.JSON_BYTES_AT_ONCE)
        self._ended = not data
        dropped = self._at
        self._text = self._text[dropped:] + self._decoder.decode(data, final=not data)
        self._may_have_surrogates = "\\ud" in self._text or "\\uD" in self._text
        self._dropped += dropped
        self._at = 0
        return dropped

    def _entered(self, opening: str) -> bool:
        if self.peek() != opening:
            if self._at < len(self._text):
                self.skip()
            return False
        self._at += 1
        self.peek()
        return True

    def _more(self, closing: str) -> bool:
        """Go behind the comma, or behind the end of what was walked into."""
        match = _next(self._text, self._at)
        if match is None or match.end() == len(self._text):
            found = self.peek()
            self._at += bool(found)
            if found == ",":
                self.peek()
        else:
            found = match[1]
            self._at = match.end() if found == "," else match.start(1) + 1
        if found not in {",", closing} or not found:
            raise self._bad("it ends in the middle" if not found else f"{found!r} is out of place")
        return found == ","

    def _bad(self, why: str) -> BadRecords:
        return BadRecords(f"{why}, at character {self.offset}")


_TOO_DEEP: Final = f"nested deeper than {limits.RECORD_DEPTH_MAX}"


class _Scan:
    """Finds the end of a value over pieces of text that need not be kept."""

    def __init__(self) -> None:
        self.is_done = False
        self._depth = 0
        self._inside = ""

    def over(self, text: str, at: int, *, ended: bool) -> int:
        """Where the value ends (``is_done``), or how far ``text`` was understood."""
        if not self._inside and at < len(text):
            self._inside = "string" if text[at] == '"' else "list" if text[at] in "{[" else "scalar"
            at += self._inside == "string"
        if self._inside == "scalar":
            return self._over_scalar(text, at, ended=ended)
        while at < len(text) and not self.is_done:
            before = at
            at = (self._over_string if self._inside == "string" else self._over_list)(text, at)
            if at == before:
                break
        return at

    def _over_scalar(self, text: str, at: int, *, ended: bool) -> int:
        match = _scalar(text, at)
        at = match.end() if match else at
        self.is_done = at < len(text) or ended
        return at

    def _over_string(self, text: str, at: int) -> int:
        match = _string(text, at)
        at = match.end() if match else at
        if text[at : at + 1] != '"':
            return at
        self._inside = "list"
        self.is_done = not self._depth
        return at + 1

    def _over_list(self, text: str, at: int) -> int:
        for token in _tokens(text, at):
            match token.lastindex:
                case 1:
                    continue
                case 2:
                    self._depth += 1
                case 3:
                    self._depth -= 1
                    if self._depth <= 0:
                        self.is_done = True
                        return token.end()
                case _:
                    self._inside = "string"
                    return token.end()
        return len(text)


def _depth(text: str) -> int:
    depth = deepest = 0
    for token in _tokens(text):
        depth += (token.lastindex == _OPENED) - (token.lastindex == _CLOSED)
        deepest = max(deepest, depth)
    return deepest


def _without_surrogates(value: Any) -> Any:  # noqa: ANN401 - JSON's
    """Half a pair, escaped, is no character: it becomes U+FFFD, as in bytes that are no text."""
    match value:
        case str():
            return _lone.sub("\ufffd", value)
        case list():
            return [_without_surrogates(each) for each in value]
        case dict():
            return {
                _without_surrogates(key): _without_surrogates(each) for key, each in value.items()
            }
    return value
