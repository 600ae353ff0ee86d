"""Days of other calendars that phones write dates in, as days of ours.

The Persian calendar is computed by its cycle of 33 years, which fits its astronomical rule from
1178 to 1633. The Islamic calendar is computed by its tabular rule: the official one follows the
moon, and may differ by a day.
"""

from datetime import date
from typing import Final

_JULIAN_TO_ORDINAL: Final = 1_721_425
_PERSIAN_EPOCH: Final = 1_948_319
_ISLAMIC_EPOCH: Final = 1_948_439


def persian(year: int, month: int, day: int) -> date:
    """A day of the Persian (solar Hijri) calendar. Raises ValueError."""
    is_leap = (25 * year + 11) % 33 < 8
    _check(month, day, 31 if month <= 6 else 30 if month < 12 or is_leap else 29)
    before = 31 * (month - 1) if month <= 7 else 30 * (month - 1) + 6
    julian = _PERSIAN_EPOCH + 365 * (year - 1) + (8 * year + 21) // 33 + before + day
    return date.fromordinal(julian - _JULIAN_TO_ORDINAL)


def islamic(year: int, month: int, day: int) -> date:
    """A day of the Islamic (lunar Hijri) calendar, by the table. Raises ValueError."""
    _check(month, day, 30)
    before = (59 * (month - 1) + 1) // 2
    julian = _ISLAMIC_EPOCH + 354 * (year - 1) + (3 + 11 * year) // 30 + before + day
    return date.fromordinal(julian - _JULIAN_TO_ORDINAL)


def _check(month: int, day: int, days: int) -> None:
    if not (1 <= month <= 12 and 1 <= day <= days):
        raise ValueError
