"""What this station keeps for a person, as the station page lists it."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Least
from django.template.loader import render_to_string

from backupstation import phones
from transfer import room, station
from transfer.models import Pack, Reminder, Snapshot, Upload
from wire.errors import WireError

LATEST: Final = 8
LOW_SHARE: Final = 0.05


@dataclass(frozen=True)
class Storage:
    """Bytes: what the store holds, what its disk still takes; None when it does not tell."""

    used: int
    free: int | None
    reserve: int = 0
    """What backups leave free."""
    is_away: bool = False
    is_low: bool = False
    is_full: bool = False
    """Whether backups are refused."""

    @property
    def total(self) -> int:
        """What the meter's full length stands for."""
        return self.used + (self.free or 0)


def latest(owner: AbstractBaseUser) -> list[Snapshot]:
    """The newest receipted snapshots of this owner; ``added`` is what was not held before.

    Bytes as the phone sent them; None for what a rebuild brought back.
    """
    mine = Snapshot.objects.receipted().filter(vault__owner_id=owner.pk)
    upload = Upload.objects.filter(vault=OuterRef("vault"), snapshot_id=OuterRef("snapshot_id"))
    # A phone sends pages of the manifest as well: of the items no more than all can be new.
    received = Subquery(upload.values("received_bytes")[:1])
    told = mine.annotate(added=Least(received, "total_bytes"))
    return list(told.defer("receipt").newest_first()[:LATEST])


def storage() -> Storage:
    """How full the store is, and whether it still takes a backup; one query."""
    used = Pack.objects.aggregate(bytes=Sum("size"))["bytes"] or 0
    identity = station.identity()
    try:
        identity.require_store()
        free = identity.backend.free_bytes()
        usable = room.usable_bytes()
    except WireError:
        return Storage(used, None, is_away=True)
    reserve = room.reserve_bytes()
    if usable == 0:
        return Storage(used, free, reserve, is_full=True)
    return Storage(used, free, reserve, is_low=_is_low(usable, reserve))


def _is_low(usable: int, reserve: int) -> bool:
    """Little of the disk is left to backups, or less than the reserve once more."""
    disk = shutil.disk_usage(settings.STATION_DATA_DIR)
    return usable < max(LOW_SHARE * disk.total, reserve)


def parts(owner: AbstractBaseUser, now: datetime) -> dict[str, str]:
    """The parts of the page that change with each backup, or as time goes by."""
    snapshots = latest(owner)
    listed = [(one, one.is_overdue(now)) for one in phones.of_owner(owner)]
    overdue = [(one, one.days_since(now)) for one, is_overdue in listed if is_overdue]
    added = getattr(snapshots[0], "added", None) if snapshots else None
    shown = {"phones": listed, "reminders": Reminder.choices}
    return {
        "reminders": render_to_string("parts/reminders.html", {"overdue": overdue}),
        "snapshots": render_to_string("parts/snapshots.html", {"snapshots": snapshots}),
        "phones": render_to_string("parts/phones.html", shown),
        "storage": render_to_string("parts/storage.html", {"storage": storage(), "added": added}),
    }
