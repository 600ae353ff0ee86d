"""The files that Element's exporter put beside its JSON.

A server's address (``mxc://``) is no place. With attachments, an export is a zip where they are
named ``<folder>/<name>-<date> at <time><ending>``, in the language of the exporter; the folders
are always the same.
"""

import posixpath
import re
from collections import defaultdict
from functools import cached_property
from typing import Any, Final

from conversations.events import Attachment, MediaKind, Place
from conversations.readers._values import amount_of, media_kind, name_of, object_of
from conversations.source import Source

_FOLDERS: Final = ("audio", "files", "images", "stickers", "videos")
_CLOCK: Final = re.compile(r"(\d\d)\D(\d\d)\D*$")
_Key = tuple[str, str, str, str]


class Files:
    """Finds what a message names by its name and by minutes and seconds, which no zone changes."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @cached_property
    def _named(self) -> dict[_Key, list[str]]:
        """By what stands before the first dash, the ending, and the end of the time."""
        found: dict[_Key, list[str]] = defaultdict(list)
        folder = posixpath.dirname(self._source.files[0])
        folders = {posixpath.join(folder, each) for each in _FOLDERS}
        for name in self._source.tree.names():
            if posixpath.dirname(name) not in folders:
                continue
            stem, ending = posixpath.splitext(posixpath.basename(name))
            if "-" in stem and (clock := _CLOCK.search(stem)):
                found[stem.partition("-")[0], ending, clock[1], clock[2]].append(name)
        return found

    def attachment(
        self, kind: MediaKind | None, content: dict[str, Any], time: int | None
    ) -> Attachment:
        """What an event with media has; without a place when it is not in the export."""
        name = name_of(content.get("filename")) or name_of(content.get("body"))
        info = object_of(content.get("info"))
        media_type = name_of(info.get("mimetype"))
        kind = kind or media_kind(name, media_type)
        found = self._find(name, kind, time)
        if found is None:
            return Attachment(kind, name, media_type, amount_of(info.get("size")))
        return Attachment(kind, name, media_type, self._source.tree.size(found), Place(found))

    def _find(self, name: str, kind: MediaKind, time: int | None) -> str | None:
        if time is None:
            return None
        stem, ending = posixpath.splitext(posixpath.basename(name))
        minute, second = f"{time // 60_000 % 60:02}", f"{time // 1000 % 60:02}"
        endings = [ending, ".png"] if kind is MediaKind.STICKER else [ending, ".ogg"]
        for each in endings:
            candidates = self._named.get((stem.partition("-")[0], each, minute, second), ())
            fitting = [
                candidate
                for candidate in candidates
                if posixpath.basename(candidate).startswith(f"{stem}-")
            ]
            if len(fitting) == 1:
                return fitting[0]
        return None
