"""Following a manifest's references: each chunk lies where the index says, and is sound.

Everything is done page by page, and what is remembered is bounded: neither the number of items nor
that of chunks sets the memory that a check needs.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Final, NamedTuple

from transfer.store.backends import Backend
from transfer.store.crypto import VaultKeys
from transfer.store.findings import BATCH, Index, Kind, Place
from transfer.store.packs import PackEntry, PackReader
from wire.errors import Damaged, NotFound
from wire.manifest import ChunkRef, Item

# About 16 MB of directories, however many chunks a pack has.
_ENTRIES: Final = 65_536


class Fault(NamedTuple):
    """Why a reference leads nowhere good; ``pack`` is "" when none is known."""

    kind: Kind
    detail: str
    pack: str = ""


class References:
    """The chunks of one vault, as manifests refer to them."""

    def __init__(self, backend: Backend, keys: VaultKeys, index: Index) -> None:
        self._keys = keys
        self._index = index
        self._reader = PackReader(backend, keys)
        self._directories: OrderedDict[str, frozenset[PackEntry] | Fault] = OrderedDict()
        self._entries = 0
        self._broken: dict[tuple[str, PackEntry], Fault] = {}
        self.bytes_read = 0

    def resolve(self, refs: Iterable[ChunkRef]) -> dict[bytes, Fault]:
        """The faults among ``refs`` by SHA-256: those without a sound entry in a sound pack."""
        faults: dict[bytes, Fault] = {}
        for batch in _batches(refs):
            places = self._places(batch)
            # Pack by pack, so that each directory is opened once.
            for ref, place in sorted(places, key=_pack_name):
                fault = self._fault(ref, place)
                if fault is not None:
                    faults[ref.digest] = fault
        return faults

    def _places(self, refs: Sequence[ChunkRef]) -> list[tuple[ChunkRef, Place | None]]:
        ids = {self._keys.chunk_id(ref.digest): ref for ref in refs}
        places = self._index.places(self._keys.vault_id, list(ids))
        return [(ref, places.get(chunk_id)) for chunk_id, ref in ids.items()]

    def _fault(self, ref: ChunkRef, place: Place | None) -> Fault | None:
        if place is None:
            return Fault(Kind.MISSING, "the index knows no place of a chunk")
        directory = self.directory(place.pack)
        if isinstance(directory, Fault):
            return directory
        if place.entry not in directory:
            return Fault(Kind.CONTRADICTS, "a chunk is not where the index says", place.pack)
        if place.entry.raw_len != ref.length:
            return Fault(Kind.CONTRADICTS, "a chunk has another length", place.pack)
        return self._broken.get((place.pack, place.entry))

    def directory(self, pack: str) -> frozenset[PackEntry] | Fault:
        """The entries of ``pack``, or why they cannot be read."""
        known = self._directories.get(pack)
        if known is None:
            known = self._read_directory(pack)
            self._remember(pack, known)
        self._directories.move_to_end(pack)
        return known

    def _remember(self, pack: str, directory: frozenset[PackEntry] | Fault) -> None:
        self._entries += len(directory)
        while self._entries > _ENTRIES and self._directories:
            _oldest, forgotten = self._directories.popitem(last=False)
            self._entries -= len(forgotten)
        self._directories[pack] = directory

    def _read_directory(self, pack: str) -> frozenset[PackEntry] | Fault:
        try:
            return frozenset(self._reader.directory(pack))
        except NotFound:
            return Fault(Kind.MISSING, "the pack is not in the store", pack)
        except Damaged as damage:
            return Fault(Kind.ALTERED, str(damage), pack)

    def read_pack(self, pack: str) -> list[Fault]:
        """Authenticate every chunk of ``pack``; references to those that fail have a fault then."""
        directory = self.directory(pack)
        if isinstance(directory, Fault):
            return [directory]
        for entry in sorted(directory, key=attrgetter("offset")):
            try:
                self.bytes_read += len(self._reader.read(pack, entry))
            except (NotFound, Damaged) as error:
                kind = Kind.MISSING if isinstance(error, NotFound) else Kind.ALTERED
                self._broken[pack, entry] = Fault(kind, str(error), pack)
        return [fault for (name, _entry), fault in self._broken.items() if name == pack]

    def read(self, ref: ChunkRef) -> bytes | Fault:
        """The chunk's bytes, authenticated and hashed, or what is wrong with them."""
        place: Place | None = None
        for _attempt in range(2):  # a pack may be rewritten between the look-up and the read
            [(_, place)] = self._places([ref])
            if place is None:
                return Fault(Kind.MISSING, "the index knows no place of a chunk")
            try:
                content = self._reader.read(place.pack, place.entry)
            except NotFound:
                continue
            except Damaged as damage:
                return Fault(Kind.ALTERED, str(damage), place.pack)
            self.bytes_read += len(content)
            if hashlib.sha256(content).digest() != ref.digest or len(content) != ref.length:
                return Fault(Kind.ALTERED, "a chunk has another SHA-256", place.pack)
            return content
        return Fault(Kind.MISSING, "the pack is not in the store", place.pack if place else "")

    def read_item(self, item: Item) -> Fault | None:
        """Read every byte of ``item``; None when each chunk and the whole have their SHA-256."""
        whole = hashlib.sha256()
        for ref in item.refs():
            content = self.read(ref)
            if isinstance(content, Fault):
                return content
            whole.update(content)
        if whole.digest() != item.sha256:
            return Fault(Kind.ALTERED, "the item's SHA-256 is not that of its chunks")
        return None


def _batches(refs: Iterable[ChunkRef]) -> Iterator[list[ChunkRef]]:
    source = iter(refs)
    while batch := list(islice(source, BATCH)):
        yield batch


def _pack_name(located: tuple[ChunkRef, Place | None]) -> str:
    return located[1].pack if located[1] else ""
