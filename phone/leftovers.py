"""Temporary files of a restore, and those that a killed one left behind.

A file being written is locked for as long as it is open, and the system lets go of the lock when
its process ends however it ends. So a file of this kind that nobody locks is a leftover. Its name
has a control character (DEL), which no item's name may have: nothing restored is taken for one.
"""

import os
import re
import secrets
from contextlib import suppress
from typing import Final

NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
# A pipe in the place of a file must not be waited for.
READ: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_TEMPORARY: Final = re.compile(r"\.backupstation-[0-9a-f]{16}\x7f\.part")


def create(folder: int) -> tuple[str, int]:
    """A new temporary file in this folder: its name and a descriptor to write to."""
    while True:
        name = f".backupstation-{secrets.token_hex(8)}\x7f.part"
        file = os.open(name, NEW_FILE, 0o666, dir_fd=folder)
        _lock(file, wait=True)
        if os.fstat(file).st_nlink:
            return name, file
        os.close(file)  # another restore took it for a leftover before it was locked


def remove(folder: int) -> None:
    """Remove what restores that were killed left in this folder."""
    for name in os.listdir(folder):
        if _TEMPORARY.fullmatch(name):
            with suppress(OSError):
                _remove_unlocked(name, folder)


def _remove_unlocked(name: str, folder: int) -> None:
    file = os.open(name, READ, dir_fd=folder)
    try:
        if _lock(file, wait=False):
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(file)


def _lock(file: int, *, wait: bool) -> bool:
    """Whether the lock was to be had; never where locks are unknown."""
    import fcntl  # noqa: PLC0415 (Windows has none, and is refused before)

    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
