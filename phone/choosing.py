"""Which items a restore consists of: the manifest, checked, and the selection applied."""

import hashlib
from collections.abc import Iterator
from itertools import accumulate

from phone.backup import check_receipt
from phone.errors import NothingToDo, Untrusted
from phone.fetching import Fetching
from phone.session import Session
from phone.state import Identity
from wire import manifest, messages
from wire.errors import Damaged
from wire.manifest import ChunkRef, Item, ManifestHeader


class Chosen:
    """The items to restore, each with its number in the manifest, and the checked header."""

    def __init__(self, header: ManifestHeader, receipt: str, items: list[tuple[int, Item]]) -> None:
        self.header, self.receipt, self.items = header, receipt, items

    @property
    def size(self) -> int:
        """Bytes of all chosen items together."""
        return sum(item.size for _, item in self.items)


def choose(
    fetching: Fetching,
    session: Session,
    identity: Identity,
    snapshot_id: str,
    selection: messages.Selection | None,
) -> Chosen:
    """Fetch the manifest and pick what ``selection`` and the link's binding both cover.

    Raises :class:`Untrusted` or :class:`wire.errors.ManifestRefused` for a manifest that is not
    signed, receipted, complete and this account's; :class:`NothingToDo` when nothing is covered.
    """
    answer = fetching.manifest(snapshot_id, selection)
    header = _checked_header(answer, session, identity, snapshot_id)
    bound = session.terms.binding.selection if session.terms.binding else None
    limiting = [each for each in (selection, bound) if each is not None]
    covering = [each.covering() for each in limiting]
    _check_pages(answer.pages, len(header.pages), partial=bool(limiting))
    chosen = [
        (number, item)
        for number, item in _items(fetching, header, answer.pages)
        if all(is_chosen(item.name) for is_chosen in covering)
    ]
    if not limiting:
        _check_totals(header, chosen)
    elif not chosen:
        raise NothingToDo("The snapshot has no item that was chosen.")
    return Chosen(header, answer.receipt, chosen)


def _checked_header(
    answer: messages.SnapshotManifest, session: Session, identity: Identity, snapshot_id: str
) -> ManifestHeader:
    header = manifest.decode_header(answer.header)
    manifest.check_header_signature(header.phone_key, answer.header, answer.signature)
    if header.snapshot_id != snapshot_id:
        raise Untrusted("The station sends another snapshot than was asked for.")
    if (header.iss, header.sub) != (identity.enrolment.iss, identity.enrolment.sub):
        raise Untrusted("The station sends another account's snapshot.")
    check_receipt(answer.receipt, answer.header, session.station_key)
    return header


def _check_pages(pages: list[int], count: int, *, partial: bool) -> None:
    if pages != sorted(set(pages)) or not set(pages) <= set(range(count)):
        raise Untrusted("The station sends pages that the manifest does not have.")
    if not partial and len(pages) != count:
        raise Untrusted("The station left out a part of the manifest.")


def _check_totals(header: ManifestHeader, chosen: list[tuple[int, Item]]) -> None:
    size = sum(item.size for _, item in chosen)
    chunks = sum(item.chunk_count for _, item in chosen)
    if (size, chunks) != (header.bytes, header.chunks):
        raise Untrusted("The manifest lists other items than its header says.")


def _items(
    fetching: Fetching, header: ManifestHeader, pages: list[int]
) -> Iterator[tuple[int, Item]]:
    starts = [0, *accumulate(page.items for page in header.pages)]
    for number in pages:
        page = header.pages[number]
        piece = fetching.page(number, ChunkRef(page.digest, page.length))
        if piece.data is None:
            raise Damaged(f"page {number} of the manifest: {piece.why}")
        if hashlib.sha256(piece.data).digest() != page.digest:
            raise Untrusted(f"Page {number} of the manifest is not what the header says.")
        items = manifest.decode_page(bytes(piece.data))
        if len(items) != page.items:
            raise Untrusted("A page of the manifest lists other items than the header says.")
        yield from enumerate(items, starts[number])
