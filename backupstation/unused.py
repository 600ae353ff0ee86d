"""A first start that nobody used: the root that it drew makes room for the one of 24 words."""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connections

from accounts.models import User
from backupstation import prepared, storefolder, whose
from transfer.models import Vault
from transfer.store.backends._base import writing
from transfer.store.backends.posix import sync_folder
from transfer.store.crypto import Root
from transfer.store.objects import OWNER
from wire.errors import NotFound

_SQLITE_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")


def is_unused(root: Root) -> bool:
    """Whether nobody owns what was begun here, and nothing but ``root``'s store was kept."""
    if whose.database().exists():
        prepared.migrate()
        if User.objects.exists() or Vault.objects.exists():
            return False
    return storefolder.fits(root) or not storefolder.has_objects()


def set_aside(kept: Root) -> Path:
    """Move what was begun under the root ``kept`` to a folder of its own; returns that folder.

    The root goes last: a move that is cut off is done again.
    """
    if storefolder.fits(kept):
        with suppress(NotFound):
            storefolder.backend().delete(OWNER)
    connections.close_all()
    data = Path(settings.STATION_DATA_DIR)
    aside = data / f"unused-{time.strftime('%Y%m%d-%H%M%S')}"
    with writing(f"the data folder {data}"):
        aside.mkdir(mode=0o700, exist_ok=True)
        for path in (*_database_files(), settings.STATION_ROOT_KEY):
            shutil.move(path, aside / path.name)
        sync_folder(aside)
        sync_folder(data)
    return aside


def _database_files() -> list[Path]:
    """SQLite's own; what else begins like them is somebody's copy, and stays."""
    database = whose.database()
    files = [database.with_name(database.name + suffix) for suffix in _SQLITE_SUFFIXES]
    return [path for path in files if path.exists()]
