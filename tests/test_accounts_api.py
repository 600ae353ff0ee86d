"""The four calls over real HTTP, against an IM server that runs alone in its own process."""

import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.accounts_cast import PhoneActor, StationActor, running_imserver
from tests.apps.serving import receive_all
from wire import im
from wire.invitation import Scope
from wire.tokens import Indication, Ticket, keys_from_jwk_set, verify


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running_imserver(tmp_path_factory.mktemp("im")) as server:
        server.operate("account", "Alice")
        yield server


@pytest.fixture(scope="module")
def registered(server):
    """A station and the phone of an account, each made known by a code of its own."""
    station, phone = StationActor(), PhoneActor()
    code = server.operate("station-code")["code"]
    status, body = server.post(im.STATIONS_PATH, station.register_request(code))
    assert status == 200, body
    code = server.operate("code", "Alice")["code"]
    status, body = server.post(im.PHONES_PATH, phone.enrol_request(code))
    assert status == 200, body
    return station, phone


def fresh(station, **changes):
    return station.invitation(int(time.time()), **changes)


def push(connection, piece, at_most):
    """Send ``piece`` until the server ends the connection; bytes that were sent."""
    sent = 0
    try:
        while sent < at_most:
            connection.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def published(server):
    status, _headers, body = server.send("GET", im.KEYS_PATH)
    assert status == 200
    return keys_from_jwk_set(json.loads(body))


def test_registration_tells_issuer_keys_and_time(server):
    code = server.operate("station-code")["code"]
    status, body = server.post(im.STATIONS_PATH, StationActor().register_request(code))
    reply = im.decode(im.RegisterReply, body)
    assert (status, reply.iss, list(reply.keys)) == (200, server.iss, published(server))
    assert abs(reply.server_time - time.time()) < 10


def test_enrolment_tells_issuer_account_and_keys(server):
    account = server.operate("account", "Carol")
    code = server.operate("code", "Carol")["code"]
    _status, body = server.post(im.PHONES_PATH, PhoneActor().enrol_request(code))
    expected = im.EnrolReply(server.iss, account["sub"], published(server))
    assert im.decode(im.EnrolReply, body) == expected


def test_scanned_invitation_is_answered_with_signed_indication_and_ticket(server, registered):
    station, phone = registered
    invitation = fresh(station, scope=Scope.BACKUP | Scope.RESTORE)
    request = phone.connect_request(server.iss, invitation, "restore")
    tickets = []
    for _repeat in range(2):
        status, body = server.post(im.CONNECTIONS_PATH, request)
        assert status == 200
        reply = im.decode(im.ConnectReply, body)
        indication = verify(reply.indication, Indication, published(server))
        tickets.append(verify(reply.ticket, Ticket, published(server)))
        assert indication.station_name == station.name
    assert tickets[0].scope == "restore"
    assert tickets[0].jti != tickets[1].jti


def test_refusals_travel_by_name(server, registered):
    station, phone = registered
    stranger, invitation = PhoneActor(), fresh(station)
    used = server.operate("station-code")["code"]
    assert server.post(im.STATIONS_PATH, StationActor().register_request(used))[0] == 200
    ask = [
        (im.CONNECTIONS_PATH, phone.connect_request(server.iss, fresh(StationActor()))),
        (im.CONNECTIONS_PATH, phone.connect_request("im:other", invitation)),
        (im.CONNECTIONS_PATH, phone.connect_request(server.iss, invitation, "restore")),
        (im.CONNECTIONS_PATH, phone.connect_request(server.iss, fresh(station, expires=1))),
        (
            im.CONNECTIONS_PATH,
            phone.connect_request(server.iss, fresh(station, addresses=["9.9.9.9"])),
        ),
        (im.CONNECTIONS_PATH, stranger.connect_request(server.iss, invitation)),
        (im.PHONES_PATH, stranger.enrol_request("0" * 20)),
        (im.STATIONS_PATH, StationActor().register_request(used)),
    ]
    assert [server.refusal(path, request) for path, request in ask] == [
        "station_unknown",
        "proof_wrong",
        "scope_not_allowed",
        "invitation_expired",
        "address_public",
        "phone_unknown",
        "code_unknown",
        "code_used",
    ]


def test_operator_revokes_while_the_server_runs(server, registered):
    station, _phone = registered
    lost = PhoneActor("lost phone")
    code = server.operate("code", "Alice")["code"]
    assert server.post(im.PHONES_PATH, lost.enrol_request(code))[0] == 200
    rows = server.operate("phones")["phones"]
    thumbprint = next(row["thumbprint"] for row in rows if row["name"] == "lost phone")
    server.operate("revoke-phone", "--", thumbprint)
    request = lost.connect_request(server.iss, fresh(station))
    assert server.refusal(im.CONNECTIONS_PATH, request) == "phone_revoked"
    assert [row["revoked"] for row in server.operate("phones")["phones"]].count(True) == 1


def test_operator_revokes_a_station_while_the_server_runs(server, registered):
    _station, phone = registered
    gone = StationActor("gone")
    code = server.operate("station-code")["code"]
    assert server.post(im.STATIONS_PATH, gone.register_request(code))[0] == 200
    rows = server.operate("stations")["stations"]
    server.operate("revoke-station", next(r["station_id"] for r in rows if r["name"] == "gone"))
    request = phone.connect_request(server.iss, fresh(gone))
    assert server.refusal(im.CONNECTIONS_PATH, request) == "station_revoked"


def test_rotation_is_seen_by_the_running_server(server):
    before = published(server)
    answer = server.operate("rotate")
    after = published(server)
    assert after[: len(before)] == before
    assert len(after) == len(before) + 1
    assert answer["signs_from"] > time.time() + 24 * 3600


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("GET", im.CONNECTIONS_PATH, b"", {}, 405, "wrong_method"),
        ("PUT", im.PHONES_PATH, b"{}", None, 405, "wrong_method"),
        ("POST", im.KEYS_PATH, b"{}", None, 405, "wrong_method"),
        ("POST", im.CONNECTIONS_PATH, b"{}", {"Content-Type": "text/plain"}, 415, "not_json"),
        ("POST", im.CONNECTIONS_PATH, b"{}", {}, 415, "not_json"),
        ("POST", im.CONNECTIONS_PATH, b"", None, 400, "malformed"),
        ("POST", im.CONNECTIONS_PATH, b"{", None, 400, "malformed"),
        ("POST", im.CONNECTIONS_PATH, b"\xff\xfe\x00", None, 400, "malformed"),
        ("POST", im.PHONES_PATH, b'{"code":"x"}', None, 400, "malformed"),
        ("POST", im.STATIONS_PATH, b"[" * 16_000, None, 400, "malformed"),
        ("POST", im.STATIONS_PATH, b" " * (im.BODY_BYTES_MAX + 1), None, 413, "too_large"),
        ("POST", im.STATIONS_PATH, b" " * 900_000, None, 413, "too_large"),
    ],
)
def test_refuses_what_is_not_a_call(server, method, path, body, headers, status, code):
    found, answered, reply = server.send(method, path, body, headers)
    assert (found, json.loads(reply)["code"]) == (status, code)
    assert answered["Access-Control-Allow-Origin"] == "*"
    assert answered["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: 100000000", b"Transfer-Encoding: chunked"],
    ids=["length", "chunks"],
)
def test_ends_a_body_that_never_ends(server, framing):
    place = urlsplit(server.origin)
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        head = b"POST /im/v1/phones HTTP/1.1\r\nHost: 127.0.0.1\r\n" + framing + b"\r\n\r\n"
        connection.sendall(head)
        push(connection, b"10000\r\n" + bytes(65536) + b"\r\n", at_most=2 << 20)
        assert receive_all(connection).startswith(b"HTTP/1.1 413 ")
    assert server.send("GET", "/healthz")[0] == 200


def test_any_page_may_call_but_without_cookies(server):
    headers = {
        "Origin": "http://192.168.1.20:8765",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    status, answered, _body = server.send("OPTIONS", im.CONNECTIONS_PATH, headers=headers)
    assert status == 204
    assert answered["Access-Control-Allow-Origin"] == "*"
    assert answered["Access-Control-Allow-Methods"] == "POST"
    assert answered["Access-Control-Allow-Headers"] == "content-type"
    assert "Access-Control-Allow-Credentials" not in answered


def test_cookies_are_neither_read_nor_set(server):
    cookie = {"Cookie": "sessionid=stolen; csrftoken=x", "Content-Type": "application/json"}
    for method, path in [("GET", im.KEYS_PATH), ("POST", im.PHONES_PATH)]:
        _status, answered, _body = server.send(method, path, b"{}", cookie)
        assert "Set-Cookie" not in answered
        assert "Cookie" not in answered["Vary"]


def test_answers_to_no_other_host_name(server):
    assert server.send("GET", im.KEYS_PATH, headers={"Host": "rebound.example"})[0] == 400


def test_serves_the_admin_and_nothing_of_a_station(server):
    assert server.send("GET", "/admin/login/")[0] == 200
    assert server.send("GET", "/healthz")[2] == b"ok\n"
    assert server.send("GET", "/")[0] == 404


def test_one_code_from_fifty_threads_at_two_processes_enrols_one_phone(tmp_path):
    with running_imserver(tmp_path) as first, running_imserver(tmp_path) as second:
        first.operate("account", "Alice")
        code = first.operate("code", "Alice")["code"]
        requests = [PhoneActor(str(at)).enrol_request(code) for at in range(50)]
        with ThreadPoolExecutor(50) as pool:
            answers = pool.map(
                lambda at: [first, second][at % 2].post(im.PHONES_PATH, requests[at]), range(50)
            )
            codes = [json.loads(body).get("code", "won") for _status, body in answers]
        assert sorted(set(codes)) == ["code_used", "won"]
        assert codes.count("won") == 1
        assert len(first.operate("phones")["phones"]) == 1


def test_phones_that_race_for_one_session_at_two_processes_leave_one_winner(tmp_path):
    with running_imserver(tmp_path) as first, running_imserver(tmp_path) as second:
        first.operate("account", "Alice")
        station, phones = StationActor(), [PhoneActor(str(at)) for at in range(8)]
        code = first.operate("station-code")["code"]
        assert first.post(im.STATIONS_PATH, station.register_request(code))[0] == 200
        for phone in phones:
            code = first.operate("code", "Alice")["code"]
            assert first.post(im.PHONES_PATH, phone.enrol_request(code))[0] == 200
        invitation = fresh(station)
        requests = [phone.connect_request(first.iss, invitation) for phone in phones] * 4
        with ThreadPoolExecutor(32) as pool:
            answers = list(
                pool.map(
                    lambda at: [first, second][at // 8 % 2].post(im.CONNECTIONS_PATH, requests[at]),
                    range(32),
                )
            )
        won = [at % 8 for at, (status, _body) in enumerate(answers) if status == 200]
        assert len(won) == 4
        assert len(set(won)) == 1
        assert {json.loads(body).get("code") for _status, body in answers} == {
            None,
            "session_taken",
        }


def test_one_address_that_is_refused_again_and_again_is_turned_away(tmp_path):
    with running_imserver(tmp_path) as server:
        guess = PhoneActor().enrol_request("0" * 20)
        names = [server.refusal(im.PHONES_PATH, guess) for _attempt in range(130)]
        assert names[:30] == ["code_unknown"] * 30
        assert "too_many" in names


def test_behind_a_proxy_each_caller_counts_by_the_address_that_the_proxy_saw(tmp_path):
    def guess(forwarded_for):
        headers = {"Content-Type": "application/json", "X-Forwarded-For": forwarded_for}
        body = im.encode(PhoneActor().enrol_request("0" * 20))
        _status, _headers, answer = server.send("POST", im.PHONES_PATH, body, headers)
        return json.loads(answer)["code"]

    with running_imserver(tmp_path, "--behind-proxy") as server:
        mallory = [guess(f"203.0.113.{at % 200}, 198.51.100.7") for at in range(130)]
        assert "too_many" in mallory
        assert guess("198.51.100.8") == "code_unknown"


def test_account_phone_and_keys_outlive_a_kill(tmp_path):
    with running_imserver(tmp_path) as server:
        server.operate("account", "Alice")
        code = server.operate("code", "Alice")["code"]
        phone = PhoneActor()
        assert server.post(im.PHONES_PATH, phone.enrol_request(code))[0] == 200
        keys = published(server)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    with running_imserver(tmp_path) as again:
        assert (again.iss, published(again)) == (server.iss, keys)
        assert again.refusal(im.PHONES_PATH, phone.enrol_request(code)) == "code_used"
        assert len(again.operate("phones")["phones"]) == 1
