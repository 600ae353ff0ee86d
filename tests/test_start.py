"""Starting a station: one on each folder, private files, and sentences instead of tracebacks."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils.timezone import now

from accounts.models import User
from backupstation import housekeeping, listening, opening, roles, showing
from backupstation.settings import keep_private
from tests.page_cast import signed_in
from tests.stations import ROOT, Station, _environment, running
from transfer import approvals, invitations, trail
from transfer.models import ApprovalKind, Issuer
from transfer.store.backends import ObjectExists
from transfer.store.backends.posix import PosixBackend
from wire import messages
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
    assert "manage.py store rebuild --words-file" in told.stderr
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
