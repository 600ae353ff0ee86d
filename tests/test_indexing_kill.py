"""kill -9 of what reads, or of its confined child, at any moment: the index is the same.

``INDEX_KILLS`` moments for each of them (few in `make test`, many in `make campaign-kill-index`),
while ``INDEX_MESSAGES`` are read.
The seed is printed; ``KILL_SEED`` repeats it.
"""

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from conversations import limits
from tests.overlapping_cast import Exports
from tests.stations import ROOT, Phone, Station, _environment, running

KILLS = int(os.environ.get("INDEX_KILLS", "4"))
MESSAGES = int(os.environ.get("INDEX_MESSAGES", "6000"))
SEED = int(os.environ.get("KILL_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
PER_ROUND = limits.READER_KILLS_MAX - 1
QUEUE = """
from conversations import reconciling
from conversations.models import IndexedSnapshot
IndexedSnapshot.objects.update(updated_at="2024-01-01T00:00:00Z")  # a while ago
reconciling.reconcile()
"""
FAILURES = """
import json
from conversations.models import IndexedSnapshot
print(json.dumps([row.failure for row in IndexedSnapshot.objects.filter(state="failed")]))
"""
WHAT_IS_IN_IT = ROOT / "tests" / "index_dump.py"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a station that kept several exports and read none."""
    print(f"KILL_SEED={SEED}")
    folder = tmp_path_factory.mktemp("kept")
    exports = Exports(folder / "exports", MESSAGES)
    with running(folder / "station") as station:
        phone = Phone(folder / "phone")
        phone.enrol(station)
        for each in exports.folders:
            phone.run("backup", station.link(), each)
            time.sleep(1.1)  # snapshots are ordered by whole seconds
    return folder / "station"


@pytest.fixture(scope="module")
def whole(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is in the index when nobody kills anything."""
    reading = Reading(kept, tmp_path_factory.mktemp("whole") / "station")
    with reading.began() as worker:
        wait_for_child(worker)
        began = time.monotonic()
    assert worker.returncode == 0
    return reading.dumped() | {"seconds": time.monotonic() - began}


class Reading:
    """A copy of the folder, and the processes that read it."""

    def __init__(self, kept: Path, folder: Path) -> None:
        shutil.copytree(kept, folder)
        self.station = Station(folder)
        self.manage(QUEUE)

    def manage(self, script: str) -> str:
        return self.station.manage("shell", "--no-imports", "-c", script)

    @contextlib.contextmanager
    def began(self, room: int = 0) -> Iterator[subprocess.Popen[bytes]]:
        """The worker that a station would start, and whose files may have ``room``; its end."""
        limit = [f"ulimit -f {room // 1024};"] if room else []
        command = [sys.executable, "manage.py", "read_snapshots"]
        with subprocess.Popen(
            ["bash", "-c", " ".join([*limit, "exec", *command])],
            cwd=ROOT,
            env=_environment(self.station.folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as worker:
            yield worker
            worker.wait(300)

    def dumped(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.manage(WHAT_IS_IN_IT.read_text()))
        return told


@pytest.fixture
def reading(kept: Path, tmp_path: Path) -> Reading:
    return Reading(kept, tmp_path / "station")


def children(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The confined processes of this worker."""
    with contextlib.suppress(psutil.NoSuchProcess):
        found = psutil.Process(worker.pid).children()
        return [each for each in found if each.status() != psutil.STATUS_ZOMBIE]
    return []


def wait_for_child(worker: subprocess.Popen[bytes]) -> psutil.Process | None:
    """The confined process, as soon as there is one; None when the worker has ended before."""
    while worker.poll() is None:
        if found := children(worker):
            return found[0]
        time.sleep(0.005)
    return None


def moments(whole: dict[str, Any], number: int = 0) -> Iterator[float]:
    """Seconds to wait before each kill: up to a part of what reading takes."""
    chosen = random.Random(SEED + number)
    while True:
        yield chosen.random() * whole["seconds"] / max(8, KILLS // 2)


@pytest.mark.slow
@pytest.mark.timeout(300 + 10 * KILLS)
def test_a_worker_that_is_killed_at_any_moment_leaves_the_index_as_it_would_be(
    reading: Reading, whole: dict[str, Any]
) -> None:
    kills = 0
    for number, seconds in enumerate(moments(whole)):
        with reading.began() as worker:
            if kills < KILLS:
                wait_for_child(worker)
                time.sleep(seconds)
                kills += worker.poll() is None
                worker.kill()
        if worker.returncode == 0:
            break
        assert number < 3 * KILLS + 9, "it never comes to its end"
    print(f"killed {kills} times")
    assert kills
    assert_same(reading.dumped(), whole)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(max(1, KILLS // PER_ROUND)))
def test_a_reader_that_is_killed_at_any_moment_leaves_the_index_as_it_would_be(
    reading: Reading, whole: dict[str, Any], number: int
) -> None:
    kills, waits = 0, moments(whole, number)
    with reading.began() as worker:
        while kills < PER_ROUND and (child := wait_for_child(worker)) is not None:
            time.sleep(next(waits))
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
                kills += 1
                child.wait(5)
    assert worker.returncode == 0
    print(f"killed {kills} times")
    assert kills
    assert_same(reading.dumped(), whole)


def assert_same(found: dict[str, Any], whole: dict[str, Any]) -> None:
    """Table by table, so that a difference is seen where it is."""
    assert whole["messages"]
    assert whole["found"]["lake"]
    for name, rows in found.items():
        assert rows == whole[name], name


@pytest.mark.slow
def test_an_index_that_finds_no_room_goes_on_once_there_is_some(
    reading: Reading, whole: dict[str, Any]
) -> None:
    for _ in range(2):
        with reading.began(limits.MIB // 2):
            pass
        failures = json.loads(reading.manage(FAILURES))
        assert failures, "what has no room is not told"
        assert all("disk" in each for each in failures), failures
        reading.manage(QUEUE)
    with reading.began() as worker:
        pass
    assert worker.returncode == 0
    found = reading.dumped()
    # Which export told a message first depends on which found room.
    for name in ("snapshots", "sources", "conversations", "people", "counts", "found"):
        assert found[name] == whole[name], name
    assert named(found) == named(whole)


def named(dumped: dict[str, Any]) -> list[list[Any]]:
    """The names that last of all messages."""
    return [json.loads(row)[:3] for row in dumped["messages"]]
