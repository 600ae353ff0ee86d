"""What stands in the store's folder, before a station trusts it."""

from typing import Final

from django.conf import settings

from transfer.store import objects, packformat
from transfer.store.backends import StoreAway
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import Root
from transfer.store.objects import ForeignStore

_FOLDERS: Final = (packformat.FOLDER, objects.SNAPSHOTS, objects.RECEIPTS, objects.VAULTS)


def backend() -> PosixBackend:
    """The folder as the store sees it."""
    return PosixBackend(settings.STATION_STORE_DIR)


def is_store_of(root: Root) -> bool:
    """Whether the store of this root is there; :class:`ForeignStore` when it is another's."""
    try:
        objects.require_store(backend(), root, root.station_id_text())
    except StoreAway:
        return False
    return True


def fits(root: Root) -> bool:
    """Whether the store of this root is there, and not none or another's."""
    try:
        return is_store_of(root)
    except ForeignStore:
        return False


def has_objects() -> bool:
    """Whether anything was ever kept in it: a new store has its owner's mark alone."""
    return any(True for folder in _FOLDERS for _ in backend().list(folder))
