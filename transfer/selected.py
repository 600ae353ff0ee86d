"""How much of a snapshot a selection covers."""

from collections.abc import Iterable
from typing import NamedTuple

from wire.manifest import Item
from wire.messages import Selection


class Totals(NamedTuple):
    """So many items with so many bytes together."""

    items: int = 0
    bytes: int = 0


def totals(selection: Selection, items: Iterable[Item]) -> Totals:
    """Of those that the selection covers, as :meth:`Selection.covers` says for one name.

    A snapshot may have millions of items and a selection thousands of names.
    """
    names = frozenset(selection.items)
    folders = tuple(f"{folder.rstrip('/')}/" for folder in selection.under)
    count = size = 0
    for item in items:
        if item.name in names or item.name.startswith(folders):
            count += 1
            size += item.size
    return Totals(count, size)
