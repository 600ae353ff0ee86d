"""Starting a station: one on each folder, private files, and sentences instead of tracebacks."""

import io
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.timezone import now

from accounts.models import User
from backupstation import housekeeping, listening, opening, roles, showing
from backupstation.settings import keep_private
from tests.page_cast import signed_in, snapshot_of
from tests.stations import ROOT, Station, _environment, running
from transfer import approvals, invitations, registration, trail, vaults
from transfer.models import ApprovalKind, Invitation, Issuer, SnapshotState, Vault
from transfer.store.backends import ObjectExists
from transfer.store.backends.posix import PosixBackend
from wire import im, messages, tokens
from wire.errors import MalformedMessage, StationFault
from wire.invitation import Scope, parse_link


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("one") / "station"
    folder.mkdir(mode=0o755)
    with running(folder) as station:
        yield station


def manage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=_environment(folder, **environment),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_second_station_on_the_folder_touches_nothing(one: Station) -> None:
    one.link()
    with closing(sqlite3.connect(one.folder / "station.sqlite3", isolation_level=None)) as database:
        database.execute("UPDATE transfer_invitation SET state = 'claimed'")  # a phone is there
        second = manage(one.folder, "station", "--host", "127.0.0.1", "--port", "0")
        states = database.execute("SELECT state FROM transfer_invitation").fetchall()
    assert second.returncode == 2
    assert f"already running on this data folder (pid {one.pid})" in second.stderr
    assert "Traceback" not in second.stderr
    assert states == [("claimed",)]


def test_a_store_is_not_rebuilt_under_a_running_station(one: Station) -> None:
    refused = manage(one.folder, "store", "rebuild")
    assert refused.returncode == 2
    assert f"(pid {one.pid})" in refused.stderr


def test_what_a_station_writes_is_for_its_owner_alone(one: Station) -> None:
    assert stat.S_IMODE(one.folder.stat().st_mode) == 0o700
    databases = list(one.folder.glob("station.sqlite3*"))
    assert databases
    assert {stat.S_IMODE(path.stat().st_mode) for path in databases} == {0o600}


def test_a_lost_root_is_told_and_never_drawn_again(one: Station, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    shutil.copy(one.folder / "store" / "station", tmp_path / "store")
    told = manage(tmp_path, "station", "--host", "127.0.0.1", "--port", "0")
    assert told.returncode != 0
    assert "manage.py station --recover" in told.stderr
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "root.key").exists()


def test_a_storage_that_is_not_supported_is_refused_loudly(tmp_path: Path) -> None:
    told = manage(tmp_path, "check", STATION_STORAGE_URL="s3://bucket")
    assert told.returncode != 0
    assert "STATION_STORAGE_URL is not supported yet" in told.stderr


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    keep_private(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_folder_of_another_user_is_warned_of(tmp_path: Path, monkeypatch, capsys) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "chmod", refuse)
    keep_private(tmp_path)
    assert "other users may look into" in capsys.readouterr().err


def test_a_name_that_another_process_gave_meanwhile_is_never_replaced(
    tmp_path: Path, monkeypatch
) -> None:
    backend = PosixBackend(tmp_path)
    backend.put("station", b"first")
    monkeypatch.setattr(Path, "exists", lambda *_: False)  # looked before the other one came
    with pytest.raises(ObjectExists):
        backend.put("station", b"second")
    assert backend.get_range("station", 0, 5) == b"first"


def test_objects_are_kept_where_there_are_no_links(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    backend = PosixBackend(tmp_path)
    backend.put("station", b"first")
    with pytest.raises(ObjectExists):
        backend.put("station", b"second")
    assert backend.get_range("station", 0, 5) == b"first"


def test_the_one_time_code_is_in_no_command_line(monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(opening.webbrowser, "open", opened.append)
    monkeypatch.setattr(opening.time, "sleep", lambda _seconds: opened.append(page().read_text()))
    opening.show("http://127.0.0.1:1/first-run/?code=a-secret&more")
    [shown, content] = opened
    assert shown == page().as_uri()
    assert "secret" not in shown
    assert "url=http://127.0.0.1:1/first-run/?code=a-secret&amp;more" in content
    assert not page().exists()


def test_the_page_with_the_code_is_for_this_user_alone_and_goes_at_the_next_start() -> None:
    assert stat.S_IMODE(opening.write("http://127.0.0.1:1/").stat().st_mode) == 0o600
    opening.forget()
    assert not page().exists()


def page() -> Path:
    return Path(settings.STATION_DATA_DIR) / "open.html"


def test_a_chore_that_fails_is_done_again_when_it_is_due() -> None:
    done: list[str] = []

    def fail() -> None:
        done.append("tried")
        raise StationFault("the disk is away")

    chore = housekeeping.Chore(fail, 60)
    for second in (1000, 1059, 1060):
        chore.do_if_due(second)
    assert done == ["tried", "tried"]


@pytest.mark.django_db
def test_sessions_that_ended_are_forgotten() -> None:
    for days in (-1, 1):
        Session.objects.create(session_key=f"{days}", expire_date=now() + timedelta(days=days))
    housekeeping._clear_sessions()
    assert [row.session_key for row in Session.objects.all()] == ["1"]


@pytest.fixture
def registered(db) -> User:
    """An owner whose station registered at an IM server elsewhere."""
    roles.prepare()
    Issuer.objects.create(iss="https://im.example.org", origin=IM, keys=["00" * 32])
    listening.announce("127.0.0.1", 8765)
    return User.objects.create_user("bob", password="x")


IM = "https://im.example.org"


@pytest.mark.parametrize(
    ("chosen", "origin"), [(None, IM), ("http://evil", IM), (IM, IM), ("", "")]
)
def test_codes_are_for_the_im_server_where_the_station_registered(
    registered: User, chosen: str | None, origin: str
) -> None:
    shown = showing.show(registered, showing.Choice("", "both", chosen))
    assert shown is not None
    assert shown.im_origin == origin
    assert parse_link(shown.link)[1].im_origin == origin


def test_the_page_asks_for_nothing_that_was_not_chosen(registered: User) -> None:
    html = signed_in(registered).get("/").content.decode()
    assert f'<option value="{IM}" selected>' in html


@pytest.mark.parametrize("name", ["\x1b[2K", "a\nb", "a\u202eb", "", "x" * 1000])
def test_a_name_that_steers_a_terminal_is_no_name(name: str) -> None:
    said = messages.encode(messages.Enrol(bytes(32), name, bytes(64)))
    with pytest.raises(MalformedMessage):
        messages.decode_from_phone(said)


def test_what_the_owner_is_asked_can_be_printed(registered: User) -> None:
    invitation = invitations.issue(
        registered, scope=Scope.BACKUP, addresses=[IPv4Address("127.0.0.1")], port=1
    )
    asked = approvals.ask(
        invitation.session_id.hex(), ApprovalKind.LINK,
        digits="482113", phone_key=bytes(32), name="\x1b[2Kalice\u202e",
    )  # fmt: skip
    assert asked.name == "\ufffd[2Kalice\ufffd"
    assert asked.name == trail.entries(invitation.session_id.hex())[-1]["detail"]["name"]


def test_an_invitation_names_a_snapshot_of_its_owner(registered: User) -> None:
    kept = snapshot_of(registered).snapshot_id
    for text in (kept, kept[:8]):
        call_command("invite", "--snapshot", text, "--json", stdout=io.StringIO())
        row = Invitation.objects.latest("created_at")
        assert row.binding["snapshot_id"] == kept
    made = Invitation.objects.count()
    for text in ("zzzzzzzzzz", kept[:7], "%", kept + "a"):
        with pytest.raises(CommandError):
            call_command("invite", "--snapshot", text, stdout=io.StringIO())
    User.objects.create_user("carol", password="x")
    with pytest.raises(CommandError, match="No snapshot of carol"):
        call_command("invite", "--account", "carol", "--snapshot", kept, stdout=io.StringIO())
    assert Invitation.objects.count() == made


NEW_KEY = Ed25519PrivateKey.generate().public_key().public_bytes_raw()


@contextmanager
def im_server(iss: str, hours_ahead: int = 0) -> Iterator[str]:
    """Something that answers registrations and tells its one key; yields its origin."""
    ahead = time.time() + 3600 * hours_ahead

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(im.encode(im.RegisterReply(iss, [NEW_KEY], int(ahead))))

        def do_GET(self):
            self._answer(json.dumps(tokens.jwk_set([NEW_KEY])).encode())

        def date_time_string(self, timestamp=None):
            return formatdate(ahead, usegmt=True)

        def _answer(self, body):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def test_leaked_keys_are_replaced_only_when_somebody_says_so(registered: User) -> None:
    with im_server("urn:im") as origin:
        Issuer.objects.create(iss="urn:im", origin=origin, keys=["11" * 32])
        command = partial(call_command, "register", origin, "AAAAA", stdout=io.StringIO())
        for refused, told in (((), "--replace-keys"), (("--replace-keys",), "--yes")):
            with pytest.raises(CommandError, match=told):
                command(*refused)
            assert Issuer.objects.get(iss="urn:im").keys == ["11" * 32]
        command("--replace-keys", "--yes")
        assert Issuer.objects.get(iss="urn:im").keys == [NEW_KEY.hex()]


def test_replacing_keys_makes_nobody_another_issuer(registered: User) -> None:
    told = pytest.raises(CommandError, match="is known as the IM server at")
    with im_server("https://im.example.org") as origin, told:
        call_command("register", origin, "AAAAA", "--replace-keys", "--yes")
    assert Issuer.objects.get(origin=IM).keys == ["00" * 32]


def test_the_clocks_are_compared_whenever_keys_are_fetched(registered: User) -> None:
    Issuer.objects.exclude(origin="").delete()
    with im_server("urn:im", hours_ahead=2) as origin:
        Issuer.objects.create(iss="urn:im", origin=origin, keys=[NEW_KEY.hex()])
        assert registration.refresh_all() == {}
    assert abs(Issuer.objects.get(iss="urn:im").clock_offset_seconds - 7200) <= 2


def test_a_receipt_that_cannot_be_written_keeps_no_station_from_starting(
    registered: User, caplog
) -> None:
    owed = snapshot_of(registered, state=SnapshotState.COMMITTED)  # its vault has no object
    roles.prepare()
    assert "is still owed" in caplog.text
    owed.refresh_from_db()
    assert owed.state == SnapshotState.COMMITTED


# Leaving an IM server elsewhere


def test_a_station_that_left_makes_codes_for_itself_and_comes_back_with_a_new_code(
    registered: User,
) -> None:
    told = io.StringIO()
    call_command("register", "--leave", IM, stdout=told)
    assert "the IM server inside this station" in told.getvalue()
    shown = showing.show(registered, showing.Choice("", "both", IM))
    assert shown is not None
    assert shown.im_origin == ""
    assert showing.issuers() == [""]
    assert registration.refresh_all() == {}
    with pytest.raises(CommandError, match="not registered at"):
        call_command("register", "--leave", IM, stdout=told)
    with im_server("urn:im") as origin:
        for command in ([origin, "AAAAA"], ["--leave", origin], [origin, "AAAAA"]):
            call_command("register", *command, stdout=told)
        assert Issuer.objects.current().origin == origin


@pytest.mark.parametrize("arguments", [[IM], [IM, "AAAAA", "--leave"]])
def test_registering_needs_a_code_and_leaving_none(db, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="Give a code"):
        call_command("register", *arguments, stdout=io.StringIO())


def test_an_invitation_says_for_which_im_server_it_is(registered: User) -> None:
    for options, place, origin in (
        ((), IM, IM),
        (("--im", "inside"), "inside this station", ""),
        (("--im", IM), IM, IM),
    ):
        told = io.StringIO()
        call_command("invite", *options, stdout=told)
        assert place in told.getvalue().splitlines()[-1]
        answer = io.StringIO()
        call_command("invite", *options, "--json", stdout=answer)
        assert json.loads(answer.getvalue())["im"] == origin
    with pytest.raises(CommandError, match="not registered at"):
        call_command("invite", "--im", "https://elsewhere.test", stdout=io.StringIO())


def test_an_owner_with_an_older_account_is_told_how_to_go_on(registered: User) -> None:
    vault = snapshot_of(registered).vault
    Vault.objects.filter(pk=vault.pk).update(iss=roles.embedded_iss())
    with im_server("urn:im") as origin:
        told = io.StringIO()
        call_command("register", origin, "AAAAA", stdout=told)
    assert "backups of bob" in told.getvalue()
    assert "register --leave" in told.getvalue()
    with pytest.raises(
        vaults.AnotherAccount, match="inside this station: make the code for that one"
    ):
        vaults.find(registered, "urn:im", "bob")
