"""The station's root from the 24 words of its recovery sheet, when its file is lost."""

import sys
from typing import Final

from django.conf import settings
from django.core.management.base import CommandError

from backupstation import typed
from transfer.models import Issuer, Vault
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import Root
from transfer.store.objects import OWNER, claim_store
from transfer.store.rootfile import RootLocked
from wire.errors import NotFound, WireError

CANNOT: Final = typed.CANNOT


def returncode(error: WireError) -> int:
    """The exit code for it: without the passphrase nothing could be tried."""
    return CANNOT if isinstance(error, RootLocked) else 1


def require_root() -> None:
    """Refuse to go on without the root's file, which would be drawn anew."""
    if not settings.STATION_ROOT_KEY.exists():
        raise CommandError(
            f"There is no root key at {settings.STATION_ROOT_KEY}: is STATION_DATA_DIR right? "
            "`manage.py store rebuild` makes it again from the 24 words.",
            returncode=CANNOT,
        )


def require_store() -> None:
    """Refuse a folder that is no store: a disk that is not mounted looks like an empty one."""
    try:
        PosixBackend(settings.STATION_STORE_DIR).stat(OWNER)
    except NotFound:
        raise CommandError(
            f"There is no store at {settings.STATION_STORE_DIR}: put its folder back first, or"
            " mount its disk. If it is lost for good, move the database away, and begin anew.",
            returncode=CANNOT,
        ) from None


def refuse_lost_store() -> None:
    """Make no new store beside a database that knows another: its disk may not be mounted."""
    if Vault.objects.exists():
        require_store()


def require_started() -> None:
    """Refuse before the first start: the IM server inside the station is known since then."""
    if not Issuer.objects.joined().filter(origin="").exists():
        raise CommandError(
            "No station ran on this data folder yet: start it with `manage.py station`."
        )


def bring_back_root(words_file: str | None) -> None:
    """Make the root's file again when it is missing; words must fit the store, and a file.

    Without a file of words they are asked for on a terminal. Raises :class:`WordsRefused`, or
    :class:`ForeignStore` before anything is written when they are another station's.
    """
    path = settings.STATION_ROOT_KEY
    if path.exists() and words_file is None:
        return
    root = Root.from_words(_read_words(words_file))
    if path.exists():
        if Root.load_or_create(path, settings.STATION_PASSPHRASE).words() != root.words():
            raise CommandError(
                f"These words are not those of {path}. To use them, move that file away first.",
                returncode=CANNOT,
            )
        return
    claim_store(PosixBackend(settings.STATION_STORE_DIR), root, root.station_id_text())
    root.save(path, settings.STATION_PASSPHRASE)


def _read_words(words_file: str | None) -> str:
    if words_file is not None:
        return typed.from_file(words_file)
    if not sys.stdin.isatty():
        raise CommandError(
            "The root key is missing: give the 24 words with --words-file.", returncode=CANNOT
        )
    return typed.on_terminal(["The root key is missing. Type the 24 words of the recovery sheet:"])
