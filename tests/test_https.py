"""A station by https: its certificate, its pages, its sockets, and a phone that comes that way."""

import hashlib
import http.client
import json
import os
import random
import re
import socket
import ssl
import stat
import time
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.test import override_settings
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from backupstation import addresses
from backupstation.https import authorities, certificate, made
from backupstation.https.authority import Authority
from backupstation.https.certificate import CertificateUnusable
from backupstation.https.given import Given
from backupstation.listening import Listening
from phone.cli import main
from tests.accounts_cast import certificate_in
from tests.stations import OWNER, PASSWORD, Phone, Station, running, tree
from tests.test_wrong_commands import told

AUTO = {"STATION_HTTPS": "auto"}
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    with running(tmp_path_factory.mktemp("https") / "station", **AUTO) as running_station:
        yield running_station


@pytest.fixture(scope="module")
def root(station, tmp_path_factory):
    """The authority's certificate, as a device downloads it by plain http."""
    status, headers, body = ask(station.origin, "/https/backup-station.crt")
    assert status == 200
    assert headers["Content-Type"] == "application/x-x509-ca-cert"
    file = tmp_path_factory.mktemp("root") / "backup-station.crt"
    file.write_bytes(body)
    return file


@pytest.fixture(scope="module")
def trusting(root):
    context = ssl.create_default_context(cafile=root)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def ask(origin, path, trusting=None, method="GET", body=None, headers=None):
    """Status, headers and body of one request."""
    scheme, _, place = origin.partition("://")
    if scheme == "https":
        connection = http.client.HTTPSConnection(place, timeout=20, context=trusting)
    else:
        connection = http.client.HTTPConnection(place, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def serving(station, trusting):
    """The certificate that a new connection is shown."""
    raw = socket.create_connection(("127.0.0.1", station.https_port), 20)
    with trusting.wrap_socket(raw, server_hostname="127.0.0.1") as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))


def cookies_of(headers):
    return [SimpleCookie(text) for text in headers.get_all("Set-Cookie") or []]


def sign_in(origin, trusting=None, **more):
    """The cookies of a signed-in owner, as a Cookie header."""
    _status, headers, page = ask(origin, "/sign-in/", trusting, headers=more)
    token = page.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    jar = {name: one.value for each in cookies_of(headers) for name, one in each.items()}
    form = {"username": OWNER, "password": PASSWORD, "csrfmiddlewaretoken": token}
    sent = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()),
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": origin,
    }
    status, headers, _body = ask(origin, "/sign-in/", trusting, "POST", urlencode(form), sent)
    assert status == 302
    given = cookies_of(headers)
    jar |= {name: one.value for each in given for name, one in each.items()}
    return "; ".join(f"{name}={value}" for name, value in jar.items()), given


# Pages and sockets


def test_the_same_pages_are_at_both_ports(station, trusting):
    for origin in (station.origin, station.https_origin):
        assert ask(origin, "/healthz", trusting)[0] == 200
    assert station.https_origin == f"https://127.0.0.1:{station.https_port}"


def test_who_does_not_trust_the_authority_is_not_served(station):
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(station.https_origin, "/healthz", ssl.create_default_context())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_the_certificate_is_for_this_computers_own_names(station, trusting, host):
    raw = socket.create_connection(("127.0.0.1", station.https_port), 20)
    with trusting.wrap_socket(raw, server_hostname=host) as secure:
        assert secure.version() == "TLSv1.3"


def test_cookies_of_https_are_a_set_of_their_own(station, trusting):
    header, given = sign_in(station.https_origin, trusting)
    assert len(given) >= 2
    for each in given:
        for name, cookie in each.items():
            assert name.startswith("__Host-")
            assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")
    assert ask(station.https_origin, "/", trusting, headers={"Cookie": header})[0] == 200
    # What somebody could have set by plain http is not believed, nor the other way round.
    unmarked = header.replace("__Host-", "")
    assert ask(station.https_origin, "/", trusting, headers={"Cookie": unmarked})[0] == 302
    assert ask(station.origin, "/", headers={"Cookie": header})[0] == 302


def test_cookies_of_plain_http_are_as_ever(station):
    header, given = sign_in(station.origin)
    assert not any(cookie["secure"] for each in given for cookie in each.values())
    assert "__Host-" not in header
    assert ask(station.origin, "/", headers={"Cookie": header})[0] == 200


def test_the_policy_of_the_page_names_its_secure_socket(station, trusting):
    header, _given = sign_in(station.https_origin, trusting)
    _status, headers, _body = ask(station.https_origin, "/", trusting, headers={"Cookie": header})
    policy = headers["Content-Security-Policy"]
    assert f"connect-src 'self' wss://127.0.0.1:{station.https_port}" in policy


def test_the_live_page_goes_by_wss_for_pages_of_https_only(station, trusting):
    header, _given = sign_in(station.https_origin, trusting)
    url = f"wss://127.0.0.1:{station.https_port}/live/"
    sent = {"Cookie": header}
    origin = station.https_origin
    with connect(url, ssl=trusting, origin=origin, additional_headers=sent) as live:
        hello = {"type": "hello", "language": "en", "link": "", "choice": {"scheme": "https"}}
        live.send(json.dumps(hello))
        code = json.loads(live.recv(timeout=20))["parts"]["code"]
        assert f"{station.https_origin}/phone/#" in code
    with pytest.raises(InvalidStatus):
        connect(url, ssl=trusting, origin=origin.replace("https", "http"), additional_headers=sent)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_connection_goes_on_with_the_secrets_of_another(station, root, version):
    context = ssl.create_default_context(cafile=root)
    context.minimum_version = context.maximum_version = version
    session = None
    for _ in range(2):
        raw = socket.create_connection(("127.0.0.1", station.https_port), 20)
        with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as secure:
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert secure.recv(12) == b"HTTP/1.1 200"  # after the tickets, if there are any
            assert not secure.session_reused
            session = secure.session


# The install page


def test_the_install_page_shows_the_authority_to_everyone_by_both_ways(station, trusting, root):
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(root.read_text())).digest()
    for origin in (station.origin, station.https_origin):
        page = ask(origin, "/https/", trusting)[2].decode()
        assert digest.hex(" ").upper() in page
        assert station.https_origin in page


@pytest.mark.parametrize(
    ("agent", "opened"),
    [
        ("Mozilla/5.0 (Linux; Android 15; Pixel 8) Chrome/140 Mobile", "android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "apple"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140", "windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605", "mac"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140", "linux"),
    ],
)
def test_the_steps_of_the_own_system_are_open(station, agent, opened):
    page = ask(station.origin, "/https/", headers={"User-Agent": agent})[2].decode()
    assert re.findall(r'id="(\w+)" open', page) == [opened]


def test_while_https_is_off_the_page_says_how_to_switch_it_on(tmp_path):
    with running(tmp_path / "station") as station:
        assert (station.https_port, station.https_origin) == (0, "")
        status, _headers, page = ask(station.origin, "/https/")
        assert (status, b"STATION_HTTPS=auto" in page) == (404, True)
        assert ask(station.origin, "/https/backup-station.crt")[0] == 404
        with pytest.raises(AssertionError, match="https is off"):
            station.manage("invite", "--https")
    assert not (tmp_path / "station" / "https").exists()


# Phones


def test_a_phone_comes_by_a_secure_link_when_it_is_told_whom_to_trust(
    station, root, tmp_path, chats
):
    phone = Phone(tmp_path / "phone")
    link = station.link("--https")
    assert link.startswith(station.https_origin)
    enrolling = phone.begin("enrol", link, "--ca", root)
    station.allow(enrolling)
    enrolling.succeed()
    refused = phone.begin("backup", station.link("--https"), chats)
    assert refused.finish() == 3
    error = refused.answer()["error"]
    assert (error["code"], "--ca FILE" in error["hint"]) == ("not_certified", True)
    link = station.link("--https")
    stored = phone.run("backup", link, chats, "--ca", root)["snapshot_id"]
    link = station.link("--https")
    phone.run("restore", link, stored, "--to", tmp_path / "back", "--ca", root)
    assert tree(tmp_path / "back") == {
        f"chats/{name}": content for name, content in tree(chats).items()
    }


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), ("x", "no certificate")])
def test_an_authority_that_is_none_is_a_wrong_command(tmp_path, phone, content, says):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    run = phone.begin("list", "https://127.0.0.1:1/phone/#x", "--ca", file)
    assert run.finish() == 2
    assert says in run.errors


def test_a_backup_and_its_restore_go_through_wss(
    station, root, trusting, tmp_path, chats, monkeypatch, capsys
):
    """The phone that the command line is, with its socket moved to the https port."""

    def by_tls(url, **options):
        secure = url.replace("ws:", "wss:").replace(f":{station.port}/", f":{station.https_port}/")
        reached.append(secure)
        return connect(secure, ssl=trusting, **options)

    reached = []
    phone = Phone(tmp_path / "phone")
    phone.enrol(station)
    monkeypatch.setattr("phone.connection.connect", by_tls)
    monkeypatch.setenv("PHONE_HOME", str(phone.home))
    monkeypatch.setenv("SSL_CERT_FILE", str(root))
    (chats / "large.bin").write_bytes(random.Random(1).randbytes(30_000_000))
    assert main(["backup", station.link("--https"), str(chats), "--json"]) == 0
    stored = json.loads(capsys.readouterr().out)["snapshot_id"]
    back = tmp_path / "back"
    assert main(["restore", station.link("--https"), stored, "--to", str(back), "--json"]) == 0
    assert tree(back / "chats") == tree(chats)
    assert len(reached) == 2
    assert all(url.startswith(f"wss://127.0.0.1:{station.https_port}/listen/") for url in reached)


# The certificate's life


def test_what_is_kept_is_for_the_owner_alone(station):
    folder = station.folder / "https"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for file in ("authority.pem", "station.pem"):
        assert stat.S_IMODE((folder / file).stat().st_mode) == 0o600


def aged(folder, days):
    """Put a certificate in the place of the station's that was made so long ago."""
    authority = Authority.from_pem((folder / "https" / "authority.pem").read_bytes())
    leaf = x509.load_pem_x509_certificates((folder / "https" / "station.pem").read_bytes())[0]
    old = authority.issue(certificate.names_of(leaf), NOW - timedelta(days=days))
    (folder / "https" / "station.pem").write_bytes(old)


def test_a_start_renews_a_certificate_that_ends_soon_and_keeps_one_that_does_not(tmp_path):
    station = Station(tmp_path / "station", **AUTO)
    seen = []
    for days in (0, 300, 380, 500):
        station.start()
        root = ask(station.origin, "/https/backup-station.crt")[2].decode()
        seen.append((root, serving(station, ssl.create_default_context(cadata=root))))
        station.stop()
        aged(station.folder, days)
    roots, leaves = zip(*seen, strict=True)
    assert len(set(roots)) == 1
    ends = [leaf.not_valid_after_utc - NOW for leaf in leaves]
    assert ends[2] < timedelta(days=100)  # the one that was made 300 days before went on to serve
    assert ends[3] > timedelta(days=390)


def test_a_start_with_other_names_makes_a_certificate_for_them(tmp_path):
    station = Station(tmp_path / "station", STATION_ALLOWED_HOSTS="nas.lan,example.org", **AUTO)
    station.start()
    try:
        root = ask(station.origin, "/https/backup-station.crt")[2].decode()
        names = certificate.names_of(serving(station, ssl.create_default_context(cadata=root)))
    finally:
        station.stop()
    assert {"nas.lan", "localhost", "127.0.0.1", "::1"} <= set(names)
    assert "example.org" not in names  # its authority could not prove that


def test_an_address_among_the_allowed_hosts_is_certified_when_it_may_be(tmp_path, caplog):
    """A container is reached at an address that is another machine's."""
    known = ["192.168.7.9", "FD00:0::9", "203.0.113.9"]
    with override_settings(STATION_ALLOWED_HOSTS=known):
        source = made.Made(tmp_path, "127.0.0.1", NOW)
        leaf = (tmp_path / "station.pem").read_bytes()
        source.refresh(NOW)
    assert {"192.168.7.9", "fd00::9"} <= set(source.names)
    assert "203.0.113.9" not in source.names
    assert (tmp_path / "station.pem").read_bytes() == leaf
    warned = [record.args for record in caplog.records]
    assert warned == [("203.0.113.9",)]


def test_other_addresses_make_another_certificate_and_the_same_ones_do_not(tmp_path, monkeypatch):
    place = tmp_path / "https"
    source = made.Made(place, "0.0.0.0", NOW)
    first = (place / "station.pem").read_bytes()
    source.refresh(NOW)
    assert (place / "station.pem").read_bytes() == first
    moved = addresses.ordered([("wlan0", "192.168.77.5"), ("wlan0", "fd00::77")])
    monkeypatch.setattr(addresses, "candidates", lambda bound_to: moved)
    context = source.certificate.getContext()
    source.refresh(NOW)
    leaf = x509.load_pem_x509_certificates((place / "station.pem").read_bytes())[0]
    assert {"192.168.77.5", "fd00::77"} <= set(certificate.names_of(leaf)) == set(source.names)
    assert source.certificate.getContext() is not context


@pytest.mark.parametrize("kept", [0, 100, -100, -1000])
def test_a_damaged_certificate_is_made_again(tmp_path, kept):
    made.Made(tmp_path, "127.0.0.1", NOW)
    file = tmp_path / "station.pem"
    whole = file.read_bytes()
    file.write_bytes(whole[:kept] if kept >= 0 else whole[kept:])
    source = made.Made(tmp_path, "127.0.0.1", NOW)
    assert "127.0.0.1" in source.names
    assert len(file.read_bytes()) > 1500


def test_a_full_disk_at_a_renewal_leaves_the_old_certificate_serving(tmp_path, monkeypatch, caplog):
    place = tmp_path / "https"
    made.Made(place, "127.0.0.1", NOW)

    def full(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(authorities, "write", full)
    source = made.Made(place, "127.0.0.1", NOW + timedelta(days=380))
    assert source.certificate.getContext()
    assert "No space left" in caplog.text


def test_an_authority_at_its_end_is_followed_by_another(tmp_path, caplog):
    place = tmp_path / "https"
    source = made.Made(place, "127.0.0.1", NOW)
    first = authorities.in_use(place, NOW)
    late = NOW + timedelta(days=3640)
    source.refresh(late)
    assert authorities.in_use(place, late).root != first.root
    assert "must install the new one" in caplog.text
    leaf = x509.load_pem_x509_certificates((place / "station.pem").read_bytes())[0]
    assert leaf.not_valid_after_utc > late + timedelta(days=390)


@pytest.mark.parametrize("years", [30, -3, -56])
def test_a_clock_that_is_wrong_for_a_while_costs_no_authority(tmp_path, caplog, years):
    """By each way to learn of it: a minute's refresh, and a start."""
    place = tmp_path / "https"
    source = made.Made(place, "127.0.0.1", NOW)
    (trusted,) = (file.read_bytes() for file in place.glob("authority*.pem"))
    wrong = NOW + timedelta(days=365 * years)
    for _ in range(2):
        source.refresh(wrong)
        leaf = x509.load_pem_x509_certificates((place / "station.pem").read_bytes())[0]
        assert leaf.not_valid_before_utc < wrong < leaf.not_valid_after_utc
        assert authorities.in_use(place, wrong).to_pem() != trusted
        source.refresh(NOW)
        assert authorities.in_use(place, NOW).to_pem() == trusted
        made.Made(place, "127.0.0.1", wrong)
        made.Made(place, "127.0.0.1", NOW)
        leaf = x509.load_pem_x509_certificates((place / "station.pem").read_bytes())[0]
        leaf.verify_directly_issued_by(authorities.in_use(place, NOW).issuing)
    kept = list(place.glob("authority*.pem"))
    assert trusted in [file.read_bytes() for file in kept]
    assert len(kept) == 2  # the one that was made for the wrong time serves that again
    assert caplog.text.count("unless this computer's clock is wrong") == 1


def test_what_is_written_is_durable_with_its_name(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync

    def noted(handle):
        synced.append(Path(f"/proc/self/fd/{handle}").readlink())
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    authorities.write(tmp_path / "some.pem", b"x")
    assert synced == [tmp_path / "some.new", tmp_path]


def a_file(place):
    place.write_text("")


def a_damaged_authority(place):
    place.mkdir()
    (place / "authority.pem").write_text("nonsense")


def a_damaged_certificate_that_cannot_be_replaced(place):
    made.Made(place, "127.0.0.1", NOW)
    (place / "station.pem").write_text("nonsense")
    (place / "station.new").mkdir()


def a_certificate_that_cannot_be_written(place):
    made.Made(place, "127.0.0.1", NOW)
    (place / "station.pem").unlink()
    (place / "station.new").mkdir()


@pytest.mark.parametrize(
    ("hinder", "says"),
    [
        (a_file, "https: File exists."),
        (a_damaged_authority, "Move it away"),
        (a_damaged_certificate_that_cannot_be_replaced, "station.new: "),
        (a_certificate_that_cannot_be_written, "station.new: "),
    ],
)
def test_where_no_certificate_can_be_made_plain_http_goes_on(tmp_path, hinder, says):
    station = Station(tmp_path / "station", **AUTO)
    station.folder.mkdir(exist_ok=True)
    hinder(station.folder / "https")
    station.start()
    try:
        assert station.https_port == 0
        assert ask(station.origin, "/healthz")[0] == 200
        assert ask(station.origin, "/https/")[0] == 404
    finally:
        station.stop()
    assert "no certificate can be made" in station.log()
    assert says in station.log()
    assert "Traceback" not in station.log()


@pytest.mark.slow
def test_a_running_station_renews_its_certificate_and_goes_on(tmp_path):
    with running(tmp_path / "station", **AUTO) as station:
        trusting = ssl.create_default_context(
            cadata=authorities.in_use(station.folder / "https", NOW).root_pem.decode()
        )
        first = serving(station, trusting)
        aged(station.folder, days=380)
        deadline = time.monotonic() + 75
        while serving(station, trusting) == first:
            assert time.monotonic() < deadline
            time.sleep(1)
        assert serving(station, trusting).not_valid_after_utc > NOW + timedelta(days=390)


# A certificate that is given


def test_a_given_certificate_is_served_and_a_renewed_one_after_it(tmp_path):
    chain, key = certificate_in(tmp_path)
    chain.chmod(0o644)
    key.chmod(0o600)
    given = {"STATION_TLS_CERT": str(chain), "STATION_TLS_KEY": str(key)}
    with running(tmp_path / "station", **given) as station:
        trusting = ssl.create_default_context(cafile=chain)
        assert ask(station.https_origin, "/healthz", trusting)[0] == 200
        assert station.link("--https").startswith(station.https_origin)
        page = ask(station.https_origin, "/https/", trusting)[2]
        assert b"Download the certificate" not in page
        assert ask(station.origin, "/https/backup-station.crt")[0] == 404
        assert station.log() == ""
    source = Given(chain, key, NOW)
    context = source.certificate.getContext()
    source.refresh(NOW)
    assert source.certificate.getContext() is context
    chain.write_text("nonsense")
    with pytest.raises(CertificateUnusable):
        source.refresh(NOW)
    certificate_in(tmp_path)
    source.refresh(NOW)
    assert source.certificate.getContext() is not context


def given_for(folder, names, made_at=NOW):
    """A given certificate for these names; key and chain are one file."""
    file = folder / "given.pem"
    file.write_bytes(Authority.create("x", NOW).issue(names, made_at))
    return Given(file, file, NOW)


def test_a_wildcard_stands_for_the_allowed_hosts_that_it_covers(tmp_path):
    hosts = ["Station.Example.org", "a.b.example.org", "example.org", "other.test"]
    with override_settings(STATION_ALLOWED_HOSTS=hosts):
        source = given_for(tmp_path, ["*.example.org", "named.test"])
        assert source.names == ("named.test", "station.example.org")
        (tmp_path / "given.pem").write_bytes(
            Authority.create("x", NOW).issue(["*.b.example.org"], NOW)
        )
        here = Listening("0.0.0.0", 8765, 1, 8443, source.names)
        assert here.secure_origin("192.168.1.20") == "https://station.example.org:8443"
        source.refresh(NOW)
        assert source.names == ("a.b.example.org",)


def test_a_given_certificate_that_was_not_renewed_in_time_is_noticed(tmp_path):
    source = given_for(tmp_path, ["station.example.org"])
    source.refresh(NOW + timedelta(days=395))
    with pytest.raises(CertificateUnusable, match="expired on"):
        source.refresh(NOW + timedelta(days=398))


def unusable(folder, case):
    """Settings that name a certificate which cannot serve, and what is said of it."""
    chain, key = certificate_in(folder)
    (folder / "other").mkdir()
    other = certificate_in(folder / "other")[1]
    files = {"STATION_TLS_CERT": str(chain), "STATION_TLS_KEY": str(key)}
    match case:
        case "one alone":
            return {"STATION_TLS_CERT": str(chain)}, "go together"
        case "both ways":
            return files | AUTO, "unset it, or"
        case "no file":
            return files | {"STATION_TLS_CERT": f"{chain}x"}, "No such file or directory."
        case "no certificate":
            return files | {"STATION_TLS_CERT": str(key)}, "holds no certificate in PEM."
        case "no key":
            return files | {"STATION_TLS_KEY": str(chain)}, "holds no key in PEM."
        case "another key":
            return files | {"STATION_TLS_KEY": str(other)}, "is not the key of"
        case "encrypted":
            secret = serialization.load_pem_private_key(key.read_bytes(), None)
            wrapped = serialization.BestAvailableEncryption(b"secret")
            form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, wrapped
            key.write_bytes(secret.private_bytes(*form))
            return files, "without a passphrase."
        case "expired":
            old = Authority.create("x", NOW).issue(["localhost"], NOW - timedelta(days=500))
            chain.write_bytes(old)
            return {"STATION_TLS_CERT": str(chain), "STATION_TLS_KEY": str(chain)}, "expired on"
        case "not yet":
            new = Authority.create("x", NOW).issue(["localhost"], NOW + timedelta(days=9))
            chain.write_bytes(new)
            return {"STATION_TLS_CERT": str(chain), "STATION_TLS_KEY": str(chain)}, "clock right?"
        case "neither":
            return {"STATION_HTTPS": "on"}, "STATION_HTTPS is off or auto"
    return {"STATION_HTTPS_PORT": "many"}, "STATION_HTTPS_PORT is a number"


@pytest.mark.parametrize(
    "case",
    ["one alone", "both ways", "no file", "no certificate", "no key", "another key", "encrypted",
     "expired", "not yet", "neither", "port"],
)  # fmt: skip
def test_a_certificate_that_cannot_serve_is_told_in_a_sentence_with_code_2(tmp_path, case):
    environment, says = unusable(tmp_path, case)
    code, said = told(tmp_path / "station", "station", "--port", "0", **environment)
    assert (code, says in said) == (2, True), said


def test_a_key_that_others_may_read_is_warned_about(tmp_path):
    chain, key = certificate_in(tmp_path)
    key.chmod(0o644)
    station = Station(
        tmp_path / "station", STATION_TLS_CERT=str(chain), STATION_TLS_KEY=str(key)
    ).start()
    station.stop()
    assert f"other users may read {key}" in station.log()


def test_an_https_port_in_use_is_named(tmp_path, station):
    taken = {"STATION_HTTPS_PORT": str(station.https_port), **AUTO}
    code, said = told(tmp_path, "station", "--host", "127.0.0.1", "--port", "0", **taken)
    assert code == 2
    assert f"port {station.https_port}" in said
    assert "STATION_HTTPS_PORT" in said
