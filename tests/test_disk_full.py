"""A disk that is full: nothing half, nothing lost, a clear word; all goes on when there is room.

As root the disk is a real one of 64 MiB (tmpfs), for the database too. A quota on the store, which
refuses writes as the system would, takes its place for others, and is tested as root as well.
"""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tests.operating import Refused, operated
from tests.proxy import Proxy
from tests.stations import ROOT, Phone, _environment
from wire.limits import MIB

DISK_BYTES = 64 * MIB

QUOTA = '''
"""Lets this process's files take no more bytes than a file says: a disk without a mount."""
import errno, os, shutil, threading

_quota = os.environ.get("DISK_QUOTA")
_store = os.path.join(os.environ["STATION_DATA_DIR"], "store")
_lock = threading.Lock()


def _free():
    with open(_quota) as told:
        size, filled = map(int, told.read().split())
    used = 0
    for folder, _folders, files in os.walk(_store):
        for name in files:
            try:
                used += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                pass
    return size, max(0, size - filled - used)


def _pwritev(handle, buffers, offset, *, real=os.pwritev):
    with _lock:
        grows = offset + sum(map(len, buffers)) - os.fstat(handle).st_size
        if grows > _free()[1]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, buffers, offset)


def _disk_usage(_path):
    size, free = _free()
    return shutil._ntuple_diskusage(size, size - free, free)


def _statvfs(path, *, real=os.statvfs):
    told = list(real(path))
    told[0] = told[1] = 1
    told[4] = _free()[1]
    return os.statvfs_result(told)


if _quota:
    os.pwritev, os.statvfs, shutil.disk_usage = _pwritev, _statvfs, _disk_usage
'''


class Mounted:
    """A small disk of its own."""

    environment: dict[str, str] = {}

    def __init__(self, tmp_path):
        self.folder = tmp_path / "disk"
        self.folder.mkdir()
        self._filler = self.folder / "filler"
        options = f"size={DISK_BYTES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder], check=True)

    def fill(self, leave=0):
        """Another program takes what is left, but for so many bytes."""
        with self._filler.open("ab") as filler:
            try:
                while (free := self.free()) > leave:
                    filler.write(bytes(min(MIB, free - leave)))
                    filler.flush()
            except OSError:
                return

    def empty(self):
        """It gives everything back."""
        self._filler.unlink()

    def free(self):
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def close(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)


class Quota:
    """A limit on what the store's files may take."""

    def __init__(self, tmp_path):
        self.folder = tmp_path / "disk"
        self.folder.mkdir()
        self._told = tmp_path / "quota"
        (tmp_path / "sitecustomize.py").write_text(QUOTA)
        self.environment = {"PYTHONPATH": str(tmp_path), "DISK_QUOTA": str(self._told)}
        self._tell(0)

    def _tell(self, filled):
        fresh = self._told.with_suffix(".new")
        fresh.write_text(f"{DISK_BYTES} {filled}")
        fresh.replace(self._told)

    def _used(self):
        files = (self.folder / "station" / "store").rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file())

    def fill(self, leave=0):
        self._tell(max(0, DISK_BYTES - self._used() - leave))

    def empty(self):
        self._tell(0)

    def close(self):
        pass


DISK = Mounted if os.geteuid() == 0 else Quota
both = pytest.mark.parametrize(
    "disk", sorted({DISK, Quota}, key=str), ids=lambda kind: kind.__name__, indirect=True
)


@pytest.fixture
def disk(request, tmp_path):
    disk = getattr(request, "param", DISK)(tmp_path)
    yield disk
    disk.close()


@pytest.fixture
def place(disk, tmp_path):
    """A station on the small disk, with one snapshot in it, behind a proxy that counts."""
    kept = media(tmp_path / "kept", 6 * MIB)
    folder = disk.folder / "station"
    with operated(folder, **disk.environment) as station, Proxy(station.port) as proxy:
        phone = Phone(tmp_path / "phone")
        run = phone.begin("enrol", station.link())
        station.manage("phones", "allow", station.waiting(run)["digits"])
        run.succeed()
        stored = phone.run("backup", station.link(), kept)["snapshot_id"]
        yield SimpleNamespace(
            disk=disk, station=station, proxy=proxy, phone=phone, kept=kept, stored=stored
        )


def media(folder, size):
    """Files of a MiB each that do not compress."""
    folder.mkdir()
    noise = random.Random(str(folder))
    for number in range(size // MIB):
        (folder / f"{number:03}.jpg").write_bytes(noise.randbytes(MIB))
    return folder


def hashes(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).digest() for file in folder.iterdir()}


def check(place, tmp_path, *snapshots):
    """Exactly these snapshots are there, sound; the first one comes back."""
    listed = place.phone.run("list", place.station.link())["snapshots"]
    assert {one["snapshot_id"] for one in listed} == {place.stored, *snapshots}
    told = place.station.answer("store", "check", "--read-data")
    assert told["damage"] == 0, told
    back = tmp_path / f"back{time.monotonic_ns()}"
    place.phone.run("restore", place.station.link(), place.stored, "--to", back)
    assert hashes(back / "kept") == hashes(place.kept)


def refused_as_full(run):
    assert run.finish() == 1, (run.output, run.errors)
    told = json.loads(run.output)["error"]
    assert told["code"] == "4507", told
    assert "disk is full" in told["message"]
    assert "kept before is safe" in told["message"]
    assert "Make room" in told["hint"]
    return told["message"]


def wait_until_clean(place):
    """Nothing lies in the station's spool, as soon as it has ended the connection."""
    deadline = time.monotonic() + 10
    while left := list(place.station.folder.glob("store/spool/*/*")):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


@both
def test_a_backup_that_does_not_fit_is_refused_and_leaves_nothing_half(place, tmp_path):
    large = media(tmp_path / "large", 90 * MIB)
    message = refused_as_full(place.phone.begin("backup", place.station.link(), large))
    megabytes = float(message.split("up to ")[1].split(" MB")[0])
    assert 90 * MIB / 1e6 - DISK_BYTES / 1e6 < megabytes < 90 * MIB / 1e6
    wait_until_clean(place)
    # Some room was left: links can be made and snapshots restored while the disk is full.
    check(place, tmp_path)
    again = place.phone.begin("backup", place.station.link(), large)
    refused_as_full(again)
    check(place, tmp_path)


def test_what_arrived_before_the_disk_was_full_is_not_sent_again(place, tmp_path):
    place.disk.fill(leave=30 * MIB)
    larger = media(tmp_path / "larger", 40 * MIB)
    refused_as_full(place.phone.begin("backup", place.station.link(), larger))
    place.disk.empty()
    answer = place.phone.run("backup", place.station.link(), larger)
    # A pack that was not finished is dropped.
    assert answer["sent"] < 32 * MIB
    assert answer["held"] > 8 * MIB
    check(place, tmp_path, answer["snapshot_id"])


def test_a_disk_that_was_full_from_the_start_takes_the_backup_once_there_is_room(place, tmp_path):
    place.disk.fill(leave=2 * MIB)  # less than the reserve
    fresh = media(tmp_path / "fresh", 5 * MIB)
    message = refused_as_full(place.phone.begin("backup", place.station.link(), fresh))
    assert "up to 5.2 MB" in message
    check(place, tmp_path)
    place.disk.empty()
    answer = place.phone.run("backup", place.station.link(), fresh)
    check(place, tmp_path, answer["snapshot_id"])


@pytest.mark.parametrize("share", [0.1, 0.6, 0.97, 1.0])
def test_a_disk_that_another_program_fills_in_the_middle_stops_the_backup(place, tmp_path, share):
    """Not even the reserve is left: writes of packs, headers and the database fail."""
    fresh = media(tmp_path / "fresh", 20 * MIB)
    link = place.station.link("--port", str(place.proxy.port))
    place.proxy.plan()
    place.proxy.throttle(15 * MIB)
    run = place.phone.begin("backup", link, fresh)
    while place.proxy.up < share * 20 * MIB and run.process.poll() is None:
        time.sleep(0.002)
    place.disk.fill()
    place.proxy.throttle(None)
    stored = []
    if run.finish() == 0:  # the last byte was written before
        stored = [run.answer()["snapshot_id"]]
    else:
        refused_as_full(run)
    place.disk.empty()
    check(place, tmp_path, *stored)
    again = place.phone.run("backup", place.station.link(), fresh)
    check(place, tmp_path, *stored, again["snapshot_id"])


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_station_starts_on_a_full_disk_or_says_why_not(place, tmp_path, end):
    """Where its database still opens it gives back what it has."""
    link = place.station.link("--scope", "restore")
    getattr(place.station, end)()
    place.disk.fill()
    if starts(place.station):
        back = tmp_path / "back"
        run = place.phone.begin("restore", link, place.stored, "--to", back)
        if run.finish() == 0:
            assert hashes(back / "kept") == hashes(place.kept)
        else:  # neither the IM server's role nor the station's could note that the link was used
            assert run.answer()["error"]["code"] in ("4507", "unknown"), run.errors
            assert re.search("disk is full|disk full", run.errors), run.errors
        place.disk.empty()
    else:
        place.disk.empty()
        place.station.restart()
    check(place, tmp_path)


def starts(station):
    """Whether the station starts; if not it must say that the disk is full."""
    try:
        station.restart()
    except AssertionError:
        told = subprocess.run(
            [sys.executable, "manage.py", "station", "--port", str(station.port)],
            cwd=ROOT,
            env=_environment(station.folder, **station.environment),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert told.returncode == 2
        assert "is full: make room, and start again" in told.stderr
        return False
    return True


def test_commands_say_that_the_disk_is_full(place):
    """A link needs a line in the database: it is made, or it is said why not."""
    place.disk.fill()
    for _ in range(40):
        try:
            place.station.link()
        except Refused as refused:
            assert "no room left" in str(refused)  # noqa: PT017 - it need not fail
            break
    place.disk.empty()
    place.station.link()
