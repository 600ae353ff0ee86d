"""Management commands in one process that stays: milliseconds each instead of a process's start.

The database is closed after every command, so that whoever restarts a killed station recovers it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stations import PASSWORD, ROOT, PhoneRun, Station, _environment

_LOOP = """
import io, json, os, sys
import django
django.setup()
from django.core.management import call_command
from django.db import connections
for line in sys.stdin:
    command = json.loads(line)
    os.environ.update(command["environment"])
    told = io.StringIO()
    try:
        call_command(*command["arguments"], stdout=told)
        answer = {"told": told.getvalue()}
    except (Exception, SystemExit) as error:
        answer = {"error": f"{type(error).__name__}: {error}", "told": told.getvalue()}
    connections.close_all()
    print(json.dumps(answer), flush=True)
"""


class Refused(AssertionError):
    """A command that failed; the text is what it said."""


class OperatedStation(Station):
    """A station whose commands are given in one process."""

    def __init__(self, folder: Path, **environment: str) -> None:
        super().__init__(folder, **environment)
        self._desk: subprocess.Popen[str] | None = None

    def manage(self, *arguments: str, **environment: str) -> str:
        """Run one command; its standard output. Raises :class:`Refused`."""
        desk = self._open_desk()
        assert desk.stdin is not None
        assert desk.stdout is not None
        command = {"arguments": arguments, "environment": environment}
        desk.stdin.write(json.dumps(command) + "\n")
        desk.stdin.flush()
        line = desk.stdout.readline()
        assert line, "the command line ended"
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(f"{arguments}: {answer['error']}\n{answer['told']}")
        return str(answer["told"])

    def _open_desk(self) -> subprocess.Popen[str]:
        if self._desk is None:
            self._desk = subprocess.Popen(
                [sys.executable, "-c", _LOOP],
                cwd=ROOT,
                env=_environment(self.folder, **self.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._desk

    def leave(self) -> None:
        """Stop the station and end the command line."""
        self.stop()
        if self._desk is not None:
            self._desk.communicate(timeout=30)
            self._desk = None

    def restart(self) -> None:
        """Start again at the same port."""
        self.start(self.port)

    def waiting(self, phone: PhoneRun) -> dict[str, str]:
        """The question that this phone's arrival puts to the owner."""
        deadline = time.monotonic() + 60
        while not (waiting := self.answer("phones")["waiting"]):
            assert phone.process.poll() is None, (phone.finish(), phone.output, phone.errors)
            assert time.monotonic() < deadline, "no phone waits"
            time.sleep(0.05)
        return dict(waiting[-1])


@contextmanager
def operated(folder: Path, **environment: str) -> Iterator[OperatedStation]:
    """A running station with the owner alice."""
    station = OperatedStation(folder, **environment)
    try:
        station.start()
        station.manage(
            "createsuperuser", "--noinput", "--username", "alice", "--email", "a@example.org",
            DJANGO_SUPERUSER_PASSWORD=PASSWORD,
        )  # fmt: skip
        yield station
    finally:
        station.leave()
