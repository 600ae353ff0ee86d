"""TLS at a port beside the plain one: the certificate, and peers that do not keep to it."""

import shutil
import ssl
import time
from contextlib import ExitStack

import psutil
import pytest
from websockets.sync.client import connect

from tests.accounts_cast import certificate_in
from tests.apps.serving import MIB, ServerProcess, TlsServerProcess, receive_all, receive_until

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificate_in(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(certificate):
    with TlsServerProcess(certificate) as server:
        yield server


def plain(server):
    """A connection to the https port on which no TLS was begun."""
    return ServerProcess.connect(server)


def test_requests_and_sockets_are_answered_at_both_ports(server, certificate):
    assert len(server.first["ports"]) == 2
    for port in server.first["ports"]:
        server.port = port
        opened = server.connect() if port == server.first["ports"][1] else plain(server)
        with opened as raw:
            raw.sendall(HELLO)
            assert receive_all(raw).startswith(b"HTTP/1.1 200")


def test_a_socket_over_tls_echoes(server):
    with connect(server.url("/listen/v1/mute"), ssl=server.trusting) as client:
        client.send(bytes(60_000))
        assert client.recv() == "60000"


def test_the_application_knows_the_scheme(server):
    with connect(server.url("/live/scheme"), ssl=server.trusting) as client:
        assert client.recv() == "wss"
    with server.connect() as raw:
        raw.sendall(HELLO.replace(b"/hello", b"/scheme"))
        assert b"\r\nhttps\r\n" in receive_all(raw)


@pytest.mark.parametrize("start", [b"", b"\x16\x03\x01"], ids=["nothing", "half a ClientHello"])
def test_a_peer_that_does_not_finish_the_handshake_is_dropped(server, start):
    with plain(server) as raw:
        raw.sendall(start)
        begin = time.monotonic()
        receive_all(raw)
        assert 0.5 < time.monotonic() - begin < 2


def test_plain_http_at_the_https_port_is_dropped_at_once(server):
    with plain(server) as raw:
        raw.sendall(HELLO)
        begin = time.monotonic()
        assert b"HTTP/1.1" not in receive_all(raw)
        assert time.monotonic() - begin < 0.4


def test_old_versions_of_tls_are_refused(server, certificate):
    old = ssl.create_default_context(cafile=certificate[0])
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1_1
    with plain(server) as raw, pytest.raises(ssl.SSLError, match="VERSION"):
        old.wrap_socket(raw, server_hostname="127.0.0.1")


def test_a_peer_that_sends_its_large_body_anyway_sees_the_refusal(server):
    server.forget_peak()
    with server.connect() as raw:
        raw.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n")
        raw.sendall(bytes(50_000_000))
        assert raw.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert server.growth() < 16 * MIB


def test_the_end_of_an_answer_is_told_by_tls_so_that_nobody_can_cut_it_off(server):
    for request, status in (
        (HELLO, b"200"),
        (b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n", b"413"),
    ):
        raw = server.trusting.wrap_socket(
            plain(server), server_hostname="127.0.0.1", suppress_ragged_eofs=False
        )
        with raw:
            raw.sendall(request)
            assert receive_all(raw).startswith(b"HTTP/1.1 " + status)


def test_a_peer_that_does_not_say_goodbye_is_not_waited_for(server):
    process = psutil.Process(server.process.pid)
    before = process.num_fds()
    with ExitStack() as held:
        for _ in range(5):
            raw = held.enter_context(server.connect())
            raw.sendall(HELLO)
            assert b"hello" in receive_all(raw)
        deadline = time.monotonic() + 3
        while process.num_fds() > before:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_an_answer_under_way_is_finished_before_the_stop(certificate):
    with TlsServerProcess(certificate) as server, server.connect() as raw:
        raw.sendall(b"GET /block?blocks=80 HTTP/1.1\r\nHost: x\r\n\r\n")
        receive_until(raw, b"\r\n\r\n")
        server.terminate()
        time.sleep(0.2)
        assert receive_all(raw).endswith(b"\r\n0\r\n\r\n")


def test_an_answer_that_is_written_while_it_stops_arrives(certificate):
    with TlsServerProcess(certificate) as server, server.connect() as raw:
        raw.sendall(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.1)
        server.terminate()
        assert receive_all(raw).endswith(b"\r\nhello\r\n0\r\n\r\n")


def test_both_ports_share_the_places_of_an_address(certificate):
    with TlsServerProcess(certificate, connections_per_address=2) as server:
        secure_port, server.port = server.port, server.first["ports"][0]
        with plain(server) as first, plain(server):
            server.port = secure_port
            with pytest.raises((ConnectionError, ssl.SSLError)):
                server.connect()
            first.sendall(HELLO)  # the answer ends this connection
            assert b"hello" in receive_all(first)
            with server.connect() as raw:
                raw.sendall(HELLO)
                assert b"hello" in receive_all(raw)


def test_a_port_in_use_is_an_oserror_that_names_it(server, certificate):
    with TlsServerProcess(certificate, https_port=server.port) as second:
        assert second.first["event"] == "failed"
        assert str(server.port) in second.first["reason"]


def test_a_new_certificate_serves_from_the_next_connection_on(tmp_path):
    files = certificate_in(tmp_path)
    with TlsServerProcess(files) as server, server.connect() as early:
        first = early.getpeercert(binary_form=True)
        (tmp_path / "next").mkdir()
        for path in certificate_in(tmp_path / "next"):
            shutil.copy(path, tmp_path / path.name)
        server.port, secure_port = server.first["ports"][0], server.port
        with plain(server) as raw:
            raw.sendall(HELLO.replace(b"/hello", b"/reload"))
            assert b"\r\nreloaded\r\n" in receive_all(raw)
        server.port = secure_port
        server.trusting = ssl.create_default_context(cafile=files[0])
        with server.connect() as late:
            assert late.getpeercert(binary_form=True) != first
        early.sendall(HELLO)
        assert b"hello" in receive_all(early)
