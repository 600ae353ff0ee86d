"""The files of Messenger's and Instagram's exports, and their text: both apps write them alike."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

from conversations.events import Attachment, MediaKind
from conversations.readers._values import media_kind, name_of, objects_of, text_of
from conversations.source import Source
from conversations.tree import Tree

_MEDIA: Final = {
    "photos": MediaKind.IMAGE,
    "videos": MediaKind.VIDEO,
    "audio_files": MediaKind.AUDIO,
    "gifs": MediaKind.IMAGE,
    "files": None,  # by their ending
    "media": None,
}
_PLACES_MAX: Final = 200  # a download has a few dozen zips
_STICKERS: Final = "stickers_used"


def repaired(value: object) -> str:
    """Text whose UTF-8 bytes were stored as Latin-1 characters, undone; else as it is."""
    text = text_of(value)
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


class Files:
    """Finds the media of one thread, which is known by the last part of its ``thread_path``."""

    def __init__(self, source: Source, thread: str) -> None:
        self._source = source
        self._thread = thread
        self._is_wide = False  # whether folders of the thread elsewhere were looked for

    def of(self, value: dict[str, Any], number: int) -> Iterator[Attachment]:
        """What is attached to a record of file ``number``."""
        for key, kind in _MEDIA.items():
            for each in objects_of(value.get(key)) if key in value else ():
                yield self._attachment(kind, each, number)
        if isinstance(sticker := value.get("sticker"), dict):
            yield self._attachment(MediaKind.STICKER, sticker, number)

    def _attachment(self, kind: MediaKind | None, value: dict[str, Any], number: int) -> Attachment:
        """Its path begins at the export's root; that of the thread is the file's own folder.

        A download comes in several zips: the file may be in the thread's folder in another one.
        """
        path = repaired(value.get("uri"))
        kind = kind or media_kind(path)
        if path.startswith(("http:", "https:")) or not path:
            return Attachment(kind, name_of(posixpath.basename(path.split("?", 1)[0])))
        beside = "/".join(path.split("/")[-2:])
        for reference in (beside, path):
            found = self._source.attachment(kind, reference, number=number)
            if found.place:
                return found
        if not self._is_wide:
            self._is_wide = True
            self._source.widen(_places(self._source.tree, self._thread))
            return self._attachment(kind, value, number)
        return found


def _places(tree: Tree, thread: str) -> list[str]:
    """All folders of a thread, and those of stickers: both are below ``messages``."""
    places = _STICKERS + (rf"|[^/]+/{re.escape(thread)}" if thread else "")
    inside = re.compile(rf"((?:.*/)?messages/(?:{places}))/")
    found = dict.fromkeys(match[1] for name in tree.names() if (match := inside.match(name)))
    return list(found)[:_PLACES_MAX]
