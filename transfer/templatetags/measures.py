"""Amounts as the phone's command line writes them: of bytes in decimal units (IEC 80000-13)."""

from typing import Final

from django import template
from django.utils.formats import number_format
from django.utils.translation import ngettext

register = template.Library()
_STEP: Final = 1000
_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


class _Grouped(int):
    """A number that plurals are chosen by, and that is written in groups of three digits."""

    def __str__(self) -> str:
        return f"{int(self):,}"


@register.filter
def grouped(count: int) -> int:
    """Write ``count`` in groups of three digits; it stays a number."""
    return _Grouped(count)


@register.filter
def size(count: int) -> str:
    """Write ``count`` bytes with one decimal and a space that does not break."""
    if count < _STEP:
        return ngettext("%(count)d byte", "%(count)d bytes", count) % {"count": count}
    amount = float(count)
    for unit in _UNITS:
        amount /= _STEP
        # 999.95 would be written as 1000.0 of the smaller unit.
        if amount < _STEP - 0.05 or unit == _UNITS[-1]:
            break
    # number_format cuts digits off: 303.97 would be written as 303.9.
    return f"{number_format(round(amount, 1), 1)}\N{NO-BREAK SPACE}{unit}"
