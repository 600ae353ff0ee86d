"""As many connections as the files that the system lets the process open, and some for its work.

Each connection is one open file. Where they are used up, no database and no pack opens any more.
"""

import logging
import resource
from contextlib import suppress
from dataclasses import replace
from typing import Final

from backupstation.flow import ServerLimits

log = logging.getLogger(__name__)
# Databases of each thread, packs that are read or written, files of a backup under way.
_WORK: Final = 256


def fitting(limits: ServerLimits) -> ServerLimits:
    """The limits with no more connections than this process may open files for.

    Raises the process's soft limit for them, as far as the hard one permits. Where that is not far
    enough at most half the files are for connections, and each address's share shrinks as well.
    """
    files = _allow(limits.connections + _WORK)
    places = min(limits.connections, max(files - _WORK, files // 2))
    if places < limits.connections:
        log.warning("%d connections at most: this process may open %d files", places, files)
    share = max(1, limits.connections_per_address * places // limits.connections)
    return replace(limits, connections=places, connections_per_address=share)


def _allow(files: int) -> int:
    """How many of these files may be open, after asking for as many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= files:
        return files
    wanted = files if hard == resource.RLIM_INFINITY else min(files, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
