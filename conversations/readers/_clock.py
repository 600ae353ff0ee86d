"""Wall-clock times as exports write them, as milliseconds since 1970-01-01 of the same clock."""

from datetime import date
from functools import lru_cache
from typing import Final

DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_BUDDHIST: Final = 543
_MORNING: Final = frozenset(("午前", "上午", "오전", "am", "a.m.", "凌晨", "早上"))
_AFTERNOON: Final = frozenset(("午後", "下午", "오후", "pm", "p.m.", "晚上"))

MERIDIEM: Final = r"午前|午後|上午|下午|오전|오후|凌晨|早上|中午|晚上|[AaPp]\.?[Mm]\.?"
"""A pattern of what says which half of the day a time is in."""


@lru_cache(4096)
def day_ms(year: int, month: int, day: int) -> int | None:
    """The start of a day; None when there is no such day. Thai years (2567) are understood."""
    if year >= 2400:
        year -= _BUDDHIST
    try:
        return (date(year, month, day).toordinal() - _EPOCH) * DAY_MS
    except (ValueError, OverflowError):
        return None


@lru_cache(8192)
def time_ms(hour: str, minute: str, second: str | None = None, half: str | None = None) -> int:
    """A time of the day; -1 when there is none such. ``half`` is one of :data:`MERIDIEM`."""
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if hours > 24 or minutes > 59 or seconds > 60:
        return -1
    said = (half or "").lower()
    if said in _AFTERNOON and hours < 12:
        hours += 12
    elif said in _MORNING and hours == 12:
        hours = 0
    return ((hours * 60 + minutes) * 60 + seconds) * 1000


def moment(day: int | None, time: int) -> int | None:
    """Both together; None unless both are."""
    return None if day is None or time < 0 else day + time
