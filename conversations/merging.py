"""One message that several exports have: what is kept of the older and of the newer telling.

Nothing that was ever kept is lost: a text that changed is kept as an earlier one, a deletion leaves
the text and is noted, and bytes that one export left out are taken from the other.
"""

from typing import NamedTuple

from conversations.events import Kind, Message
from conversations.more import More

_SAYS_LESS = (Kind.DELETED, Kind.UNREADABLE)


class Telling(NamedTuple):
    """What is told of a message: its kind, text and the rest."""

    kind: str
    text: str
    more: More


def told(message: Message) -> Telling:
    """What an export tells."""
    return Telling(message.kind, message.text, more_of(message))


def more_of(message: Message) -> More:
    """What an export tells that has no column of its own."""
    return More(
        message.reactions, message.edited, message.forwarded_from, message.earlier, message.deleted
    )


def merged(older: Telling, newer: Telling) -> Telling:
    """The older telling, as the newer one changes it."""
    if older == newer:
        return older
    was_deleted = older.more.deleted or newer.more.deleted
    if newer.kind in _SAYS_LESS and older.kind not in _SAYS_LESS:
        is_deleted = was_deleted or newer.kind == Kind.DELETED
        return older._replace(more=_with(older.more, deleted=is_deleted))
    if not newer.text and older.text:
        newer = newer._replace(text=older.text)
    earlier = [*older.more.earlier, *newer.more.earlier]
    if older.text not in ("", newer.text) and older.kind not in _SAYS_LESS:
        earlier.append(older.text)
    is_back = older.kind == Kind.DELETED != newer.kind  # from an export of before
    more = More(
        reactions=newer.more.reactions or older.more.reactions,
        edited=older.more.edited if newer.more.edited is None else newer.more.edited,
        forwarded_from=newer.more.forwarded_from or older.more.forwarded_from,
        earlier=tuple(text for text in dict.fromkeys(earlier) if text != newer.text),
        deleted=was_deleted or is_back,
    )
    return Telling(newer.kind, newer.text, more)


def _with(more: More, *, deleted: bool) -> More:
    return More(more.reactions, more.edited, more.forwarded_from, more.earlier, deleted)
