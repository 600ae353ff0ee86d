"""What every contender of the comparison can do, and how one is measured.

A contender is opened in an empty folder of its own, does a first backup, an unchanged one and a
restore, and is closed: servers stopped by their process id, nothing left behind.
"""

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import psutil

PHASES: Final = ("first", "unchanged", "restore")
_SAMPLE_SECONDS: Final = 0.2


class Contender(Protocol):
    """One tool. ``server`` is the process that plays the station's part, for its memory."""

    name: str

    def open(self, folder: Path) -> None:
        """Start what it needs; not measured."""

    def prepare(self) -> None:
        """Get ready for the next step; not measured."""

    def first(self, source: Path) -> None:
        """Back up into an empty store."""

    def unchanged(self, source: Path) -> None:
        """Back up again."""

    def restore(self, source: Path, target: Path) -> Path:
        """Bring everything back under ``target``; answers the folder that equals ``source``."""

    def server_pids(self) -> list[int]:
        """The processes that play the station's part now, without their children."""

    def close(self) -> None:
        """End everything that was started."""


@dataclass(frozen=True)
class Measured:
    """What a step took: seconds, seconds of processor on both sides, the server's peak memory.

    Processor time is the steadier one on a machine that has other work.
    """

    seconds: float
    cpu_seconds: float
    server_bytes: int


def measure(step: Callable[[], object], contender: Contender) -> Measured:
    """Time one step; what earlier steps wrote is on the disk before it begins."""
    os.sync()
    peak = _Peak(contender)
    worked, start = _cpu_seconds(contender), time.perf_counter()
    step()
    seconds = time.perf_counter() - start
    return Measured(seconds, _cpu_seconds(contender) - worked, peak.stop())


def _cpu_seconds(contender: Contender) -> float:
    """Of the servers and of all clients that have ended."""
    clients = resource.getrusage(resource.RUSAGE_CHILDREN)
    servers = sum(sum(psutil.Process(pid).cpu_times()[:4]) for pid in contender.server_pids())
    return clients.ru_utime + clients.ru_stime + servers


class _Peak:
    """Samples the server's processes and their children.

    Linux keeps each process's own peak (VmHWM), so one that lives until the end is measured
    exactly; only one that comes and goes is measured by samples.
    """

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._peaks: dict[int, int] = {}
        self._over = threading.Event()
        for pid in contender.server_pids():
            with suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        self._sample()
        return sum(self._peaks.values())

    def _watch(self) -> None:
        while not self._over.wait(_SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        for pid in self._contender.server_pids():
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                for each in [process, *process.children(recursive=True)]:
                    self._peaks[each.pid] = max(self._peaks.get(each.pid, 0), _high_water(each.pid))


def _high_water(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """Run a command; RuntimeError with what it said when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    return done.stdout
