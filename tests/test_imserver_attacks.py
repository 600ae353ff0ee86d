"""An IM server that stands alone in the Internet: what strangers do to it over real sockets."""

import re
import socket
import ssl
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from backupstation import attempts
from tests.accounts_cast import imserver, running_imserver
from tests.apps.serving import receive_all

NAME, PASSWORD = "olivia", "a long enough passphrase"
SIGN_IN = "/admin/login/"
PATIENCE_SECONDS = 10  # for a request's head, and for its body
HALF = {
    "nothing": b"",
    "request line": b"GET /im/v1/ke",
    "headers": b"GET /im/v1/keys HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    "body": b"POST /im/v1/phones HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("im")
    assert imserver(folder, "owner", NAME, "--password-file", "-", typed=PASSWORD)[0] == 0
    with running_imserver(folder) as running:
        yield running


def opened(server):
    place = urlsplit(server.origin)
    return socket.create_connection((place.hostname, place.port), timeout=PATIENCE_SECONDS * 2)


def is_dropped(raw):
    try:
        return raw.recv(65536) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


@pytest.mark.slow
def test_requests_that_trickle_in_are_dropped_however_they_trickle(server):
    with ExitStack() as stack:
        held = {name: stack.enter_context(opened(server)) for name in HALF}
        for name, raw in held.items():
            raw.sendall(HALF[name])
        start = time.monotonic()
        open_still = dict(held)
        while open_still and time.monotonic() - start < PATIENCE_SECONDS * 2:
            for name, raw in list(open_still.items()):
                try:
                    raw.settimeout(0.2)
                    if name != "nothing":
                        raw.sendall(b"x")
                    if raw.recv(1) == b"":
                        del open_still[name]
                except TimeoutError:
                    continue
                except ConnectionError:
                    del open_still[name]
        assert not open_still


def test_one_address_cannot_take_all_connections(server):
    with ExitStack() as stack:
        held = [stack.enter_context(opened(server)) for _ in range(200)]
        time.sleep(0.5)
        for raw in held:
            raw.settimeout(0.01)
        dropped = sum(is_dropped(raw) for raw in held)
    assert 200 - 128 <= dropped < 200
    time.sleep(0.2)
    assert server.send("GET", "/healthz")[0] == 200


def test_a_slow_tls_handshake_and_one_that_is_never_ended_are_dropped(tmp_path, certificate):
    pem, key = map(str, certificate)
    options = ["--certificate", pem, "--private-key", key]
    with running_imserver(tmp_path / "im", *options) as server, opened(server) as half:
        half.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        context = ssl.create_default_context(cafile=pem)
        with context.wrap_socket(opened(server), server_hostname="127.0.0.1") as raw:
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in receive_all(raw)
        assert is_dropped(half)


def test_a_socket_upgrade_is_a_request_like_any_other(server):
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    assert server.send("GET", "/listen/v1/x", headers=upgrade)[0] == 404


# Signing in


def sign_in(server, password, *, name=NAME, headers=None):
    """Fill in the admin's form as a browser does; the answer's status and its cookies."""
    place = urlsplit(server.origin)
    browser = HTTPConnection(place.hostname, place.port, timeout=60)
    browser.request("GET", SIGN_IN, headers=headers or {})
    page = browser.getresponse()
    cookie = page.headers["Set-Cookie"]
    token = re.search(rb'csrfmiddlewaretoken" value="([^"]+)"', page.read())[1].decode()
    sent = {
        "Cookie": cookie.partition(";")[0],
        "Content-Type": "application/x-www-form-urlencoded",
    }
    form = {"username": name, "password": password, "csrfmiddlewaretoken": token}
    browser.request("POST", SIGN_IN, urlencode(form), sent | (headers or {}))
    answer = browser.getresponse()
    text = answer.read().decode()
    browser.close()
    return answer.status, [cookie, *answer.headers.get_all("Set-Cookie", [])], text


def forwarded(address, name="localhost"):
    """What the proxy passes on of a browser that speaks https with it."""
    page = {"Origin": f"https://{name}", "Referer": f"https://{name}{SIGN_IN}"}
    return page | {"Host": name, "X-Forwarded-For": address}


def test_the_first_person_signs_in_without_createsuperuser(server):
    assert sign_in(server, PASSWORD)[0] == 302


def test_the_cookies_of_plain_http_are_not_secure(server):
    _status, cookies, _text = sign_in(server, PASSWORD)
    assert not any("Secure" in cookie for cookie in cookies)


def test_behind_a_proxy_that_does_https_a_browser_signs_in_and_its_cookies_are_secure(tmp_path):
    imserver(tmp_path, "owner", NAME, "--password-file", "-", typed=PASSWORD)
    with running_imserver(tmp_path, "--behind-proxy", STATION_ALLOWED_HOSTS="im.test") as server:
        through = forwarded("203.0.113.9", "im.test")
        status, cookies, _text = sign_in(server, PASSWORD, headers=through)
    assert status == 302
    assert len(cookies) >= 2
    assert all("Secure" in cookie for cookie in cookies)


def test_guessing_the_password_is_stopped(tmp_path):
    imserver(tmp_path, "owner", NAME, "--password-file", "-", typed=PASSWORD)
    with running_imserver(tmp_path) as server:
        for _ in range(attempts.PER_ADDRESS_MAX):
            assert sign_in(server, "a guess")[0] == 200
        status, _cookies, text = sign_in(server, PASSWORD)
    assert status == 200
    assert "Too many attempts" in text


def test_an_ipv6_network_is_one_guesser(tmp_path):
    imserver(tmp_path, "owner", NAME, "--password-file", "-", typed=PASSWORD)
    with running_imserver(tmp_path, "--behind-proxy") as server:
        for number in range(attempts.PER_ADDRESS_MAX):
            sign_in(server, "a guess", headers=forwarded(f"2001:db8::{number:x}"))
        moved = forwarded("2001:db8::ffff")
        assert "Too many attempts" in sign_in(server, PASSWORD, headers=moved)[2]
        elsewhere = forwarded("2001:db8:0:1::1")
        assert sign_in(server, PASSWORD, headers=elsewhere)[0] == 302


# The first person


def test_a_weak_password_makes_nobody(tmp_path):
    status, _text, error = imserver(tmp_path, "owner", NAME, "--password-file", "-", typed="1234")
    assert status == 1
    assert "too short" in error


def test_a_forgotten_password_is_set_anew(tmp_path):
    for password in ("the first passphrase", PASSWORD):
        assert imserver(tmp_path, "owner", NAME, "--password-file", "-", typed=password)[0] == 0
    with running_imserver(tmp_path) as server:
        assert sign_in(server, "the first passphrase")[0] == 200
        assert sign_in(server, PASSWORD)[0] == 302


def test_without_a_terminal_a_password_is_not_asked_for(tmp_path):
    status, _text, error = imserver(tmp_path, "owner", NAME)
    assert status == 1
    assert "--password-file" in error


def test_running_without_a_person_says_how_to_add_one(tmp_path):
    with running_imserver(tmp_path) as server:
        assert server.started["owner"] is False


def test_says_which_host_names_it_answers_to(tmp_path):
    with running_imserver(tmp_path, STATION_ALLOWED_HOSTS="im.test") as server:
        assert server.send("GET", "/healthz", headers={"Host": "im.test"})[0] == 200
        status, _headers, told = server.send("GET", "/healthz", headers={"Host": "evil.test"})
    assert status == 400
    assert b"STATION_ALLOWED_HOSTS" in told
