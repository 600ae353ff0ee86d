"""The items of a snapshot by name, and each as a file: what readers, downloads and exports use.

Bytes come from the store, checked; a name is looked up in the manifest and never becomes a path.
"""

import errno
import io
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from transfer import chunks, manifests, vaults
from transfer.models import Snapshot, Vault
from wire import manifest
from wire.errors import Damaged, NotFound
from wire.manifest import Item

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PAGES_HELD: Final = 8
_PLACES_AT_ONCE: Final = 64
_BUFFER_BYTES: Final = 64 * 1024


class KeptItems:
    """Every item of one snapshot, in the order of their names.

    However many there are, a few manifest pages are held at a time. Any method raises
    :class:`Damaged`, :class:`NotFound` or :class:`StoreAway` when the manifest cannot be read.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._vault = snapshot.vault
        self.header = manifest.decode_header(manifests.header_of(snapshot).header)
        self._page = lru_cache(maxsize=_PAGES_HELD)(self._read_page)
        self._first_names: dict[int, str] = {}

    def __iter__(self) -> Iterator[Item]:
        """All of them, page by page."""
        for number in range(len(self.header.pages)):
            yield from self.page(number)

    def page(self, number: int) -> list[Item]:
        """Those of one page of the manifest, from 0."""
        return self._page(number)

    def get(self, name: str) -> Item | None:
        """The item called ``name``, found by halving: names are strictly ascending."""
        low, high = 0, len(self.header.pages)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._first_name(middle) <= name else (low, middle)
        if high == 0:
            return None
        items = self._page(low)
        at = bisect_right(items, name, key=lambda item: item.name) - 1
        return items[at] if at >= 0 and items[at].name == name else None

    def open(self, item: Item) -> BinaryIO:
        """The item's bytes as a file, read-only and seekable; see :class:`ItemFile`."""
        return cast(BinaryIO, io.BufferedReader(ItemFile(self._vault, item), _BUFFER_BYTES))

    def read(self, item: Item) -> Iterator[bytes]:
        """The item's chunks in order; raises OSError (EIO) at the first that is damaged."""
        file = ItemFile(self._vault, item)
        return (file.chunk(number) for number in range(item.chunk_count))

    def _first_name(self, number: int) -> str:
        if number not in self._first_names:
            items = self._page(number)
            self._first_names[number] = items[0].name if items else ""
        return self._first_names[number]

    def _read_page(self, number: int) -> list[Item]:
        page = self.header.pages[number]
        return manifest.decode_page(manifests.page_bytes(self._vault, page))


class ItemFile(io.RawIOBase):
    """One item as a raw file: the chunks that are needed are read, and the last one is held.

    Reading raises OSError (EIO) with the reason where a chunk is damaged or missing, and
    :class:`StoreAway` when the whole store is.
    """

    def __init__(self, vault: Vault, item: Item) -> None:
        super().__init__()
        self._vault = vault
        self._item = item
        self._refs = list(item.refs())
        self._ends = array("Q", accumulate(ref.length for ref in self._refs))
        self._places: dict[bytes, chunks.Place] = {}
        self._at = 0
        self._held = (-1, b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte; beyond the end there is nothing to read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._item.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The next byte to read."""
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill from one chunk at most, as raw files do; 0 at the end."""
        number = bisect_right(self._ends, self._at)
        if number == len(self._refs):
            return 0
        data = self.chunk(number)
        start = self._at - (self._ends[number] - len(data))
        with memoryview(buffer) as view:
            piece = memoryview(data)[start : start + len(view)]
            view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def chunk(self, number: int) -> bytes:
        """Chunk ``number`` of the item, from 0; raises as reading does."""
        if self._held[0] != number:
            try:
                self._held = number, self._read(number)
            except (Damaged, NotFound) as error:
                raise OSError(errno.EIO, f"{self._item.name}: {error}") from None
        return self._held[1]

    def _read(self, number: int) -> bytes:
        ref = self._refs[number]
        chunk_id = vaults.keys_of(self._vault.pk).chunk_id(ref.digest)
        if chunk_id not in self._places:
            self._look_up(number)
        place = self._places.get(chunk_id)
        if place is None or place.entry.raw_len != ref.length:
            raise Damaged("a chunk is missing from the store")
        return manifests.reader_of(self._vault.pk).read(place.pack, place.entry)

    def _look_up(self, first: int) -> None:
        """One query for this chunk and those that are likely to be read next."""
        keys = vaults.keys_of(self._vault.pk)
        following = self._refs[first : first + _PLACES_AT_ONCE]
        self._places = chunks.places_of(
            self._vault, list(dict.fromkeys(keys.chunk_id(ref.digest) for ref in following))
        )
