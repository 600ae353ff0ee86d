"""What the server refuses, and when it gives up on a peer."""

import resource
import socket
import time
from contextlib import ExitStack

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.apps.serving import MIB, ServerProcess, frame, push, receive_all, receive_until
from wire import limits

BINARY, CONTINUATION = 2, 0
EARLY = 64 * 1024


@pytest.fixture(scope="module")
def server():
    with ServerProcess() as server:
        yield server


def close_code(client):
    try:
        while True:
            client.recv(timeout=5)
    except ConnectionClosed as closed:
        return closed.rcvd.code


# WebSocket messages


def test_largest_message_of_the_listening_port_is_taken_and_a_byte_more_closes_1009(server):
    with connect(server.url("/listen/v1/mute"), max_size=None) as client:
        client.send(b"the application answers")
        assert client.recv() == "23"
        client.send(bytes(limits.WEBSOCKET_MESSAGE_BYTES_MAX))
        assert client.recv() == str(limits.WEBSOCKET_MESSAGE_BYTES_MAX)
        client.send(bytes(limits.WEBSOCKET_MESSAGE_BYTES_MAX + 1))
        assert close_code(client) == 1009


def test_before_the_application_has_answered_messages_must_be_small(server):
    with connect(server.url("/listen/v1/mute")) as client:
        client.send(bytes(EARLY + 1))
        assert close_code(client) == 1009


def test_other_sockets_take_only_small_messages(server):
    with connect(server.url("/live/mute")) as client:
        for _ in range(2):
            client.send(bytes(EARLY))
            assert client.recv() == str(EARLY)
        client.send(bytes(EARLY + 1))
        assert close_code(client) == 1009


def test_fragments_are_counted_together(server):
    with connect(server.url("/live/mute")) as client:
        client.send([bytes(EARLY // 2), bytes(EARLY // 2)])
        assert client.recv() == str(EARLY)
        client.send([bytes(EARLY // 2), bytes(EARLY // 2), b"!"])
        assert close_code(client) == 1009


def test_announced_length_is_refused_before_its_bytes_come(server):
    with server.websocket("/listen/v1/mute") as raw:
        raw.sendall(frame(BINARY, bytes(2 * MIB))[:14])
        assert receive_until(raw, (1009).to_bytes(2)).startswith(b"\x88")


def test_control_frame_of_a_gigabyte_is_not_kept(server):
    server.forget_peak()
    with server.websocket("/listen/v1/deaf") as raw:
        raw.sendall(b"\x89\xff" + (1 << 30).to_bytes(8) + bytes(4))
        push(raw, bytes(MIB), at_most=100 * MIB)
        assert (1002).to_bytes(2) in receive_all(raw)
    assert server.growth() < 16 * MIB


def test_compression_is_not_agreed_on(server):
    offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    with server.upgrade("/listen/v1/mute", offer) as raw:
        answer = receive_until(raw, b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101")
    assert b"extensions" not in answer.lower()


def test_socket_that_the_application_leaves_open_is_closed(server):
    with connect(server.url("/listen/v1/leave")) as client:
        assert close_code(client) == 1000


# Requests


def test_body_within_the_limit_arrives_whole(server):
    with server.connect() as raw:
        length = 2 * MIB
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
        raw.sendall(bytes(length))
        assert receive_until(raw, b"0\r\n\r\n").endswith(b"\r\n2097152\r\n0\r\n\r\n")


def test_announced_body_over_the_limit_is_refused_before_it_comes(server):
    with server.connect() as raw:
        raw.sendall(
            b"POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: 2097153\r\n\r\n"
        )
        assert receive_all(raw).startswith(b"HTTP/1.1 413 ")


def test_peer_that_sends_its_large_body_anyway_sees_the_refusal(server):
    server.forget_peak()
    with server.connect() as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
        raw.sendall(bytes(50_000_000))
        assert raw.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert server.growth() < 16 * MIB


def test_chunked_body_is_refused_when_it_passes_the_limit(server):
    with server.connect() as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        raw.sendall(b"200000\r\n" + bytes(2 * MIB) + b"\r\n")
        time.sleep(0.1)
        raw.sendall(b"1\r\n!\r\n0\r\n\r\n")
        answer = receive_all(raw)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_peer_does_not_choose_where_the_application_is_mounted(server):
    with server.connect() as raw:
        raw.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\nDaphne-Root-Path: /evil\r\n\r\n")
        assert b"evil" not in receive_until(raw, b"hello\r\n0\r\n\r\n")


def test_connection_is_kept_for_the_next_request(server):
    with server.connect() as raw:
        for _ in range(3):
            raw.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            receive_until(raw, b"hello\r\n0\r\n\r\n")
            time.sleep(0.4)  # together longer than a request head may take


def test_query_strings_are_not_logged(server):
    with server.connect() as raw:
        raw.sendall(b"GET /fail?password=s3cret HTTP/1.1\r\nHost: x\r\n\r\n")
        assert receive_until(raw, b"</html>").startswith(b"HTTP/1.1 500 ")
    with connect(server.url("/listen/v1/mute?password=s3cret")):
        pass
    assert "the view failed" in server.logged()
    assert "s3cret" not in server.logged()


def test_answer_that_fails_midway_is_broken_off(server):
    for _ in range(2):  # what looks for failed applications goes on looking
        with server.connect() as raw:
            raw.sendall(b"GET /fail_midway HTTP/1.1\r\nHost: x\r\n\r\n")
            told = receive_all(raw)
        assert told.endswith(b"the beginning\r\n"), told
    assert "the rest cannot be read" in server.logged()
    assert "already been started" not in server.logged()


# Time


def seconds_until_dropped(raw):
    start = time.monotonic()
    receive_all(raw)
    return time.monotonic() - start


def test_silent_connection_is_dropped(server):
    with server.connect() as raw:
        assert 0.5 < seconds_until_dropped(raw) < 2


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
        b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["head", "body", "head of a second request"],
)
def test_trickle_is_dropped(server, start):
    with server.connect() as raw:
        raw.sendall(start)
        trickled = 0
        while push(raw, b"X", at_most=1):
            trickled += 1
            assert trickled < 30
            time.sleep(0.1)


def test_application_that_does_not_decide_on_a_socket_loses_it(server):
    with server.upgrade("/listen/v1/undecided") as raw:
        assert 0.5 < seconds_until_dropped(raw) < 2
    assert server.event() == {"event": "undecided", "saw": "websocket.disconnect"}


def test_peer_that_answers_no_ping_is_dropped(server):
    with server.websocket("/listen/v1/mute") as raw:
        assert 1 < seconds_until_dropped(raw) < 4


def test_peer_that_answers_pings_stays(server):
    with connect(server.url("/listen/v1/mute"), ping_interval=None) as client:
        time.sleep(2.5)  # longer than silence is allowed
        client.send("still here")
        assert client.recv() == "10"


def test_peer_that_is_held_back_is_not_taken_for_dead(server):
    """It cannot be heard while the application is busy, for longer than silence is allowed."""
    with server.websocket("/listen/v1/digest?start_after=2.5") as raw:
        for _ in range(30):
            raw.sendall(frame(BINARY, bytes(1_000_000)))
        raw.sendall(frame(1, b"end"))
        assert b"30 " in receive_until(raw, b"30 ")


# Connections


def test_an_address_has_few_places_on_the_listening_port_and_gets_them_back(server):
    places = limits.CONNECTIONS_PER_ADDRESS_MAX
    with ExitStack() as taken:
        for _ in range(places - 1):
            taken.enter_context(connect(server.url("/listen/v1/mute")))
        with connect(server.url("/listen/v1/mute")):
            with pytest.raises(InvalidStatus) as caught, connect(server.url("/listen/v1/mute")):
                pass
            assert caught.value.response.status_code == 429
            with connect(server.url("/live/mute")):  # the page's own socket is no listener
                pass
        with connect(server.url("/listen/v1/mute")):
            pass


def test_an_address_has_a_bounded_number_of_connections():
    with ServerProcess(connections_per_address=3) as server, ExitStack() as held:
        for _ in range(3):
            raw = held.enter_context(server.connect())
            raw.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"[:-2])
        with server.connect() as refused:
            assert receive_all(refused) == b""
        raw.sendall(b"\r\n")  # the answer ends this connection
        assert b"hello" in receive_all(raw)
        with server.connect() as again:
            again.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            receive_until(again, b"hello\r\n0\r\n\r\n")


def connect_many(server, held, addresses, each):
    """Connections that say nothing yet, from several addresses of this machine."""
    for address in range(addresses):
        for _ in range(each):
            raw = held.enter_context(socket.socket())
            raw.bind((f"127.0.9.{address + 1}", 0))
            raw.connect(("127.0.0.1", server.port))


def answers(raw):
    raw.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    return receive_until(raw, b"hello\r\n0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_few_files_by_default_are_no_bound_on_connections():
    """A soft limit of 256, as on macOS."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with ServerProcess(files=(256, hard), handshake_seconds=30) as server, ExitStack() as held:
        connect_many(server, held, addresses=3, each=100)
        with server.connect() as raw:
            assert answers(raw)


def test_connections_leave_files_for_the_work():
    settings = {"handshake_seconds": 30, "keep_alive_seconds": 30}
    with ServerProcess(files=(256, 256), **settings) as server, ExitStack() as held:
        early = held.enter_context(server.connect())
        assert answers(early)
        connect_many(server, held, addresses=10, each=30)
        assert answers(early)
        assert psutil.Process(server.process.pid).num_fds() < 180
        assert "128 connections at most" in server.logged()
