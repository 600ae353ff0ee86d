"""Downloads and pages that are left: nothing of them stays, and the log has no tale to tell."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import aclosing
from threading import Event
from urllib.request import urlopen

import pytest
from websockets.sync.client import connect

from conversations import streaming
from tests.giving_station import Kept
from tests.stations import running

CHOICE = {"address": "", "scope": "both", "im_origin": None, "scheme": "http"}
HELLO = json.dumps({"type": "hello", "language": "en", "link": "", "choice": CHOICE})
RESET = struct.pack("ii", 1, 0)  # linger for no time: the peer is gone without a word


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
