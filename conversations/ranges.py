"""One range of bytes, as media players ask for (RFC 9110, section 14)."""

import re
from typing import Final, NamedTuple

_ONE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class ByteRange(NamedTuple):
    """From ``first`` up to and including ``last``."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.last - self.first + 1


class Unsatisfiable(Exception):
    """The range lies beyond the end: 416."""


def asked(header: str, size: int) -> ByteRange | None:
    """The range that a Range header asks for; None for all of it.

    Several ranges at once, and what is no range of bytes, count as not asked. Raises
    :class:`Unsatisfiable`.
    """
    found = _ONE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        wanted = ByteRange(max(0, size - int(last)), size - 1)
    else:
        wanted = ByteRange(int(first), min(int(last), size - 1) if last else size - 1)
    if last and first and int(last) < int(first):
        return None
    if not 0 <= wanted.first < size or wanted.length <= 0:
        raise Unsatisfiable
    return wanted
