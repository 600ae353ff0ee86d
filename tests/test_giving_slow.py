"""Many who take a download slowly: the station goes on as if they were not there."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.giving_station import Kept
from tests.stations import running

READERS = 40
MIB = 1 << 20


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with running(tmp_path / "station", STATION_INDEXING="on") as station:
        yield Kept(tmp_path, station)


def seconds_for(kept: Kept, path: str) -> float:
    """How long an answer takes."""
    began = time.monotonic()
    request = Request(kept.station.origin + path, headers={"Cookie": kept.cookie})
    with urlopen(request, timeout=30) as answer:
        answer.read()
    return time.monotonic() - began


def databases_open(process: psutil.Process) -> int:
    return sum(file.path.endswith(".sqlite3") for file in process.open_files())


def test_slow_readers_hold_neither_databases_nor_memory_nor_others_up(kept: Kept) -> None:
    process = psutil.Process(kept.station.pid)
    for path in (kept.talk, kept.paths[0]):
        seconds_for(kept, path)
    before, memory = databases_open(process), process.memory_info().rss
    with ExitStack() as readers:
        raws = []
        for number in range(READERS):
            # One after the other: SQLite keeps files that were open at once, to open them again.
            raws.append(readers.enter_context(kept.asked(kept.paths[number % 2])))
            assert raws[-1].recv(1000)
        for _ in range(3):
            for raw in raws:
                assert raw.recv(1000)
            time.sleep(0.1)
            assert max(seconds_for(kept, "/healthz") for _ in range(5)) < 1
            assert max(seconds_for(kept, kept.talk) for _ in range(5)) < 2
        # Those of the few threads that make pieces; SQLite closes late what others have open.
        assert databases_open(process) < before + 1.5 * READERS  # two each without it
        assert process.memory_info().rss - memory < READERS * 6 * MIB
    assert kept.station.log() == ""
