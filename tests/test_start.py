"""Starting a station: one on each folder, private files, and sentences instead of tracebacks."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from backupstation.settings import keep_private
from tests.stations import ROOT, Station, _environment, running
from transfer.store.backends import ObjectExists
from transfer.store.backends.posix import PosixBackend


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
