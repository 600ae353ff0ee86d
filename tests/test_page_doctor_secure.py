"""The doctor looks at https too: whether it is served, until when, and for what."""

import json
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.test import override_settings

from backupstation.addresses import ordered
from backupstation.doctor import knocking, secure
from backupstation.doctor.findings import Finding, State
from backupstation.doctor.knocking import Answer, Knock
from backupstation.https.authority import Authority
from backupstation.listening import Listening
from tests.stations import ROOT, _environment, running

NOW = datetime.now(UTC)
LOOPBACK = ip_address("127.0.0.1")
NAMED = ordered([("eth0", "192.168.1.20"), ("wlan0", "192.168.1.21")])
WHERE = Listening("0.0.0.0", 8765, 1, 8443, ("192.168.1.20", "localhost"))


def _served(made_at: datetime = NOW) -> list[Knock]:
    """As the station answers with a certificate of that age."""
    pem = Authority.create("x", NOW).issue(["192.168.1.20"], made_at)
    leaf = x509.load_pem_x509_certificates(pem)[0]
    return [Knock(Answer.OURS, leaf.public_bytes(serialization.Encoding.DER))] * 2


def _found(where: Listening, knocks: list[Knock], now: datetime = NOW) -> Finding:
    (finding,) = secure.check(where, NAMED, knocks, now)
    return finding


def test_a_running_station_is_knocked_at_by_https_too(tmp_path) -> None:
    with running(tmp_path / "station", STATION_HTTPS="auto") as station:
        done = subprocess.run(
            [sys.executable, "manage.py", "doctor", "--json"],
            cwd=ROOT,
            env={**_environment(station.folder), "STATION_HTTPS": "auto"},
            capture_output=True,
            text=True,
            check=False,
        )
        found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert found["secure"]["state"] == "fine", found
    assert station.https_origin in found["secure"]["found"]
    assert done.stderr == ""


def test_while_https_is_off_nothing_is_said_of_it() -> None:
    assert secure.check(Listening("0.0.0.0", 8765, 1), NAMED, [], NOW) == []
    with override_settings(STATION_HTTPS="auto"):
        assert secure.check(Listening("0.0.0.0", 8765, 0), NAMED, [], NOW) == []


@override_settings(STATION_HTTPS="auto")
def test_https_that_is_switched_on_and_not_served_is_to_be_looked_at() -> None:
    found = _found(Listening("0.0.0.0", 8765, 1), [])
    assert found.state is State.LOOK
    assert "its log says" in found.remedy


@pytest.mark.parametrize(
    ("days", "state", "words"),
    [
        (0, State.FINE, "https://192.168.1.20:8443"),
        (381, State.FINE, "https://192.168.1.20:8443"),
        (383, State.LOOK, "ends on"),
        (397, State.BROKEN, "ended on"),
        (-2, State.BROKEN, "not valid before"),
    ],
)
def test_a_certificate_that_ends_soon_is_told_from_one_that_is_over(days, state, words) -> None:
    found = _found(WHERE, _served(), NOW + timedelta(days=days))
    assert (found.state, words in found.sentence) == (state, True), found.sentence
    assert bool(found.remedy) is (state is not State.FINE)


def test_who_renews_a_certificate_is_told_to() -> None:
    late = NOW + timedelta(days=390)
    assert "by itself" in _found(WHERE, _served(), late).remedy
    with override_settings(STATION_TLS_CERT="chain.pem"):
        assert "STATION_TLS_KEY" in _found(WHERE, _served(), late).remedy


def test_a_certificate_that_is_not_for_the_address_of_the_code_is_named() -> None:
    other = Listening("0.0.0.0", 8765, 1, 8443, ("192.168.1.21", "station.example.org"))
    found = _found(other, _served())
    assert (found.state, "192.168.1.20" in found.sentence) == (State.LOOK, True)
    assert "above the code" in found.remedy
    with override_settings(STATION_TLS_CERT="chain.pem"):
        assert "STATION_ALLOWED_HOSTS" in _found(other, _served()).remedy
    with override_settings(STATION_ALLOWED_HOSTS=["station.example.org"]):
        found = _found(other, _served())
    assert found.state is State.FINE
    assert "https://station.example.org:8443" in found.sentence


@pytest.mark.parametrize("answer", [one for one in Answer if one is not Answer.OURS])
def test_a_port_of_https_that_does_not_answer_is_broken(answer) -> None:
    found = _found(WHERE, [Knock(answer), *_served()[:1]])
    assert found.state is State.BROKEN
    assert "192.168.1.20, port 8443" in found.sentence
    assert found.remedy


def _answer_plainly(server: socket.socket) -> None:
    for _ in range(2):
        peer, _address = server.accept()
        with peer:
            peer.recv(4096)
            peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")


def test_who_does_not_speak_tls_is_another_program_and_who_is_silent_is_given_up_on() -> None:
    since = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as plain:
        threading.Thread(target=_answer_plainly, args=(plain,), daemon=True).start()
        there = plain.getsockname()[1]
        knocks = knocking.knock([LOOPBACK], there, there)
    assert knocks == ([Answer.FOREIGN], [Knock(Answer.FOREIGN)])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = silent.getsockname()[1]
        assert knocking.knock([LOOPBACK], there, there).secure == [Knock(Answer.SILENT)]
    assert knocking.knock([LOOPBACK], there, there).secure == [Knock(Answer.REFUSED)]
    assert knocking.knock([LOOPBACK], there).secure == []
    assert time.monotonic() - since < 4
