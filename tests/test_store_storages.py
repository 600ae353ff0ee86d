"""Storages that lose, alter or refuse: a put counts only when it was read back."""

import os
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from tests.store_cast import Keeper, files
from transfer.store.backends import ObjectExists
from transfer.store.backends.storages import StorageBackend
from transfer.store.check import Checker
from transfer.store.findings import Kind
from transfer.store.itemcheck import Sample
from wire.errors import NotFound, StationFault, StorageFull


def backend_on(storage, tmp_path: Path, **options: int) -> StorageBackend:
    return StorageBackend(storage, tmp_path / "local", **options)


class Losing(InMemoryStorage):
    def _save(self, name, content):
        return name


class Altering(InMemoryStorage):
    def _save(self, name, content):
        return super()._save(name, ContentFile(content.read()[:-1] + b"!"))


class Cutting(InMemoryStorage):
    def _save(self, name, content):
        return super()._save(name, ContentFile(content.read()[:-1]))


class Breaking(InMemoryStorage):
    def _save(self, name, content):
        super()._save(name, ContentFile(b"half"))
        raise ConnectionResetError("the line broke")


class Full(InMemoryStorage):
    def _save(self, name, content):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("storage", "error"),
    [
        (Losing, StationFault),
        (Altering, StationFault),
        (Cutting, StationFault),
        (Breaking, StationFault),
        (Full, StorageFull),
    ],
)
def test_a_put_that_was_not_kept_is_an_error_and_leaves_no_object(tmp_path, storage, error):
    backend = backend_on(storage(), tmp_path)
    spooled = backend.spool() / "pack"
    spooled.write_bytes(b"content")
    for source in (b"content", spooled):
        with pytest.raises(error):
            backend.put("packs/ab/cd", source)
        assert list(backend.list("")) == []
    assert not spooled.exists()


def test_a_storage_that_renames_instead_of_refusing_is_refused(tmp_path):
    class Renaming(InMemoryStorage):
        def exists(self, name):
            return super().exists(name) and name != "station"

        def get_available_name(self, name, max_length=None):
            return "another" if self.files(name) else name

        def files(self, name):
            return super().exists(name)

    backend = backend_on(Renaming(), tmp_path)
    backend.put("station", b"first")
    with pytest.raises(ObjectExists):
        backend.put("station", b"second")
    assert backend.get_range("station", 0, 5) == b"first"
    assert [name for name, _size in backend.list("")] == ["station"]


def test_a_storage_that_cannot_be_reached_is_a_fault_and_nothing_is_called_missing(tmp_path):
    class Unreachable(InMemoryStorage):
        def _open(self, *_args):
            raise TimeoutError("timed out")

        size = exists = listdir = delete = _save = _open

    backend = backend_on(Unreachable(), tmp_path)
    for act in (
        lambda: backend.put("station", b"x"),
        lambda: backend.stat("station"),
        lambda: backend.get_range("station", 0, 1),
        lambda: backend.get_range("packs/ab/cd", 0, 1),
        lambda: list(backend.list("packs/")),
        lambda: backend.delete("station"),
    ):
        with pytest.raises(StationFault, match="timed out"):
            act()


class Counting(InMemoryStorage):
    opened = 0

    def open(self, name, mode="rb"):
        self.opened += 1
        return super().open(name, mode)


def test_a_pack_is_fetched_once_for_all_its_ranges(tmp_path):
    storage = Counting()
    backend = backend_on(storage, tmp_path)
    backend.put("packs/ab/cd", bytes(range(100)))
    storage.opened = 0
    for offset in range(90):
        assert backend.get_range("packs/ab/cd", offset, 10) == bytes(range(offset, offset + 10))
    assert storage.opened == 1


def test_local_copies_are_bounded_in_bytes(tmp_path):
    storage = Counting()
    backend = backend_on(storage, tmp_path, copies_bytes_max=2500)
    for number in range(5):
        backend.put(f"packs/ab/{number}", bytes([number]) * 1000)
        assert backend.get_range(f"packs/ab/{number}", 999, 1) == bytes([number])
        assert sum(path.stat().st_size for path in backend.spool().iterdir()) <= 2000
    storage.opened = 0
    backend.get_range("packs/ab/4", 0, 1)
    assert storage.opened == 0
    backend.get_range("packs/ab/0", 0, 1)
    assert storage.opened == 1


def test_a_pack_larger_than_the_bound_is_read_all_the_same(tmp_path):
    backend = backend_on(InMemoryStorage(), tmp_path, copies_bytes_max=10)
    backend.put("packs/ab/cd", b"x" * 1000)
    assert backend.get_range("packs/ab/cd", 0, 1000) == b"x" * 1000
    assert list(backend.spool().iterdir()) == []


def test_a_deleted_pack_is_not_read_from_its_copy(tmp_path):
    backend = backend_on(InMemoryStorage(), tmp_path)
    backend.put("packs/ab/cd", b"content")
    backend.get_range("packs/ab/cd", 0, 7)
    backend.delete("packs/ab/cd")
    with pytest.raises(NotFound):
        backend.get_range("packs/ab/cd", 0, 7)


def test_a_whole_snapshot_is_kept_checked_and_its_rot_found_behind_the_copies(tmp_path):
    backend = backend_on(FileSystemStorage(tmp_path / "remote"), tmp_path)
    keeper = Keeper(backend).open()
    keeper.back_up(files())
    assert list(Checker(backend, keeper.root, keeper.index, Sample()).run()) == []
    [pack, *_rest] = keeper.index.sizes[keeper.vault_id]
    path = tmp_path / "remote" / pack
    path.write_bytes(os.urandom(path.stat().st_size))
    found = list(Checker(backend, keeper.root, keeper.index, Sample()).run())
    assert {finding.pack for finding in found} == {pack}
    assert {finding.kind for finding in found} == {Kind.ALTERED}
