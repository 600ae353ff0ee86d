"""What this station keeps for a person, as the station page lists it."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, Max, Sum
from django.template.loader import render_to_string

from accounts.models import Phone
from transfer import room, station
from transfer.models import Pack, Snapshot
from wire.errors import WireError

LATEST: Final = 8


@dataclass(frozen=True)
class PhoneBackup:
    """A phone of this person and its last backup; the name is unknown to a separate IM server."""

    name: str
    thumbprint: str
    is_revoked: bool
    last_at: datetime | None
    snapshots: int


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
    """The newest receipted snapshots of this owner."""
    mine = Snapshot.objects.receipted().filter(vault__owner_id=owner.pk)
    return list(mine.defer("receipt").order_by("-stored_at", "-id")[:LATEST])


def phones(owner: AbstractBaseUser) -> list[PhoneBackup]:
    """Every phone that was enrolled for this owner or has sent a snapshot; two queries."""
    mine = Snapshot.objects.receipted().filter(vault__owner_id=owner.pk)
    rows = mine.values("phone").annotate(last=Max("stored_at"), count=Count("id"))
    backups = {row["phone"]: row for row in rows}
    known = {phone.thumbprint: phone for phone in Phone.objects.filter(account__user_id=owner.pk)}
    listed = [
        PhoneBackup(
            known[key].name if key in known else "",
            key[:8],
            key in known and known[key].revoked_at is not None,
            backups[key]["last"] if key in backups else None,
            backups[key]["count"] if key in backups else 0,
        )
        for key in known.keys() | backups.keys()
    ]
    return sorted(listed, key=lambda one: (one.last_at is None, one.name, one.thumbprint))


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
    """Less than a twentieth of the disk, or than the reserve once more: time to make room."""
    disk = shutil.disk_usage(settings.STATION_DATA_DIR)
    return usable < max(disk.total // 20, reserve)


def parts(owner: AbstractBaseUser) -> dict[str, str]:
    """The parts of the page that change with each backup."""
    snapshots = {"snapshots": latest(owner), "may_administer": getattr(owner, "is_staff", False)}
    return {
        "snapshots": render_to_string("parts/snapshots.html", snapshots),
        "phones": render_to_string("parts/phones.html", {"phones": phones(owner)}),
        "storage": render_to_string("parts/storage.html", {"storage": storage()}),
    }
