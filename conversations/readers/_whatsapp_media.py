"""The marks that stand for files in the body of a WhatsApp message, attached or left out.

Android: ``IMG-20220318-WA0001.jpg (file attached)`` and ``<Media omitted>``, in the first line.
iPhone: ``<attached: 00000035-PHOTO-….jpg>`` and ``image omitted``, a document's name before it.
Captions are the rest of the body.
"""

import re
from datetime import date
from typing import Final

from conversations import limits
from conversations.events import Attachment, Kind, MediaKind
from conversations.readers._whatsapp_files import GIVEN, attachment
from conversations.readers._whatsapp_words import (
    ATTACHED,
    ATTACHED_IN_ANGLES,
    CONTACT_OMITTED,
    DOCUMENT_OMITTED,
    MEDIA_OMITTED,
    OMITTED,
    folded,
    unmarked,
)
from conversations.source import Source

LRM: Final = "\u200e"
_DIRECTIONS: Final = ("\u200e", "\u200f", "\u202a", "\u202b", "\u2068")
_MARK_CHARS_MAX: Final = 400

_ENDINGS: Final = {
    MediaKind.IMAGE: "jpg jpeg png gif heic heif webp bmp tif tiff avif",
    MediaKind.VIDEO: "mp4 mov 3gp avi mkv webm m4v",
    MediaKind.AUDIO: "opus ogg oga m4a mp3 aac amr wav flac",
}
_BY_ENDING: Final = {end: kind for kind, ends in _ENDINGS.items() for end in ends.split()}
_STICKER: Final = re.compile(r"STK-|\d{8}-STICKER-", re.IGNORECASE)
_ENDING: Final = re.compile(r"\.(\w{1,8})$")
_PLACE: Final = re.compile(
    r"(?:[^\n]{1,200}:\s)?https?://"
    r"(?:maps\.google\.com/(?:maps)?\?q=|maps\.apple\.com/\?|(?:www\.)?foursquare\.com/v/)\S*\s*"
)


def kind_of(name: str) -> MediaKind:
    """What kind of media a file of this name is."""
    if _STICKER.match(name):
        return MediaKind.STICKER
    ending = _ENDING.search(name)
    return _BY_ENDING.get(ending[1].lower() if ending else "", MediaKind.DOCUMENT)


def day_told_by(text: str) -> date | None:
    """The day in the name of a file that WhatsApp named, if a text mentions one at its start."""
    found = GIVEN.match(unmarked(text[:_MARK_CHARS_MAX]).rpartition(": ")[2])
    if found is None:
        return None
    digits = (found["day"] or found["date"]).replace("-", "")
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def is_place(lines: list[str]) -> bool:
    """Whether a body shares a place: it ends with the address of a map, alone or after a name."""
    return len(lines) <= 4 and _PLACE.fullmatch(lines[-1][:2000]) is not None


class Media:
    """Takes the marks of files out of a body."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.attachments: list[Attachment] = []
        self.kind = Kind.MEDIA

    def taken_from(self, lines: list[str]) -> list[str]:
        """The lines without the marks; what was marked is in ``attachments`` then."""
        rest = [left for line in lines if (left := self._angles_taken(line)) is not None]
        if self.attachments:
            return rest
        if self._is_attached(lines[0]):
            return lines[1:]
        beside = self._omitted_taken(lines)
        return lines if beside is None else beside

    def _angles_taken(self, line: str) -> str | None:
        """What stands before ``<attached: name>`` at a line's end; None when nothing does."""
        text = line.rstrip()
        start = text.rfind("<")
        if start < 0 or not text.endswith(">") or len(text) - start > _MARK_CHARS_MAX:
            return line
        word, colon, name = text[start + 1 : -1].replace("：", ":", 1).partition(":")
        name = unmarked(name)
        is_led = text[:start].endswith(_DIRECTIONS)
        if not colon or not name or not (is_led or self._is_mark(word, name)):
            return line
        if not self._attach(name):
            return line
        return unmarked(text[:start]) or None

    def _is_mark(self, word: str, name: str) -> bool:
        is_known = folded(word).rstrip(",") in ATTACHED_IN_ANGLES or GIVEN.fullmatch(name)
        return bool(is_known) or self._is_there(name)

    def _is_attached(self, line: str) -> bool:
        """``name (file attached)``."""
        text = line.rstrip(f" {LRM}")
        start = text.rfind("(")
        if start < 1 or not text.endswith(")") or len(text) > _MARK_CHARS_MAX:
            return False
        name = unmarked(text[:start])
        if folded(text[start + 1 : -1]) not in ATTACHED and not (
            _ENDING.search(name) and (GIVEN.fullmatch(name) or self._is_there(name))
        ):
            return False
        return bool(name) and self._attach(name)

    def _is_there(self, name: str) -> bool:
        return "." in name and attachment(self._source, kind_of(name), name).place is not None

    def _attach(self, name: str) -> bool:
        if len(self.attachments) >= limits.ATTACHMENTS_MAX:
            return False
        if name.lower().endswith(".vcf"):
            self.kind = Kind.CONTACT
        self.attachments.append(attachment(self._source, kind_of(name), name))
        return True

    def _omitted_taken(self, lines: list[str]) -> list[str] | None:
        """What is left beside a mark for a file that was left out."""
        first = lines[0]
        if len(first) > _MARK_CHARS_MAX:
            return None
        plain = folded(first)
        inside = folded(plain[1:-1]) if plain.startswith("<") and plain.endswith(">") else plain
        if inside != plain and inside in MEDIA_OMITTED:
            return self._left_out(MediaKind.DOCUMENT, lines[1:])
        if inside in OMITTED:
            return self._left_out(OMITTED[inside], lines[1:])
        if inside in CONTACT_OMITTED:
            self.kind = Kind.CONTACT
            return self._left_out(MediaKind.DOCUMENT, lines[1:])
        return self._document_taken(lines)

    def _document_taken(self, lines: list[str]) -> list[str] | None:
        """``name.pdf • 2 pages document omitted``."""
        plain = unmarked(lines[0])
        lower = plain.casefold()
        for words in DOCUMENT_OMITTED:
            if lower.endswith(words) and lower != words:
                shown = plain[: len(plain) - len(words)].strip()
                name = shown.split("•", 1)[0].strip()
                if not _ENDING.search(name):
                    return None
                self._add(Attachment(MediaKind.DOCUMENT, name[: limits.NAME_CHARS_MAX]))
                return [shown, *lines[1:]]
        return None

    def _left_out(self, kind: MediaKind, caption: list[str]) -> list[str]:
        """A file without a name, but a document's name is often all of its caption."""
        name = unmarked(caption[0]) if len(caption) == 1 else ""
        is_name = len(name) <= limits.NAME_CHARS_MAX and _ENDING.search(name) is not None
        if is_name and " " not in name.rpartition(".")[2]:
            self._add(Attachment(kind, name))
        else:
            self._add(Attachment(kind))
        return caption

    def _add(self, left_out: Attachment) -> None:
        self.attachments.append(left_out)
