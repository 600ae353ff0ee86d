"""What few messages have, kept as one JSON text beside them: reactions, edits, what was there."""

from typing import Final

import msgspec

from conversations.events import Reaction


class Telling(msgspec.Struct, frozen=True, array_like=True):
    """What one export tells of a message; ``source`` is the digest of the one it was read from."""

    kind: str
    text: str
    more: "More"
    source: str = ""


class More(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything about a message that has no column of its own.

    ``deleted``: a newer export says that it was deleted; the text is what was there.
    ``edited`` is a time in milliseconds, or 0 when only the fact is known. ``earlier`` are texts
    that were there before, oldest first: what a newer export changed or took away is still told.
    ``tellings`` are those that it was made of, oldest first, where there is more than one that
    counts: an export that is read later may have been made in between.
    """

    reactions: tuple[Reaction, ...] = ()
    edited: int | None = None
    forwarded_from: str = ""
    earlier: tuple[str, ...] = ()
    deleted: bool = False
    tellings: tuple[Telling, ...] = ()


_NOTHING: Final = More()
_decoder: Final = msgspec.json.Decoder(More)


def encode(more: More) -> str:
    """As JSON; "" when there is nothing."""
    return "" if more == _NOTHING else msgspec.json.encode(more).decode()


def decode(text: str) -> More:
    """What :func:`encode` made of it."""
    return _decoder.decode(text) if text else _NOTHING
