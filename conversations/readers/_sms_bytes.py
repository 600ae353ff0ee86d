"""Bytes of an SMS backup on their way to the XML parser, in pieces and in bounded memory.

Two things are done to them. Attachments are Base64 in ``data`` attributes of ``<part>`` and may
have hundreds of megabytes: they are taken out, and what stays is where they are in the file
(:class:`Lifted`). And what the exporting app writes although it is no XML is repaired: emoji as two
references to surrogates (``&#55357;&#56838;``), control characters, bytes that are no UTF-8.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import lru_cache
from typing import BinaryIO, Final, Self

import msgspec

from conversations import limits

PIECE_BYTES: Final = 64 * limits.KIB

_PART: Final = re.compile(rb"<part(?=\s)")
_PART_CHARS: Final = len("<part ")
_ATTRIBUTE: Final = re.compile(rb"""\s*([^\s=<>"'/]+)\s*=\s*(["'])""")
_TAG_END: Final = re.compile(rb"\s*/?>")
_ATTRIBUTE_BYTES_MAX: Final = 256
_WRITTEN_CHARS_MAX: Final = 80
_SPACE: Final = b" \t\r\n"
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOTHING: Final = (b"", b"null")

_UNIT: Final = rb"(?:0*5[5-7]\d{3}|[xX]0*[dD][89a-fA-F][0-9a-fA-F]{2});"
_CONTROL: Final = (
    rb"(?:0*(?:[0-8]|1[124-9]|2\d|3[01]|6553[45])"
    rb"|[xX]0*(?:[0-8bBcCeEfF]|1[0-9a-fA-F]|[fF]{3}[eEfF]));"
)
# Surrogates in a row, or what is no character. It begins with a literal, for speed.
_ODD: Final = re.compile(rb"&#(?:%s(?:&#%s)*|%s)" % (_UNIT, _UNIT, _CONTROL))
_REFERENCE: Final = re.compile(rb"&#(?:(\d+)|[xX]([0-9a-fA-F]+));")
_NO_CHARACTER: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
_CONTROLS: Final = bytes(set(range(0x20)) - set(b"\t\n\r"))
_FREQUENT_BYTES_MAX: Final = 64
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}".encode()


class Lifted(msgspec.Struct, frozen=True):
    """Where a ``data`` attribute is in the file: bytes from its start, and what they decode to."""

    start: int
    length: int
    size: int
    is_base64: bool

    def written(self) -> bytes:
        """As the value of the attribute that the parser sees instead."""
        return b"%d,%d,%d,%d" % (self.start, self.length, self.size, self.is_base64)

    @classmethod
    def read(cls, value: str) -> Self | None:
        """From such a value; None when there was nothing, or it is none."""
        numbers = value[:_WRITTEN_CHARS_MAX].split(",")
        if len(numbers) != len(cls.__struct_fields__) or not all(map(str.isdecimal, numbers)):
            return None
        start, length, size, is_base64 = map(int, numbers)
        return cls(start, length, size, bool(is_base64))


class _Where(Enum):
    OUTSIDE = auto()
    PART = auto()  # between the attributes of a <part>
    VALUE = auto()  # in an attribute of it that stays
    DATA = auto()  # in the one that is lifted


class Lifter:
    """Takes the ``data`` of parts out of bytes that are fed to it in pieces."""

    def __init__(self) -> None:
        self._where = _Where.OUTSIDE
        self._left = b""
        self._left_at = 0
        self._quote = b'"'
        self._start = self._alphabet = self._other = 0
        self._head = b""

    def feed(self, piece: bytes) -> bytes:
        """What the parser is to see of ``piece``, and of what was held back before it."""
        held, at, out = self._left + piece, 0, list[bytes]()
        while (after := self._step(held, at, out)) >= 0:
            at = after
        self._left_at += len(held) - len(self._left)
        return b"".join(out)

    def end(self) -> bytes:
        """What was still held back when the bytes ended."""
        return b"" if self._where is _Where.DATA else self._left

    def _step(self, held: bytes, at: int, out: list[bytes]) -> int:
        """Go on in ``held`` from ``at``; return where to, or -1 when more bytes are needed."""
        match self._where:
            case _Where.OUTSIDE:
                return self._outside(held, at, out)
            case _Where.PART:
                return self._between(held, at, out)
            case _Where.VALUE:
                return self._value(held, at, out)
            case _Where.DATA:
                return self._data(held, at, out)

    def _outside(self, held: bytes, at: int, out: list[bytes]) -> int:
        if found := _PART.search(held, at):
            out.append(held[at : found.end()])
            self._where = _Where.PART
            return found.end()
        keep = max(at, len(held) - _PART_CHARS + 1)
        out.append(held[at:keep])
        return self._wait(held, keep)

    def _between(self, held: bytes, at: int, out: list[bytes]) -> int:
        if found := _ATTRIBUTE.match(held, at):
            out.append(found[0])
            self._quote, self._where = found[2], _Where.VALUE
            if found[1] == b"data":
                self._where, self._head = _Where.DATA, b""
                self._start = self._left_at + found.end()
                self._alphabet = self._other = 0
            return found.end()
        if _TAG_END.match(held, at) or len(held) - at >= _ATTRIBUTE_BYTES_MAX:
            self._where = _Where.OUTSIDE
            return at
        return self._wait(held, at)

    def _value(self, held: bytes, at: int, out: list[bytes]) -> int:
        end = held.find(self._quote, at)
        if end < 0:
            out.append(held[at:])
            return self._wait(held, len(held))
        out.append(held[at : end + 1])
        self._where = _Where.PART
        return end + 1

    def _data(self, held: bytes, at: int, out: list[bytes]) -> int:
        end = held.find(self._quote, at)
        self._swallow(held[at:] if end < 0 else held[at:end])
        if end < 0:
            return self._wait(held, len(held))
        if self._head not in _NOTHING:
            out.append(self._lifted(self._left_at + end).written())
        out.append(self._quote)
        self._where = _Where.PART
        return end + 1

    def _swallow(self, data: bytes) -> None:
        if len(self._head) <= len(_NOTHING[-1]):
            self._head += data[: len(_NOTHING[-1]) + 1]
        written = len(data.translate(None, _SPACE + b"="))
        other = len(data.translate(None, _SPACE + b"=" + _BASE64))
        self._alphabet += written - other
        self._other += other

    def _lifted(self, end: int) -> Lifted:
        is_base64 = not self._other and self._alphabet % 4 != 1
        return Lifted(self._start, end - self._start, self._alphabet * 3 // 4, is_base64)

    def _wait(self, held: bytes, at: int) -> int:
        self._left = held[at:]
        return -1


def repaired(piece: bytes) -> bytes:
    """The same text as UTF-8 that XML allows; ``piece`` must not end inside a character."""
    try:
        piece.decode()
    except UnicodeDecodeError:
        piece = _as_utf8(piece)
    if b"&#" in piece:
        piece = _ODD.sub(_merged, piece)
    return _characters(piece)


def _characters(piece: bytes) -> bytes:
    """Looked for in three quick ways before they are replaced in a slow one."""
    is_clean = len(piece.translate(None, _CONTROLS)) == len(piece)
    if is_clean and b"\xef\xbf\xbe" not in piece and b"\xef\xbf\xbf" not in piece:
        return piece
    return _NO_CHARACTER.sub(_REPLACEMENT, piece)


def _as_utf8(piece: bytes) -> bytes:
    """Surrogates that were encoded one by one are merged; other bytes are replaced."""
    try:
        text = piece.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return piece.decode("utf-8", "replace").encode()
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _merged(found: re.Match[bytes]) -> bytes:
    run = found[0]
    return _frequent(run) if len(run) <= _FREQUENT_BYTES_MAX else _meant(run)


def _meant(run: bytes) -> bytes:
    """What references to UTF-16 code units mean together; U+FFFD for what means nothing."""
    units = [
        int(decimal) if decimal else int(hexadecimal, 16)
        for decimal, hexadecimal in _REFERENCE.findall(run)
    ]
    text = b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "replace")
    return _characters(text.encode())


_frequent: Final = lru_cache(maxsize=4096)(_meant)


def parseable(file: BinaryIO) -> Iterator[bytes]:
    """The file as the parser is to see it; pieces end where no character is torn."""
    lifter, held = Lifter(), b""
    while piece := file.read(PIECE_BYTES):
        held += lifter.feed(piece)
        cut = max(held.rfind(b"<"), held.rfind(b" "), 0)
        if len(held) - cut > limits.LINE_BYTES_MAX:
            cut = len(held)
        if cut:
            yield repaired(held[:cut])
            held = held[cut:]
    yield repaired(held + lifter.end())
