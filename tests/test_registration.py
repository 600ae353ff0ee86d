"""The station's calls to an IM server elsewhere: whom it believes, and for how long it waits."""

import io
import json
import socket
import threading
import time

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.im_impostor import answering, http, redirect_to
from transfer import exchange, registration
from transfer.models import Issuer
from wire import im, tokens
from wire.errors import NotAllowed, StationFault

pytestmark = pytest.mark.django_db

KEY = bytes(range(32))
REPLY = http("200 OK", im.encode(im.RegisterReply("urn:im", [KEY], int(time.time()))))
KEYS = http("200 OK", json.dumps(tokens.jwk_set([KEY])).encode())


def test_the_keys_of_the_server_that_was_named_are_pinned() -> None:
    origin, received = answering(REPLY)
    registration.register(origin, "AAAAA")
    assert Issuer.objects.get(iss="urn:im").keys == [KEY.hex()]
    assert received[0].startswith(b"POST /im/v1/stations HTTP/1.1\r\n")
    assert b"Content-Type: application/json\r\n" in received[0]


def test_nobody_a_redirect_leads_to_is_believed() -> None:
    elsewhere, asked = answering(REPLY)
    origin, _ = answering(redirect_to(f"{elsewhere}/im/v1/stations"))
    with pytest.raises(NotAllowed, match="redirects"):
        registration.register(origin, "AAAAA")
    assert asked == []
    assert not Issuer.objects.exclude(origin="").exists()


def test_a_refresh_follows_no_redirect() -> None:
    elsewhere, asked = answering(KEYS)
    origin, _ = answering(redirect_to(f"{elsewhere}/im/v1/keys"))
    Issuer.objects.create(iss="urn:im", origin=origin, keys=[KEY.hex()])
    assert "redirects" in registration.refresh_all()[origin]
    assert asked == []


def test_no_proxy_stands_between(monkeypatch) -> None:
    proxy, asked = answering(REPLY)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    origin, _ = answering(REPLY)
    registration.register(origin, "AAAAA")
    assert asked == []


@pytest.mark.parametrize(
    "answer",
    [http("200 OK", b" " * 1000), b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, b"HTTP/1.1 " * 100],
    ids=["body", "head", "status"],
)
def test_a_server_that_drips_is_given_up(monkeypatch, answer: bytes) -> None:
    monkeypatch.setattr(exchange, "SECONDS", 0.5)
    origin, _ = answering(answer, pause=0.02)
    began = time.monotonic()
    with pytest.raises(StationFault, match="too long"):
        registration.register(origin, "AAAAA")
    assert time.monotonic() - began < 5


def test_a_server_that_drips_instead_of_tls_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(exchange, "SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_drip_tls, args=[listening], daemon=True).start()
        began = time.monotonic()
        with pytest.raises(StationFault):
            registration.register(f"https://127.0.0.1:{listening.getsockname()[1]}", "AAAAA")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("year", ["", "99999999999999999999"])
def test_a_date_that_is_none_measures_nothing(year: str) -> None:
    answer = KEYS.replace(b"\r\n", f"\r\nDate: Fri, 31 Dec {year} 23:59:59 +0000\r\n".encode(), 1)
    origin, _ = answering(answer)
    Issuer.objects.create(iss="urn:im", origin=origin, keys=[KEY.hex()], clock_offset_seconds=7)
    assert registration.refresh_all() == {}
    assert Issuer.objects.get(iss="urn:im").clock_offset_seconds == 7


def _drip_tls(listening: socket.socket) -> None:
    """The head of a handshake record of 16 KiB, and then its bytes, one by one."""
    with listening.accept()[0] as connection:
        try:
            connection.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
            for _ in range(1000):
                connection.sendall(b"\0")
                time.sleep(0.02)
        except OSError:
            return


@pytest.mark.parametrize("answer", [b"junk junk\r\n\r\n", b"SSH-2.0-OpenSSH\r\n", b"\0"])
def test_what_speaks_no_http_is_named_in_a_sentence(answer: bytes) -> None:
    origin, _ = answering(answer)
    with pytest.raises(CommandError, match=f"cannot reach the IM server at {origin}"):
        call_command("register", origin, "AAAAA", stdout=io.StringIO())


def test_a_name_that_cannot_be_is_named_in_a_sentence() -> None:
    with pytest.raises(CommandError, match="cannot reach the IM server"):
        call_command("register", f"https://{'a' * 70}.example", "AAAAA", stdout=io.StringIO())


@pytest.mark.parametrize(
    "answer", [http("200 OK", b"<html>maintenance"), http("200 OK", b"\xff"), b"junk\r\n\r\n"]
)
def test_one_server_that_fails_keeps_no_other_from_its_turn(answer: bytes) -> None:
    failing, _ = answering(answer)
    working, _ = answering(KEYS)
    for origin in (failing, working):
        Issuer.objects.create(iss=origin, origin=origin, keys=["00" * 32, KEY.hex()])
    assert list(registration.refresh_all()) == [failing]
    assert Issuer.objects.get(origin=working).keys == [KEY.hex()]
    assert Issuer.objects.get(origin=failing).keys == ["00" * 32, KEY.hex()]
