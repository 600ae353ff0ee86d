"""Checking a manifest's pages and the items that they list, each page and item once.

Snapshots of one vault share most of their pages and items: what was found sound is remembered,
within a bound, so that a check costs what the store holds and not what the manifests repeat.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from transfer.store.findings import Kind
from transfer.store.references import Fault, References
from wire import manifest
from wire.errors import ManifestRefused, TooLarge
from wire.manifest import ChunkRef, Item, ManifestHeader

_REMEMBERED: Final = 65_536


class Sample(NamedTuple):
    """Which items are read: those in ``fraction`` (0 to 1] of a circle, from ``start`` [0 to 1).

    An item's place on the circle is a hash of name and content. Fractions of 1/30 whose starts
    move on by 1/30 a day read everything within 30 days.
    """

    fraction: float = 1.0
    start: float = 0.0

    def chosen(self, item: Item) -> bool:
        """Whether this item is to be read."""
        return (_position(item) - self.start) % 1.0 < self.fraction


def _position(item: Item) -> float:
    digest = hashlib.sha256(item.sha256 + item.name.encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


class _Remembered:
    """A bounded set of digests; past the bound it forgets everything and begins again."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._digests

    def add(self, digest: bytes) -> None:
        if len(self._digests) >= _REMEMBERED:
            self._digests.clear()
        self._digests.add(digest)


class ItemCheck:
    """The check of one vault's manifest pages. ``sample`` None resolves references only."""

    def __init__(self, references: References, sample: Sample | None) -> None:
        self._references = references
        self._sample = sample
        self._sound_pages = _Remembered()
        self._sound_items = _Remembered()

    def page(self, header: ManifestHeader, number: int) -> Iterator[tuple[str, Fault]]:
        """The faults of one page, each with the item that it affects ("" for the whole page)."""
        page = header.pages[number]
        if page.digest in self._sound_pages:
            return
        items = self._items_of(ChunkRef(page.digest, page.length))
        if isinstance(items, Fault):
            affected = f"manifest page {number} of {len(header.pages)}, with {page.items} items"
            yield "", items._replace(detail=f"{affected}: {items.detail}")
            return
        faults = list(self._faults(items))
        if not faults:
            self._sound_pages.add(page.digest)
        yield from faults

    def _items_of(self, ref: ChunkRef) -> list[Item] | Fault:
        content = self._references.read(ref)
        if isinstance(content, Fault):
            return content
        try:
            return manifest.decode_page(content)
        except (ManifestRefused, TooLarge) as refusal:
            return Fault(Kind.ALTERED, str(refusal))

    def _faults(self, items: list[Item]) -> Iterator[tuple[str, Fault]]:
        unresolved = self._references.resolve(ref for item in items for ref in item.refs())
        for item in items:
            broken = (unresolved[ref.digest] for ref in item.refs() if ref.digest in unresolved)
            fault = next(broken, None) or self._content_fault(item)
            if fault is not None:
                yield item.name, fault

    def _content_fault(self, item: Item) -> Fault | None:
        if self._sample is None or not self._sample.chosen(item):
            return None
        content = hashlib.sha256(item.sha256 + item.chunks).digest()
        if content in self._sound_items:
            return None
        fault = self._references.read_item(item)
        if fault is None:
            self._sound_items.add(content)
        return fault
