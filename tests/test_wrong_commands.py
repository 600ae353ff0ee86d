"""Commands that are given wrongly, or where they cannot work, end with a sentence and a code."""

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.stations import PASSWORD, ROOT, Phone, Station, _environment, running

DONE, REFUSED, CANNOT = 0, 1, 2
OWNER = ["createsuperuser", "--noinput", "--username", "alice", "--email", "alice@example.org"]


# Root is stopped by modes like everybody else once it gave these capabilities up.
_LOST = "-dac_override,-dac_read_search"
_BOUND = ["setpriv", f"--inh-caps={_LOST}", f"--bounding-set={_LOST}"] if os.geteuid() == 0 else []


def told(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and all that was said; never a traceback."""
    given = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD, **environment}
    done = subprocess.run(
        [*_BOUND, sys.executable, "manage.py", *arguments],
        cwd=ROOT, env=_environment(folder, **given),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    return done.returncode, said


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("invite", REFUSED, "No station ran on this data folder yet"),
        ("invite --account bob", REFUSED, "No station ran on this data folder yet"),
        ("phones", DONE, "No phone waits"),
        ("phones allow 482113", REFUSED, "No phone waits"),
        ("phones allow", REFUSED, "six digits"),
        ("store check", CANNOT, "no root key"),
        ("store words", CANNOT, "no root key"),
        ("store rebuild", CANNOT, "no store"),
        ("changepassword alice", CANNOT, "did a station run there"),
        ("register https://im.test AAAAA AAAAA", CANNOT, "unrecognized"),
        ("register im.test AAAAA", REFUSED, "is not an origin"),
        ("register http://[::1 AAAAA", REFUSED, "is not an origin"),
        ("register https://im.test:99999 AAAAA", REFUSED, "is not an origin"),
        ("register http://127.0.0.1:1 AAAAA", REFUSED, "cannot reach"),
        ("station --port 99999", CANNOT, "from 0 to 65535"),
        ("station --host nowhere.invalid", CANNOT, "cannot listen"),
        ("station --host 192.0.2.1 --port 0", CANNOT, "--host is an address of this machine"),
        ("imserver code bob", REFUSED, "imserver account"),
        ("imserver account ", REFUSED, "A name is needed"),
        ("imserver run --port -1", CANNOT, "from 0 to 65535"),
    ],
)
def test_on_a_folder_where_no_station_ran(
    tmp_path: Path, command: str, code: int, says: str
) -> None:
    found, said = told(tmp_path / "new", *command.split(" "))
    assert (found, says in said) == (code, True), said


def test_an_owner_can_be_made_before_the_first_start(tmp_path: Path) -> None:
    assert told(tmp_path, *OWNER)[0] == DONE
    code, said = told(tmp_path, *OWNER)
    assert (code, "already taken" in said) == (REFUSED, True)
    code, said = told(tmp_path, "invite")
    assert (code, "No station ran on this data folder yet" in said) == (REFUSED, True)


@pytest.mark.parametrize(
    "command", ["station", "invite", "phones", "store check", "imserver phones"]
)
def test_a_folder_that_cannot_be(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("")
    code, said = told(tmp_path / "file", *command.split())
    assert code == CANNOT
    assert said == f"STATION_DATA_DIR: no folder at {tmp_path / 'file'}: File exists.\n"


@pytest.mark.parametrize("mode", [0o555, 0o000])
@pytest.mark.parametrize(
    "command", ["station", "invite", "phones", "store check", "store words", " ".join(OWNER),
                "imserver phones"]
)  # fmt: skip
def test_a_folder_that_may_not_be_written_to(tmp_path: Path, command: str, mode: int) -> None:
    folder = tmp_path / "station"
    assert told(folder, *OWNER)[0] == DONE
    assert told(folder, "imserver", "phones")[0] == DONE
    folder.chmod(mode)
    try:
        code, said = told(folder, *command.split())
    finally:
        folder.chmod(0o700)
    assert code == CANNOT
    assert str(folder) in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATION_PORT", "many"),
        ("STATION_LOG_LEVEL", "loud"),
        ("STATION_TIME_ZONE", "Utopia"),
        ("STATION_ROLE", "server"),
        ("STATION_DATABASE_URL", "somewhere"),
        ("STATION_PASSPHRASE_FILE", "/nowhere"),
    ],
)
def test_a_setting_that_cannot_be_is_named(tmp_path: Path, name: str, value: str) -> None:
    code, said = told(tmp_path, "phones", **{name: value})
    assert code == CANNOT
    assert said.splitlines()[-1].startswith(name)


def test_a_database_without_its_store_is_not_given_a_new_one(tmp_path: Path) -> None:
    """A disk that is not mounted looks like an empty folder; what it has is not forgotten."""
    assert told(tmp_path, *OWNER)[0] == DONE
    with closing(sqlite3.connect(tmp_path / "station.sqlite3")) as database:
        database.execute(
            "INSERT INTO transfer_vault (id, iss, sub, created_at)"
            " VALUES ('00', 'station:x', 'alice', '2026-01-01')"
        )
        database.commit()
    for command in ("station --port 0", "invite", "register http://127.0.0.1:1 AAAAA"):
        code, said = told(tmp_path, *command.split())
        assert (code, "mount its disk" in said) == (CANNOT, True)
    assert not (tmp_path / "store" / "station").exists()


def test_an_invitation_beside_a_stopped_station(tmp_path: Path) -> None:
    folder = tmp_path / "station"
    Station(folder).start().stop()
    code, said = told(folder, "invite")
    assert (code, "has no owner yet" in said) == (REFUSED, True)
    assert told(folder, *OWNER)[0] == DONE
    code, said = told(folder, "invite", "--account", "bob")
    assert (code, "This station has no user bob" in said) == (REFUSED, True)
    code, said = told(folder, "invite")
    assert (code, "Nothing answers at http://127.0.0.1:" in said) == (DONE, True)


def test_what_holds_a_start_up_is_told_with_code_2(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        code, said = told(tmp_path, "station", "--host", "127.0.0.1", "--port", port)
    assert (code, "Is a station running already?" in said) == (CANNOT, True)
    assert told(tmp_path, *OWNER, STATION_PASSPHRASE="open")[0] == DONE
    wrapped = told(tmp_path, "store", "words", "--yes", STATION_PASSPHRASE="open")
    assert wrapped[0] == DONE
    for command in ("station --port 0", "invite"):
        code, said = told(tmp_path, *command.split())
        assert (code, "STATION_PASSPHRASE" in said) == (CANNOT, True), said


def test_a_password_that_the_first_run_refuses(tmp_path: Path) -> None:
    code, said = told(tmp_path, *OWNER, DJANGO_SUPERUSER_PASSWORD="1")
    assert (code, "too short" in said) == (REFUSED, True)


def test_what_a_damaged_database_is_answered_with_brings_the_snapshots_back(
    tmp_path: Path, phone: Phone
) -> None:
    folder, kept = tmp_path / "station", tmp_path / "chat.txt"
    kept.write_text("hello")
    with running(folder) as station:
        phone.enrol(station)
        stored = phone.run("backup", station.link(), kept)["snapshot_id"]
    with (folder / "station.sqlite3").open("r+b") as database:
        database.write(bytes(3000))
    for command in (["station", "--port", "0"], ["phones"], ["store", "rebuild"]):
        code, said = told(folder, *command)
        assert (code, "The database is damaged" in said) == (CANNOT, True), said
    for file in folder.glob("station.sqlite3*"):
        file.rename(tmp_path / file.name)
    for remedy in ("store rebuild", "createsuperuser", "store rebuild --owner NAME"):
        assert f"`manage.py {remedy}`" in said
        arguments = OWNER if remedy in OWNER else remedy.replace("NAME", "alice").split()
        assert told(folder, *arguments)[0] == DONE
    again = Station(folder).start()
    try:
        phone.enrol(again)
        listed = phone.run("list", again.link())["snapshots"]
    finally:
        again.stop()
    assert [row["snapshot_id"] for row in listed] == [stored]


def test_a_file_that_holds_no_words(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "station").write_bytes(b"x")
    (tmp_path / "words").write_bytes(b"\xc1\xff")
    code, said = told(tmp_path, "store", "rebuild", "--words-file", str(tmp_path / "words"))
    assert (code, "holds no words" in said) == (CANNOT, True)
