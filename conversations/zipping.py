"""Zip archives that are written while they are sent, in constant memory for each file's bytes.

Files are stored, not compressed: most of a chat's bytes are media, which are compressed already. A
file that turns out to be damaged ends where the damage begins, and a note at the archive's end
names it: what is undamaged is always given back. Names are those of :mod:`conversations.portable`.
"""

import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext
from stream_zip import ZIP_64, ZIP_AUTO, MemberFile, stream_zip

from conversations.portable import Names
from wire.errors import WireError

_READ_BYTES: Final = 256 * 1024
_MODE: Final = 0o100600
# What the format can say of a time.
_EARLIEST: Final = datetime(1980, 1, 2, tzinfo=UTC)
_LATEST: Final = datetime(2037, 12, 31, tzinfo=UTC)


class Entry(NamedTuple):
    """One file of an archive; ``size`` in bytes, None when it is not known beforehand."""

    name: str
    modified: datetime | None
    pieces: Iterable[bytes]
    size: int | None = None

    @property
    def told(self) -> datetime:
        """Its time as an archive can say it; now when it has none."""
        known = self.modified or timezone.now()
        return timezone.localtime(min(max(known, _EARLIEST), _LATEST))


class Lost(NamedTuple):
    """What would be in an archive if its list could be read: ``what``, in words, and ``why``."""

    what: str
    why: str


class Archive:
    """Yields the archive's bytes."""

    def __init__(self, entries: Iterable[Entry | Lost]) -> None:
        self._entries = entries
        self._damaged: list[str] = []
        self._names = Names()

    def __iter__(self) -> Iterator[bytes]:
        """Its bytes, from the first entry on."""
        return iter(stream_zip(self._members(), chunk_size=_READ_BYTES, get_compressobj=_deflater))

    def _members(self) -> Iterator[MemberFile]:
        for entry in self._entries:
            if isinstance(entry, Lost):
                self._damaged.append(f"{entry.what}: {entry.why}")
                continue
            method = ZIP_64 if entry.size is None else ZIP_AUTO(entry.size, level=0)
            name = self._names.of(entry.name)
            yield name, entry.told, _MODE, method, self._until_damage(name, entry)
        if self._damaged:
            told = gettext("These files are damaged, and end where the damage begins:")
            yield self._note("DAMAGED.txt", told, self._damaged)
        if self._names.changed:
            told = gettext(
                "Windows cannot hold these files' own names, or not beside each other. "
                "After each arrow is what the file is really called:"
            )
            really = [f"{name} -> {own}" for name, own in self._names.changed]
            yield self._note("NAMES.txt", told, really)

    def _note(self, name: str, told: str, lines: list[str]) -> MemberFile:
        """Of our own, beside the files and never in the place of one."""
        note = "\n".join([told, "", *lines, ""]).encode()
        called = self._names.free(name)
        return called, timezone.localtime(), _MODE, ZIP_AUTO(len(note)), [note]

    def _until_damage(self, name: str, entry: Entry) -> Iterator[bytes]:
        try:
            yield from entry.pieces
        except (OSError, WireError) as error:
            self._damaged.append(f"{name}: {error}")


def _deflater() -> "zlib._Compress":
    """For what is made while it is sent, and is text."""
    return zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
