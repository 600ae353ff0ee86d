"""What unchanged files consist of, so that a second backup need not read them.

A row is trusted only for a file with the same path, size, modification and change time, inode and
device, and only if it authenticates itself: a damaged database costs time, never correctness. The
station decides what it holds; a file of which it lacks anything is read and hashed again.

Files that were modified within :data:`RACY_NS` of being looked at are not remembered: they could
change again without their times showing it (git's "racily clean" files; FAT counts in 2 s steps).
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from phone.chunking import Reading
from phone.sources import Entry, Stamp
from wire.manifest import Item

RACY_NS: Final = 2_000_000_000
CACHE_BYTES_MAX: Final = 512 * 1024 * 1024
_VERSION: Final = 1
_BUSY_SECONDS: Final = 2.0
_SEAL_BYTES: Final = 16
_USED_STEP_NS: Final = 86_400 * 10**9  # how exactly the last use is kept: writing costs time
_ROWS_PER_PRUNE: Final = 1000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS item (
    path BLOB PRIMARY KEY, stamp BLOB NOT NULL, media_type TEXT NOT NULL, sha256 BLOB NOT NULL,
    chunks BLOB NOT NULL, seal BLOB NOT NULL, used INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS item_used ON item (used);
"""


class Cache:
    """The remembered items in one SQLite file. One thread at a time; close it at the end.

    No error of the database reaches the caller: a file that cannot serve is dropped and started
    anew, and if even that fails nothing is remembered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._used: list[Entry] = []
        self._database: sqlite3.Connection | None = None
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError as error:
            self._give_up(error)

    def find_all(self, entries: Sequence[Entry]) -> dict[int, Item]:
        """Those of ``entries`` that need not be read, by number, and the items that they were.

        In one transaction: locking the file for each would take half of the time.
        """
        self._execute("BEGIN")
        found = {number: self.find(entry) for number, entry in enumerate(entries)}
        self._execute("COMMIT")
        return {number: item for number, item in found.items() if item is not None}

    def _execute(self, statement: str) -> None:
        try:
            if self._database is not None:
                self._database.execute(statement)
        except sqlite3.Error as error:
            self._give_up(error)

    def find(self, entry: Entry) -> Item | None:
        """The item that ``entry`` was when it was last read, or None when it must be read."""
        if self._database is None:
            return None
        path, stamp = os.fsencode(entry.path), _stamp_bytes(entry.stamp)
        try:
            row = self._database.execute(
                "SELECT media_type, sha256, chunks, seal, used FROM item"
                " WHERE path = ? AND stamp = ?",
                (path, stamp),
            ).fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._give_up(error)
            return None
        item = None if row is None else _item(entry, path, stamp, row[:4])
        if item is not None and row[4] < time.time_ns() - _USED_STEP_NS:
            self._used.append(entry)
        return item

    def remember(self, readings: Iterable[tuple[Entry, Reading]], looked_ns: int) -> None:
        """Keep what was read from files; ``looked_ns`` is when the reading began (nanoseconds).

        Unsteady readings and files that are too young to be trusted are left out.
        """
        now = time.time_ns()
        rows = [
            _row(entry, reading, now)
            for entry, reading in readings
            if reading.steady
            and max(reading.stamp.mtime_ns, reading.stamp.ctime_ns) < looked_ns - RACY_NS
        ]
        self._write("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def forget(self, entry: Entry) -> None:
        """Drop what is remembered of this file."""
        self._write("DELETE FROM item WHERE path = ?", [(os.fsencode(entry.path),)])

    def close(self) -> None:
        """Note what was used, forget what was not for longest, and close the file."""
        now = time.time_ns()
        rows = [(now, os.fsencode(entry.path)) for entry in self._used]
        self._write("UPDATE item SET used = ? WHERE path = ?", rows)
        if self._database is None:
            return
        try:
            self._prune(self._database)
        except sqlite3.Error as error:
            self._give_up(error)
        if self._database is not None:
            self._database.close()
            self._database = None

    def _prune(self, database: sqlite3.Connection) -> None:
        while self._path.stat().st_size - _free_bytes(database) > CACHE_BYTES_MAX:
            with database:
                database.execute(
                    "DELETE FROM item WHERE path IN (SELECT path FROM item ORDER BY used LIMIT ?)",
                    (_ROWS_PER_PRUNE,),
                )

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        if self._database is None or not rows:
            return
        try:
            with self._database:
                self._database.executemany(statement, rows)
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Go on without a database; drop the file unless another process is just using it."""
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None
        if not _in_use(error):
            for ending in ("", "-journal"):
                with suppress(OSError):
                    Path(f"{self._path}{ending}").unlink()


def _in_use(error: Exception) -> bool:
    """Whether the database is whole but another process holds it."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _open(path: Path) -> sqlite3.Connection:
    """Open the database, or start a new one where the file is none or of another version."""
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if _in_use(error):
            raise
        with suppress(OSError):
            path.unlink()
        return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    try:
        database.execute("PRAGMA synchronous = OFF")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError("another version")
        if version == 0:
            database.executescript(_SCHEMA + f"PRAGMA user_version = {_VERSION};")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _free_bytes(database: sqlite3.Connection) -> int:
    (pages,) = database.execute("PRAGMA freelist_count").fetchone()
    (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page_bytes)


def _stamp_bytes(stamp: Stamp) -> bytes:
    return b"".join(number.to_bytes(16, signed=True) for number in stamp)


def _seal(path: bytes, stamp: bytes, media_type: str, sha256: bytes, chunks: bytes) -> bytes:
    """A digest over the whole row: a flipped bit must not become a wrong manifest."""
    parts = (path, stamp, media_type.encode(), sha256, chunks)
    text = b"".join(len(part).to_bytes(8) + part for part in parts)
    return hashlib.sha256(text).digest()[:_SEAL_BYTES]


def _row(entry: Entry, reading: Reading, now: int) -> tuple[object, ...]:
    path, stamp, item = os.fsencode(entry.path), _stamp_bytes(reading.stamp), reading.item
    seal = _seal(path, stamp, item.media_type, item.sha256, item.chunks)
    return path, stamp, item.media_type, item.sha256, item.chunks, seal, now


def _item(
    entry: Entry, path: bytes, stamp: bytes, row: tuple[str, bytes, bytes, bytes]
) -> Item | None:
    media_type, sha256, chunks, seal = row
    try:
        if seal != _seal(path, stamp, media_type, sha256, chunks):
            return None
    except (TypeError, AttributeError):
        return None
    return Item(entry.name, entry.stamp.size, entry.stamp.mtime_ns, media_type, sha256, chunks)
