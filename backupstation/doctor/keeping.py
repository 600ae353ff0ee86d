"""Whether this station can keep what comes: its store, its disk, its speed."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from backupstation import kept, masking
from backupstation.doctor.findings import Finding, Size, State
from wire.errors import WireError

_TITLE: Final = _("Storage")


def check() -> list[Finding]:
    """One query."""
    return [_storage(), *_speed(is_native=masking.is_native)]


def _storage() -> Finding:
    try:
        return _room(kept.storage())
    except WireError as error:  # no root key, another station's store, or a passphrase is missing
        said = _("The store cannot be opened: %(why)s.")
        return Finding(State.BROKEN, "storage", _TITLE, said, values={"why": error})


def _room(storage: kept.Storage) -> Finding:
    if storage.is_away:
        return Finding(
            State.BROKEN,
            "storage",
            _TITLE,
            _("The store is not there."),
            _("Mount its disk; backups work again at once."),
        )
    values = {"free": Size(storage.free or 0), "reserve": Size(storage.reserve)}
    advice = _("Make room on the disk of the station.")
    if storage.is_full:
        said = _("The disk is full (%(free)s free): backups are refused, restores still work.")
        return Finding(State.BROKEN, "storage", _TITLE, said, advice, values)
    if storage.is_low:
        said = _("%(free)s are free; backups stop when %(reserve)s are left.")
        return Finding(State.LOOK, "storage", _TITLE, said, advice, values)
    said = _("The store is there, and %(free)s are free.")
    return Finding(State.FINE, "storage", _TITLE, said, values=values)


def _speed(*, is_native: bool) -> list[Finding]:
    if is_native:
        return []
    return [
        Finding(
            State.LOOK,
            "speed",
            _("Speed"),
            _("Backups are about 80 times slower than they could be."),
            _("Install the packages websockets and autobahn anew, from binary wheels."),
        )
    ]
