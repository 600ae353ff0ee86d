"""Where is searched: the part of the index that a search may see."""

from typing import NamedTuple

from conversations.numbering import ID_MAX, ID_MIN


class Scope(NamedTuple):
    """One vault, and of it perhaps less. ``senders`` are participants: one of them said it.

    ``first`` and ``before`` bound the message ids: from ``first``, up to but not ``before``.
    """

    vault: str
    conversation: int | None = None
    senders: tuple[int, ...] | None = None
    has_media: bool = False
    kind: str = ""
    first: int = ID_MIN
    before: int = ID_MAX
