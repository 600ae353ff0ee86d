"""The ids of messages: milliseconds since 1970 times 2**20, plus a number in that millisecond."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from django.db import connections

from conversations.databases import INDEX
from conversations.limits import TIME_MS_MAX

BITS: Final = 20
TIME_MAX: Final = TIME_MS_MAX
"""Milliseconds: the year 2248. A message of a later time has none (confined/bounded.py)."""
ID_MIN: Final = -(2**63)
ID_MAX: Final = 2**63 - 1
_CURSOR: Final = re.compile("-?[0-9]{1,19}")
_AT_ONCE: Final = 400  # in one query
_HIGHEST: Final = (
    "(SELECT max(id) FROM conversations_message"
    " WHERE id >= wanted.time << 20 AND id < (wanted.time + 1) << 20)"
)


def time_of(message_id: int) -> int:
    """The milliseconds that an id stands for."""
    return message_id >> BITS


def is_placed(message_id: int) -> bool:
    """Whether the id stands for any time: what has none, and follows nothing, stands at zero."""
    return time_of(message_id) != 0


def cursor(text: str) -> int | None:
    """A message's id out of an address; None for what can be none."""
    if not _CURSOR.fullmatch(text):
        return None
    return max(ID_MIN, min(ID_MAX, int(text)))


def first_id(time: int) -> int:
    """The lowest id of this millisecond; ids of all later ones are higher than the ones before."""
    return time << BITS


class Numbers:
    """Free ids for a batch of messages, one after another in each millisecond."""

    def __init__(self, times: Iterable[int]) -> None:
        self._highest = _highest_of(sorted(set(times)))

    def take(self, time: int) -> int:
        """The next free id at ``time``, or soon after when a million messages are there already."""
        while True:
            if time not in self._highest:
                self._highest |= _highest_of([time])
            free = self._highest[time] + 1
            if free < first_id(time + 1):
                self._highest[time] = free
                return free
            time += 1


def _highest_of(times: Sequence[int]) -> dict[int, int]:
    """The highest id that is taken at each time; the one below its lowest where none is."""
    found: dict[int, int] = {}
    with connections[INDEX].cursor() as cursor:
        for at in range(0, len(times), _AT_ONCE):
            some = times[at : at + _AT_ONCE]
            wanted = ",".join(["(%s)"] * len(some))
            cursor.execute(
                f"WITH wanted(time) AS (VALUES {wanted}) SELECT time, {_HIGHEST} FROM wanted",  # noqa: S608
                some,
            )
            found |= {
                time: first_id(time) - 1 if highest is None else highest
                for time, highest in cursor.fetchall()
            }
    return found
