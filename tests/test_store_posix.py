"""The POSIX backend: the order of system calls, the spool, and what else lies on a disk."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from transfer.store.backends import ObjectExists
from transfer.store.backends.posix import PosixBackend
from wire.errors import Damaged, StationFault


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def journal(monkeypatch, store: Path) -> list[str]:
    """The system calls that decide about durability, in order, as "call path"."""
    calls: list[str] = []

    def watch(name: str, path_of) -> None:
        real = getattr(os, name)

        def watched(*args, **kwargs):
            path = Path(path_of(*args))
            if path.is_relative_to(store.parent):
                short = "spooled" if "spool" in path.parts else str(path.relative_to(store.parent))
                calls.append(f"{name} {short}")
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, watched)

    def of_handle(handle, *_rest):
        return Path(f"/proc/self/fd/{handle}").readlink()

    watch("pwritev", of_handle)
    watch("fsync", of_handle)
    watch("link", lambda _source, target: target)
    watch("mkdir", lambda path, *_rest: path)
    watch("unlink", lambda path, *_rest: path)
    return calls


def test_content_is_synced_before_its_name_and_the_name_before_put_returns(store, journal):
    backend = PosixBackend(store)
    backend.put("packs/ab/cd", b"content")
    assert journal[journal.index("pwritev spooled") :] == [
        "pwritev spooled",
        "fsync spooled",
        "fsync .",
        "mkdir store/packs",
        "fsync store",
        "mkdir store/packs/ab",
        "fsync store/packs",
        "link store/packs/ab/cd",
        "unlink spooled",
        "fsync store/packs/ab",
    ]


def test_a_folder_that_another_process_made_is_synced_too(store, journal):
    PosixBackend(store).put("packs/ab/cd", b"one")
    journal.clear()
    PosixBackend(store).put("packs/ab/ef", b"two")
    assert journal.index("fsync store/packs") < journal.index("link store/packs/ab/ef")


def test_a_known_folder_costs_no_further_sync(store, journal):
    backend = PosixBackend(store)
    backend.put("packs/ab/cd", b"one")
    journal.clear()
    backend.put("packs/ab/ef", b"two")
    assert [call for call in journal if call.startswith("fsync")] == [
        "fsync spooled", "fsync store/packs/ab",
    ]  # fmt: skip


def test_a_taken_name_is_durable_when_it_is_refused(store, journal):
    backend = PosixBackend(store)
    backend.put("station", b"one")
    journal.clear()
    with pytest.raises(ObjectExists):
        backend.put("station", b"one")
    assert journal[-3:] == ["fsync store/station", "fsync store", "unlink spooled"]


def test_a_removal_is_synced(store, journal):
    backend = PosixBackend(store)
    backend.put("packs/ab/cd", b"one")
    journal.clear()
    backend.delete("packs/ab/cd")
    assert journal == ["unlink store/packs/ab/cd", "fsync store/packs/ab"]


def test_what_file_managers_leave_is_no_object(store):
    backend = PosixBackend(store)
    backend.put("packs/ab/cd", b"one")
    (store / "packs" / ".DS_Store").write_bytes(b"x")
    (store / "packs" / "ab" / "cd.partial").write_bytes(b"x")
    (store / "packs" / "ab" / "link").symlink_to("/etc/passwd")
    assert list(backend.list("")) == [("packs/ab/cd", 3)]


def test_keeps_objects_from_other_users(store):
    backend = PosixBackend(store)
    backend.put("packs/ab/cd", b"one")
    assert (store / "packs" / "ab" / "cd").stat().st_mode & 0o077 == 0
    assert (store / "packs").stat().st_mode & 0o077 == 0
    assert backend.spool().stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_is_a_named_fault(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StationFault, match="spool: Not a directory"):
        PosixBackend(tmp_path / "file").put("station", b"x")


CHILD = """
import sys
from pathlib import Path
from transfer.store.backends.posix import PosixBackend
backend = PosixBackend(Path(sys.argv[1]))
(backend.spool() / "half a pack").write_bytes(b"x" * 1000)
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def child(store):
    """Another process with a file in the spool."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, store], stdin=-1, stdout=-1, cwd=Path(__file__).parents[1]
    )
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def half_packs(store: Path) -> list[Path]:
    return list(store.rglob("half a pack"))


def test_sweeps_the_files_of_a_killed_process(store, child):
    child.kill()
    child.wait()
    assert len(half_packs(store)) == 1
    assert PosixBackend(store).sweep_spool() == 1
    assert list((store / "spool").iterdir()) == []


def test_never_sweeps_the_files_of_the_living(store, child):
    mine = PosixBackend(store)
    (mine.spool() / "growing").write_bytes(b"x")
    assert PosixBackend(store).sweep_spool() == 0
    assert len(half_packs(store)) == 1
    assert (mine.spool() / "growing").exists()


def test_a_process_that_ends_takes_its_files_along(store, child):
    child.communicate(b"\n")
    assert half_packs(store) == []
    assert list((store / "spool").iterdir()) == []


def test_sweeps_race_with_new_processes_without_harm(store):
    backends = [PosixBackend(store) for _ in range(40)]
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            PosixBackend(store).sweep_spool()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    for number, backend in enumerate(backends):
        backend.put(f"packs/ab/{number}", b"content")
    stop.set()
    sweeper.join()
    assert len(list(backends[0].list("packs/"))) == 40


def test_a_folder_without_a_lock_belongs_to_nobody(store):
    orphan = store / "spool" / "0123456789abcdef"
    orphan.mkdir(parents=True)
    (orphan / "left").write_bytes(b"x")
    assert PosixBackend(store).sweep_spool() == 1
    assert not orphan.exists()


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device"])
def test_what_is_no_file_is_damage_and_is_not_waited_for(store, kind):
    place = store / "vaults" / "a"
    place.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening:
        if kind == "pipe":
            os.mkfifo(place)
        elif kind == "socket":
            listening.bind(str(place))
        elif kind == "folder":
            place.mkdir()
        else:
            place.symlink_to("/dev/zero")
        backend = PosixBackend(store)
        with pytest.raises(Damaged, match="'vaults/a' is not a file"):
            backend.stat("vaults/a")
        with pytest.raises(Damaged, match="'vaults/a' is not a file"):
            backend.get_range("vaults/a", 0, 1)
        with pytest.raises((StationFault, ObjectExists)):
            backend.put("vaults/a", b"content")
        assert list(backend.list("vaults")) == []
