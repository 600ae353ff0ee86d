"""A snapshot as a tree of files."""

from collections.abc import Iterator
from typing import BinaryIO

from transfer.itemfile import KeptItems
from transfer.models import Snapshot
from wire.manifest import Item


class SnapshotTree:
    """The items of one snapshot as :class:`conversations.tree.Tree`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.items = KeptItems(snapshot)

    def names(self) -> Iterator[str]:
        """Every item's name, sorted."""
        return (item.name for item in self.items)

    def __contains__(self, name: object) -> bool:
        """Whether there is such an item."""
        return isinstance(name, str) and self.items.get(name) is not None

    def size(self, name: str) -> int:
        """Its length in bytes."""
        return self._item(name).size

    def open(self, name: str) -> BinaryIO:
        """The item; reading raises OSError where it is damaged."""
        return self.items.open(self._item(name))

    def _item(self, name: str) -> Item:
        item = self.items.get(name)
        if item is None:
            raise KeyError(name)
        return item
