"""The directory of a zip, as its own bytes give it: APPNOTE.TXT 6.3.9, sections 4.3 and 4.4.

Written for files that somebody else made: members come one by one,
each offset is checked before it is used, and a zip whose end is missing is read from its beginning
as far as it goes.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

STORED: Final = 0
DEFLATED: Final = 8
_ENCRYPTED: Final = 0x01 | 0x40  # traditional or strong encryption
_SIZES_FOLLOW: Final = 0x08
_UTF8: Final = 0x800

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR64: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_CENTRAL_MAGIC: Final = b"PK\x01\x02"
_END_MAGIC: Final = b"PK\x05\x06"
_ZIP64_EXTRA: Final = 0x0001
_UNICODE_PATH_EXTRA: Final = 0x7075
_IN_ZIP64: Final = 0xFFFFFFFF
_END_WITHIN: Final = 65_535 + _END.size + _LOCATOR64.size


class Member(NamedTuple):
    """One file of a zip; ``header`` is where its local header begins."""

    name: str
    header: int
    compressed: int
    size: int
    method: int
    flags: int
    crc: int

    @property
    def is_encrypted(self) -> bool:
        """Whether its bytes need a password."""
        return bool(self.flags & _ENCRYPTED)


class BadZip(Exception):
    """The directory ends here: what was read before it holds."""


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return head.startswith((_LOCAL_MAGIC, _END_MAGIC))


def members_of(file: BinaryIO) -> Iterator[Member]:
    """The members as the central directory lists them, folders left out.

    Raises :class:`BadZip` when there is no directory, or where it breaks off.
    """
    start, length, moved = _directory(file)
    file.seek(start)
    rest = length
    while rest >= _CENTRAL.size:
        member, taken = _central(file, moved)
        rest -= taken
        if not member.name.endswith("/"):
            yield member


def members_from_start(file: BinaryIO) -> Iterator[Member]:
    """The members by their local headers, for a zip that has no directory (any more).

    Ends where the chain of headers does: at a member that does not tell its length, or at the end.
    The last member may be cut off.
    """
    at = 0
    whole = file.seek(0, io.SEEK_END)
    while at < whole:
        file.seek(at)
        raw = file.read(_LOCAL.size)
        if len(raw) < _LOCAL.size or not raw.startswith(_LOCAL_MAGIC):
            return
        _, _, flags, method, _, _, crc, compressed, size, name_length, extra_length = _LOCAL.unpack(
            raw
        )
        name, extra = file.read(name_length), file.read(extra_length)
        size, compressed, _ = _widened(extra, size, compressed, 0)
        if flags & _SIZES_FOLLOW and not compressed:
            return
        decoded = _named(name, flags, extra)
        if not decoded.endswith("/"):
            yield Member(decoded, at, compressed, size, method, flags, crc)
        at += _LOCAL.size + name_length + extra_length + compressed


def data_start(file: BinaryIO, member: Member) -> int:
    """Where its bytes begin. Raises :class:`BadZip` when its local header is none."""
    if member.header >= file.seek(0, io.SEEK_END):
        raise BadZip("it begins after the end")
    file.seek(member.header)
    raw = file.read(_LOCAL.size)
    if len(raw) < _LOCAL.size or not raw.startswith(_LOCAL_MAGIC):
        raise BadZip("its local header is missing")
    *_, name_length, extra_length = _LOCAL.unpack(raw)
    return member.header + _LOCAL.size + int(name_length) + int(extra_length)


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Start and length of the central directory, and by how much all offsets have moved."""
    whole = file.seek(0, io.SEEK_END)
    begin = max(0, whole - _END_WITHIN)
    file.seek(begin)
    tail = file.read(_END_WITHIN)
    at = tail.rfind(_END_MAGIC)
    if at < 0 or len(tail) - at < _END.size:
        raise BadZip("its end is missing")
    *_, length, start, _ = _END.unpack_from(tail, at)
    ends = begin + at
    if _IN_ZIP64 in (length, start) or 0xFFFF in _END.unpack_from(tail, at)[3:5]:
        length, start, ends = _directory64(file, tail, at, (length, start, ends))
    moved = ends - length - start  # what somebody put before the zip
    if moved < 0:
        raise BadZip("its directory is not where it should be")
    return start + moved, length, moved


def _directory64(
    file: BinaryIO, tail: bytes, at: int, plain: tuple[int, int, int]
) -> tuple[int, int, int]:
    """The same from the zip64 records before the end, if they are there."""
    if at < _LOCATOR64.size:
        return plain
    magic, _, where, _ = _LOCATOR64.unpack_from(tail, at - _LOCATOR64.size)
    if magic != b"PK\x06\x07":
        return plain
    # Where something was put before the zip, the record is still just before its locator.
    for begin in (where, plain[2] - _LOCATOR64.size - _END64.size):
        if not 0 <= begin < plain[2]:
            continue
        file.seek(begin)
        raw = file.read(_END64.size)
        if len(raw) == _END64.size and raw.startswith(b"PK\x06\x06"):
            *_, length, start = _END64.unpack(raw)
            return length, start, begin
    raise BadZip("its zip64 end is missing")


def _central(file: BinaryIO, moved: int) -> tuple[Member, int]:
    raw = file.read(_CENTRAL.size)
    if len(raw) < _CENTRAL.size or not raw.startswith(_CENTRAL_MAGIC):
        raise BadZip("its directory breaks off")
    (_, _, _, flags, method, _, _, crc, compressed, size, name_length, extra_length,
     comment_length, _, _, _, header) = _CENTRAL.unpack(raw)  # fmt: skip
    name, extra = file.read(name_length), file.read(extra_length)
    file.seek(comment_length, io.SEEK_CUR)
    size, compressed, header = _widened(extra, size, compressed, header)
    taken = _CENTRAL.size + name_length + extra_length + comment_length
    named = _named(name, flags, extra)
    return Member(named, header + moved, compressed, size, method, flags, crc), taken


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _widened(extra: bytes, size: int, compressed: int, header: int) -> tuple[int, int, int]:
    """The three with those that did not fit 32 bits taken from the zip64 extra, in its order."""
    values = [size, compressed, header]
    for kind, data in _extras(extra):
        if kind != _ZIP64_EXTRA:
            continue
        for place, value in enumerate(values):
            if value == _IN_ZIP64 and len(data) >= 8:
                values[place] = int.from_bytes(data[:8], "little")
                data = data[8:]
    return values[0], values[1], values[2]


def _named(raw: bytes, flags: int, extra: bytes) -> str:
    """UTF-8 where the zip says so or it is, else the CP437 that the format began with."""
    for kind, data in _extras(extra):
        if kind == _UNICODE_PATH_EXTRA and data[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
            return data[5:].decode("utf-8", "replace")
    if flags & _UTF8:
        return raw.decode("utf-8", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")
