"""Calls to the IM server: bounded in time and size, and only where they are safe."""

import socket
import time

import pytest

from phone import im as calls
from phone.errors import Unreachable, Untrusted
from tests.im_impostor import answering, http
from wire import im

REQUEST = im.ConnectRequest(b"public part", b"k" * 32, "backup", b"s" * 64)
REPLY = im.ConnectReply("indication", "ticket")


def test_a_connection_is_asked_for_in_json():
    origin, received = answering(http("200 OK", im.encode(REPLY)))
    assert calls.connect(origin, REQUEST) == REPLY
    head, body = received[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /im/v1/connections HTTP/1.1")
    assert b"Content-Type: application/json" in head
    assert im.decode(im.ConnectRequest, body) == REQUEST


def test_a_refusal_is_raised_as_itself():
    refused = im.Refused(im.Refusal.PHONE_UNKNOWN)
    origin, _ = answering(http("403 Forbidden", im.encode(refused.reply())))
    with pytest.raises(im.Refused) as error:
        calls.connect(origin, REQUEST)
    assert error.value.refusal is im.Refusal.PHONE_UNKNOWN


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b"<html>"),
        http("200 OK", b"{}"),
        http("200 OK", b" " * 100_000),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000,
    ],
)
def test_answers_that_are_none_are_not_believed(answer):
    origin, _ = answering(answer)
    with pytest.raises(Untrusted):
        calls.connect(origin, REQUEST)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{}", b'{"keys":[]}', b'{"\xff":1}', b"[" * 8000],
    ids=["HTML", "no keys", "an empty set", "not UTF-8", "nested without end"],
)
def test_published_keys_that_are_none_are_not_believed(body):
    origin, _ = answering(http("200 OK", body))
    with pytest.raises(Untrusted):
        calls.keys(origin)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 2"])
def test_what_is_no_http_server_is_unreachable(answer):
    origin, _ = answering(answer or b"\0")
    with pytest.raises(Unreachable):
        calls.connect(origin, REQUEST)


def test_redirects_are_not_followed():
    listening = socket.create_server(("127.0.0.1", 0))
    elsewhere = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    answer = f"HTTP/1.1 307 Go\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n".encode()
    origin, _ = answering(answer)
    with pytest.raises(im.Refused):
        calls.connect(origin, REQUEST)
    listening.settimeout(0.1)
    with listening, pytest.raises(TimeoutError):
        listening.accept()


@pytest.mark.parametrize(
    "answer",
    [
        http("200 OK", b" " * 1000),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000,
        b"HTTP/1.1 200 " + b"x" * 1000,
    ],
    ids=["body", "head", "status"],
)
def test_a_server_that_drips_is_given_up(monkeypatch, answer):
    monkeypatch.setattr(calls, "SECONDS", 0.5)
    origin, _ = answering(answer, pause=0.02)
    began = time.monotonic()
    with pytest.raises(Unreachable):
        calls.connect(origin, REQUEST)
    assert time.monotonic() - began < 5


def test_nobody_there_is_unreachable():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        calls.connect(f"http://127.0.0.1:{port}", REQUEST)


@pytest.mark.parametrize(
    "origin",
    [
        "https://im.example",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://192.168.1.20:8765",
        "http://10.1.2.3",
        "http://[fd00::1]",
        "http://localhost",
        "http://nas:8765",
        "http://nas.local:8765",
    ],
)
def test_https_or_the_local_network(origin):
    calls.check_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "http://im.example",
        "http://93.184.216.34",
        "http://[2001:4860:4860::8888]",
        "http://local.example.com",
        "http://nas.local.evil.com",
        "ftp://127.0.0.1",
        "http://",
        "https://",
        "127.0.0.1",
        "",
    ],
)
def test_nothing_is_posted_in_the_clear_outside_it(origin):
    with pytest.raises(Untrusted):
        calls.check_origin(origin)
