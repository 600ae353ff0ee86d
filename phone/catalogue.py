"""What a backup consists of, and what is known of it so far."""

from collections.abc import Iterator

import msgspec

from phone.chunking import Reading
from phone.sources import Entry, Problem
from wire.manifest import Item


class Catalogue(msgspec.Struct):
    """What is to be backed up and what is known of it; survives a lost connection.

    ``items`` and ``readings`` are filled by the entry's number. ``sent`` and ``sent_items`` count
    chunk bytes, with and without manifest pages, over all connections.
    """

    entries: list[Entry]
    items: dict[int, Item]
    problems: list[Problem]
    readings: dict[int, Reading] = {}
    failed: set[int] = set()
    sent: int = 0
    sent_items: int = 0

    def listed(self) -> Iterator[Item]:
        """The items that the manifest lists, in order."""
        return (self.items[index] for index in sorted(self.items))
