"""Reading manifests back from the store: page by page, so that their size does not matter."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache

from transfer import chunks, station, vaults
from transfer.chunks import Held
from transfer.models import Pack, Snapshot, Vault
from transfer.store.objects import StoredHeader, get_header
from transfer.store.packs import PackReader
from wire import manifest
from wire.errors import Damaged, ManifestRefused, NotFound
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef


@lru_cache(maxsize=16)
def reader_of(vault_id: str) -> PackReader:
    """The reader of this vault's packs."""
    return PackReader(station.identity().backend, vaults.keys_of(vault_id))


def header_of(snapshot: Snapshot) -> StoredHeader:
    """The stored header with its signature; raises :class:`Damaged`, naming the snapshot."""
    identity, keys = station.identity(), vaults.keys_of(snapshot.vault_id)
    try:
        stored = get_header(identity.backend, keys, snapshot.snapshot_id)
    except NotFound:
        identity.require_store()
        raise
    if manifest.manifest_hash(stored.header).hex() != snapshot.manifest_hash:
        raise Damaged(f"snapshot {snapshot.snapshot_id}: its header is not the receipted one")
    return stored


def page_bytes(vault: Vault, page: PageRef) -> bytes:
    """One manifest page; raises :class:`Damaged` when it is missing or altered.

    Its pack is set apart then, so that a phone that sends the page again makes it sound.
    """
    chunk_id = vaults.keys_of(vault.pk).chunk_id(page.digest)
    place = chunks.places_of(vault, [chunk_id]).get(chunk_id)
    if place is None or place.entry.raw_len != page.length:
        raise Damaged("a manifest page is missing")
    try:
        return reader_of(vault.pk).read(place.pack, place.entry)
    except (Damaged, NotFound) as error:
        chunks.set_apart([place.pack])
        raise Damaged(f"a manifest page: {error}") from None


def pages_of(vault: Vault, header: ManifestHeader) -> Iterator[list[Item]]:
    """The items of each page, in order."""
    for page in header.pages:
        yield manifest.decode_page(page_bytes(vault, page))


def check_complete(
    vault: Vault, header: ManifestHeader, known: Mapping[bytes, Held] | None = None
) -> set[str]:
    """The packs that hold everything this manifest refers to.

    ``known`` is what was already found to be held, by digest; it is not looked up again. The caller
    has to see to it that its packs are still there and sound before the snapshot is published.
    Raises :class:`ManifestRefused` when a page or chunk is not in this vault, has another length,
    when counts do not match, or when item names are not in strictly ascending order. One for a
    page or pack that is damaged means that the phone will be asked for it when it asks again.
    """
    packs: set[str] = set()
    items = total = pieces = 0
    last_name = ""
    known = known or {}
    pages = [ChunkRef(page.digest, page.length) for page in header.pages]
    packs |= _packs_holding(vault, pages, known)
    for number, page in enumerate(_sound_pages_of(vault, header)):
        if len(page) != header.pages[number].items:
            raise ManifestRefused(f"page {number} does not list as many items as the header says")
        for item in page:
            if item.name <= last_name:
                raise ManifestRefused(f"item {item.name!r} is out of order or named twice")
            last_name = item.name
            items, total, pieces = items + 1, total + item.size, pieces + item.chunk_count
        packs |= _packs_holding(vault, (ref for item in page for ref in item.refs()), known)
    if (items, total, pieces) != (header.items, header.bytes, header.chunks):
        raise ManifestRefused("the header's totals are not those of its pages")
    _check_sizes(packs)
    return packs


def _sound_pages_of(vault: Vault, header: ManifestHeader) -> Iterator[list[Item]]:
    try:
        yield from pages_of(vault, header)
    except Damaged as error:
        for page in header.pages:  # so that all that are damaged are sent again at once
            with suppress(Damaged):
                page_bytes(vault, page)
        raise ManifestRefused(f"send it again: {error}") from None


def _check_sizes(names: set[str]) -> None:
    """Every pack must be there and as long as it was, whatever the index remembers of it."""
    lost = []
    for batch in chunks.batches(sorted(names)):
        for name, size in Pack.objects.filter(pk__in=batch).values_list("name", "size"):
            try:
                sound = station.identity().backend.stat(name) == size
            except NotFound:
                sound = False
            if not sound:
                lost.append(name)
    if lost:
        chunks.set_apart(lost)
        raise ManifestRefused(f"send it again: {len(lost)} packs are damaged or gone")


def _packs_holding(vault: Vault, refs: Iterable[ChunkRef], known: Mapping[bytes, Held]) -> set[str]:
    packs: set[str] = set()
    for batch in chunks.batches(refs):
        found = _held_of(vault, [ref.digest for ref in batch if ref.digest not in known])
        for digest, length in batch:
            held = known.get(digest) or found.get(digest)
            if held is None:
                raise ManifestRefused("the manifest refers to a chunk that this vault lacks")
            if held[1] != length:
                raise ManifestRefused("the manifest gives a chunk another length")
            packs.add(held[0])
    return packs


def _held_of(vault: Vault, digests: list[bytes]) -> dict[bytes, Held]:
    if not digests:
        return {}
    keys = vaults.keys_of(vault.pk)
    ids = {digest: keys.chunk_id(digest) for digest in digests}
    held = chunks.held_of(vault, list(ids.values()))
    return {digest: held[each] for digest, each in ids.items() if each in held}
