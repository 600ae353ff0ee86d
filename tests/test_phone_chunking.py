"""Files into chunks: every byte once, digests right, boundaries stable, memory bounded."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from phone import chunking
from phone.chunking import Reading, average_chunk_bytes, media_type, read_item
from phone.sources import Entry, scan
from wire import limits
from wire.manifest import check_item

MIB = 1024 * 1024


def entry_for(path: Path) -> Entry:
    (entry,) = scan([path]).entries
    return entry


def read(path: Path, during=None) -> tuple[Reading, list[bytes]]:
    """The reading and the bytes of its own chunks, after checking each digest."""
    reader = read_item(entry_for(path))
    chunks: dict[bytes, bytes] = {}
    while True:
        try:
            block = next(reader)
        except StopIteration as stop:
            reading = stop.value
            return reading, [chunks[ref.digest] for ref in reading.item.refs()]
        for piece in block.pieces:
            chunks[piece.digest] = bytes(piece.data)
            assert hashlib.sha256(piece.data).digest() == piece.digest
        if during is not None:
            during()


def text(size: int, seed: int = 1) -> bytes:
    source = random.Random(seed)
    lines = bytearray()
    while len(lines) < size:
        lines += b"12/03/24, 10:22 - Bob: %d\n" % source.getrandbits(200)
    return bytes(lines[:size])


@pytest.mark.parametrize("ending", ["txt", "jpg"])
@pytest.mark.parametrize(
    "size",
    [
        *(0, 1, 1000, limits.CHUNK_BYTES_MAX - 1, limits.CHUNK_BYTES_MAX),
        *(limits.CHUNK_BYTES_MAX + 1, chunking.BLOCK_BYTES - 1, chunking.BLOCK_BYTES),
        *(chunking.BLOCK_BYTES + 1, 7 * MIB + 13),
    ],
)
def test_chunks_are_the_file_and_nothing_else(tmp_path, ending, size):
    content = text(size)
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    reading, chunks = read(path)
    check_item(reading.item)
    assert b"".join(chunks) == content
    assert reading.item.size == size
    assert reading.item.sha256 == hashlib.sha256(content).digest()
    assert reading.item.mtime_ns == path.stat().st_mtime_ns
    assert reading.steady


def test_media_is_cut_at_fixed_places(tmp_path):
    path = tmp_path / "v.mp4"
    path.write_bytes(os.urandom(2 * limits.CHUNK_BYTES_MAX + 5))
    reading, _ = read(path)
    assert [ref.length for ref in reading.item.refs()] == [limits.CHUNK_BYTES_MAX] * 2 + [5]


def test_an_insertion_into_text_changes_few_chunks(tmp_path):
    content = text(8 * MIB)
    path = tmp_path / "chat.json"
    path.write_bytes(content)
    before = {ref.digest for ref in read(path)[0].item.refs()}
    path.write_bytes(content[: 3 * MIB] + b"one more message\n" + content[3 * MIB :])
    after = {ref.digest for ref in read(path)[0].item.refs()}
    assert len(before) > 50
    assert len(after - before) <= 2


def test_appending_to_text_keeps_all_but_the_last_chunk(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(text(5 * MIB))
    before = [ref.digest for ref in read(path)[0].item.refs()]
    with path.open("ab") as file:
        file.write(b"a new line\n" * 20_000)
    after = [ref.digest for ref in read(path)[0].item.refs()]
    assert after[: len(before) - 1] == before[:-1]


@pytest.mark.parametrize("size", [10**6, 3 * 10**8, 10**9, 2 * 10**9, 5 * 10**9, 17 * 10**9])
def test_no_text_can_have_more_chunks_than_an_item_may(size):
    average = average_chunk_bytes("export.json", size)
    shortest = limits.CHUNK_BYTES_MAX if average is None else average // 4
    assert -(-size // shortest) <= limits.ITEM_CHUNKS_MAX


def test_a_file_that_changes_once_is_read_again(tmp_path):
    path = tmp_path / "chat.txt"
    path.write_bytes(text(5 * MIB))
    changes = iter([lambda: path.write_bytes(text(4 * MIB, seed=2))])
    reading, chunks = read(path, during=lambda: next(changes, lambda: None)())
    assert reading.steady
    assert b"".join(chunks) == text(4 * MIB, seed=2)
    assert reading.item.sha256 == hashlib.sha256(text(4 * MIB, seed=2)).digest()


def test_a_file_that_never_rests_is_kept_as_last_read_and_marked(tmp_path):
    path = tmp_path / "live.txt"
    path.write_bytes(text(3 * MIB))

    def grow():
        with path.open("ab") as file:
            file.write(b"more\n")

    reading, chunks = read(path, during=grow)
    assert not reading.steady
    check_item(reading.item)
    assert reading.item.sha256 == hashlib.sha256(b"".join(chunks)).digest()


def test_a_file_that_shrinks_while_read_is_consistent_in_itself(tmp_path):
    path = tmp_path / "shrinking.bin"
    path.write_bytes(os.urandom(9 * MIB))

    def shrink():
        size = path.stat().st_size
        os.truncate(path, max(0, size - 3 * MIB))

    reading, chunks = read(path, during=shrink)
    check_item(reading.item)
    assert reading.item.sha256 == hashlib.sha256(b"".join(chunks)).digest()


def test_a_link_that_takes_the_files_place_is_not_followed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"mine")
    entry = entry_for(path)
    (tmp_path / "secret").write_bytes(b"not mine")
    path.unlink()
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        list(read_item(entry))


def test_a_pipe_that_takes_the_files_place_does_not_hang(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"mine")
    entry = entry_for(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="regular file"):
        list(read_item(entry))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/b.txt", "text/plain"),
        ("x.JPG", "image/jpeg"),
        ("x.mp4", "video/mp4"),
        ("x.opus", "audio/opus"),
        ("x.webp", "image/webp"),
        ("log.jsonl", "application/x-ndjson"),
        ("data:text/html,x.pdf", "application/pdf"),
        ("noending", "application/octet-stream"),
        ("what.is.zzz", "application/octet-stream"),
    ],
)
def test_media_types(name, kind):
    assert media_type(name) == kind


def test_a_large_file_needs_little_memory(tmp_path):
    path = tmp_path / "big.json"
    with path.open("wb") as file:
        for seed in range(200):
            file.write(text(MIB, seed))
    program = (
        "import sys, resource\n"
        "from phone.sources import scan\n"
        "from phone.chunking import read_item\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "(entry,) = scan([sys.argv[1]]).entries\n"
        "for block in read_item(entry): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 32 * MIB
