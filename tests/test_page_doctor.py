"""The doctor: what keeps phones away is told apart, and what cannot be seen is not claimed."""

import json
import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils import timezone, translation

from accounts.models import User
from backupstation import addresses, listening, visits
from backupstation.addresses import Own, ordered
from backupstation.doctor import (
    clock,
    codes,
    examining,
    firewall,
    keeping,
    knocking,
    network,
    port,
)
from backupstation.doctor.findings import Finding, Report, State
from backupstation.doctor.knocking import Answer
from backupstation.listening import Listening
from tests.page_cast import alice, bob, client, plain, shown_to, signed_in, snapshot_of, trail
from tests.stations import ROOT, Station, _environment
from transfer.models import Invitation, InvitationState, Issuer
from transfer.store.objects import OWNER

LOOPBACK = ip_address("127.0.0.1")


def _by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {one.name: one for one in findings}


# Addresses and VPNs


def _own(*pairs: tuple[str, str]) -> list[Own]:
    return [
        Own(name, ip_address(text.partition("/")[0]), ip_network(text, strict=False))
        for name, text in pairs
    ]


def _network(*pairs: tuple[str, str], route: str = "") -> dict[str, Finding]:
    own = _own(*pairs)
    named = ordered([(one.interface, str(one.address)) for one in own], preferred=route)
    return _by_name(network.check(own, named, route))


LO = ("lo", "127.0.0.1/8")
LAN = ("wlan0", "192.168.1.20/24")


def test_one_address_of_a_local_network_is_fine_and_named() -> None:
    found = _network(LO, LAN)
    assert {one.state for one in found.values()} == {State.FINE}
    assert "192.168.1.20 of wlan0" in found["addresses"].sentence
    assert "networks" not in found


@pytest.mark.parametrize(
    ("pairs", "state", "words"),
    [
        ([LO], State.BROKEN, "no address"),
        ([LO, ("eth0", "169.254.3.4/16")], State.BROKEN, "no router"),
        ([LO, ("docker0", "172.17.0.1/16")], State.LOOK, "containers"),
        ([LO, ("ppp0", "203.0.113.9/32")], State.BROKEN, "no address"),
    ],
)
def test_addresses_that_no_phone_reaches_are_told_apart(pairs, state, words) -> None:
    found = _network(*pairs)["addresses"]
    assert found.state is state
    assert words in found.sentence
    assert found.remedy


def test_several_networks_are_named_and_two_addresses_in_one_are_not_several() -> None:
    found = _network(LO, LAN, ("eth0", "10.0.0.5/8"))["networks"]
    assert found.state is State.LOOK
    assert "192.168.1.20 (wlan0)" in found.sentence
    assert "10.0.0.5 (eth0)" in found.sentence
    assert "networks" not in _network(LO, LAN, ("eth0", "192.168.1.21/24"))


@pytest.mark.parametrize(
    "tunnel",
    [
        ("tun0", "10.8.0.2/24"),
        ("wg0", "10.64.1.2/32"),
        ("utun4", "10.9.0.2/32"),
        ("tailscale0", "100.101.1.1/32"),
        ("ztabcdef", "10.147.17.1/24"),
        ("eth7", "100.64.0.9/10"),
    ],
)
def test_a_vpn_is_noticed_and_one_that_takes_all_traffic_is_to_be_looked_at(tunnel) -> None:
    beside = _network(LO, LAN, tunnel, route="192.168.1.20")["vpn"]
    assert beside.state is State.FINE
    assert tunnel[0] in beside.sentence
    through = _network(LO, LAN, tunnel, route=tunnel[1].partition("/")[0])["vpn"]
    assert through.state is State.LOOK
    assert tunnel[0] in through.sentence


def test_the_tunnels_of_macos_that_have_no_address_of_their_own_are_no_vpn() -> None:
    found = _network(LO, LAN, ("utun0", "fe80::1/64"), route="192.168.1.20")["vpn"]
    assert "None on this computer" in found.sentence


def test_this_machines_own_addresses_are_listed_with_their_networks() -> None:
    found = {str(one.address): one for one in addresses.own()}
    assert found["127.0.0.1"].network == ip_network("127.0.0.0/8")
    assert not found["127.0.0.1"].is_tunnel


# Knocking, at real sockets


@contextmanager
def _listener(answer: bytes | None, backlog: int = 5) -> Iterator[int]:
    """A program at a port; with an answer it accepts and gives it, without one it does nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        if answer is not None:
            threading.Thread(target=_serve, args=(server, answer), daemon=True).start()
        yield server.getsockname()[1]


def _serve(server: socket.socket, answer: bytes) -> None:
    peer, _ = server.accept()
    with peer:
        peer.recv(4096)
        peer.sendall(answer)


def _knock(port_number: int) -> Answer:
    return knocking.knock([LOOPBACK], port_number).plain[0]


def test_nobody_at_the_port_is_refused() -> None:
    with _listener(None) as free:
        pass
    assert _knock(free) is Answer.REFUSED


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b'HTTP/1.1 200 OK\r\n\r\n{"status": "ok"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"status": "ok", "proof": "' + b"0" * 64 + b'"}',
        b"HTTP/1.1 200 OK\r\n\r\n[]",
        b"x" * 100_000,
    ],
)
def test_another_program_at_the_port_is_not_taken_for_the_station(answer: bytes) -> None:
    with _listener(answer) as there:
        assert _knock(there) is Answer.FOREIGN


def test_a_program_that_says_nothing_is_given_up_on() -> None:
    since = time.monotonic()
    with _listener(None) as there:
        assert _knock(there) is Answer.SILENT
    assert time.monotonic() - since < 3


def test_packets_that_vanish_are_told_from_a_port_that_is_closed() -> None:
    since = time.monotonic()
    with _listener(None, backlog=0) as there, socket.socket() as one, socket.socket() as two:
        # The queue is full: Linux drops what comes, as such a firewall does.
        for waiting in (one, two):
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", there))
        assert _knock(there) is Answer.DROPPED
    assert time.monotonic() - since < 3


def test_an_address_to_which_no_way_leads_is_unreachable() -> None:
    assert knocking.knock([ip_address("fe80::1")], 9).plain == [Answer.UNREACHABLE]


def test_many_addresses_take_no_longer_than_one() -> None:
    since = time.monotonic()
    with _listener(None, backlog=64) as there:
        assert set(knocking.knock([LOOPBACK] * 16, there).plain) == {Answer.SILENT}
    assert time.monotonic() - since < 3


def test_the_station_proves_that_it_is_the_one(shared_station: Station, tmp_path: Path) -> None:
    """From a process with its data folder it is known; any other station is another program."""
    ask = (
        "import django; django.setup(); from ipaddress import ip_address;"
        "from backupstation.doctor.knocking import knock;"
        f"print(knock([ip_address('127.0.0.1')], {shared_station.port}).plain[0].name)"
    )
    for folder, answer in ((shared_station.folder, "OURS"), (tmp_path / "another", "FOREIGN")):
        told = subprocess.run(
            [sys.executable, "-c", ask],
            env=_environment(folder),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == answer


@pytest.mark.django_db
def test_health_proves_nothing_to_who_does_not_ask_or_asks_too_much() -> None:
    assert client().get("/healthz?challenge=abc").json()["proof"] == knocking.proof("abc")
    assert client().get("/healthz?challenge=abd").json()["proof"] != knocking.proof("abc")
    for query in ("", "?challenge=", "?challenge=" + "a" * 65):
        assert client().get("/healthz" + query).json() == {"status": "ok"}


# What the answers mean

NAMED = ordered([("wlan0", "192.168.1.20"), ("eth0", "192.168.1.21"), ("docker0", "172.17.0.1")])
OURS = [Answer.OURS] * 3
WHERE = Listening("0.0.0.0", 8765, 1)


def _port(answers: list[Answer], came: dict[str, datetime] | None = None) -> list[Finding]:
    return port.check(WHERE, NAMED, answers, came or {})


def test_a_port_that_answers_says_so_and_claims_nothing_about_others() -> None:
    here, others = _port(OURS)
    assert here.state is State.FINE
    assert "192.168.1.20" in here.sentence
    assert others.state is State.LOOK
    assert "cannot be seen from here" in others.sentence
    assert "8765" in others.remedy


@pytest.mark.parametrize("answer", [one for one in Answer if one is not Answer.OURS])
def test_each_way_not_to_answer_has_words_of_its_own(answer: Answer) -> None:
    shown = _port([answer, Answer.OURS, Answer.OURS])
    assert {State.FINE, State.BROKEN} <= {one.state for one in shown[:-1]}
    broken = next(one for one in shown if one.state is State.BROKEN)
    assert str(NAMED[0].address) in broken.sentence
    assert "8765" in broken.sentence
    assert broken.remedy
    other = _port([Answer.OURS, answer, answer])
    assert State.BROKEN not in {one.state for one in other}
    assert len({str(said) for said in port.SAID.values()}) == len(Answer) - 1


def test_a_device_that_came_shows_that_the_way_is_free() -> None:
    shown, other = (str(one.address) for one in NAMED[:2])
    came = {other: timezone.now() - timedelta(minutes=3)}
    others = _port(OURS, came)[-1]
    assert others.state is State.LOOK
    assert f"{other} 3\N{NO-BREAK SPACE}minutes ago" in others.sentence
    assert f"choose {other}" in others.remedy
    came[shown] = timezone.now() - timedelta(days=2)
    others = _port(OURS, came)[-1]
    assert (others.state, others.remedy) == (State.FINE, "")
    assert f"{shown} 2\N{NO-BREAK SPACE}days ago" in others.sentence


def test_a_container_that_came_is_no_phone() -> None:
    assert _port(OURS, {"172.17.0.1": timezone.now()})[-1].state is State.LOOK


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.3.2.1"])
def test_a_station_for_this_computer_alone_is_named_so(host: str) -> None:
    (found,) = port.check(Listening(host, 8765, 1), NAMED, OURS, {})
    assert found.state is State.BROKEN
    assert host in found.sentence
    assert "STATION_HOST=0.0.0.0" in found.remedy


@pytest.mark.parametrize(
    ("text", "named"), [("ENABLED=yes\n", True), ("# x\nENABLED=no\n", False), (None, False)]
)
def test_the_firewall_that_is_on_is_named(tmp_path, monkeypatch, text, named) -> None:
    monkeypatch.setattr(firewall, "UFW", tmp_path / "ufw.conf")
    monkeypatch.setattr(firewall, "FIREWALLD", tmp_path / "firewalld")
    if text is not None:
        firewall.UFW.write_text(text)
    assert ("sudo ufw allow 8765/tcp" in _port(OURS)[-1].remedy) is named
    firewall.UFW.unlink(missing_ok=True)
    firewall.FIREWALLD.mkdir()
    assert "--add-port=8765/tcp" in _port(OURS)[-1].remedy


# Who came


@pytest.fixture
def nobody_came(tmp_path, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(visits, "_seen", {})
    monkeypatch.setattr(visits, "_looked_at", -math.inf)
    with override_settings(STATION_DATA_DIR=tmp_path):
        yield


@pytest.mark.usefixtures("nobody_came")
def test_this_computer_itself_is_no_visitor() -> None:
    for here, peer in [
        ("127.0.0.1", "127.0.0.1"),
        ("192.168.1.20", "192.168.1.20"),
        ("::ffff:192.168.1.20", "192.168.1.20"),
        ("::1", "::1"),
    ]:
        visits.note(here, peer)
    assert visits.latest() == {}
    visits.note("::ffff:192.168.1.20", "192.168.1.34")
    assert set(visits.latest()) == {"192.168.1.20"}


@pytest.mark.usefixtures("nobody_came")
def test_a_container_of_this_computer_is_no_visitor_and_a_vpn_or_a_bridged_lan_is(
    monkeypatch,
) -> None:
    asked = []
    interfaces = [
        Own("docker0", ip_address("172.17.0.1"), ip_network("172.17.0.0/16")),
        Own("docker0", ip_address("fe80::1"), ip_network("fe80::/64")),
        Own("virbr0", ip_address("192.168.122.1"), ip_network("192.168.122.0/24")),
        Own("wg0", ip_address("10.8.0.1"), ip_network("10.8.0.0/24")),
        Own("br-lan", ip_address("192.168.1.20"), ip_network("192.168.1.0/24")),
    ]
    monkeypatch.setattr(addresses, "own", lambda: asked.append(1) or interfaces)
    monkeypatch.setattr(addresses, "default_route_source", lambda: "192.168.1.20")
    visits.note("172.17.0.1", "172.17.0.2")
    visits.note("192.168.1.20", "::ffff:172.17.0.2")
    visits.note("192.168.122.1", "192.168.122.40")
    assert visits.latest() == {}
    visits.note("10.8.0.1", "10.8.0.9")
    visits.note("192.168.1.20", "192.168.1.34")
    visits.note("fe80::1", "fe80::2%eth0")
    assert set(visits.latest()) == {"10.8.0.1", "192.168.1.20", "fe80::1"}
    assert len(asked) == 1


@pytest.mark.usefixtures("nobody_came")
def test_who_came_is_known_after_a_restart_and_nothing_says_who_it_was(tmp_path) -> None:
    visits.note("192.168.1.20", "192.168.1.34")
    visits.keep()
    visits._seen.clear()
    (at,) = visits.latest().values()
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=5)
    assert "192.168.1.34" not in (tmp_path / "visits.json").read_text()
    visits.note("10.0.0.5", "10.0.0.6")
    visits.keep()
    visits._seen.clear()
    assert set(visits.latest()) == {"192.168.1.20", "10.0.0.5"}


@pytest.mark.usefixtures("nobody_came")
def test_what_is_written_of_visits_stays_small_and_rubbish_is_ignored(tmp_path) -> None:
    for number in range(300):
        visits.note(f"10.0.0.{number % 250}", "10.1.0.1")
    visits.keep()
    assert len(visits.latest()) == 64
    visits._seen.clear()
    (tmp_path / "visits.json").write_text("{")
    assert visits.latest() == {}


def test_a_station_notes_who_comes_from_elsewhere_and_not_itself(station: Station) -> None:
    others = [one.address for one in addresses.own() if one.address.version == 4]
    outer = next((str(one) for one in others if not one.is_loopback), None)
    if outer is None:
        pytest.skip("this machine has no network")
    reached = ("127.0.0.1", station.port)
    socket.create_connection(reached).close()
    station.stop()
    assert not (station.folder / "visits.json").exists()
    station.start()
    # As a device that is routed here would come: from an address that is not the one it reaches.
    with socket.create_connection(reached, source_address=(outer, 0)) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
    station.stop()
    assert set(json.loads((station.folder / "visits.json").read_text())) == {"127.0.0.1"}


# Clocks, codes, store


@pytest.fixture
def owner(db: None) -> User:
    return alice()


@pytest.mark.parametrize(
    ("offset", "state"),
    [
        (0, State.FINE),
        (-30, State.FINE),
        (31, State.LOOK),
        (-60, State.LOOK),
        (61, State.BROKEN),
        (-3600, State.BROKEN),
    ],
)
def test_the_clock_of_an_im_server_elsewhere_is_compared(owner, offset, state) -> None:
    Issuer.objects.create(iss="im", origin="https://im.test", clock_offset_seconds=offset)
    found = _by_name(clock.check(timezone.now()))["im_clock"]
    assert found.state is state
    assert "https://im.test" in found.sentence
    assert f"{abs(offset)} s" in found.sentence


def test_an_im_server_that_was_left_counts_no_more(owner) -> None:
    left = timezone.now()
    Issuer.objects.create(iss="im", origin="https://x", clock_offset_seconds=99, left_at=left)
    (found,) = clock.check(timezone.now())
    assert found.state is State.FINE
    assert "decides nothing by its own clock" in found.sentence


def test_a_clock_that_cannot_be_right_is_named(owner) -> None:
    assert clock.check(datetime(1970, 1, 1, 1, tzinfo=UTC))[0].state is State.BROKEN
    snapshot_of(owner, stored_at=timezone.now() + timedelta(days=400))
    found = clock.check(timezone.now())[0]
    assert found.state is State.BROKEN
    assert "a backup was stored" in found.sentence


def test_a_code_that_ran_out_or_was_used_is_told(owner) -> None:
    assert codes.check(owner, timezone.now()) == []
    shown_to(owner)
    fresh = _by_name(codes.check(owner, timezone.now()))["code"]
    assert (fresh.state, "is good for another" in fresh.sentence) == (State.FINE, True)
    later = timezone.now() + timedelta(minutes=5)
    late = _by_name(codes.check(owner, later))["code"]
    assert (late.state, "ran out" in late.sentence) == (State.LOOK, True)
    Invitation.objects.update(claimed_at=timezone.now(), state=InvitationState.CLAIMED)
    assert "was used" in _by_name(codes.check(owner, later))["code"].sentence


def test_the_last_attempt_is_told_with_its_advice(owner) -> None:
    trail(owner, plain("scanned", "confirmed"), state="shown", ago=timedelta(seconds=20))
    stalled = _by_name(codes.check(owner, timezone.now()))["attempt"]
    assert stalled.state is State.LOOK
    assert "has not reached the listening port" in stalled.sentence
    failed = ("failed", {"code": 4408, "reason": "silence"})
    trail(owner, [*plain("scanned", "confirmed", "connected"), failed], state="ended")
    silent = _by_name(codes.check(owner, timezone.now()))["attempt"]
    assert "fell silent" in silent.sentence
    assert silent.remedy
    assert codes.check(bob(), timezone.now()) == []


def test_a_store_that_is_away_or_full_is_broken(owner, monkeypatch) -> None:
    assert keeping.check()[0].state is State.FINE
    monkeypatch.setattr("transfer.room.RESERVE_SHARE", 1.0)
    monkeypatch.setattr("transfer.room.RESERVE_BYTES_MAX", 2**62)
    full = keeping.check()[0]
    assert (full.state, "refused" in full.sentence) == (State.BROKEN, True)
    mark = settings.STATION_STORE_DIR / OWNER
    mark.rename(mark.with_suffix(".away"))
    try:
        away = keeping.check()[0]
        assert (away.state, "not there" in away.sentence) == (State.BROKEN, True)
    finally:
        mark.with_suffix(".away").rename(mark)


def test_slow_unmasking_is_named() -> None:
    (found,) = keeping._speed(is_native=False)
    assert found.state is State.LOOK
    assert keeping._speed(is_native=True) == []


# The report, on the page and on the command line


def test_the_worst_comes_first_and_gives_the_verdict() -> None:
    made = [Finding(state, "x", "t", "s") for state in (State.FINE, State.BROKEN, State.LOOK)]
    assert Report(made).worst is State.BROKEN
    assert Report(made[:1]).worst is State.FINE
    assert Report([]).worst is State.FINE


@pytest.fixture
def looks(owner, monkeypatch) -> list[str]:
    """The addresses for which somebody looked; each look takes its time."""

    def slowly(_owner: User, address: str) -> Report:
        made.append(address)
        time.sleep(0.3)
        return Report([Finding(State.FINE, str(len(made)), "t", "s")])

    made: list[str] = []
    monkeypatch.setattr(examining, "examine", slowly)
    monkeypatch.setattr(addresses, "candidates", lambda _bound_to: NAMED)
    return made


def test_each_owner_gets_one_look_at_a_time(owner, looks) -> None:
    first, second = (str(one.address) for one in NAMED[:2])
    desk = examining.Desk()
    askers = [threading.Thread(target=desk.examine, args=(owner, first)) for _ in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert looks == [first]
    desk.examine(owner, second)
    desk.examine(bob(), first)
    assert looks == [first, second, first]


def test_an_address_that_no_code_may_name_is_no_reason_to_look_again(owner, looks) -> None:
    desk = examining.Desk()
    for number in range(20):
        desk.examine(owner, f"203.0.113.{number}")
    assert looks == [""]


def test_who_asks_during_a_look_gets_the_report_before_it(owner, looks) -> None:
    first, second = (str(one.address) for one in NAMED[:2])
    desk = examining.Desk()
    before = desk.examine(owner, first)
    looking = threading.Thread(target=desk.examine, args=(owner, second))
    looking.start()
    while len(looks) < 2:
        time.sleep(0.01)
    since = time.monotonic()
    assert desk.examine(owner, second) is before
    assert time.monotonic() - since < 0.2
    looking.join()
    assert desk.examine(owner, second) is not before
    assert looks == [first, second]


def test_the_page_of_the_doctor_needs_no_script_but_needs_sign_in(owner) -> None:
    assert client().get("/doctor/")["Location"].startswith("/sign-in/")
    listening.announce("127.0.0.1", 9)
    html = signed_in(owner).get("/doctor/").content.decode()
    assert "<html" in html
    assert "Broken" in html
    assert "STATION_HOST=0.0.0.0" in html
    part = signed_in(owner).get("/doctor/?part&address=127.0.0.1").content.decode()
    assert "<html" not in part
    assert "STATION_HOST=0.0.0.0" in part


def test_findings_are_put_into_words_when_they_are_read() -> None:
    found = _port(OURS, {"192.168.1.20": timezone.now() - timedelta(minutes=3)})[-1]
    assert "3\N{NO-BREAK SPACE}minutes" in found.sentence
    with translation.override("zh-hans"):
        assert "3\N{NO-BREAK SPACE}分钟" in found.sentence


def _doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "doctor", *arguments],
        cwd=ROOT,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_tells_what_is_broken_and_exits_with_1(shared_station: Station) -> None:
    done = _doctor(shared_station.folder, "--account", "alice")
    assert done.returncode == 1
    assert done.stdout.startswith("Broken        Listening port: The station listens at 127.0.0.1")
    done = _doctor(shared_station.folder, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["state"] == "broken"
    assert {one["name"] for one in told["findings"]} >= {"port", "clock", "storage"}
    assert _doctor(shared_station.folder, "--account", "nobody").returncode == 1


def test_a_station_never_started_is_said_so_and_gets_no_root_key(tmp_path: Path) -> None:
    done = _doctor(tmp_path / "new")
    assert done.returncode == 1
    assert "No station ran" in done.stderr
    assert not (tmp_path / "new" / "root.key").exists()
