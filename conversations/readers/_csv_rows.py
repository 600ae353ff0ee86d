"""Rows of a CSV file over counted lines: streamed, bounded, and going on after a broken row."""

import csv
from collections.abc import Iterator
from typing import Final, NamedTuple

from conversations.readers._transcript import Ahead
from conversations.source import Line

_FIELD_CHARS_MAX: Final = 1024 * 1024
_ROW_LINES_MAX: Final = 20_000


class Row(NamedTuple):
    """Fields and the lines that they took; no fields when those are no row."""

    fields: list[str]
    line: int
    span: int
    is_blank: bool = False


def rows(lines: Iterator[Line], width: int) -> Iterator[Row]:
    """Every row of at least ``width`` fields.

    A quote that is never closed costs its own line only: what follows it is read again without it.
    """
    csv.field_size_limit(_FIELD_CHARS_MAX)
    ahead = Ahead(lines)
    for first in ahead:
        yield _row(first, ahead, width)


def _row(first: Line, ahead: Ahead, width: int) -> Row:
    text = first.text
    if '"' not in text:
        fields = text.split(",")
        is_blank = not text.strip()
        return Row(fields if len(fields) >= width else [], first.number, 1, is_blank)
    taken = [first]
    if text.count('"') % 2:
        taken += ahead.until(_closes, _never, _ROW_LINES_MAX)
    fields = _parsed("\n".join(line.text for line in taken))
    if len(fields) < width and len(taken) > 1:
        ahead.put_back(taken[1:])
        taken, fields = [first], []
    return Row(fields if len(fields) >= width else [], first.number, len(taken))


def _parsed(text: str) -> list[str]:
    try:
        return next(csv.reader([text]), [])
    except csv.Error:
        return []


def _closes(text: str) -> bool:
    """An odd number of quotes ends a field that an odd number began."""
    return text.count('"') % 2 == 1


def _never(text: str) -> bool:  # noqa: ARG001 - the interface of Ahead.until
    return False
