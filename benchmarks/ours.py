"""Backup Station itself: a real station process and the phone's command line."""

import statistics
import time
from pathlib import Path
from typing import Final

from benchmarks.results import OURS
from phone.enrolling import ready
from phone.events import ignore
from phone.link import read_link
from phone.state import Home
from phone.verification import open_session
from tests.operating import OperatedStation
from tests.stations import Phone

HANDSHAKES: Final = 21


class BackupStation:
    """Encrypted on the way and at rest, deduplicated immutable snapshots, signed receipts.

    An invitation is made before each step, as the page makes it before anybody looks at it.
    """

    name = OURS
    _station: OperatedStation | None = None

    def open(self, folder: Path) -> None:
        self._station = station = OperatedStation(folder / "station")
        station.start()
        station.add_owner()
        self._phone = Phone(folder / "phone")
        self._phone.enrol(station)
        self._snapshot = ""

    def prepare(self) -> None:
        """Have a fresh link at hand."""
        if self._station:
            self._link = self._station.link()

    def first(self, source: Path) -> None:
        self._snapshot = self._phone.run("backup", self._link, source)["snapshot_id"]

    unchanged = first

    def restore(self, source: Path, target: Path) -> Path:
        self._phone.run("restore", self._link, self._snapshot, "--to", target)
        return target / source.name

    def handshake(self) -> float:
        """Median seconds from a scanned link to OPEN, the IM server's part included."""
        home, taken = Home(self._phone.home), []
        for _ in range(HANDSHAKES):
            self.prepare()
            identity, link = ready(read_link(self._link), home, tell=ignore)
            start = time.perf_counter()
            session = open_session(link, "backup", identity, ignore)
            taken.append(time.perf_counter() - start)
            session.close()
        return statistics.median(taken)

    def server_pids(self) -> list[int]:
        return [self._station.pid] if self._station else []

    def close(self) -> None:
        if self._station:
            self._station.leave()
