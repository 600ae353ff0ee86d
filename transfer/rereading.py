"""Reading again what is kept, a slice every day, so that rot is found before the data is needed.

Each pack is read whole and its chunks are authenticated: the packs that were not read for the
longest time come first, a thirtieth of all bytes a day and whatever is overdue. When a pack was
read is in the database, so a station that runs an hour a day gets round as well.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from transfer.checking import NotedCheck
from transfer.models import Pack
from wire.errors import StationFault

log: Final = logging.getLogger(__name__)
ROUND_DAYS: Final = 30
# One slice: 1 GiB, when packs are full.
PACKS_MAX: Final = 64
BYTES_PER_SECOND_MAX: Final = 32 * 1024 * 1024
_DAY: Final = timedelta(days=1)
_LOWEST: Final = 19


def step_back() -> None:
    """Give the calling thread the lowest priority, on systems where threads have their own."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST)


def read_slice(pause: Callable[[float], None] = time.sleep) -> None:
    """Read the packs that are due, 64 at most, pausing at least as long as each took."""
    for pack in due(timezone.now()):
        begun = time.monotonic()
        _read(pack)
        elapsed = time.monotonic() - begun
        pause(max(elapsed, pack.size / BYTES_PER_SECOND_MAX - elapsed))


def due(now: datetime) -> list[Pack]:
    """The next packs to read, the longest unread first; none when today's share is done.

    Those that were set apart are among them: what is sound again, as after a disk that failed for
    a moment, is taken back.
    """
    packs = Pack.objects.all()
    left = _size(packs) / ROUND_DAYS - _size(packs.filter(read_at__gt=now - _DAY))
    oldest = packs.annotate(last=Coalesce("read_at", "created_at")).filter(last__lt=now - _DAY)
    chosen: list[Pack] = []
    for pack in oldest.order_by("last", "pk")[:PACKS_MAX]:
        if left <= 0 and pack.last > now - ROUND_DAYS * _DAY:
            break
        left -= pack.size
        chosen.append(pack)
    return chosen


def _size(packs: QuerySet[Pack]) -> int:
    return packs.aggregate(size=Sum("size"))["size"] or 0


def _read(pack: Pack) -> None:
    try:
        found = sum(1 for _finding in NotedCheck().held(pack))
    except StationFault as fault:  # a bad sector, or a disk that is away: its turn comes again
        log.error("%s; look at the disk", fault)
        return
    Pack.objects.filter(pk=pack.pk).update(read_at=timezone.now())
    if found:
        log.error("reading %s again found damage; the snapshots that need it say which", pack.pk)
