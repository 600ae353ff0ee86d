"""The dates of a WhatsApp export, and the order in which its language writes them.

Day and month look alike up to the twelfth, so the order is a property of the whole file, decided
once from all of its dates: by those that are impossible otherwise, by the dates in the names of
attached files, by time running backwards, at last by what is usual for such a date.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import msgspec

from conversations.events import DateOrder
from conversations.readers._whatsapp_calendars import islamic, persian

Written = tuple[str, str, str]
"""A date's three fields as they stand in the file; one of them may carry an era."""

DAY_MS: Final = 86_400_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_FIRST_YEAR: Final = 2009  # when WhatsApp began
_LAST_YEAR: Final = 2099
_ERAS: Final = {"令和": 2018, "平成": 1988, "R": 2018, "H": 1988, "民國": 1911, "民国": 1911}
ERAS: Final = "令和|平成|民國|民国|R|H"
_ERA: Final = re.compile(f"({ERAS})?(.+)")
_BUDDHIST: Final = 543
_BUDDHIST_FROM: Final = 2400
_MINGUO: Final = 1911
_PERSIAN: Final = (1380, 1430)
_ISLAMIC: Final = (1430, 1530)
_SHORT_YEAR_MAX: Final = 51

_PLACES: Final = {DateOrder.DMY: (2, 1, 0), DateOrder.MDY: (2, 0, 1), DateOrder.YMD: (0, 1, 2)}
"""Where year, month and day are."""


def day_of(written: Written, order: DateOrder) -> int | None:
    """Days since 1970-01-01; None when there is no such day in this order."""
    year_at, month_at, day_at = _PLACES[order]
    try:
        found = _date(_year(written[year_at]), int(written[month_at]), int(written[day_at]))
    except ValueError:
        return None
    return found.toordinal() - _EPOCH_DAY if _FIRST_YEAR <= found.year <= _LAST_YEAR else None


def _date(year: int, month: int, day: int) -> date:
    """Years tell their calendars apart by their size, for none was so long ago."""
    if is_islamic(year):
        return islamic(year, month, day)
    if _PERSIAN[0] <= year < _PERSIAN[1]:
        return persian(year, month, day)
    return date(year - _BUDDHIST if year >= _BUDDHIST_FROM else year, month, day)


def is_islamic(year: int) -> bool:
    """Whether a year is one of the lunar calendar, whose days are only known to within one."""
    return _ISLAMIC[0] <= year < _ISLAMIC[1]


def _year(written: str) -> int:
    """The year of whatever calendar, with four digits.

    Two digits up to 51 are Gregorian; 52 is the Buddhist year 2552, which is 2009.
    """
    era, digits = _ERA.fullmatch(written).groups()  # type: ignore[union-attr] # ".+" always matches
    year = 1 if digits == "元" else int(digits)
    if era:
        return year + _ERAS[era]
    if len(digits) == 2:
        return year + (2000 if year <= _SHORT_YEAR_MAX else 2500)
    return year + _MINGUO if len(digits) == 3 else year


def orders_of(written: Written) -> tuple[DateOrder, ...]:
    """The orders that the lengths of the fields leave open."""
    if len(written[0]) >= 3 or not written[0].isdecimal():
        return (DateOrder.YMD,)
    if len(written[2]) >= 3 or not written[2].isdecimal():
        return (DateOrder.DMY, DateOrder.MDY)
    return (DateOrder.DMY, DateOrder.MDY, DateOrder.YMD)


def is_possible(written: Written) -> bool:
    """Whether it is a date in any order."""
    return any(day_of(written, order) is not None for order in orders_of(written))


class Decided(msgspec.Struct, frozen=True):
    """The order of a file, and whether its dates leave no other."""

    order: DateOrder
    is_sure: bool


class _Run(msgspec.Struct):
    """The dates of a file, read in one order."""

    impossible: int = 0
    backwards: int = 0
    attested: int = 0
    last: int | None = None

    def add(self, day: int | None) -> None:
        if day is None:
            self.impossible += 1
            return
        self.backwards += self.last is not None and day < self.last
        self.last = day

    @property
    def badness(self) -> tuple[int, int, int]:
        return self.impossible, -self.attested, self.backwards


class Evidence:
    """Gathers the dates of a file, in its order; its memory does not grow."""

    def __init__(self, first: Written, *, is_american: bool, has_hyphens: bool) -> None:
        self._runs = {order: _Run() for order in orders_of(first)}
        self._usual = DateOrder.MDY if is_american else DateOrder.DMY
        self._has_hyphens = has_hyphens
        self._last: Written | None = None

    def add(self, written: Written) -> None:
        """A date of the file; the same as the one before says nothing new."""
        if written == self._last:
            return
        self._last = written
        for order, run in self._runs.items():
            run.add(day_of(written, order))

    def attest(self, written: Written, told: date) -> None:
        """A message of this date has a file whose name tells its day."""
        day = told.toordinal() - _EPOCH_DAY
        fits = [order for order in self._runs if day_of(written, order) == day]
        if len(fits) == 1:
            self._runs[fits[0]].attested += 1

    def decided(self) -> Decided:
        """The order that fits best."""
        runs = self._runs
        if len(runs) == 1:
            return Decided(next(iter(runs)), is_sure=True)
        rivals: list[DateOrder] = [order for order in runs if order is not DateOrder.YMD]
        best = min(rivals, key=lambda order: (runs[order].badness, order is not self._usual))
        if DateOrder.YMD not in runs:
            return Decided(best, _is_sure(runs, best, rivals))
        return self._with_short_year_first(best, rivals)

    def _with_short_year_first(self, best: DateOrder, rivals: list[DateOrder]) -> Decided:
        """``22-03-18`` is rare: believed when nothing else fits, doubted when it could be."""
        runs, first = self._runs, DateOrder.YMD
        if runs[best].impossible > runs[first].impossible:
            return Decided(first, _is_sure(runs, first, rivals))
        may_be_first = self._has_hyphens and not runs[first].impossible + runs[first].backwards
        return Decided(best, not may_be_first and _is_sure(runs, best, rivals))


def _is_sure(runs: Mapping[DateOrder, _Run], best: DateOrder, rivals: Iterable[DateOrder]) -> bool:
    """Whether every other order is refuted, and this one is not."""
    chosen = runs[best]
    if chosen.impossible:
        return False
    return all(_is_refuted(runs[other], chosen) for other in rivals if other is not best)


def _is_refuted(other: _Run, chosen: _Run) -> bool:
    if other.impossible or chosen.attested > other.attested:
        return True
    return chosen.backwards == 0 and other.backwards >= 2


def _has_islamic_year(field: str) -> bool:
    return len(field) == 4 and is_islamic(int(field))


class Calendar:
    """Turns the dates of a file into days, in the order that is decided or that the owner chose.

    A date that is none in this order is read in the other one: ``swapped`` counts those.
    """

    def __init__(self, first: Written, decided: Decided, chosen: DateOrder | None) -> None:
        self._orders = orders_of(first)
        self.order = chosen if chosen in self._orders else decided.order
        self.is_sure = decided.is_sure and self.order is decided.order
        self.is_by_table = any(map(_has_islamic_year, first))
        self.swapped = 0
        self.swapped_at = 0
        self._last: tuple[Written, int | None] = (("", "", ""), None)

    def day(self, written: Written, line: int) -> int | None:
        """Days since 1970-01-01; None when it is no date in any order."""
        if written == self._last[0]:
            return self._last[1]
        day = day_of(written, self.order)
        if day is None:
            day = self._swapped(written, line)
        self._last = (written, day)
        return day

    def _swapped(self, written: Written, line: int) -> int | None:
        days = (day_of(written, order) for order in self._orders)
        day = next((day for day in days if day is not None), None)
        if day is not None:
            self.swapped += 1
            self.swapped_at = self.swapped_at or line
        return day
