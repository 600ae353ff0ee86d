"""IM server, station and phone: three processes, three ports (patent claims 2 and 7).

The IM server is reached through a proxy, so that it can be slow or gone at the right moment.
"""

import json
import sqlite3
import time
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phone.errors import Untrusted
from phone.im import keys as keys_of
from phone.state import Home
from tests.accounts_cast import running_imserver
from tests.conftest import SAMPLES
from tests.operating import Refused, operated
from tests.proxy import Proxy
from tests.stations import Phone, tree
from wire import im
from wire.tokens import thumbprint, unb64u

CHATS = SAMPLES / "whatsapp"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An IM server with alice's account, and a station that is registered there."""
    folder = tmp_path_factory.mktemp("three")
    with (
        running_imserver(folder / "im") as imserver,
        Proxy(int(imserver.origin.rpartition(":")[2])) as way,
        operated(folder / "station") as station,
    ):
        origin = f"http://127.0.0.1:{way.port}"
        imserver.operate("account", "alice")
        station.manage("register", origin, imserver.operate("station-code")["code"])
        yield SimpleNamespace(im=imserver, way=way, origin=origin, station=station)


@pytest.fixture
def phone(place, tmp_path):
    """A phone that alice enrolled with a one-time code."""
    return enrolled_at(place, tmp_path / "phone")


def enrolled_at(place, home):
    phone = Phone(home)
    code = place.im.operate("code", "alice")["code"]
    told = phone.run("enrol", "--im", place.origin, "--code", code)
    assert told["iss"] == place.im.iss
    return phone


def backed_up(station, phone, *paths):
    """The answer of a backup; the owner allows the account if the station asks."""
    run = phone.begin("backup", station.link(), *(paths or [CHATS]))
    while run.process.poll() is None:
        for question in station.answer("phones")["waiting"]:
            station.manage("phones", "allow", question["digits"])
        time.sleep(0.05)
    return run.succeed()


def refusal(run):
    """Exit code and error code of a run that fails."""
    status = run.finish()
    return status, json.loads(run.output)["error"]["code"]


def test_the_first_backup_waits_for_the_owner_and_later_ones_do_not(tmp_path):
    with (
        running_imserver(tmp_path / "im") as imserver,
        operated(tmp_path / "station") as station,
    ):
        imserver.operate("account", "alice")
        code = imserver.operate("station-code")["code"]
        registered = station.answer("register", imserver.origin, code)
        assert registered["iss"] == imserver.iss
        ports = {imserver.origin, station.origin}
        assert len(ports) == 2
        own = SimpleNamespace(im=imserver, origin=imserver.origin)
        phone = enrolled_at(own, tmp_path / "phone")

        run = phone.begin("backup", station.link(), CHATS)
        question = station.waiting(run)
        assert question["kind"] == "link"
        asked = f"an account of {imserver.origin} ({question['name'][:8]})"
        assert asked in station.manage("phones")
        station.manage("phones", "allow", question["digits"])
        first = run.succeed()
        shown = f"{question['digits'][:3]} {question['digits'][3:]}"
        assert shown in run.errors, "the phone shows the same six digits"

        (enrolled,) = imserver.operate("phones")["phones"]
        assert enrolled["account"] == "alice"
        (known,) = station.answer("phones")["elsewhere"]
        assert known["thumbprint"] == enrolled["thumbprint"]
        assert (known["owner"], known["im"]) == ("alice", imserver.origin)
        assert (known["remind"], known["overdue"]) == ("weekly", False)
        assert f"Phones of accounts at {imserver.origin}" in station.manage("phones")

        again = phone.run("backup", station.link(), CHATS)
        assert again["sent"] == 0
        assert "waiting" not in station.trail()

        phone.run("restore", station.link(), first["snapshot_id"], "--to", tmp_path / "back")
        assert tree(tmp_path / "back" / CHATS.name) == tree(CHATS)
        listed = phone.run("list", station.link())["snapshots"]
        assert [one["snapshot_id"] for one in listed] == [
            again["snapshot_id"],
            first["snapshot_id"],
        ]


def test_the_owner_can_deny_an_account(tmp_path):
    with (
        running_imserver(tmp_path / "im") as imserver,
        operated(tmp_path / "station") as station,
    ):
        imserver.operate("account", "alice")
        code = imserver.operate("station-code")["code"]
        station.manage("register", imserver.origin, code)
        phone = enrolled_at(
            SimpleNamespace(im=imserver, origin=imserver.origin), tmp_path / "phone"
        )
        run = phone.begin("backup", station.link(), CHATS)
        station.manage("phones", "deny", station.waiting(run)["digits"])
        assert refusal(run) == (3, "4403")
        assert not (station.folder / "store" / "vaults").exists()


def test_the_phone_does_not_connect_before_the_im_server_has_answered(place, phone):
    backed_up(place.station, phone)
    link = place.station.link()
    place.way.hold(True)
    try:
        run = phone.begin("backup", link, CHATS)
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            assert place.station.trail() == ["shown"]
            time.sleep(0.1)
        assert run.process.poll() is None
    finally:
        place.way.hold(False)
    run.succeed()
    deadline = time.monotonic() + 10  # the trail is written behind the handshake
    while place.station.trail()[:3] != ["shown", "scanned", "connected"]:
        assert time.monotonic() < deadline, place.station.trail()
        time.sleep(0.05)


def test_without_the_im_server_the_phone_fails_before_it_connects(place, phone):
    place.way.refuse(True)
    try:
        run = phone.begin("backup", place.station.link(), CHATS)
        assert refusal(run) == (5, "unreachable")
        assert place.origin in run.errors
    finally:
        place.way.refuse(False)
    assert place.station.trail() == ["shown"]
    backed_up(place.station, phone)


def test_a_phone_that_was_revoked_is_refused_before_it_connects(place, phone):
    key = Home(phone.home).key().public_key().public_bytes_raw()
    place.im.operate("revoke-phone", thumbprint(key))
    assert refusal(phone.begin("backup", place.station.link(), CHATS)) == (3, "phone_revoked")
    assert place.station.trail() == ["shown"]


def test_a_phone_of_no_account_is_told_how_to_enrol(place, tmp_path):
    stranger = Phone(tmp_path / "stranger")
    run = stranger.begin("backup", place.station.link(), CHATS)
    assert refusal(run) == (1, "not_enrolled")
    assert f"--im {place.origin}" in run.errors
    assert place.station.trail() == ["shown"]


def test_a_phone_that_has_an_account_there_need_not_enrol_by_a_link(place, phone):
    link = place.station.link()
    assert phone.run("enrol", link)["link"] == link
    assert place.station.trail() == ["shown"]


@pytest.fixture
def second_station(place, tmp_path):
    with operated(tmp_path / "second") as station:
        station.manage("register", place.origin, place.im.operate("station-code")["code"])
        yield station


def test_one_account_keeps_its_own_vault_at_each_of_two_stations(
    place, phone, second_station, tmp_path
):
    here = backed_up(place.station, phone)
    there = backed_up(second_station, phone)
    assert there["sent"] >= there["bytes"], "the second station holds nothing yet"
    listed = phone.run("list", second_station.link())["snapshots"]
    assert [one["snapshot_id"] for one in listed] == [there["snapshot_id"]]
    elsewhere = phone.begin(
        "restore", second_station.link(), here["snapshot_id"], "--to", tmp_path / "back"
    )
    assert elsewhere.finish() != 0
    assert tree(tmp_path / "back") == {}


def test_a_revoked_station_is_refused_and_the_other_is_not(place, phone, second_station):
    backed_up(second_station, phone)
    stations = place.im.operate("stations")["stations"]
    place.im.operate("revoke-station", stations[-1]["station_id"])
    run = phone.begin("backup", second_station.link(), CHATS)
    assert refusal(run) == (3, "station_revoked")
    assert second_station.trail() == ["shown"]
    backed_up(place.station, phone)


def test_keys_rotate_with_an_overlap_that_strands_nobody(place, phone, tmp_path):
    """Stations learn the next key by themselves; phones when they meet it."""
    backed_up(place.station, phone)
    before = place.im.operate("rotate")
    assert len(before["keys"]) == 2
    backed_up(place.station, phone)
    place.station.stop()
    place.station.restart()  # asks for the keys, as it does every hour
    while len(pinned(place.station)) < len(before["keys"]):
        time.sleep(0.05)
    let_a_week_pass(place.im)
    backed_up(place.station, phone)
    newest = enrolled_at(place, tmp_path / "newest")
    backed_up(place.station, newest)


def pinned(station):
    """The keys that the station trusts of its IM server."""
    with closing(sqlite3.connect(f"file:{station.database}?mode=ro", uri=True)) as database:
        (keys,) = database.execute("SELECT keys FROM transfer_issuer WHERE origin <> ''").fetchone()
    return json.loads(keys)


def let_a_week_pass(imserver):
    """The key that the last rotation published signs from now on; the old one stays published."""
    path = imserver.folder / "issuer.json"
    stored = json.loads(path.read_bytes())
    stored["keys"][-1]["signs_from"] = int(time.time()) - 1
    path.write_text(json.dumps(stored))


def test_keys_without_any_overlap_are_not_believed(place, tmp_path):
    """Whoever answers at the IM server's address with other keys alone is somebody else."""
    with running_imserver(tmp_path / "im") as other, Proxy(port_of(other)) as way:
        origin = f"http://127.0.0.1:{way.port}"
        other.operate("account", "alice")
        own = SimpleNamespace(im=other, origin=origin)
        phone = enrolled_at(own, tmp_path / "phone")
        with operated(tmp_path / "station") as station:
            station.manage("register", origin, other.operate("station-code")["code"])
            backed_up(station, phone)
            other.operate("rotate", "--leaked")
            status, code = refusal(phone.begin("backup", station.link(), CHATS))
            assert (status, code) == (3, "untrusted")
            assert station.trail() == ["shown"]


def port_of(imserver):
    return int(imserver.origin.rpartition(":")[2])


@contextmanager
def answering(reply):
    """Something at an origin that answers every registration with ``reply``."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(im.encode(reply))

        def log_message(self, *_arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def other_key():
    return Ed25519PrivateKey.generate().public_key().public_bytes_raw()


def test_no_im_server_elsewhere_may_call_itself_a_station(place, phone):
    """Embedded accounts are named ``station:…``: such an issuer could name anybody's vault."""
    kept = place.station.answer("phones")
    for iss in ("station:abcdefghijklmnopqrstuvwxyz", "station:"):
        reply = im.RegisterReply(iss, [other_key()], int(time.time()))
        with answering(reply) as origin, pytest.raises(Refused, match="only a station"):
            place.station.manage("register", origin, "AAAAA-AAAAA-AAAAA-AAAAA")
    assert place.station.answer("phones") == kept
    backed_up(place.station, phone)


def test_no_other_server_may_take_a_pinned_issuers_name(place, phone):
    keys = published(place)
    for told in ([other_key()], keys):
        reply = im.RegisterReply(place.im.iss, told, int(time.time()))
        with answering(reply) as origin, pytest.raises(Refused, match="is known as the IM server"):
            place.station.manage("register", origin, "AAAAA-AAAAA-AAAAA-AAAAA")
    backed_up(place.station, phone)


def published(place):
    _status, _headers, body = place.im.send("GET", "/im/v1/keys")
    return [unb64u(key["x"]) for key in json.loads(body)["keys"]]


def test_registering_again_at_the_same_im_server_is_fine(place, phone):
    place.station.manage("register", place.origin, place.im.operate("station-code")["code"])
    place.station.manage("register", place.origin + "/", place.im.operate("station-code")["code"])
    backed_up(place.station, phone)


@pytest.mark.parametrize(
    "origin",
    ["im.example.org", "http://im.example.org", "https://a@im.example.org", "https://im.org/x?y"],
)
def test_refuses_to_register_at_what_is_no_safe_origin(place, origin):
    with pytest.raises(Refused, match=r"an origin like|by https"):
        place.station.manage("register", origin, "AAAAA-AAAAA-AAAAA-AAAAA")


def test_a_used_code_registers_no_second_station(place, second_station, tmp_path):
    code = place.im.operate("station-code")["code"]
    place.station.manage("register", place.origin, code)
    with pytest.raises(Refused, match="used before"):
        second_station.manage("register", place.origin, code)


def test_new_keys_are_not_asked_for_where_the_address_proves_nothing():
    with pytest.raises(Untrusted):
        keys_of("http://192.168.1.20:8766")
