"""Whoever takes a download slowly is nobody else's trouble."""

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection

import psutil
import pytest

from tests.stations import Phone, Station, running
from wire.limits import MIB

pytestmark = pytest.mark.slow
SLOW_ONES = 12
BYTES = 64 * MIB


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    folder = tmp_path_factory.mktemp("slow")
    (folder / "chats").mkdir()
    (folder / "chats" / "film.bin").write_bytes(os.urandom(BYTES))
    with running(folder / "station") as made:
        phone = Phone(folder / "phone")
        phone.enrol(made)
        phone.run("backup", made.link(), folder / "chats")
        yield made


@pytest.fixture(scope="module")
def cookie(station: Station) -> str:
    return station.sign_in()


def asked(station: Station, cookie: str) -> socket.socket:
    """A connection that has asked for the zip of everything, and takes little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.connect(("127.0.0.1", station.port))
    snapshot = snapshot_id(station)
    path = f"/conversations/snapshots/{snapshot}/download/"
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(64, socket.MSG_WAITALL).startswith(b"HTTP/1.1 200")
    return connection


def snapshot_id(station: Station) -> str:
    with closing(sqlite3.connect(station.database)) as database:
        return str(database.execute("SELECT snapshot_id FROM transfer_snapshot").fetchone()[0])


def seconds_for(station: Station, path: str, cookie: str) -> float:
    began = time.monotonic()
    with closing(HTTPConnection("127.0.0.1", station.port, timeout=30)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    return time.monotonic() - began


def test_slow_readers_cost_little_and_everybody_else_is_served(station: Station, cookie) -> None:
    process = psutil.Process(station.pid)
    seconds_for(station, "/conversations/", cookie)
    before = process.memory_info().rss
    slow = [asked(station, cookie) for _ in range(SLOW_ONES)]
    try:
        most = 0
        for _ in range(10):
            for each in slow:
                each.recv(4096)
            most = max(most, process.memory_info().rss)
            assert seconds_for(station, "/conversations/", cookie) < 3
            time.sleep(0.1)
        assert most - before < SLOW_ONES * 4 * MIB
    finally:
        for each in slow:
            each.close()
