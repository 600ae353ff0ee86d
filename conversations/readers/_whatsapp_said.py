"""What the body of a WhatsApp message says: text, files with their captions, or a notice.

Notices and the marks of media are in the language of the phone. Where U+200E stands before them,
or a file's name is one that WhatsApp gives, or the file is there, they are known in any language;
else by their words. A text that is none of these stays as it is.
"""

from typing import Final

import msgspec

from conversations.events import Attachment, Kind, MediaKind
from conversations.readers._whatsapp_headers import Family
from conversations.readers._whatsapp_media import LRM, Media, is_place
from conversations.readers._whatsapp_notices import (
    CALL,
    DELETED,
    EDITED,
    ENCRYPTED,
    LIVE_LOCATION,
    MISSED_CALL,
    OFFER,
    POLL,
)
from conversations.readers._whatsapp_words import (
    CONTACT_OMITTED,
    DOCUMENT_OMITTED,
    OMITTED,
    folded,
    unmarked,
)
from conversations.source import Source

_NOTICE_CHARS_MAX: Final = 250
_VIEW_ONCE: Final = "null"
_COLONS: Final = (":", "：")
_CLOSINGS: Final = (">", ")", "> ", ") ")


def _said_whole() -> dict[str, Kind]:
    """Notices that are the whole of a body."""
    kinds = (
        *((word, Kind.DELETED) for word in DELETED),
        *((word, Kind.CALL) for word in MISSED_CALL),
        *((word, Kind.LOCATION) for word in LIVE_LOCATION),
    )
    return dict(kinds)


_WHOLE: Final = _said_whole()
_WHOLE_OR_OMITTED: Final = frozenset((*_WHOLE, *OMITTED, *CONTACT_OMITTED, _VIEW_ONCE))
_LAST_WORDS: Final = frozenset(word.rsplit(" ", 1)[-1] for word in DOCUMENT_OMITTED)
_BEGINNINGS: Final = frozenset(word[:8] for word in ENCRYPTED)
_ENDS: Final = frozenset(word[-8:] for word in OFFER)
_OFFERS: Final = tuple(OFFER)
_CALLS: Final = tuple(MISSED_CALL | CALL)
_MISSED_CALLS: Final = tuple(MISSED_CALL)


class Said(msgspec.Struct, frozen=True, gc=False):
    """A body, understood; ``edited`` is 0 when the export says that it was."""

    kind: Kind
    text: str
    attachments: tuple[Attachment, ...] = ()
    edited: int | None = None


def said(source: Source, family: Family, lines: list[str]) -> Said:
    """What the lines of a body say that has a sender."""
    if len(lines) == 1:
        if not _may_be_more(lines[0]):
            return Said(Kind.TEXT, lines[0])
    elif not lines[0].endswith(_COLONS) and not any(map(_may_be_more, lines)):
        return Said(Kind.TEXT, "\n".join(lines))
    lines, edited = _without_edited(lines)
    understood = _understood(source, family, lines)
    return understood if edited is None else msgspec.structs.replace(understood, edited=edited)


def told(lines: list[str]) -> Said:
    """What the lines of a body say that has no sender: a call, or what the app tells."""
    text = _joined(lines)
    missed = folded(text[:_NOTICE_CHARS_MAX]).startswith(_MISSED_CALLS)
    return Said(Kind.CALL if missed else Kind.SYSTEM, text)


def begins_a_chat(text: str) -> bool:
    """Whether it is the notice about encryption that stands first in most chats."""
    return folded(text[:_NOTICE_CHARS_MAX]).startswith(ENCRYPTED)


def is_of_a_person(text: str) -> bool:
    """Whether what U+200E leads is a file or the like, and no notice about the chat."""
    return text.startswith(f"{LRM}<") or folded(text[:_NOTICE_CHARS_MAX]) in _WHOLE_OR_OMITTED


def _may_be_more(text: str) -> bool:
    """Whether a line may be more than text; cheap, for most lines are not."""
    if text.endswith(_CLOSINGS) or LRM in text or "maps." in text or "foursquare." in text:
        return True
    if len(text) > 2 * _NOTICE_CHARS_MAX:
        return False
    plain = text.casefold().rstrip(".。۔ ")
    return (
        plain in _WHOLE_OR_OMITTED
        or plain.rsplit(" ", 1)[-1] in _LAST_WORDS
        or plain[:8] in _BEGINNINGS
        or plain[-8:] in _ENDS
    )


def _understood(source: Source, family: Family, lines: list[str]) -> Said:
    notice = _notice(family, lines)
    if notice is not None:
        return notice
    media = Media(source)
    rest = media.taken_from(lines)
    if media.attachments:
        return Said(media.kind, _joined(rest), tuple(media.attachments))
    if lines == [_VIEW_ONCE]:
        return Said(Kind.MEDIA, "", (Attachment(MediaKind.IMAGE),))
    if is_place(lines):
        return Said(Kind.LOCATION, _joined(lines))
    if _is_told_by_the_app(family, lines):
        return Said(Kind.SYSTEM, _joined(lines))
    return Said(Kind.TEXT, "\n".join(lines))


def _notice(family: Family, lines: list[str]) -> Said | None:
    """Deleted, called, asked, shared a place."""
    if len(lines) > 1:
        is_poll = folded(lines[0][:_NOTICE_CHARS_MAX]).rstrip("".join(_COLONS)) in POLL
        return Said(Kind.POLL, "\n".join(map(unmarked, lines))) if is_poll else None
    if len(lines[0]) > _NOTICE_CHARS_MAX:
        return None
    plain = folded(lines[0])
    kind = _WHOLE.get(plain)
    if kind is None and _is_led(family, lines[0]) and plain.startswith(_CALLS):
        kind = Kind.CALL
    return None if kind is None else Said(kind, unmarked(lines[0]))


def _is_led(family: Family, text: str) -> bool:
    """Whether U+200E tells that the iPhone wrote this itself."""
    return family is Family.BRACKETS and text.startswith(LRM)


def _is_told_by_the_app(family: Family, lines: list[str]) -> bool:
    """A notice that the iPhone ascribes to the contact or group, also where marks were lost."""
    if family is not Family.BRACKETS:
        return False
    if lines[0].startswith(LRM) or len(lines) > 1:
        return lines[0].startswith(LRM)
    plain = folded(lines[0][: 2 * _NOTICE_CHARS_MAX])
    return plain.startswith(ENCRYPTED) or plain.endswith(_OFFERS)


def _without_edited(lines: list[str]) -> tuple[list[str], int | None]:
    """Take off ``<This message was edited>`` at the end."""
    last = lines[-1].rstrip()
    start = last.rfind("<")
    if not last.endswith(">") or start <= 0 or len(last) - start > _NOTICE_CHARS_MAX:
        return lines, None
    inside = last[start + 1 : -1]
    is_led = last[:start].endswith(LRM) and start > 1 and ":" not in inside
    if folded(inside) not in EDITED and not is_led:
        return lines, None
    return [*lines[:-1], last[:start].rstrip(f" {LRM}\u00a0\u202f")], 0


def _joined(lines: list[str]) -> str:
    """The text of lines, without the mark that leads it."""
    return "\n".join(lines).lstrip(LRM)
