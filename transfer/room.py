"""How much a backup may take. Some room stays free, so that a full station still answers.

Without it a backup would take the last byte, and the database could note neither a restore nor what
is to be deleted.
"""

import shutil
from typing import Final

from django.conf import settings

from transfer import station

RESERVE_SHARE: Final = 0.05
RESERVE_BYTES_MAX: Final = 1024**3
_ENDLESS_BYTES: Final = 2**62


def usable_bytes() -> int:
    """Bytes that a backup may still take; what a store does not tell counts as endless.

    5 % of the disk that holds the database stay in reserve, a GiB at most.
    """
    disk = shutil.disk_usage(settings.STATION_DATA_DIR)
    reserve = _reserve(disk.total)
    if disk.free <= reserve:
        return 0
    free = station.identity().backend.free_bytes()
    return _ENDLESS_BYTES if free is None else max(0, free - reserve)


def reserve_bytes() -> int:
    """What is never taken by a backup."""
    return _reserve(shutil.disk_usage(settings.STATION_DATA_DIR).total)


def _reserve(total: int) -> int:
    return min(int(total * RESERVE_SHARE), RESERVE_BYTES_MAX)
