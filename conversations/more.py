"""What few messages have, kept as one JSON text beside them: reactions, edits, what was there."""

from typing import Final

import msgspec

from conversations.events import Reaction


class More(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything about a message that has no column of its own.

    ``deleted``: a newer export says that it was deleted; the text is what was there.
    ``edited`` is a time in milliseconds, or 0 when only the fact is known. ``earlier`` are texts
    that were there before, oldest first: what a newer export changed or took away is still told.
    """

    reactions: tuple[Reaction, ...] = ()
    edited: int | None = None
    forwarded_from: str = ""
    earlier: tuple[str, ...] = ()
    deleted: bool = False


_NOTHING: Final = More()
_decoder: Final = msgspec.json.Decoder(More)


def encode(more: More) -> str:
    """As JSON; "" when there is nothing."""
    return "" if more == _NOTHING else msgspec.json.encode(more).decode()


def decode(text: str) -> More:
    """What :func:`encode` made of it."""
    return _decoder.decode(text) if text else _NOTHING
