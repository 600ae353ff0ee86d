"""Giving a snapshot back (patent claims 5 and 10: the recovery module).

One :class:`Recovery` serves one open connection with a restore ticket. It plans what to send, in
pieces that fill one WebSocket message; reading, decrypting and sending are the caller's.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate
from typing import Final, NamedTuple

import msgspec

from transfer import chunks, manifests, station, trail, vaults
from transfer.chunks import Place
from transfer.models import Snapshot, Step, Vault
from transfer.workers import soon_in_database
from wire import channel, limits, manifest, messages
from wire.errors import Damaged, MalformedMessage, NotAllowed, NotFound, TooLarge
from wire.manifest import ChunkRef, Item, ManifestHeader

_PAGES_HELD: Final = 4
_PARTS_BYTES: Final = 8 * limits.MIB
# A damaged chunk is answered by a refusal in its place, which must fit as well.
FAILURE_CHARS_MAX: Final = 200
_FAILURE_FRAME_BYTES: Final = 512


class Piece(NamedTuple):
    """One data frame to send: its reference, where its chunk lies, and its length in bytes.

    ``place`` is None when the index has lost the chunk.
    """

    ref: int
    place: Place | None
    length: int


class Recovery:
    """What one phone may read: its own vault, or only what its invitation is bound to."""

    def __init__(self, vault: Vault, binding: messages.Binding | None) -> None:
        self._vault = vault
        self._binding = binding
        selection = None if binding is None else binding.selection
        self._permits = None if selection is None else selection.covering()
        self._keys = vaults.keys_of(vault.pk)
        self._damaged: set[str] = set()
        self._header = lru_cache(maxsize=2)(self._read_header)
        self._ends = lru_cache(maxsize=2)(self._read_ends)
        self._page = lru_cache(maxsize=_PAGES_HELD)(self._read_page)

    def listing(self, message: messages.SnapshotsList) -> messages.SnapshotsPage:
        """One page of this account's snapshots, newest first; a bound invitation shows its own.

        Of that one, items and bytes are those that the invitation gives.
        """
        found = Snapshot.objects.receipted().filter(vault=self._vault)
        if self._binding is not None:
            found = found.filter(snapshot_id=self._binding.snapshot_id)
        size = limits.SNAPSHOTS_PER_PAGE
        pages = max(1, -(-found.count() // size))
        if not 0 <= message.page < pages:
            raise NotFound("no such page")
        rows = found.order_by("-sequence")[message.page * size : (message.page + 1) * size]
        return messages.SnapshotsPage(message.page, pages, [self._summary(row) for row in rows])

    def _summary(self, row: Snapshot) -> messages.SnapshotSummary:
        summary = _summary(row)
        if self._permits is None:
            return summary
        _, header = self._header(row.snapshot_id)
        items = size = 0
        for number in range(len(header.pages)):
            for item in self._page(row.snapshot_id, number):
                if self._permits(item.name):
                    items, size = items + 1, size + item.size
        return msgspec.structs.replace(summary, items=items, bytes=size)

    def manifest(
        self, message: messages.SnapshotGet
    ) -> tuple[messages.SnapshotManifest, list[Piece]]:
        """The signed header, and the pages that list at least one chosen item."""
        snapshot, header = self._header(message.snapshot_id)
        stored = manifests.header_of(snapshot)
        asked = message.selection.covering() if message.selection else None
        covering = [each for each in (asked, self._permits) if each is not None]
        pages = range(len(header.pages))
        wanted = [each for each in pages if self._lists_any(message.snapshot_id, each, covering)]
        reply = messages.SnapshotManifest(stored.header, stored.signature, snapshot.receipt, wanted)
        refs = [header.pages[number] for number in wanted]
        pieces = self._pieces([ChunkRef(page.digest, page.length) for page in refs], 0)
        numbered = zip(wanted, pieces, strict=True)
        return reply, [piece._replace(ref=number) for number, piece in numbered]

    def _lists_any(
        self, snapshot_id: str, number: int, covering: list[Callable[[str], bool]]
    ) -> bool:
        """Whether a page lists an item that all of these permit."""
        if not covering:
            return True
        items = self._page(snapshot_id, number)
        return any(all(is_in(item.name) for is_in in covering) for item in items)

    def chunks(self, message: messages.ChunksGet) -> Iterator[list[Piece]]:
        """The pieces that were asked for, in order, at most 4,096 at a time.

        Raises :class:`NotFound` for an item or range that the manifest does not have,
        :class:`NotAllowed` for what lies outside the binding.
        """
        if not 0 < len(message.wants) <= limits.WANTS_MAX:
            raise TooLarge("too many wants in one message")
        total = sum(max(0, want.count) for want in message.wants)
        if not 0 <= message.start <= 2**32 - total:
            raise MalformedMessage("reference out of range")
        parts = self._parts(message)
        refs = (
            ref
            for number, want in enumerate(message.wants)
            for ref in (parts.get(number) or self._part(message.snapshot_id, want)).refs()
        )
        start = message.start
        for batch in chunks.batches(refs):
            yield self._pieces(batch, start)
            start += len(batch)

    def _parts(self, message: messages.ChunksGet) -> dict[int, Item]:
        """What each want, by its number, is of its item; each page is decoded once for it.

        The first :data:`_PARTS_BYTES` are kept. Whoever asks for more is sent so much that pages
        may be decoded again.
        """
        parts: dict[int, Item] = {}
        kept = 0
        for number in sorted(range(len(message.wants)), key=lambda n: message.wants[n].item):
            part = self._part(message.snapshot_id, message.wants[number])
            kept += len(part.chunks)
            if kept <= _PARTS_BYTES:
                parts[number] = part
        return parts

    def _part(self, snapshot_id: str, want: messages.Want) -> Item:
        """The item with nothing but the wanted chunks, which this connection may have."""
        item = self._item(snapshot_id, want.item)
        if want.first < 0 or want.count <= 0 or want.first + want.count > item.chunk_count:
            raise NotFound(f"item {want.item} has no such range")
        if self._permits is not None and not self._permits(item.name):
            raise NotAllowed("this item is outside what the invitation permits")
        width = len(item.chunks) // item.chunk_count
        wanted = slice(want.first * width, (want.first + want.count) * width)
        return msgspec.structs.replace(item, chunks=item.chunks[wanted])

    def _item(self, snapshot_id: str, number: int) -> Item:
        _, header = self._header(snapshot_id)
        if not 0 <= number < header.items:
            raise NotFound(f"no item {number}")
        ends = self._ends(snapshot_id)
        page = bisect_right(ends, number)
        # Counted back from the page's end, which is what ``ends`` holds.
        return self._page(snapshot_id, page)[number - ends[page]]

    def _pieces(self, refs: list[ChunkRef], start: int) -> list[Piece]:
        ids = [self._keys.chunk_id(ref.digest) for ref in refs]
        places = chunks.places_of(self._vault, list(dict.fromkeys(ids)))
        return [
            Piece(start + offset, places.get(chunk_id), ref.length)
            for offset, (chunk_id, ref) in enumerate(zip(ids, refs, strict=True))
        ]

    def _snapshot(self, snapshot_id: str) -> Snapshot:
        """The snapshot, if this connection may know of it."""
        if self._binding is not None and snapshot_id != self._binding.snapshot_id:
            raise NotAllowed("this invitation is for another snapshot")
        found = Snapshot.objects.receipted().filter(vault=self._vault, snapshot_id=snapshot_id)
        snapshot = found.select_related("vault").first()
        if snapshot is None:
            raise NotFound("no such snapshot")
        return snapshot

    def _read_header(self, snapshot_id: str) -> tuple[Snapshot, ManifestHeader]:
        snapshot = self._snapshot(snapshot_id)
        return snapshot, manifest.decode_header(manifests.header_of(snapshot).header)

    def _read_ends(self, snapshot_id: str) -> list[int]:
        _, header = self._header(snapshot_id)
        return list(accumulate(page.items for page in header.pages))

    def _read_page(self, snapshot_id: str, number: int) -> list[Item]:
        _, header = self._header(snapshot_id)
        return manifest.decode_page(manifests.page_bytes(self._vault, header.pages[number]))

    def read(self, piece: Piece) -> bytes:
        """The chunk of one piece; any thread. Raises :class:`Damaged`, :class:`StoreAway`."""
        if piece.place is None or piece.place.entry.raw_len != piece.length:
            raise Damaged("a chunk of this snapshot is missing from the store")
        try:
            return manifests.reader_of(self._vault.pk).read(piece.place.pack, piece.place.entry)
        except (Damaged, NotFound) as error:
            station.identity().require_store()
            self._set_apart(piece.place.pack)
            raise Damaged(str(error)) from None

    def _set_apart(self, pack: str) -> None:
        """Not on this thread, which may not use the database, and once for each pack."""
        if pack not in self._damaged:
            self._damaged.add(pack)
            soon_in_database(chunks.set_apart, [pack])

    def done(self, session_id: str, message: messages.RestoreDone) -> None:
        """Note the result in the trail. It is the phone's word, so it proves nothing here.

        Raises :class:`NotFound` and :class:`NotAllowed` as for any other request.
        """
        self._snapshot(message.snapshot_id)
        detail = {
            "snapshot": message.snapshot_id,
            "verified": message.verified,
            "failed": message.failed,
        }
        trail.update_progress(session_id, Step.RESTORED, detail)


def _summary(row: Snapshot) -> messages.SnapshotSummary:
    return messages.SnapshotSummary(
        snapshot_id=row.snapshot_id,
        source=row.source,
        label=row.label,
        created=int(row.created_at.timestamp()),
        stored=int(row.stored_at.timestamp()),
        items=row.items,
        bytes=row.total_bytes,
    )


def in_messages(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Group pieces so that each group fills one WebSocket message."""
    group: list[Piece] = []
    size = 0
    for piece in pieces:
        framed = max(piece.length + channel.DATA_FRAME_OVERHEAD, _FAILURE_FRAME_BYTES)
        if group and size + framed > channel.MAX_PLAINTEXT:
            yield group
            group, size = [], 0
        group.append(piece)
        size += framed
    if group:
        yield group
