"""Which characters the names of phones, accounts and stations may have: one rule for all of them.

Names are shown on pages and in terminals, so what steers one of these is left out.
"""

from typing import Final

from wire.limits import NAME_CHARS_MAX

_JOINER: Final = "\u200d"  # holds emoji of several parts together; harmless


def is_shown(char: str) -> bool:
    """Whether this character may be in a name."""
    return char.isprintable() or char == _JOINER


def is_name(text: str) -> bool:
    """Whether ``text`` can be a name as it is; an empty one can."""
    return len(text) <= NAME_CHARS_MAX and all(map(is_shown, text))


def cleaned(text: str) -> str:
    """What is left of ``text`` as a name, which may be nothing."""
    return "".join(filter(is_shown, text)).strip()[:NAME_CHARS_MAX]
