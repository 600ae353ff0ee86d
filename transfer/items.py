"""The items of a snapshot for people to look at, a screenful at a time."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Final

from transfer import manifests
from transfer.models import Snapshot
from wire import manifest
from wire.manifest import Item, ManifestHeader

PER_PAGE: Final = 100
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True)
class ListedItem:
    """One row; size in bytes, ``modified`` is None when no calendar has that time."""

    name: str
    size: int
    modified: datetime | None
    media_type: str
    sha256: str


@dataclass(frozen=True)
class ItemsPage:
    """Page ``number`` of ``pages`` (from 1), and how many items there are in all."""

    items: list[ListedItem]
    number: int
    pages: int
    total: int


def page_of(snapshot: Snapshot, number: int) -> ItemsPage:
    """These hundred items, read from the stored manifest; a number out of range is the nearest.

    Only manifest pages that list one of them are opened. Raises :class:`Damaged`,
    :class:`NotFound` or :class:`ManifestRefused`.
    """
    header = manifest.decode_header(manifests.header_of(snapshot).header)
    pages = max(1, -(-header.items // PER_PAGE))
    number = min(max(number, 1), pages)
    first = (number - 1) * PER_PAGE
    found = _between(snapshot, header, first, min(first + PER_PAGE, header.items))
    return ItemsPage([_listed(item) for item in found], number, pages, header.items)


def _between(snapshot: Snapshot, header: ManifestHeader, first: int, end: int) -> list[Item]:
    ends = list(accumulate(page.items for page in header.pages))
    found: list[Item] = []
    while first + len(found) < end:
        at = first + len(found)
        page = bisect_right(ends, at)
        items = manifest.decode_page(manifests.page_bytes(snapshot.vault, header.pages[page]))
        start = at - (ends[page] - len(items))
        found += items[start : start + end - at]
    return found


def _listed(item: Item) -> ListedItem:
    return ListedItem(item.name, item.size, modified_at(item), item.media_type, item.sha256.hex())


def modified_at(item: Item) -> datetime | None:
    """When the item was last changed on its phone; None when no calendar has that time."""
    try:
        return datetime.fromtimestamp(item.mtime_ns // _SECOND, UTC)
    except (OverflowError, ValueError, OSError):
        return None
