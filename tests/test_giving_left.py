"""Downloads and pages that are left: nothing of them stays, and the log has no tale to tell."""

import asyncio
import json
import os
import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from threading import Event
from urllib.request import Request, urlopen

import pytest
from websockets.sync.client import connect

from conversations import streaming
from tests import chats_cast
from tests.stations import Phone, Station, running

VIDEO = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + os.urandom(8_000_000)
CHOICE = {"address": "", "scope": "both", "im_origin": None, "scheme": "http"}
HELLO = json.dumps({"type": "hello", "language": "en", "link": "", "choice": CHOICE})
RESET = struct.pack("ii", 1, 0)  # linger for no time: the peer is gone without a word


class Kept:
    """A station that has read a chat with a film in it; ``paths`` are what is given of it."""

    def __init__(self, folder: Path, station: Station) -> None:
        self.station = station
        chats = folder / "chats"
        chats.mkdir()
        attached = [chats_cast.file("video", "clip.mp4", path="clip.mp4")]
        said = [chats_cast.line("2024-01-01T10:00:00Z", "x", "hello " * 500) for _ in range(2000)]
        said.append(chats_cast.line("2024-01-02T10:00:00Z", "x", "", attachments=attached))
        people = [{"key": "x", "name": "x"}]
        (chats / "chat.jsonl").write_text(chats_cast.jsonl("us", "Us", people, said))
        (chats / "clip.mp4").write_bytes(VIDEO)
        phone = Phone(folder / "phone")
        phone.enrol(station)
        snapshot = phone.run("backup", station.link(), chats)["snapshot_id"]
        self.cookie = station.sign_in()
        talk = self._found("/conversations/", r"/conversations/[a-z0-9]{16}/")
        film = self._found(talk, rf"{talk}attachments/[0-9a-f]{{32}}-0/0/")
        self.paths = [
            f"/conversations/snapshots/{snapshot}/download/",
            *(talk + rest for rest in ("originals/", "export.html", "export.jsonl?media=0")),
            film,
        ]

    def _found(self, path: str, pattern: str) -> str:
        """What a page shows soon after the chat was kept."""
        for _ in range(120):
            request = Request(self.station.origin + path, headers={"Cookie": self.cookie})
            with urlopen(request) as page:
                if found := re.search(pattern, page.read().decode()):
                    return found[0]
            time.sleep(0.5)
        raise AssertionError(self.station.log())

    def asked(self, path: str) -> socket.socket:
        """A raw connection that has asked for this, and takes little at a time."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        raw.connect(("127.0.0.1", self.station.port))
        host = f"127.0.0.1:{self.station.port}"
        raw.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {self.cookie}\r\n\r\n".encode()
        )
        return raw


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("left")
    with running(folder / "station", STATION_INDEXING="on") as station:
        yield Kept(folder, station)


def test_a_download_that_is_left_is_no_news(kept: Kept) -> None:
    for path in kept.paths:
        for is_reset in (True, False):
            for length in (0, 1, 50_000):
                raw = kept.asked(path)
                while length > 0:
                    length -= len(raw.recv(16 * 1024))
                if is_reset:
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                raw.close()
    with urlopen(f"{kept.station.origin}/healthz") as answer:
        assert answer.status == 200
    time.sleep(1)
    assert kept.station.log() == ""


def test_a_page_that_is_left_is_no_news(kept: Kept) -> None:
    address = f"ws://127.0.0.1:{kept.station.port}/live/"
    for number in range(60):
        with connect(
            address, additional_headers={"Cookie": kept.cookie}, origin=kept.station.origin
        ) as page:
            page.send(HELLO)
            time.sleep(0.002 * (number % 20))  # it is being told its parts, or about to be
            if number % 2:
                page.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                page.socket.shutdown(socket.SHUT_RDWR)
    time.sleep(1)
    assert kept.station.log() == ""


class Made:
    """Pieces without end; ``waits`` holds the next one back until ``go_on``."""

    def __init__(self) -> None:
        self.is_closed = Event()
        self.is_at_work, self.go_on = Event(), Event()
        self.waits = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            while True:
                if self.waits:
                    self.is_at_work.set()
                    assert self.go_on.wait(10)
                yield bytes(streaming.PIECE_BYTES)
        finally:
            self.is_closed.set()


@pytest.mark.parametrize("is_at_work", [True, False])
def test_what_is_read_for_a_download_is_closed_when_it_is_left(is_at_work: bool) -> None:
    made = Made()

    async def answer(sent: asyncio.Event) -> None:
        response = streaming.answer(iter(made), "application/zip")
        async with aclosing(aiter(response)) as pieces:  # as Django does
            async for _ in pieces:
                sent.set()
                if not is_at_work:
                    await asyncio.sleep(60)  # the peer takes nothing more
                made.waits = True

    async def leave() -> None:
        sent = asyncio.Event()
        task = asyncio.create_task(answer(sent))
        await sent.wait()
        if is_at_work:
            await asyncio.to_thread(made.is_at_work.wait, 10)
        task.cancel()
        await asyncio.wait([task])  # and kept, with all that its error still refers to
        made.go_on.set()
        assert await asyncio.to_thread(made.is_closed.wait, 10)

    asyncio.run(leave())
