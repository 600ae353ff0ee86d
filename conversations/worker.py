"""The process that reads snapshots: started when there is something to read, gone when it is done.

It is one at a time, of low priority, and never outlives whoever started it: standard input is a
pipe whose other end closes when that process ends, however it ends.
"""

import contextlib
import fcntl
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from conversations import databases, reconciling

log: Final = logging.getLogger(__name__)
_LOCK: Final = "indexing.lock"
_LOWEST: Final = 19
_PAUSE_SECONDS: Final = 60
_STOP_SECONDS: Final = 3


class Busy(Exception):
    """Another process of this data folder is reading snapshots."""


@contextlib.contextmanager
def alone(waits: Callable[[], None] | None = None) -> Iterator[None]:
    """Be the one that reads, if need be later; ``waits`` is called before it waits for that.

    Raises :class:`Busy` without it. The index is up to date then, and made if it was deleted; what
    an earlier one had begun and not ended is queued again.
    """
    path = Path(settings.STATION_DATA_DIR) / _LOCK
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waits is None:
                raise Busy from None
            waits()
            fcntl.flock(handle, fcntl.LOCK_EX)
        if not databases.is_made():
            log.warning(
                "The index was deleted. It is made again, and all snapshots are read again."
            )
        databases.make()
        reconciling.take_back()
        yield
    finally:
        os.close(handle)


def make_again() -> bool:
    """Make the index again if it was deleted; False when another process has to end before."""
    if databases.is_made():
        return True
    try:
        with alone():
            return True
    except Busy:
        return False


def step_back() -> None:
    """Let everything else on this computer come first."""
    with contextlib.suppress(OSError):
        os.nice(_LOWEST)


def end_with_parent() -> None:
    """End this process at once when the other end of standard input is gone."""
    threading.Thread(target=_wait_for_end, name="parent", daemon=True).start()


def _wait_for_end() -> None:
    while os.read(sys.stdin.fileno(), 1):  # no buffer, whose lock the end of the process would want
        pass
    os._exit(0)


class Supervisor:
    """Starts the worker whenever something is queued and none is running."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = float("-inf")

    def look(self) -> None:
        """Queue what has to be read, and see that it is; cheap when there is nothing."""
        if not databases.is_made():
            self.stop()  # what it reads goes into a file without a name
        if not make_again():
            return
        reconciling.reconcile()
        if self._is_at_work() or not reconciling.is_anything_left():
            return
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "read_snapshots"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
        )

    def _is_at_work(self) -> bool:
        """Whether it is, or was a moment ago and failed: it is not started again and again."""
        if self._process is None:
            return False
        ended = self._process.poll()
        if ended is None:
            return True
        return ended != 0 and time.monotonic() - self._started_at < _PAUSE_SECONDS

    def stop(self) -> None:
        """End the worker; what it was reading goes on from there next time."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None  # it has not failed: the next one need not wait
