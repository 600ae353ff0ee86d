"""One process at a time on a data folder: a second station would end the first one's work."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.management.base import CommandError

log = logging.getLogger(__name__)
_NAME: Final = "station.lock"


@contextmanager
def by_this_process() -> Iterator[None]:
    """Hold the data folder; :class:`CommandError` names the process that holds it already.

    The lock (flock(2)) belongs to the open file: the kernel drops it however the process ends.
    """
    path = Path(settings.STATION_DATA_DIR) / _NAME
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(handle, 20, 0).decode("ascii", "replace") or "unknown"
        raise CommandError(
            f"A station is already running on this data folder (pid {pid}): "
            f"{settings.STATION_DATA_DIR}. Stop it first.",
            returncode=2,
        ) from None
    except OSError as error:  # some network file systems have no locks
        log.warning("the data folder cannot be locked (%s): start one station only", error)
        return
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
    except OSError as error:  # a full disk must not keep a station from giving back what it has
        log.warning("the lock does not say who holds it: %s", error)
