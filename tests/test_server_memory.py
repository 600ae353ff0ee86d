"""Back-pressure: whatever one peer does or leaves undone, the station's memory stays bounded."""

import hashlib
import random
import time

import pytest
from websockets.sync.client import connect

from tests.accounts_cast import certificate_in
from tests.apps.serving import (
    MIB,
    ServerProcess,
    TlsServerProcess,
    frame,
    push,
    receive_all,
    receive_until,
)

BINARY, PING, CONTINUATION = 2, 9, 0
BOUND = 64 * MIB


@pytest.fixture(scope="module", params=["http", "https"])
def running(request, tmp_path_factory):
    if request.param == "http":
        started = ServerProcess()
    else:
        started = TlsServerProcess(certificate_in(tmp_path_factory.mktemp("certificate")))
    with started as server:
        yield server


@pytest.fixture
def server(running):
    running.forget_peak()
    return running


def test_flood_at_an_application_that_never_reads_is_stopped(server):
    with server.websocket("/listen/v1/deaf") as raw:
        sent = push(raw, frame(BINARY, bytes(1_000_000)), at_most=400 * MIB)
    assert MIB < sent < BOUND
    assert server.growth() < BOUND / 4


@pytest.mark.parametrize("size", [0, 1, 100], ids=lambda size: f"{size} bytes")
def test_flood_of_tiny_messages_is_stopped(server, size):
    with server.websocket("/listen/v1/deaf") as raw:
        sent = push(raw, frame(BINARY, bytes(size)) * 5000, at_most=60 * MIB)
        assert sent < 20 * MIB
        assert server.is_idle()  # it has stopped reading, and is not merely slow
    assert server.growth() < BOUND / 4


def test_flood_before_the_application_decides_is_stopped(server):
    with server.upgrade("/listen/v1/undecided") as raw:
        time.sleep(0.1)
        assert push(raw, frame(BINARY, bytes(1000)) * 1000, at_most=400 * MIB) < BOUND
    assert server.growth() < BOUND / 4
    assert server.event() == {"event": "undecided", "saw": "websocket.disconnect"}


def test_pings_of_a_peer_that_never_reads_are_answered_late_or_not_at_all(server):
    with server.websocket("/listen/v1/deaf", receive_buffer=65536) as raw:
        push(raw, frame(PING, bytes(125)) * 2000, at_most=16 * MIB)
    assert server.growth() < 5 * MIB


def test_the_latest_ping_is_answered_once_the_peer_reads(server):
    with server.websocket("/listen/v1/deaf", receive_buffer=65536) as raw:
        push(raw, frame(PING, bytes(125)) * 2000, at_most=5 * MIB, patience=2)
        raw.sendall(frame(PING, b"the latest"))
        assert b"the latest" in receive_until(raw, b"the latest")


def test_empty_fragments_without_end_are_refused(server):
    with server.websocket("/listen/v1/deaf") as raw:
        raw.sendall(frame(BINARY, b"", fin=False))
        push(raw, frame(CONTINUATION, b"", fin=False) * 1000, at_most=6 * MIB)
        assert b"too many fragments" in receive_all(raw)
    assert server.growth() < BOUND / 4


def test_reader_that_never_reads_suspends_the_application_and_is_dropped(server):
    with server.websocket("/listen/v1/flood") as raw:
        event = server.event()
        assert event["event"] == "gone"
        assert event["sent"] * 256 * 1024 < BOUND
        assert len(receive_all(raw)) < BOUND
    assert server.growth() < BOUND / 4


def test_slow_reader_gets_every_byte_in_order(server):
    blocks, deadline = 200, time.monotonic() + 30
    url = server.url(f"/listen/v1/flood?blocks={blocks}")
    with connect(url, max_size=None, ssl=server.trusting) as client:
        time.sleep(0.5)
        for number in range(blocks):
            message = client.recv()
            assert message[:4] == number.to_bytes(4)
            assert len(message) == 4 + 256 * 1024
            if number % 20 == 0:
                time.sleep(0.05)
        assert time.monotonic() < deadline
    assert server.growth() < BOUND / 4


def test_close_after_the_last_message_does_not_cut_it_off_for_a_slow_reader(server):
    with server.websocket("/listen/v1/flood?blocks=6", receive_buffer=65536) as raw:
        time.sleep(0.8)  # longer than the server waits for our close
        received = receive_all(raw)
    assert len(received) >= 6 * (4 + 256 * 1024)
    assert received.endswith(b"\x88\x02" + (4400).to_bytes(2))


def test_slow_consumer_gets_every_message_in_order(server):
    """Sizes around every boundary; fragments and pings between; the pauses must lose nothing."""
    rng = random.Random(7)
    sizes = [rng.choice([0, 1, 125, 126, 65535, 65536, 300_000, 1_000_000]) for _ in range(120)]
    seen = hashlib.sha256()
    with server.websocket("/listen/v1/digest?start_after=0.5") as raw:
        for size in sizes:
            payload = rng.randbytes(size)
            seen.update(size.to_bytes(4) + payload)
            cut = rng.randrange(size + 1)
            if rng.random() < 0.5:
                raw.sendall(frame(BINARY, payload, mask=rng.randbytes(4)))
            else:
                raw.sendall(
                    frame(BINARY, payload[:cut], fin=False, mask=rng.randbytes(4))
                    + frame(PING, b"?")
                    + frame(CONTINUATION, payload[cut:], mask=rng.randbytes(4))
                )
        raw.sendall(frame(1, b"end"))
        answer = receive_until(raw, seen.hexdigest().encode())
    assert f"{len(sizes)} {seen.hexdigest()}".encode() in answer
    assert server.growth() < BOUND / 4


def test_messages_sent_before_the_application_accepted_are_kept(server):
    payloads = [bytes([number]) * 50_000 for number in range(100)]
    seen = hashlib.sha256(b"".join(len(each).to_bytes(4) + each for each in payloads))
    with server.upgrade("/listen/v1/digest?accept_after=0.3") as raw:
        time.sleep(0.05)
        for payload in payloads:
            raw.sendall(frame(BINARY, payload))
        raw.sendall(frame(1, b"end"))
        assert f"100 {seen.hexdigest()}".encode() in receive_until(raw, seen.hexdigest().encode())


def test_download_to_a_reader_that_never_reads_is_bounded_and_dropped(server):
    with server.connect() as raw:
        raw.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(3.5)
        received = receive_all(raw)
    assert 0 < len(received) < BOUND
    assert server.growth() < BOUND / 4


def test_download_reaches_a_slow_reader_whole(server):
    with server.connect() as raw:
        raw.sendall(b"GET /stream?blocks=200 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = bytearray()
        while piece := raw.recv(MIB):
            received += piece
            time.sleep(0.005)
    for number in range(200):
        assert b"\r\n" + number.to_bytes(4) + bytes(range(256)) in received
    assert received.endswith(b"0\r\n\r\n")
    assert server.growth() < BOUND / 4


def test_download_reaches_a_reader_for_whom_the_kernel_keeps_a_lot(server):
    """What the kernel took lasts longer than a reader may take nothing."""
    with server.connect() as raw:
        raw.sendall(b"GET /stream?blocks=100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = bytearray()
        for _ in range(30):
            received += raw.recv(30_000)
            time.sleep(0.2)
        while piece := raw.recv(MIB):
            received += piece
    assert received.endswith(b"0\r\n\r\n")


def test_pipelined_requests_whose_answers_nobody_reads_are_bounded(server):
    with server.connect() as raw:
        push(raw, b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n" * 100, at_most=400_000)
        time.sleep(0.3)
    assert server.growth() < BOUND / 4
