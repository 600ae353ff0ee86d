"""kill -9 at any moment: what was receipted restores byte-identical, and nothing else shows.

``KILLS`` moments each for the station and the phone (10 in `make test`, 100 in `make
campaign-kill`), spread over the whole backup from before the connection to after the receipt. The
seed is printed; ``KILL_SEED`` repeats it.
"""

import hashlib
import os
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from backupstation.settings import own_secret_key
from tests.operating import operated
from tests.proxy import Proxy
from tests.stations import Phone
from wire.limits import MIB

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
BASE_BYTES = 12 * MIB  # the same in every backup
FRESH_BYTES = 24 * MIB  # new in every backup: a pack and a half
# From here on only the commit's own few messages are missing.
COMMIT_BYTES = 3000
# The last part of the moments lies in the commit, which sends hardly anything.
COMMIT_SHARE = 0.3


class Chats:
    """A folder of which a part is new at every backup."""

    def __init__(self, folder, fresh_bytes):
        self.folder = folder
        self._fresh_bytes = fresh_bytes
        self._random = random.Random(SEED)
        folder.mkdir()
        (folder / "old.mp4").write_bytes(self._random.randbytes(BASE_BYTES))
        self.renew()

    def renew(self):
        """New photos, and a chat that has grown; returns what is there now, by hash."""
        for number in range(4):
            content = self._random.randbytes(self._fresh_bytes // 4 - number)
            (self.folder / f"new{number}.jpg").write_bytes(content)
        with (self.folder / "chat.txt").open("a") as chat:
            chat.writelines(f"line {self._random.random()}\n" for _ in range(2000))
        return hashes(self.folder)


def hashes(folder):
    """SHA-256 of every file below, by its path from the folder's parent."""
    return {
        path.relative_to(folder.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Law:
    """What a phone was promised, and what a station must still be able to give."""

    def __init__(self, station, proxy, phone, chats, tmp_path):
        self.station, self.proxy, self.phone, self.chats = station, proxy, phone, chats
        self.random = random.Random(SEED)
        self.receipted = {}
        self.begun = []
        self._tmp_path = tmp_path

    def begin(self, *options):
        """Start a backup of chats that have changed."""
        self.begun.append(self.chats.renew())
        link = self.station.link("--port", str(self.proxy.port))
        self.proxy.plan()
        return self.phone.begin("backup", link, self.chats.folder, *options)

    def note(self, run):
        """Remember the receipt that the phone printed, if it came so far."""
        if run.finish() == 0:
            self.receipted[run.answer()["snapshot_id"]] = self.begun[-1]

    def check(self):
        """The law, without reading every byte each time."""
        self.wait_until_quiet()
        listed = self.listed()
        assert self.receipted.keys() <= set(listed), "a receipted snapshot is lost"
        receipts = {path.name for path in self.station.folder.glob("store/receipts/*/*")}
        assert set(listed) <= receipts, "a snapshot without a receipt shows"
        self.check_store()
        chosen = self.random.choice([listed[0], self.random.choice(listed)])
        verified = self.phone.run("verify", self.station.link(), chosen)
        assert not verified["failures"]

    def check_store(self, *options):
        told = self.station.answer("store", "check", *options)
        assert told["damage"] == 0, told
        # A manifest whose commit was cut short may lie there; nothing else may.
        assert all(finding["snapshot"] for finding in told["findings"]), told

    def listed(self):
        answer = self.phone.run("list", self.station.link())
        return [one["snapshot_id"] for one in answer["snapshots"]]

    def check_whole(self):
        """Every byte: as the station reads it, and as a phone gets it back."""
        self.check_store("--read-data")
        chosen = sorted(self.receipted)
        for snapshot_id in self.random.sample(chosen, min(5, len(chosen))):
            back = self._tmp_path / snapshot_id
            self.phone.run("restore", self.station.link(), snapshot_id, "--to", back)
            assert hashes(back / self.chats.folder.name) == self.receipted[snapshot_id]

    def wait_until_quiet(self):
        """The station needs a moment to notice that a phone is gone."""
        deadline = time.monotonic() + 30
        with closing(sqlite3.connect(f"file:{self.station.database}?mode=ro", uri=True)) as db:
            query = "SELECT count(*) FROM transfer_upload WHERE state = 'receiving'"
            while db.execute(query).fetchone()[0]:
                assert time.monotonic() < deadline, "an upload goes on without its phone"
                time.sleep(0.02)


@pytest.fixture
def law(tmp_path, request):
    """A station behind a proxy that counts, an enrolled phone, and a first receipt."""
    print(f"KILL_SEED={SEED}")
    chats = Chats(tmp_path / "chats", getattr(request, "param", FRESH_BYTES))
    with operated(tmp_path / "station") as station, Proxy(station.port) as proxy:
        phone = Phone(tmp_path / "phone")
        run = phone.begin("enrol", station.link())
        station.manage("phones", "allow", station.waiting(run)["digits"])
        run.succeed()
        law = Law(station, proxy, phone, chats, tmp_path)
        law.note(law.begin())
        assert len(law.receipted) == 1
        yield law


class Moments:
    """When to kill: after a share of the bytes of a backup, or some time into its commit."""

    def __init__(self, law):
        run = law.begin()
        began = time.monotonic()
        self._wait(law, run, lambda: self._mostly_sent(law))
        sent = time.monotonic()
        law.note(run)
        self._bytes = law.proxy.up
        self._commit_seconds = 1.3 * (time.monotonic() - sent)
        print(f"{self._bytes} bytes, {sent - began:.2f} s, commit {self._commit_seconds:.2f} s")
        self._random = random.Random(SEED)

    @staticmethod
    def _mostly_sent(law):
        return law.proxy.up > FRESH_BYTES

    @staticmethod
    def _wait(law, run, condition):
        while run.process.poll() is None and not condition():
            time.sleep(0.002)

    def await_one(self, law, run, number):
        """Return at the moment number ``number`` of KILLS, or when the phone has finished."""
        share = (number + self._random.random()) / KILLS
        if share < 1 - COMMIT_SHARE:
            target = share / (1 - COMMIT_SHARE) * (self._bytes - COMMIT_BYTES)
            self._wait(law, run, lambda: law.proxy.up >= target)
        else:
            self._wait(
                law, run, lambda: law.proxy.up >= self._bytes - COMMIT_BYTES - FRESH_BYTES // 99
            )
            until = (
                time.monotonic() + self._commit_seconds * (share - 1 + COMMIT_SHARE) / COMMIT_SHARE
            )
            self._wait(law, run, lambda: time.monotonic() >= until)
        print(f"{number}: share {share:.3f}, {law.proxy.up} bytes, phone {run.process.poll()}")


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * KILLS)
def test_a_station_killed_at_any_moment_loses_nothing_that_it_receipted(law):
    moments = Moments(law)
    finished = 0
    for number in range(KILLS):
        # Every other phone gives up at once, so that half an upload stays behind.
        run = law.begin(*(["--patience", "0"] if number % 2 else []))
        moments.await_one(law, run, number)
        law.station.kill()
        law.station.restart()
        law.note(run)
        finished += run.process.returncode == 0
        assert run.process.returncode in (0, 5), (run.output, run.errors)
        law.check()
    assert finished >= KILLS // 2 - 1, "the phones that were patient went on"
    law.note(law.begin())
    assert law.begun[-1] in law.receipted.values(), "the next backup works"
    law.check_whole()


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * KILLS)
def test_a_phone_killed_at_any_moment_leaves_nothing_half(law):
    moments = Moments(law)
    for number in range(KILLS):
        run = law.begin()
        moments.await_one(law, run, number)
        run.process.kill()
        run.process.communicate()
        law.wait_until_quiet()
        law.check()
        if number % 2:
            held = law.phone.run("backup", law.station.link(), law.chats.folder)
            law.receipted[held["snapshot_id"]] = law.begun[-1]
            assert held["sent"] <= FRESH_BYTES + MIB
    law.check_whole()


@pytest.mark.slow
@pytest.mark.timeout(60 + 30 * KILLS)
def test_a_phone_killed_while_it_restores_leaves_no_file_that_is_not_whole(law, tmp_path):
    """What has its name is whole; the same command with --overwrite completes the rest."""
    (snapshot_id,) = law.receipted
    wanted = law.receipted[snapshot_id]
    size = BASE_BYTES + FRESH_BYTES
    back = tmp_path / "back"
    for number in range(max(3, KILLS // 3)):
        link = law.station.link("--port", str(law.proxy.port))
        law.proxy.plan()
        run = law.phone.begin("restore", link, snapshot_id, "--to", back, "--overwrite")
        target = law.random.random() * size
        while run.process.poll() is None and law.proxy.down < target:
            time.sleep(0.002)
        run.process.kill()
        run.process.communicate()
        there = hashes(back / law.chats.folder.name)
        named = {name: told for name, told in there.items() if not name.endswith(".part")}
        assert named.items() <= wanted.items(), (number, law.proxy.down)
    law.phone.run("restore", law.station.link(), snapshot_id, "--to", back, "--overwrite")
    # What the killed ones were writing is gone, too.
    assert hashes(back / law.chats.folder.name) == wanted


FALL = '''
"""Counts what this process does to files, and falls at the step that a file names."""
import os, signal, threading

_armed = os.environ.get("FALL_AT")
_lock = threading.Lock()
_steps = 0


def _due(real_open=os.open):
    global _steps
    with _lock:
        try:
            handle = real_open(_armed, os.O_RDONLY)
        except FileNotFoundError:
            _steps = 0
            return False
        last = int(os.read(handle, 20))
        os.close(handle)
        _steps += 1
        counter = real_open(_armed + ".count", os.O_WRONLY | os.O_CREAT, 0o600)
        real_write(counter, str(_steps).encode())
        os.close(counter)
        return _steps >= last


def _fall():
    os.kill(os.getpid(), signal.SIGKILL)


def _falling(real):
    def call(*arguments, **options):
        if _due():
            _fall()
        return real(*arguments, **options)
    return call


def _torn(handle, buffers, offset, *, real=os.pwritev, part=os.pwrite):
    if _due():
        whole = b"".join(buffers)
        part(handle, whole[: len(whole) // 2], offset)
        _fall()
    return real(handle, buffers, offset)


real_write = os.write
if _armed:
    for name in ("fsync", "rename", "replace", "unlink", "link", "mkdir"):
        setattr(os, name, _falling(getattr(os, name)))
    os.pwritev = _torn
'''


@pytest.mark.slow
@pytest.mark.timeout(60 + 60 * KILLS)
@pytest.mark.parametrize("law", [2 * MIB], indirect=True)
def test_a_station_that_falls_at_any_write_sync_or_rename_loses_nothing(law, tmp_path):
    """The steps are counted in one backup, and then each is the last one of a station."""
    armed = tmp_path / "fall-at"
    (tmp_path / "sitecustomize.py").write_text(FALL)
    law.station.stop()
    law.station.environment |= {"PYTHONPATH": str(tmp_path), "FALL_AT": str(armed)}
    law.station.restart()
    armed.write_text("1000000")
    law.note(law.begin())
    law.wait_until_quiet()
    steps = int(armed.with_name("fall-at.count").read_text())
    assert steps > 12, "packs, pages, header and receipt are written, synced and renamed"
    chosen = range(1, steps + 1)
    if steps > KILLS // 2:
        chosen = sorted(law.random.sample(chosen, max(1, KILLS // 2)))
    print(f"{steps} steps: {list(chosen)}")
    for step in chosen:
        armed.write_text(str(step))
        run = law.begin()
        while law.station.process.poll() is None and run.process.poll() is None:
            time.sleep(0.01)  # how many steps there are depends a little on how threads meet
        armed.unlink()
        law.station.kill()
        law.station.restart()
        law.note(run)
        # The first steps come before the phone has anything to go on with.
        assert run.process.returncode in (0, 5), (step, run.output, run.errors)
        law.check()
    law.check_whole()


def test_first_starts_that_meet_agree_on_one_secret_key(tmp_path):
    """An empty file under its name, for however short, would be read as the key."""
    for number in range(20):
        path = tmp_path / f"secret_key{number}"
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(own_secret_key, [path] * 8))
        assert len(keys) == 1
        assert len(keys.pop()) > 40
    assert len(list(tmp_path.iterdir())) == 20
