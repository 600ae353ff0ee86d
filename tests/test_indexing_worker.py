"""A station reads by itself what phones send: in a process of its own, which ends with it."""

import fcntl
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.stations import ROOT, Phone, Station, running

SECONDS = 60


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with running(tmp_path / "station", STATION_INDEXING="on") as running_station:
        yield running_station


def rows(station: Station, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(station.folder / "index.sqlite3", timeout=30)) as database:
        return database.execute(sql).fetchall()


def wait(until: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not until():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def states(station: Station) -> list[str]:
    return [state for (state,) in rows(station, "SELECT state FROM conversations_indexedsnapshot")]


def workers(station: Station) -> list[psutil.Process]:
    """The processes that read for this station."""
    try:
        below = psutil.Process(station.pid).children(recursive=True)
        return [each for each in below if "read_snapshots" in each.cmdline()]
    except psutil.NoSuchProcess:
        return []


def texts(station: Station) -> list[str]:
    found = rows(station, "SELECT text FROM conversations_message ORDER BY id")
    return [text for (text,) in found]


def backed_up(phone: Phone, station: Station, path: Path) -> None:
    phone.enrol(station)
    phone.run("backup", station.link(), path)


def test_what_a_phone_sends_can_soon_be_read_and_no_process_stays(
    station: Station, phone: Phone, chats: Path
) -> None:
    assert not workers(station)
    backed_up(phone, station, chats / "whatsapp" / "chat-miner")
    wait(lambda: states(station) == ["done"], "it is not read")
    assert len(texts(station)) == 45
    wait(lambda: not workers(station), "the worker stays")


def long_chat(folder: Path) -> Path:
    path = folder / "WhatsApp Chat with Bob.txt"
    lines = (
        f"{1 + number % 28:02}/{1 + number // 28 % 12:02}/2020, 10:00 - Bob: {number} {'x' * 200}\n"
        for number in range(60_000)
    )
    path.write_text("".join(lines))
    return path


@pytest.mark.slow
def test_a_worker_or_a_station_that_is_killed_loses_and_doubles_nothing(
    station: Station, phone: Phone, tmp_path: Path
) -> None:
    backed_up(phone, station, long_chat(tmp_path))
    for begun in (2_000, 6_000):
        wait(lambda least=begun: len(texts(station)) > least, "nothing is read")
        assert psutil.Process(workers(station)[0].pid).nice() == 19
        os.kill(workers(station)[0].pid, signal.SIGKILL)
        wait(lambda: not workers(station), "it lives")
        station.kill()
        station.start()
    wait(lambda: len(texts(station)) > 12_000, "it does not go on")
    (worker,) = workers(station)
    station.kill()
    wait(lambda: not worker.is_running(), "the worker outlives the station")
    station.start()
    wait(lambda: states(station) == ["done"], "it is not read")
    read = sorted(int(text.split()[0]) for text in texts(station))
    assert read == list(range(60_000))


def test_a_station_that_only_keeps_bytes_reads_nothing(
    tmp_path: Path, phone: Phone, chats: Path
) -> None:
    with running(tmp_path / "quiet", STATION_INDEXING="off") as station:
        backed_up(phone, station, chats / "whatsapp" / "chat-miner")
        time.sleep(3)
        assert states(station) == []
        answer = station.answer("reindex")
        assert (answer["snapshots"], answer["messages"], answer["failed"]) == (1, 45, 0)
        assert len(texts(station)) == 45


def test_a_deleted_index_is_made_again(station: Station, phone: Phone, chats: Path) -> None:
    backed_up(phone, station, chats / "whatsapp" / "chat-miner")
    wait(lambda: states(station) == ["done"], "it is not read")
    before = texts(station)
    station.stop()
    delete_index(station)
    station.start()
    wait(lambda: states(station) == ["done"], "it is not read again")
    assert texts(station) == before


def delete_index(station: Station) -> None:
    for path in station.folder.glob("index.sqlite3*"):
        path.unlink()


def has_tables(station: Station) -> bool:
    return bool(rows(station, "SELECT name FROM sqlite_master WHERE name LIKE '%snapshot'"))


def test_a_running_station_makes_a_deleted_index_again(
    station: Station, phone: Phone, chats: Path
) -> None:
    backed_up(phone, station, chats / "whatsapp" / "chat-miner")
    wait(lambda: states(station) == ["done"], "it is not read")
    before = texts(station)
    wait(lambda: not workers(station), "the worker stays")
    delete_index(station)
    wait(lambda: has_tables(station), "no tables are made")
    wait(lambda: states(station) == ["done"], "it is not read again")
    assert texts(station) == before
    log = station.log()
    assert log.count("The index was deleted") == 1
    assert "Traceback" not in log


def test_an_index_that_is_deleted_under_a_worker_is_made_again(
    station: Station, phone: Phone, tmp_path: Path
) -> None:
    backed_up(phone, station, long_chat(tmp_path))
    wait(lambda: len(texts(station)) > 2_000, "nothing is read")
    delete_index(station)
    wait(lambda: has_tables(station), "no tables are made")
    wait(lambda: len(texts(station)) > 2_000, "it is not read again")
    assert station.log().count("The index was deleted") == 1


def test_a_station_that_reads_nothing_makes_a_deleted_index_again(tmp_path: Path) -> None:
    with running(tmp_path / "quiet", STATION_INDEXING="off") as station:
        delete_index(station)
        wait(lambda: has_tables(station), "no tables are made")


def test_reindex_makes_a_deleted_index_anew_beside_a_running_station(
    station: Station, phone: Phone, chats: Path
) -> None:
    backed_up(phone, station, chats)
    wait(lambda: states(station) == ["done"], "the snapshot is not read")
    before = texts(station)
    wait(lambda: not workers(station), "the worker stays")
    delete_index(station)
    assert station.answer("reindex")["failed"] == 0
    assert before
    assert texts(station) == before


def begun(station: Station, *arguments: str, stderr: int) -> subprocess.Popen[str]:
    """A reindex that has begun; standard error goes to ``stderr``."""
    settings = {
        "STATION_DATA_DIR": str(station.folder),
        "DJANGO_SETTINGS_MODULE": "backupstation.settings",
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "reindex", *arguments],
        cwd=ROOT, env=os.environ | settings,
        stdout=subprocess.PIPE, stderr=stderr, text=True,
    )  # fmt: skip


def test_reindex_says_once_that_it_waits(tmp_path: Path, phone: Phone, chats: Path) -> None:
    with running(tmp_path / "quiet", STATION_INDEXING="off") as station:
        backed_up(phone, station, chats / "whatsapp" / "chat-miner")
        with (station.folder / "indexing.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with begun(station, "--json", stderr=subprocess.PIPE) as process:
                assert process.stderr is not None
                said = process.stderr.readline()
                assert process.poll() is None
                fcntl.flock(lock, fcntl.LOCK_UN)
                out, more = process.communicate(timeout=SECONDS)
    assert said == "Another process is reading snapshots. Waiting until it has done so.\n"
    assert (json.loads(out)["messages"], more, process.returncode) == (45, "", 0)


def test_reindex_tells_a_terminal_how_far_it_is(tmp_path: Path, phone: Phone, chats: Path) -> None:
    with running(tmp_path / "quiet", STATION_INDEXING="off") as station:
        backed_up(phone, station, chats / "whatsapp" / "chat-miner")
        ours, theirs = os.openpty()
        with begun(station, stderr=theirs) as process:
            os.close(theirs)
            out, _ = process.communicate(timeout=SECONDS)
        told = os.read(ours, 10_000).decode()
        os.close(ours)
    assert re.search(r"\r\x1b\[K1/1 \w{8} \d+ messages so far", told)
    assert told.endswith("\r\x1b[K")
    assert "45 messages in 1 snapshots." in out
    assert "so far" not in out
