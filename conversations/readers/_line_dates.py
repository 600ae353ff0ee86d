"""Date headings of LINE exports, in every language's order.

``2018/04/16(Mon)``, ``2024/1/5（金）``, ``2024/1/2週二``, ``2017.09.02 Saturday``,
``R7/02/11(火)``, ``2024年1月5日 星期五``, ``Fri, 1/30/2026``, ``30/1/2026(金)``,
``ศ. 30/1/2569``. Where the year is last, day and month are told apart by the weekdays of all
headings and by their going forwards, once for the file.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice, pairwise
from typing import Final, NamedTuple

from conversations.events import DateOrder
from conversations.readers._clock import DAY_MS, day_ms

_HEADING_CHARS_MAX: Final = 40
_HEADINGS_MAX: Final = 50_000  # a heading a day for more than a century
_WORD: Final = r"[^\d\s()（）/.,\-年月][^\d\s()（）/.,\-年]*\.?"
_WEEKDAY: Final = rf"[ \u00a0]*[(（]?[ ]?({_WORD})?[ ]?[)）]?"
_YEAR_FIRST: Final = re.compile(
    rf"\ufeff?(?:({_WORD}),? )?([RHS令平昭]?[和成]?\d{{1,4}})([./\-年]) ?(\d{{1,2}})"
    rf"[./\-月] ?(\d{{1,2}})日?,?{_WEEKDAY}"
)
_YEAR_LAST: Final = re.compile(
    rf"\ufeff?(?:({_WORD}),? )?(\d{{1,2}})([./\-])(\d{{1,2}})\3(\d{{4}}),?{_WEEKDAY}"
)
_ERAS: Final = {"R": 2018, "令和": 2018, "H": 1988, "平成": 1988, "S": 1925, "昭和": 1925}
_DAYS: Final = (
    ("mon", "月", "一", "월", "จ", "จันทร์"),
    ("tue", "火", "二", "화", "อ", "อังคาร"),
    ("wed", "水", "三", "수", "พ", "พุธ"),
    ("thu", "木", "四", "목", "พฤ", "พฤหัสบดี"),
    ("fri", "金", "五", "금", "ศ", "ศุกร์"),
    ("sat", "土", "六", "토", "ส", "เสาร์"),
    ("sun", "日", "天", "일", "อา", "อาทิตย์"),
)
_BY_NAME: Final = {name: number for number, names in enumerate(_DAYS) for name in names}
_EPOCH_WEEKDAY: Final = 3  # 1970-01-01 was a Thursday


class Day(NamedTuple):
    """A heading: three numbers as they stand; ``year_first`` says which is the year."""

    year: int
    one: int
    two: int
    year_first: bool
    weekday: int | None

    def ms(self, order: DateOrder) -> int | None:
        """The start of the day."""
        if self.year_first or order is DateOrder.MDY:
            return day_ms(self.year, self.one, self.two)
        return day_ms(self.year, self.two, self.one)


def heading(text: str) -> Day | None:
    """The day that a line is the heading of."""
    if len(text) > _HEADING_CHARS_MAX or not any(c.isdigit() for c in text[:12]) or "\t" in text:
        return None
    return _heading(text.rstrip())


@lru_cache(4096)
def _heading(text: str) -> Day | None:
    if found := _YEAR_FIRST.fullmatch(text):
        before, year, _, month, day, after = found.groups()
        whole = _year(year)
        if whole is None or day_ms(whole, int(month), int(day)) is None:
            return None
        return Day(whole, int(month), int(day), True, _weekday(before or after))
    if found := _YEAR_LAST.fullmatch(text):
        before, one, _, two, year, after = found.groups()
        if max(int(one), int(two)) > 31 or min(int(one), int(two)) > 12:
            return None
        return Day(int(year), int(one), int(two), False, _weekday(before or after))
    return None


def _year(said: str) -> int | None:
    era = said.rstrip("0123456789")
    number = int(said[len(era) :])
    if era:
        return _ERAS[era] + number if era in _ERAS else None
    return number if number >= 1900 else None


def _weekday(name: str | None) -> int | None:
    if not name:
        return None
    name = name.lower().rstrip(".")
    for prefix in ("星期", "週", "周", "礼拜", "วัน"):
        name = name.removeprefix(prefix)
    name = name.removesuffix("曜日").removesuffix("요일")
    return _BY_NAME.get(name, _BY_NAME.get(name[:3]))


def order_of(lines: Iterable[str]) -> tuple[DateOrder, bool, bool]:
    """The order of all headings, whether it is sure, and whether there was anything to decide."""
    found = (day for text in lines if (day := heading(text)) and not day.year_first)
    days = list(dict.fromkeys(islice(found, _HEADINGS_MAX)))
    if not days:
        return DateOrder.YMD, True, False
    fits = {order: sum(_fits(day, order) for day in days) for order in _LAST}
    for order in _LAST:
        fits[order] -= _backwards([day.ms(order) or 0 for day in days])
    best = max(_LAST, key=fits.__getitem__)
    other = DateOrder.MDY if best is DateOrder.DMY else DateOrder.DMY
    return best, fits[best] > fits[other], True


_LAST: Final = (DateOrder.DMY, DateOrder.MDY)


def _backwards(starts: list[int]) -> int:
    """How often a day comes before the one that is written before it."""
    return sum(1 for one, two in pairwise(starts) if two < one)


def _fits(day: Day, order: DateOrder) -> int:
    """-9: no such day; 1: the weekday is right; -1: it is not."""
    start = day.ms(order)
    if start is None:
        return -9
    if day.weekday is None:
        return 0
    return 1 if (start // DAY_MS + _EPOCH_WEEKDAY) % 7 == day.weekday else -1
