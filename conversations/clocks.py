"""When something was said, as a clock showed it."""

import datetime as dt
from typing import Final

from conversations.events import Clock

MS: Final = dt.timedelta(milliseconds=1)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def shown(ms: int, clock: str, zone: dt.tzinfo) -> dt.datetime:
    """The time without its zone: in ``zone`` when the clock is UTC, else as the export has it."""
    at = _EPOCH + ms * MS
    return (at.astimezone(zone) if clock == Clock.UTC else at).replace(tzinfo=None)


def by_another(ms: int, clock: str, other: str, zone: dt.tzinfo) -> int:
    """The time as the other clock has it, where ``zone`` is that of the wall clock."""
    if clock == other:
        return ms
    at = _EPOCH + ms * MS
    if clock == Clock.UTC:
        return ms + (at.astimezone(zone).utcoffset() or dt.timedelta()) // MS
    return ms - (at.replace(tzinfo=zone).utcoffset() or dt.timedelta()) // MS


def day_begins(day: dt.date, clock: str, zone: dt.tzinfo) -> int:
    """The millisecond at which this day begins by that clock; of any day that a calendar has."""
    midnight = dt.datetime.combine(day, dt.time.min, dt.UTC)
    offset = midnight.replace(tzinfo=zone).utcoffset() if clock == Clock.UTC else None
    return (midnight - _EPOCH - (offset or dt.timedelta())) // MS
