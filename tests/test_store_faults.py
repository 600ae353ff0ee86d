"""A disk that fails at any one call: the error has a name, and nothing half-made stays behind."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store_cast import Keeper, files, spooled
from transfer.store import rootfile
from transfer.store.backends.posix import PosixBackend
from transfer.store.check import Checker
from transfer.store.crypto import Root, VaultKeys
from transfer.store.findings import Kind
from transfer.store.itemcheck import Sample
from transfer.store.packs import PackReader, PackWriter
from wire.errors import StationFault, StorageFull, WireError

CALLS = ("open", "pwritev", "fsync", "rename", "mkdir", "unlink", "link", "replace")
NAMED = {errno.ENOSPC: StorageFull, errno.EDQUOT: StorageFull, errno.EIO: StationFault}


def path_of(handle: int) -> str:
    return str(Path(f"/proc/self/fd/{handle}").readlink())


def attempt(act: Callable[[], object]) -> WireError | None:
    """The named error of ``act``, if it failed; any other exception fails the test."""
    try:
        act()
    except WireError as error:
        return error
    return None


class Disk:
    """Counts the system calls that touch ``folder`` and lets one of them fail."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.failing: int | None = None
        self.number = 0
        self._folder = str(folder)
        self._lock = threading.Lock()
        for name in CALLS:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(first, *args, **options):
            path = path_of(first) if isinstance(first, int) else str(first)
            if path.startswith(self._folder) and not (name == "open" and not args[0] & os.O_CREAT):
                with self._lock:
                    self.made.append(name)
                    fails = len(self.made) - 1 == self.failing
                if fails:
                    raise OSError(self.number, os.strerror(self.number), path)
            return real(first, *args, **options)

        return call

    def fail(self, at: int, number: int) -> None:
        """Let the ``at``-th call from now fail with this errno."""
        self.made.clear()
        self.failing, self.number = at, number

    def heal(self) -> None:
        self.failing = None


@pytest.fixture
def disk(tmp_path, monkeypatch) -> Disk:
    return Disk(tmp_path, monkeypatch)


def test_a_fault_at_any_call_of_a_backup_is_named_and_leaves_no_half_object(tmp_path, disk):
    kept = files(4)
    outcomes: set[str] = set()
    total = calls_of_a_backup(tmp_path / "count", disk, kept)
    for number, named in ((errno.ENOSPC, StorageFull), (errno.EIO, StationFault)):
        for at in range(total):
            keeper = Keeper(PosixBackend(tmp_path / f"{number}-{at}"))
            disk.fail(at, number)
            error = attempt(lambda keeper=keeper: keeper.open().back_up(kept))
            disk.heal()
            if error is not None:
                assert type(error) is named, f"call {at} ({disk.made[at]}): {error!r}"
                outcomes.add(disk.made[at])
            assert_sound_after(keeper, disk, at)
    assert {"open", "pwritev", "fsync", "link", "mkdir"} <= outcomes


def calls_of_a_backup(folder: Path, disk: Disk, kept: dict[str, bytes]) -> int:
    disk.made.clear()
    Keeper(PosixBackend(folder)).open().back_up(kept)
    assert {"open", "pwritev", "fsync", "link", "mkdir"} <= set(disk.made)
    return len(disk.made)


def assert_sound_after(keeper: Keeper, disk: Disk, at: int) -> None:
    """Every object with a name opens wholly; the same store takes the next backup."""
    where = f"call {at}: {disk.made[at] if at < len(disk.made) else 'not reached'}"
    backend = PosixBackend(keeper.backend.spool().parents[1])
    reader = PackReader(backend, keeper.keys)
    for name, size in backend.list("packs/"):
        entries = reader.directory(name)
        assert sum(len(reader.read(name, entry)) for entry in entries) > 0, where
        assert size == backend.stat(name)
    if "unlink" not in disk.made[at : at + 1]:
        assert spooled(keeper.backend.spool().parents[1]) == [], where
    again = Keeper(backend, keeper.root)
    again.keys = VaultKeys.new()
    again.open().back_up(files(2))
    found = Checker(backend, keeper.root, again.index, Sample()).run()
    assert {finding.kind for finding in found} <= {Kind.UNKNOWN}, where


@pytest.mark.parametrize("number", NAMED)
@pytest.mark.parametrize("call", ["pwritev", "fsync", "link"])
def test_after_a_fault_every_further_call_says_the_same_and_nothing_stays(
    tmp_path, disk, call, number
):
    backend = PosixBackend(tmp_path / "store")
    backend.put("packs/warm", b"up")
    writer = PackWriter(backend, VaultKeys.new(), target_bytes=3000)
    disk.made.clear()
    failed = fail_first(disk, call, number, lambda: fill(writer))
    for again in (lambda: writer.add(bytes(32), b"x"), writer.finish):
        with pytest.raises(type(failed)) as raised:
            again()
        assert str(raised.value) == str(failed)
    writer.abort()
    writer.abort()
    assert spooled(tmp_path / "store") == []
    reader = PackReader(backend, writer._keys)
    for pack in writer.take_finished():
        assert reader.directory(pack.name) == pack.entries


def fill(writer: PackWriter) -> None:
    for number in range(20):
        writer.add(number.to_bytes(32), os.urandom(1000))
    writer.finish()


def fail_first(disk: Disk, call: str, number: int, act: Callable[[], None]) -> WireError:
    """Let the first system call of that name fail while ``act`` runs; what it raised."""
    real = getattr(os, call)

    def failing(*args, **options):
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(NAMED[number]) as raised:
            act()
    assert getattr(os, call) is real
    return raised.value


def test_a_failed_sync_is_not_tried_again(tmp_path, disk):
    backend = PosixBackend(tmp_path / "store")
    backend.put("packs/warm", b"up")
    synced = []

    def failing(handle):
        synced.append(path_of(handle))
        raise OSError(errno.EIO, "Input/output error")

    writer = PackWriter(backend, VaultKeys.new())
    writer.add(bytes(32), b"x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        for _ in range(3):
            with pytest.raises(StationFault, match="Input/output error"):
                writer.finish()
    assert len(synced) == 1
    with pytest.raises(StationFault):
        writer.finish()
    assert list(backend.list("packs/ab/")) == []


def test_a_name_whose_folder_could_not_be_synced_is_taken_back(tmp_path, monkeypatch):
    backend = PosixBackend(tmp_path / "store")
    backend.put("packs/ab/warm", b"up")
    real = os.fsync

    def failing(handle):
        if Path(path_of(handle)).is_dir():
            raise OSError(errno.EIO, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StationFault):
        backend.put("packs/ab/new", b"content")
    assert [name for name, _size in backend.list("")] == ["packs/ab/warm"]
    assert spooled(tmp_path / "store") == []


def test_a_folder_that_could_not_be_synced_is_synced_by_the_next_put(tmp_path, monkeypatch):
    backend = PosixBackend(tmp_path / "store")
    failures = [True, False]
    real, synced = os.fsync, []

    def failing_once(handle):
        path = path_of(handle)
        synced.append(path)
        if path.endswith("/packs") and failures.pop(0):
            raise OSError(errno.EIO, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", failing_once)
    with pytest.raises(StationFault):
        backend.put("packs/ab/one", b"content")
    backend.put("packs/ab/two", b"content")
    assert sum(path.endswith("/packs") for path in synced) == 2


def test_short_writes_are_continued(tmp_path, monkeypatch):
    real_pwritev, real_pwrite = os.pwritev, os.pwrite
    monkeypatch.setattr(
        os, "pwritev", lambda handle, buffers, at: real_pwrite(handle, b"".join(buffers)[:3], at)
    )
    monkeypatch.setattr(os, "pwrite", lambda handle, rest, at: real_pwrite(handle, rest[:700], at))
    keeper = Keeper(PosixBackend(tmp_path / "store")).open()
    keeper.back_up(files(3))
    monkeypatch.setattr(os, "pwritev", real_pwritev)
    checker = Checker(keeper.backend, keeper.root, keeper.index, Sample())
    assert list(checker.run()) == []


def test_waiting_threads_are_woken_by_a_fault(tmp_path, monkeypatch):
    gate = threading.Event()

    class FailingBackend(PosixBackend):
        def put(self, name, source):
            gate.wait()
            raise StorageFull("no room left for a pack")

    writer = PackWriter(FailingBackend(tmp_path / "store"), VaultKeys.new(), target_bytes=1)
    refused = []

    def add(number: int) -> None:
        try:
            for each in range(5):
                writer.add((number * 5 + each).to_bytes(32), b"x")
        except StorageFull:
            refused.append(number)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert sorted(refused) == [0, 1, 2, 3]
    with pytest.raises(StorageFull):
        writer.finish()
    assert spooled(tmp_path / "store") == []


def test_an_unreadable_sector_is_damage_that_names_the_pack(tmp_path, monkeypatch):
    keeper = Keeper(PosixBackend(tmp_path / "store")).open()
    keeper.back_up(files(1))

    def unreadable(*_args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", unreadable)
    found = list(Checker(keeper.backend, keeper.root, keeper.index).run())
    assert found
    assert {finding.kind for finding in found} == {Kind.ALTERED}


def test_no_more_threads_is_a_named_fault_and_not_a_hang(tmp_path, monkeypatch):
    def refused(_thread):
        raise RuntimeError("can't start new thread")

    writer = PackWriter(PosixBackend(tmp_path / "store"), VaultKeys.new())
    writer.add(bytes(32), b"x")
    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(StationFault, match="thread"):
        writer.finish()
    assert spooled(tmp_path / "store") == []


@pytest.mark.parametrize("number", NAMED)
def test_a_fault_at_any_call_of_the_first_start_leaves_a_whole_root_or_none(
    tmp_path, disk, number, monkeypatch
):
    monkeypatch.setattr(rootfile, "_MEMORY_KIB", 64)
    disk.made.clear()
    Root.load_or_create(tmp_path / "count" / "root.key", "passphrase")
    for at in range(len(disk.made)):
        path = tmp_path / str(at) / "root.key"
        made: list[str] = []
        disk.fail(at, number)
        error = attempt(
            lambda path=path, made=made: made.append(
                Root.load_or_create(path, "passphrase").words()
            )
        )
        disk.heal()
        assert error is None or type(error) is NAMED[number], disk.made[at]
        again = Root.load_or_create(path, "passphrase").words()
        assert made in ([], [again])


@pytest.mark.parametrize("number", NAMED)
def test_a_fault_while_a_root_is_wrapped_keeps_the_root(tmp_path, disk, number, monkeypatch):
    monkeypatch.setattr(rootfile, "_MEMORY_KIB", 64)
    for at in range(6):
        path = tmp_path / str(at) / "root.key"
        words = Root.load_or_create(path, None).words()
        disk.fail(at, number)
        error = attempt(lambda path=path: Root.load_or_create(path, "passphrase"))
        disk.heal()
        assert error is None or type(error) is NAMED[number], disk.made[at]
        assert Root.load_or_create(path, "passphrase").words() == words
