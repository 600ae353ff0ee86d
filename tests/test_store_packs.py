"""Packs: what goes in comes out, at once from several threads, and nothing else ever does."""

import os
import re
import resource
import threading
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store_cast import spooled
from transfer.store import chunks, packformat
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import VaultKeys
from transfer.store.packs import FinishedPack, PackEntry, PackReader, PackWriter
from wire import limits
from wire.errors import Damaged, NotFound, StationFault, TooLarge

KEYS = VaultKeys(b"v" * 16, b"m" * 32)
LARGEST = os.urandom(limits.CHUNK_BYTES_MAX)


@pytest.fixture
def backend(tmp_path: Path) -> PosixBackend:
    return PosixBackend(tmp_path / "store")


def chunk_id(number: int) -> bytes:
    return number.to_bytes(32)


def write(backend: PosixBackend, contents: list[bytes], **options: int) -> list[FinishedPack]:
    writer = PackWriter(backend, KEYS, **options)
    for number, content in enumerate(contents):
        writer.add(chunk_id(number), content)
    writer.finish()
    return writer.take_finished()


def read(backend: PosixBackend, packs: list[FinishedPack]) -> dict[bytes, bytes]:
    reader = PackReader(backend, KEYS)
    return {
        entry.chunk_id: reader.read(pack.name, entry)
        for pack in packs
        for entry in reader.directory(pack.name)
    }


repeated = st.builds(bytes.__mul__, st.binary(min_size=1, max_size=9), st.integers(0, 9000))
incompressible = st.integers(0, 70_000).map(lambda size: LARGEST[:size])
contents = st.lists(st.one_of(st.binary(max_size=300), repeated, incompressible), max_size=12)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(contents=contents, target=st.sampled_from([1, 500, 20_000, packformat.HEADER_BYTES, 2**24]))
def test_every_chunk_comes_back(backend, contents, target):
    packs = write(backend, contents, target_bytes=target)
    assert read(backend, packs) == {chunk_id(n): content for n, content in enumerate(contents)}
    for pack in packs:
        assert backend.stat(pack.name) == pack.size
        assert PackReader(backend, KEYS).directory(pack.name) == pack.entries


def test_the_largest_chunk_fits_and_one_byte_more_does_not(backend):
    packs = write(backend, [LARGEST])
    assert read(backend, packs) == {chunk_id(0): LARGEST}
    with pytest.raises(TooLarge):
        PackWriter(backend, KEYS).add(chunk_id(1), LARGEST + b"x")


def test_a_refused_chunk_leaves_the_writer_usable(backend):
    writer = PackWriter(backend, KEYS)
    with pytest.raises(TooLarge):
        writer.add(chunk_id(0), LARGEST + b"x")
    writer.add(chunk_id(1), b"fits")
    writer.finish()
    assert read(backend, writer.take_finished()) == {chunk_id(1): b"fits"}


def test_text_shrinks_and_media_is_left_as_it_is(backend):
    text = b'{"from": "alice", "text": "see you at the station"}\n' * 5000
    metadata_before_a_photo = b"\0" * 60_000 + os.urandom(600_000)
    [pack] = write(backend, [text, LARGEST, metadata_before_a_photo])
    sealed = [entry.sealed_len for entry in pack.entries]
    assert sealed[0] < len(text) // 20
    assert sealed[1:] == [len(LARGEST) + 20, len(metadata_before_a_photo) + 20]
    assert len(read(backend, [pack])) == 3


def test_names_are_random_and_spread_over_folders(backend):
    packs = write(backend, [b"x"] * 5, target_bytes=1)
    assert len({pack.name for pack in packs}) == 5
    for pack in packs:
        assert re.fullmatch(r"packs/([0-9a-f]{2})/\1[0-9a-f]{30}", pack.name)


def test_the_clear_bytes_of_a_pack_are_as_described(backend):
    [pack] = write(backend, [b"hello", b"world"])
    raw = backend.get_range(pack.name, 0, pack.size)
    assert raw[:10] == b"BSTNPACK\x01\x01"
    assert raw[10:26] == b"v" * 16
    assert raw[58:62] == bytes(4)
    assert raw[58 + 25 : 62 + 25] == b"\0\0\0\1"
    assert pack.entries == [PackEntry(chunk_id(0), 58, 25, 5), PackEntry(chunk_id(1), 83, 25, 5)]
    assert int.from_bytes(raw[-4:]) == 2 * 45 + 16
    assert pack.size == 58 + 2 * 25 + 2 * 45 + 16 + 4
    assert b"hello" not in raw
    assert chunk_id(1) not in raw


def test_eight_threads_never_use_a_nonce_twice_under_one_key(backend):
    writer = PackWriter(backend, KEYS, target_bytes=5000)
    start = threading.Barrier(8)

    def add(first: int) -> None:
        start.wait()
        for number in range(first, 1200, 8):
            writer.add(chunk_id(number), number.to_bytes(2) * (number % 90))

    threads = [threading.Thread(target=add, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.finish()
    packs = writer.take_finished()
    used = set()
    for pack in packs:
        salt = backend.get_range(pack.name, 26, 32)
        for entry in pack.entries:
            used.add((salt, backend.get_range(pack.name, entry.offset, 4)))
    assert len(packs) > 5
    assert len(used) == 1200
    assert read(backend, packs) == {
        chunk_id(number): number.to_bytes(2) * (number % 90) for number in range(1200)
    }


def test_a_pack_holds_a_bounded_number_of_chunks(backend, monkeypatch):
    monkeypatch.setattr(packformat, "ENTRIES_MAX", 10)
    packs = write(backend, [b"x"] * 25)
    assert sorted(len(pack.entries) for pack in packs) == [5, 10, 10]
    assert len(read(backend, packs)) == 25


def test_packs_are_told_once_and_only_when_durable(backend):
    writer = PackWriter(backend, KEYS, target_bytes=1)
    for number in range(5):
        writer.add(chunk_id(number), b"x")
        for pack in writer.take_finished():
            assert backend.stat(pack.name) == pack.size
    writer.finish()
    assert writer.take_finished(at_least=100) == []
    writer.take_finished()
    assert writer.take_finished() == []


def test_a_writer_goes_on_after_finish(backend):
    writer = PackWriter(backend, KEYS)
    writer.finish()
    assert writer.take_finished() == []
    for number in range(2):
        writer.add(chunk_id(number), b"again")
        writer.finish()
    assert len(writer.take_finished()) == 2


def test_abort_leaves_neither_temporary_file_nor_half_a_pack(backend, tmp_path):
    writer = PackWriter(backend, KEYS)
    writer.add(chunk_id(0), b"x")
    assert len(spooled(tmp_path / "store")) == 1
    writer.abort()
    assert spooled(tmp_path / "store") == []
    assert list(backend.list("packs/")) == []
    for call in (lambda: writer.add(chunk_id(1), b"x"), writer.finish):
        with pytest.raises(StationFault, match="aborted"):
            call()
    writer.abort()


def test_packing_and_reading_leave_no_file_open(backend):
    before = len(list(Path("/proc/self/fd").iterdir()))
    backend.spool()
    for _ in range(3):
        read(backend, write(backend, [b"x"] * 10, target_bytes=1))
        writer = PackWriter(backend, KEYS)
        writer.add(chunk_id(0), b"x")
        writer.abort()
    assert len(list(Path("/proc/self/fd").iterdir())) == before + 1  # the spool's lock


class SlowBackend(PosixBackend):
    """A disk whose syncs wait until the test lets them go on."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gate = threading.Event()
        self.waiting = threading.Semaphore(0)

    def put(self, name: str, source: Path | bytes) -> None:
        self.waiting.release()
        self.gate.wait()
        super().put(name, source)


def test_add_waits_while_two_packs_wait_for_the_disk(tmp_path):
    backend = SlowBackend(tmp_path / "store")
    writer = PackWriter(backend, KEYS, target_bytes=1)
    added = []

    def add() -> None:
        for number in range(4):
            writer.add(chunk_id(number), b"x")
            added.append(number)

    thread = threading.Thread(target=add)
    thread.start()
    backend.waiting.acquire()
    backend.waiting.acquire()
    thread.join(0.2)
    assert thread.is_alive()
    assert added == [0, 1]
    backend.gate.set()
    thread.join()
    writer.finish()
    assert sum(len(pack.entries) for pack in writer.take_finished()) == 4


def test_finish_waits_for_the_disk(tmp_path):
    backend = SlowBackend(tmp_path / "store")
    writer = PackWriter(backend, KEYS)
    writer.add(chunk_id(0), b"x")
    thread = threading.Thread(target=writer.finish)
    thread.start()
    backend.waiting.acquire()
    thread.join(0.1)
    assert thread.is_alive()
    assert writer.take_finished() == []
    backend.gate.set()
    thread.join()
    assert len(writer.take_finished()) == 1


# Damage


def alter(tmp_path: Path, name: str, at: int, flip: int = 1) -> None:
    path = tmp_path / "store" / name
    raw = bytearray(path.read_bytes())
    raw[at] ^= flip
    path.write_bytes(raw)


def read_wholly(reader: PackReader, pack: FinishedPack) -> None:
    reader.directory(pack.name)
    for entry in pack.entries:
        reader.read(pack.name, entry)


def test_a_flipped_bit_anywhere_is_found_and_named(backend, tmp_path):
    [pack] = write(backend, [b"hello " * 20, b"world"])
    for at in range(pack.size):
        alter(tmp_path, pack.name, at)
        reader = PackReader(backend, KEYS)
        with pytest.raises(Damaged, match=pack.name):
            read_wholly(reader, pack)
        alter(tmp_path, pack.name, at)
    assert len(read(backend, [pack])) == 2


def test_damage_in_one_chunk_leaves_the_others_readable(backend, tmp_path):
    [pack] = write(backend, [b"first", b"second", b"third"])
    alter(tmp_path, pack.name, pack.entries[1].offset + 7)
    reader = PackReader(backend, KEYS)
    assert reader.read(pack.name, pack.entries[0]) == b"first"
    with pytest.raises(Damaged, match=f"chunk {chunk_id(1).hex()} in {pack.name}"):
        reader.read(pack.name, pack.entries[1])
    assert reader.read(pack.name, pack.entries[2]) == b"third"


def test_a_pack_cut_anywhere_is_found_and_named(backend, tmp_path):
    [pack] = write(backend, [b"hello", b"world"])
    path = tmp_path / "store" / pack.name
    raw = path.read_bytes()
    for size in range(len(raw)):
        path.write_bytes(raw[:size])
        with pytest.raises(Damaged, match=pack.name):
            PackReader(backend, KEYS).directory(pack.name)


def test_a_missing_pack_is_missing_and_not_damaged(backend):
    with pytest.raises(NotFound, match="packs/ab/none"):
        PackReader(backend, KEYS).directory("packs/ab/none")
    with pytest.raises(NotFound, match="packs/ab/none"):
        PackReader(backend, KEYS).read("packs/ab/none", PackEntry(chunk_id(0), 58, 25, 5))


@pytest.mark.parametrize(
    "change",
    [
        {"chunk_id": chunk_id(9)},
        {"offset": 83},
        {"offset": 10_000},
        {"sealed_len": 24},
        {"sealed_len": 3},
        {"raw_len": 4},
        {"raw_len": 6},
        {"raw_len": limits.CHUNK_BYTES_MAX + 1},
    ],
)
def test_an_entry_that_lies_opens_nothing(backend, change):
    [pack] = write(backend, [b"hello", b"world"])
    with pytest.raises(Damaged, match=pack.name):
        PackReader(backend, KEYS).read(pack.name, pack.entries[0]._replace(**change))


def test_swapped_packs_and_other_vaults_packs_do_not_open(backend, tmp_path):
    one, two = write(backend, [b"hello", b"world"], target_bytes=1)
    path_one, path_two = (tmp_path / "store" / pack.name for pack in (one, two))
    raw_one, raw_two = path_one.read_bytes(), path_two.read_bytes()
    path_one.write_bytes(raw_two)
    path_two.write_bytes(raw_one)
    with pytest.raises(Damaged):
        PackReader(backend, KEYS).read(one.name, one.entries[0])
    stranger = VaultKeys(b"w" * 16, b"m" * 32)
    with pytest.raises(Damaged, match="another vault"):
        PackReader(backend, stranger).directory(one.name)
    same_id_other_master = VaultKeys(b"v" * 16, b"n" * 32)
    with pytest.raises(Damaged, match="altered"):
        PackReader(backend, same_id_other_master).directory(one.name)


BOMB_BYTES = 300_000_000


def bomb(claimed: int | None) -> bytes:
    """30 KB that become 300 MB, under a header that claims another size or none."""
    compressor = zstandard.ZstdCompressor(write_content_size=claimed is not None)
    frame = compressor.compress(bytes(BOMB_BYTES))
    if claimed is None:
        return frame
    assert frame.count(BOMB_BYTES.to_bytes(4, "little")) == 1
    return frame.replace(BOMB_BYTES.to_bytes(4, "little"), claimed.to_bytes(4, "little"))


def sealed(content: bytes, raw_len: int) -> tuple[bytes, bytes]:
    header = packformat.new_header(KEYS.vault_id, b"s" * 32)
    sealed_len = len(content) + chunks.OVERHEAD_BYTES
    associated = chunks.associated_data(header, chunk_id(0), sealed_len, raw_len)
    key = packformat.pack_key(KEYS, header)
    return bytes(4) + key.encrypt(chunks.nonce(0), content, associated), associated


@pytest.mark.parametrize("claimed", [None, 1000, BOMB_BYTES])
@pytest.mark.parametrize("raw_len", [1000, BOMB_BYTES])
def test_a_compression_bomb_under_the_right_key_produces_nothing(claimed, raw_len):
    content, associated = sealed(bomb(claimed), raw_len)
    key = packformat.pack_key(KEYS, packformat.new_header(KEYS.vault_id, b"s" * 32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Damaged, match=r"length|decompress"):
        chunks.open_sealed(key, content, associated, raw_len)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


@pytest.mark.parametrize("content", [b"no zstd", b"", zstandard.compress(b"x" * 50)[:-1]])
def test_what_is_no_zstd_frame_is_damage(content):
    with pytest.raises(Damaged):
        chunks.decompress(content, 50)


def test_bytes_after_a_frame_are_damage():
    with pytest.raises(Damaged):
        chunks.decompress(zstandard.compress(b"x" * 50) + b"more", 50)


@pytest.mark.parametrize(
    "entries",
    [
        [PackEntry(chunk_id(0), 58, 25, 5), PackEntry(chunk_id(1), 80, 25, 5)],
        [PackEntry(chunk_id(0), 0, 25, 5), PackEntry(chunk_id(1), 83, 25, 5)],
        [PackEntry(chunk_id(0), 58, 25, 5)],
        [],
        [PackEntry(chunk_id(0), 58, 50, limits.CHUNK_BYTES_MAX + 1)],
    ],
)
def test_a_directory_that_contradicts_itself_under_the_right_key_is_damage(
    backend, tmp_path, entries
):
    [pack] = write(backend, [b"hello", b"world"])
    path = tmp_path / "store" / pack.name
    raw = path.read_bytes()
    header = raw[: packformat.HEADER_BYTES]
    end = packformat.seal_directory(packformat.pack_key(KEYS, header), header, entries)
    path.write_bytes(raw[: 58 + 50] + end)
    with pytest.raises(Damaged, match=pack.name):
        PackReader(backend, KEYS).directory(pack.name)


def test_a_directory_of_impossible_length_is_never_allocated(backend, tmp_path):
    [pack] = write(backend, [b"x"])
    path = tmp_path / "store" / pack.name
    raw = path.read_bytes()
    for length in (0, 15, 2**32 - 1):
        path.write_bytes(raw[:-4] + length.to_bytes(4))
        with pytest.raises(Damaged, match="impossible length"):
            PackReader(backend, KEYS).directory(pack.name)


def test_a_reader_remembers_a_bounded_number_of_packs(backend):
    packs = write(backend, [b"x"] * 300, target_bytes=1)
    reader = PackReader(backend, KEYS)
    for pack in packs + packs[:3]:
        assert reader.read(pack.name, pack.entries[0]) == b"x"
    assert len(reader._opened) == 256
