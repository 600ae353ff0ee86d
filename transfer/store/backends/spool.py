"""The folder of files that are not objects yet, one per process, known dead or alive by a lock.

A process id says little about who is alive (ids return, containers have their own); a file lock is
released by the kernel whenever its process ends, however it ends.
"""

import fcntl
import os
import secrets
import shutil
import threading
import weakref
from pathlib import Path
from typing import Final

from transfer.store.backends._base import StoreAway, writing

LOCK_SUFFIX: Final = ".lock"


class Spool:
    """Temporary files of this process under ``root``. The folder appears with the first use.

    It is not made again when it has gone with its disk: what stays behind of a disk is an empty
    folder like any other, and what was written there would be lost.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mutex = threading.Lock()
        self._folder: Path | None = None

    def folder(self) -> Path:
        """The folder that belongs to this process until it ends; raises :class:`StoreAway`."""
        with self._mutex:
            if self._folder is None:
                with writing("the spool"):
                    self._folder = self._claim()
            if not self._folder.is_dir():
                raise StoreAway
            return self._folder

    def _claim(self) -> Path:
        # The lock comes before its folder, so that a folder without a lock belongs to nobody.
        self._root.mkdir(parents=True, exist_ok=True)
        while True:
            folder = self._root / secrets.token_hex(8)
            lock = folder.with_suffix(LOCK_SUFFIX)
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if lock.exists():  # else a sweep took it between open and flock
                break
            os.close(handle)
        folder.mkdir(mode=0o700)
        weakref.finalize(self, _release, handle, os.getpid(), folder, lock)
        return folder

    def sweep(self) -> int:
        """Remove the files of processes that have ended; how many there were."""
        if not self._root.is_dir():
            return 0
        with writing("the spool"):
            locks = sum(_sweep_lock(lock) for lock in list(self._root.glob("*" + LOCK_SUFFIX)))
            folders = [path for path in self._root.iterdir() if path.is_dir()]
            return locks + sum(
                _remove(folder)
                for folder in folders
                if not folder.with_suffix(LOCK_SUFFIX).exists()
            )


def _sweep_lock(lock: Path) -> int:
    try:
        handle = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return 0
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    else:
        removed = _remove(lock.with_suffix(""))
        lock.unlink(missing_ok=True)
        return removed
    finally:
        os.close(handle)


def _remove(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    files = sum(1 for path in folder.iterdir() if path.is_file())
    shutil.rmtree(folder)
    return files


def _release(handle: int, owner: int, folder: Path, lock: Path) -> None:
    if os.getpid() == owner:  # a forked child shares the lock but not the files
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
    os.close(handle)
