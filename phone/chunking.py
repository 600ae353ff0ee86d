"""Files into chunks: read once, cut, hashed, with the memory of a few chunks.

Text exports grow and shift, so their boundaries follow the content (FastCDC 2020) and what did not
change keeps its digest. Media is cut at fixed places. Reading, cutting and hashing release the
interpreter lock: several files can be read by several threads.
"""

import hashlib
import os
import stat
from collections.abc import Generator, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from phone.sources import Entry, Stamp
from wire import limits
from wire.manifest import ChunkRef, Item, pack_refs

if TYPE_CHECKING:
    from mimetypes import MimeTypes

READINGS_MAX: Final = 3
BLOCK_BYTES: Final = 2 * limits.CHUNK_BYTES_MAX
AVERAGE_CHUNK_BYTES: Final = 64 * limits.KIB
_TEXT_ENDINGS: Final = frozenset(
    f".{ending}"
    for ending in (
        "txt", "json", "jsonl", "ndjson", "csv", "tsv", "xml", "html", "htm", "md", "log", "vcf",
        "ics", "eml", "mbox", "srt", "vtt", "sql", "yaml", "yml", "rtf", "tex",
    )
)  # fmt: skip
_MORE_TYPES: Final = {
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".md": "text/markdown",
    ".opus": "audio/opus",
    ".m4a": "audio/mp4",
    ".amr": "audio/amr",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".mkv": "video/x-matroska",
    ".7z": "application/x-7z-compressed",
    ".gz": "application/gzip",
}
_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe that took a file's place must not hang the backup
)


class Piece(NamedTuple):
    """One chunk with its bytes, a view of what was read."""

    digest: bytes
    data: memoryview


class Block(msgspec.Struct, frozen=True):
    """Chunks that were read together, in order."""

    pieces: list[Piece]
    size: int


class Reading(msgspec.Struct, frozen=True):
    """A file read to its end. ``steady`` is whether it stayed the same meanwhile."""

    item: Item
    stamp: Stamp
    steady: bool


def read_item(entry: Entry) -> Generator[Block, None, Reading]:
    """Yield the file's chunks; the generator's value is the whole reading.

    A file that changes while it is read is read again, up to :data:`READINGS_MAX` times; blocks of
    earlier readings are then superfluous, never wrong. Raises :class:`OSError`.
    """
    for attempt in range(READINGS_MAX):
        reading = yield from _read_once(entry)
        if reading.steady or attempt == READINGS_MAX - 1:
            return reading
    raise AssertionError("unreachable")


def _read_once(entry: Entry) -> Generator[Block, None, Reading]:
    descriptor = os.open(entry.path, _OPEN_FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "no longer a regular file")
        before = Stamp.of(status)
        item = yield from _cut(descriptor, entry.name, before)
        after = Stamp.of(os.fstat(descriptor))
    finally:
        os.close(descriptor)
    return Reading(item, before, after == before and item.size == before.size)


def _cut(descriptor: int, name: str, stamp: Stamp) -> Generator[Block, None, Item]:
    whole = hashlib.sha256()
    refs: list[ChunkRef] = []
    size = 0
    for views in _cut_pieces(descriptor, name, stamp.size):
        pieces = [Piece(hashlib.sha256(view).digest(), view) for view in views]
        block = Block(pieces, sum(len(view) for view in views))
        size += block.size
        refs += [ChunkRef(piece.digest, len(piece.data)) for piece in pieces]
        if len(refs) > 1 or size < stamp.size:  # the digest of a lone chunk is the item's
            for piece in pieces:
                whole.update(piece.data)
        yield block
    digest = refs[0].digest if len(refs) == 1 else whole.digest()
    return Item(name, size, stamp.mtime_ns, media_type(name), digest, pack_refs(refs))


def _cut_pieces(descriptor: int, name: str, size: int) -> Iterator[list[memoryview]]:
    average = average_chunk_bytes(name, size)
    if average is None:
        return _cut_fixed(descriptor, size)
    return _cut_by_content(descriptor, size, average)


def average_chunk_bytes(name: str, size: int) -> int | None:
    """The chunk size to aim at for text of ``size`` bytes; None where fixed chunks serve better.

    It doubles for large files: even if every chunk came out at the minimum of a quarter, the item
    would stay under ``limits.ITEM_CHUNKS_MAX``.
    """
    if _ending(name) not in _TEXT_ENDINGS:
        return None
    average = AVERAGE_CHUNK_BYTES
    while size > average // 4 * (limits.ITEM_CHUNKS_MAX - 1):
        average *= 2
    return average if average < limits.CHUNK_BYTES_MAX else None


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 (a name, not a path; and a hot one)


def _cut_fixed(descriptor: int, size: int) -> Iterator[list[memoryview]]:
    step = limits.CHUNK_BYTES_MAX
    for data in _blocks(descriptor, size):
        view = memoryview(data)
        yield [view[at : at + step] for at in range(0, len(view), step)]


def _cut_by_content(descriptor: int, size: int, average: int) -> Iterator[list[memoryview]]:
    from pyfastcdc import FastCDC  # noqa: PLC0415 (an unchanged backup never needs it)

    longest = min(average * 8, limits.CHUNK_BYTES_MAX)
    cutter = FastCDC(average, min_size=average // 4, max_size=longest)
    rest = b""
    left = size
    for data in _blocks(descriptor, size):
        left -= len(data)
        joined = rest + data
        pieces = [chunk.data for chunk in cutter.cut_buf(joined)]
        # The last piece ended with the buffer, not by its content, unless the file ends there too.
        rest = b"" if left <= 0 else bytes(pieces.pop())
        if pieces:
            yield pieces
    if rest:
        yield [chunk.data for chunk in cutter.cut_buf(rest)]


def _blocks(descriptor: int, size: int) -> Iterator[bytes]:
    """The first ``size`` bytes; fewer when the file ends sooner."""
    left = size
    while left > 0 and (data := os.read(descriptor, min(left, BLOCK_BYTES))):
        left -= len(data)
        yield data


def media_type(name: str) -> str:
    """The media type that the name's ending stands for, the same on every machine."""
    ending = _ending(name)
    return _media_types().guess_type("x" + ending)[0] or _MORE_TYPES.get(
        ending, "application/octet-stream"
    )


@lru_cache(maxsize=1)
def _media_types() -> "MimeTypes":
    import mimetypes  # noqa: PLC0415 (an unchanged backup never needs it)

    types = mimetypes.MimeTypes()
    for ending, kind in _MORE_TYPES.items():
        types.add_type(kind, ending)
    return types
