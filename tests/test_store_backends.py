"""One behavioural suite over every backend: what the store may count on."""

import os
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from transfer.store.backends import Backend, ObjectExists
from transfer.store.backends.posix import PosixBackend
from transfer.store.backends.storages import StorageBackend
from wire.errors import Damaged, NotFound, StationFault


def on_files(folder: Path) -> Backend:
    return StorageBackend(FileSystemStorage(folder / "remote"), folder / "local")


def in_memory(folder: Path) -> Backend:
    return StorageBackend(memory_of(folder), folder)


@cache
def memory_of(_folder: Path) -> Storage:
    return InMemoryStorage()


MAKERS: dict[str, Callable[[Path], Backend]] = {
    "posix": PosixBackend,
    "files": on_files,
    "memory": in_memory,
}


@pytest.fixture(params=sorted(MAKERS))
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return MAKERS[request.param](tmp_path / "store")


def spool_file(backend: Backend, content: bytes) -> Path:
    path = backend.spool() / "growing"
    path.write_bytes(content)
    return path


def test_gives_back_what_was_put(backend):
    backend.put("vaults/ab", b"content")
    assert backend.stat("vaults/ab") == 7
    assert backend.get_range("vaults/ab", 0, 7) == b"content"
    assert backend.get_range("vaults/ab", 2, 3) == b"nte"
    assert backend.get_range("vaults/ab", 7, 0) == b""


def test_consumes_a_spooled_file(backend):
    path = spool_file(backend, b"pack")
    backend.put("packs/ab/cd", path)
    assert not path.exists()
    assert backend.get_range("packs/ab/cd", 0, 4) == b"pack"


def test_keeps_an_empty_object(backend):
    backend.put("vaults/empty", b"")
    assert backend.stat("vaults/empty") == 0
    assert backend.get_range("vaults/empty", 0, 0) == b""


def test_keeps_an_object_larger_than_any_buffer(backend):
    content = os.urandom(3_000_001)
    backend.put("packs/ab/large", content)
    assert backend.get_range("packs/ab/large", 0, len(content)) == content
    assert backend.get_range("packs/ab/large", 2_999_999, 2) == content[-2:]


def test_never_replaces_an_object(backend):
    backend.put("station", b"first")
    with pytest.raises(ObjectExists):
        backend.put("station", b"second")
    with pytest.raises(ObjectExists):
        backend.put("station", spool_file(backend, b"third"))
    assert backend.get_range("station", 0, 5) == b"first"
    assert list(backend.spool().iterdir()) == []


def test_of_many_puts_under_one_name_one_wins(backend):
    won: list[int] = []
    start = threading.Barrier(8)

    def put(number: int) -> None:
        start.wait()
        try:
            backend.put("receipts/ab/cd", bytes([number]) * 1000)
        except ObjectExists:
            return
        won.append(number)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert backend.get_range("receipts/ab/cd", 0, 1000) == bytes(won) * 1000


@pytest.mark.parametrize("call", ["stat", "delete"])
def test_names_what_is_missing(backend, call):
    with pytest.raises(NotFound, match="packs/ab/none"):
        getattr(backend, call)("packs/ab/none")
    with pytest.raises(NotFound, match="packs/ab/none"):
        backend.get_range("packs/ab/none", 0, 1)


@pytest.mark.parametrize(("offset", "length"), [(0, 8), (6, 2), (100, 1)])
def test_a_range_past_the_end_is_damage(backend, offset, length):
    backend.put("packs/ab/cd", b"content")
    with pytest.raises(Damaged, match="packs/ab/cd"):
        backend.get_range("packs/ab/cd", offset, length)


def test_lists_names_and_sizes_below_a_folder(backend):
    for name in ("packs/aa/1", "packs/aa/2", "packs/bb/3", "snapshots/v/1", "station"):
        backend.put(name, name.encode())
    assert sorted(backend.list("packs/")) == [
        ("packs/aa/1", 10), ("packs/aa/2", 10), ("packs/bb/3", 10),
    ]  # fmt: skip
    assert sorted(backend.list("packs/aa/")) == [("packs/aa/1", 10), ("packs/aa/2", 10)]
    assert list(backend.list("receipts/")) == []
    assert len(list(backend.list(""))) == 5


def test_what_is_spooled_is_not_listed(backend):
    spool_file(backend, b"not yet")
    assert list(backend.list("")) == []


def test_a_deleted_object_is_gone_and_its_name_free(backend):
    backend.put("packs/ab/cd", b"old")
    backend.delete("packs/ab/cd")
    with pytest.raises(NotFound):
        backend.stat("packs/ab/cd")
    assert list(backend.list("")) == []
    backend.put("packs/ab/cd", b"newer")
    assert backend.get_range("packs/ab/cd", 0, 5) == b"newer"


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "packs/../x", "a//b", "a/", "a\\b", "a b", "a.tmp", "a\n", "é"],
)
def test_refuses_what_is_no_name(backend, name):
    with pytest.raises(StationFault):
        backend.put(name, b"x")
    with pytest.raises(StationFault):
        backend.stat(name)


def test_tells_free_space_or_nothing(backend):
    backend.put("station", b"mine")
    free = backend.free_bytes()
    assert free is None or free > 0


def test_a_second_look_at_the_same_place_finds_everything(backend, request, tmp_path):
    backend.put("station", b"mine")
    again = MAKERS[request.node.callspec.params["backend"]](tmp_path / "store")
    assert again.get_range("station", 0, 4) == b"mine"
