"""Where restored items go, and the check that every one of them passes.

A sink takes items chunk by chunk: :class:`phone.writing.Target` writes them, :class:`Nowhere` only
checks them.
"""

import hashlib
from typing import Protocol

from phone.errors import NotWritten, Obstacle
from wire.manifest import Item


class ItemSink(Protocol):
    """Where one item's chunks go, in order."""

    def write(self, digest: bytes, data: memoryview) -> None:
        """Take the next chunk, whose SHA-256 was found to be ``digest``."""

    def finish(self) -> None:
        """Check the whole item and publish it. May run in another thread than ``write``."""

    def abort(self) -> None:
        """Leave nothing behind. May be called at any time, and again."""


class Sink(Protocol):
    """Where a restore's items go."""

    def check(self, item: Item) -> bool:
        """Whether this item is to be fetched; not when the very same is there already.

        Raises :class:`NotWritten` when it is already clear that it cannot be taken.
        """

    def begin(self, item: Item) -> ItemSink:
        """Start an item; raises :class:`NotWritten` or :class:`TargetUnusable`."""

    def close(self) -> None:
        """Make what was published durable."""


class ItemCheck:
    """Checks one item's bytes and writes nothing: what ``verify`` does with them."""

    def __init__(self, item: Item) -> None:
        self._item = item
        self._size = 0
        self._whole = hashlib.sha256()
        self._lone_digest = b""

    def write(self, digest: bytes, data: memoryview) -> None:
        """Count and hash the next chunk; the digest of an item's only chunk is the item's."""
        self._size += len(data)
        if self._item.chunk_count == 1:
            self._lone_digest = digest
        else:
            self._whole.update(data)

    def finish(self) -> None:
        """Raise :class:`NotWritten` unless size and SHA-256 are the manifest's."""
        digest = self._lone_digest or self._whole.digest()
        if self._size != self._item.size or digest != self._item.sha256:
            raise NotWritten(Obstacle.DAMAGED, f"{self._item.name} is not what the manifest says.")

    def abort(self) -> None:
        """Nothing was written, so nothing is left behind."""


class Nowhere:
    """A sink that only checks."""

    def check(self, item: Item) -> bool:  # noqa: ARG002 (as the protocol names it)
        """Any item can be checked."""
        return True

    def begin(self, item: Item) -> ItemCheck:
        """Start checking an item."""
        return ItemCheck(item)

    def close(self) -> None:
        """Nothing was written."""
