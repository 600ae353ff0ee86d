"""``manage.py station --recover``: a lost station comes back from its 24 words and its store.

    the words are read and checked, against the store when it is there: nothing is written yet
    -> the file ``recovery`` in the data folder, with the station's id -> ``root.key``
    -> the database, from the store -> ``recovery`` goes

As long as that file is there every start goes on with the recovery, or says what it lacks. Without
it a start in between would show half the snapshots, or begin a second store beside the one that is
still to come.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError

from backupstation import owner, prepared, rebuilt, storefolder, typed, unused, whose
from backupstation.told import Told
from transfer import faults
from transfer.models import Vault
from transfer.store import rootfile
from transfer.store.backends._base import writing
from transfer.store.backends.posix import sync_file, sync_folder
from transfer.store.crypto import Root
from wire.errors import StorageFull, WireError

_NAME: Final = "recovery"
_INTERRUPTED: Final = 130  # what shells say of a command that Ctrl-C ended


def begin(words_file: str | None, say: Callable[[str], None]) -> None:
    """Keep the root that the 24 words stand for.

    Refused before anything is written: wrong words, words that are not those of the store, of the
    database, or of the root that is there (unless a first start drew that one and nobody used it).
    """
    kept = _kept()
    root = _root(words_file, kept if kept and _noted() in ("", kept.station_id_text()) else None)
    replaced = kept if kept and kept.station_id_text() != root.station_id_text() else None
    if kept is None:
        _check_database(root)
    _check(root, replaced)
    _write_down(root.station_id_text())
    if replaced is not None:
        say(f"What a first start began here, and nobody used, is in {unused.set_aside(replaced)}.")
    if replaced is not None or kept is None:
        root.save(settings.STATION_ROOT_KEY, settings.STATION_PASSPHRASE)
    say(f"The root key of station {root.station_id_text()} is in its place.")


def is_unfinished() -> bool:
    """Whether a recovery was begun, and not everything is back yet."""
    return _note().exists()


def what_is_missing() -> str:
    """What a recovery that was begun waits for, in sentences; "" when it can be finished."""
    kept = _kept()
    if kept is None:
        return (
            "A recovery was begun here, and the root key is not back yet:"
            " run `manage.py station --recover` again."
        )
    if kept.station_id_text() != _noted():
        return (
            f"A recovery was begun here, and the root key is still that of another station,"
            f" {kept.station_id_text()}: run `manage.py station --recover` again."
        )
    if storefolder.is_store_of(kept):
        return ""
    return (
        f"The store is not there yet. Put the copy of the folder `store` of this station at\n"
        f"  {settings.STATION_STORE_DIR}\n"
        "(copy it, or mount its disk), and start the station again: it brings back what is in it,"
        f" and then runs.\nIf every copy is lost for good, delete {_note()} to begin with nothing."
    )


def finish(told: Told, say: Callable[[str], None]) -> None:
    """Fill the database from the store; it is safe to do again what was cut off."""
    rootfile.sweep(settings.STATION_ROOT_KEY)
    prepared.migrate()
    say("Reading the store …")
    lines = rebuilt.summary(rebuilt.fill(told))
    if owner.is_missing() and Vault.objects.filter(owner=None).exists():
        lines.append("Whose they are is asked in the first run, where you become the owner.")
    else:
        lines += rebuilt.ownerless()
    _note().unlink()
    told.end({}, "\n".join(lines))


@contextmanager
def told_in_sentences() -> Iterator[None]:
    """Whatever ends a recovery is told, and what is left of it."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(f"Interrupted. {_left()}", returncode=_INTERRUPTED) from None
    except (DatabaseError, OSError, WireError) as error:
        told = faults.as_told(error)
        if not isinstance(error, WireError) and not isinstance(told, StorageFull):
            raise
        text = str(told)
        text = f"{text[:1].upper()}{text[1:]}. {_left()}"
        raise CommandError(text, returncode=typed.CANNOT) from None


def _left() -> str:
    if is_unfinished():
        return "`manage.py station --recover` goes on where this stopped."
    return "Nothing was changed."


def _note() -> Path:
    return Path(settings.STATION_DATA_DIR) / _NAME


def _kept() -> Root | None:
    path = settings.STATION_ROOT_KEY
    return Root.load_or_create(path, settings.STATION_PASSPHRASE) if path.exists() else None


def _noted() -> str:
    """The id of the station whose recovery was begun; "" when none was."""
    return _note().read_text().strip() if is_unfinished() else ""


def _write_down(station_id: str) -> None:
    beside = _note().with_suffix(".new")
    with writing(f"the data folder {settings.STATION_DATA_DIR}"):
        beside.touch(mode=0o600)
        beside.write_text(f"{station_id}\n")
        sync_file(beside)
        beside.replace(_note())
        sync_folder(_note().parent)


def _root(words_file: str | None, kept: Root | None) -> Root:
    """That of the words; ``kept`` when there are none, except in a file that was named."""
    if words_file is not None:
        return Root.from_words(typed.from_file(words_file))
    words = _typed(kept) if sys.stdin.isatty() else typed.from_file("-").strip()
    return kept if kept and not words else Root.from_words(words)


def _typed(kept: Root | None) -> str:
    lines = ["Type the 24 words of the recovery sheet, in one line or in several."]
    if kept is not None:
        lines.append(
            f"The root key of station {kept.station_id_text()} is here already: to go on with it,"
            " press Enter instead."
        )
    return typed.on_terminal(lines, or_none=kept is not None)


def _check_database(root: Root) -> None:
    """Without a root and a store nothing else tells that the words are another station's."""
    known = whose.stations()
    if known and root.station_id_text() not in known:
        raise CommandError(
            f"These are the words of station {root.station_id_text()}, but the database in"
            f" {settings.STATION_DATA_DIR} is that of station {', '.join(sorted(known))}, and in"
            " use. Nothing was changed: look for another sheet, or name another folder by"
            " STATION_DATA_DIR.",
            returncode=typed.CANNOT,
        )


def _check(root: Root, replaced: Root | None) -> None:
    if replaced is not None and not unused.is_unused(root):
        raise CommandError(
            f"These are the words of station {root.station_id_text()}, but"
            f" {settings.STATION_DATA_DIR} is the data folder of station"
            f" {replaced.station_id_text()}, and in use. Nothing was changed: name another folder"
            " by STATION_DATA_DIR.",
            returncode=typed.CANNOT,
        )
    if replaced is not None and storefolder.fits(replaced):
        return
    if not storefolder.is_store_of(root) and storefolder.has_objects():
        raise CommandError(
            f"The store at {settings.STATION_STORE_DIR} is not whole: its file `station` is"
            " missing. Copy the whole folder, and try again. Nothing was changed.",
            returncode=typed.CANNOT,
        )
