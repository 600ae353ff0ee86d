"""Real stations and phones for tests: separate processes, real ports, real files."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
OWNER = "alice"
PASSWORD = "correct horse battery"  # the test owner's
START_SECONDS = 60


def _environment(folder: Path, **extra: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("STATION_")}
    return kept | {
        "STATION_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "backupstation.settings",
        "PYTHONUNBUFFERED": "1",
        "STATION_INDEXING": "off",  # most tests do not read what they keep
        **extra,
    }


class Station:
    """One station process and its folder; ``start`` again after ``kill`` finds the same folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None
        self.origin = ""
        self.port = 0
        self.first_run = ""
        self.https_port = 0
        self.https_origin = ""

    def start(self, port: int = 0, *options: str) -> "Station":
        """Start it, with more options if need be, and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = (self.folder / "station.log").open("a")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "manage.py",
                "station",
                "--json",
                "--host",
                "127.0.0.1",
                "--port",
                str(port or self.port),
                *options,
            ],
            cwd=ROOT,
            env=_environment(self.folder, **self._https() | self.environment),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the station did not start:\n" + self.log())
        ready = json.loads(line)
        self.origin, self.port, self.first_run = ready["origin"], ready["port"], ready["first_run"]
        self.https_origin, self.https_port = ready["https_origin"], ready["https_port"]
        return self

    def _https(self) -> dict[str, str]:
        """At the port of the last start, if it had one; else at any that is free."""
        return {"STATION_HTTPS_PORT": str(self.https_port)}

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process is not None
        return self.process.pid

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return (self.folder / "station.log").read_text()

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; it finishes what it can."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None

    def trail(self, session_id: str = "") -> list[str]:
        """The steps on the trail of this invitation, or of the newest QR code."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as database:
            if not session_id:
                newest = (
                    "SELECT session_id FROM transfer_invitation WHERE purpose = 'qr'"
                    " ORDER BY created_at DESC"
                )
                (session_id,) = database.execute(newest).fetchone()
            steps = "SELECT step FROM transfer_trailentry WHERE invitation_id = ? ORDER BY at, id"
            return [step for (step,) in database.execute(steps, (session_id,))]

    @property
    def database(self) -> Path:
        """Its main database."""
        return self.folder / "station.sqlite3"

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run a management command beside the station; its standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=_environment(self.folder, **self.environment, **environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{arguments} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def answer(self, *arguments: str) -> Any:
        """Run a management command with ``--json`` and decode its answer."""
        return json.loads(self.manage(*arguments, "--json"))

    def add_owner(self, name: str = OWNER) -> None:
        """Make an owner without the form."""
        self.manage(
            "createsuperuser", "--noinput", "--username", name, "--email", f"{name}@example.org",
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )  # fmt: skip

    def sign_in(self, name: str = OWNER) -> str:
        """Sign in as a browser does; the cookie of the session, for a ``Cookie`` header."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", "/sign-in/")
            page = connection.getresponse()
            csrf = page.headers["Set-Cookie"].partition(";")[0]
            found = re.search(rb'csrfmiddlewaretoken" value="([^"]+)"', page.read())
            assert found is not None
            form = {
                "username": name,
                "password": PASSWORD,
                "csrfmiddlewaretoken": found[1].decode(),
            }
            headers = {"Cookie": csrf, "Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/sign-in/", urlencode(form), headers)
            reply = connection.getresponse()
            assert reply.status == 302
        cookies = reply.headers.get_all("Set-Cookie") or []
        return next(one for one in cookies if one.startswith("sessionid")).partition(";")[0]

    def link(self, *options: str) -> str:
        """A fresh invitation."""
        return str(self.answer("invite", *options)["link"])

    def allow(self, phone: "PhoneRun") -> None:
        """Press Allow for the one phone that waits."""
        self.manage("phones", "allow", self.waiting_digits(phone))

    def waiting_digits(self, phone: "PhoneRun") -> str:
        """The digits of the one phone that waits."""
        deadline = time.monotonic() + 30
        while not (waiting := self.answer("phones")["waiting"]):
            assert phone.process.poll() is None, phone.finish()
            assert time.monotonic() < deadline, "no phone waits"
            time.sleep(0.1)
        return str(waiting[-1]["digits"])


class PhoneRun:
    """A phone's command line at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = self.errors = ""

    def finish(self, timeout: float = 120) -> int:
        """Wait for the exit code."""
        if not self.output and not self.errors:
            try:
                self.output, self.errors = self.process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        return self.process.returncode

    def answer(self) -> Any:
        """The one JSON object that it printed."""
        self.finish()
        return json.loads(self.output)

    def succeed(self) -> Any:
        """The answer of a run that must not fail."""
        assert self.finish() == 0, f"{self.output}\n{self.errors}"
        return self.answer()


class Phone:
    """A phone: its own folder and key."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def begin(self, *arguments: str | Path) -> PhoneRun:
        """Start ``python -m phone`` with these arguments and ``--json``."""
        return PhoneRun(
            subprocess.Popen(
                [sys.executable, "-m", "phone", *map(str, arguments), "--json"],
                cwd=ROOT,
                env=os.environ | {"PHONE_HOME": str(self.home)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )

    def run(self, *arguments: str | Path) -> Any:
        """Run it; it must succeed."""
        return self.begin(*arguments).succeed()

    def enrol(self, station: Station) -> None:
        """Enrol by invitation; the owner presses Allow."""
        run = self.begin("enrol", station.link())
        station.allow(run)
        run.succeed()


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Station]:
    """A running station with an owner."""
    station = Station(folder, **environment).start()
    try:
        station.add_owner()
        yield station
    finally:
        station.stop()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
