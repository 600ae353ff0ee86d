"""A snapshot that was found in the store becomes a row again, with the packs that it needs."""

from typing import NamedTuple

from django.db import transaction

from transfer import chunks, manifests, receipts, vaults
from transfer.models import Snapshot, SnapshotPack, SnapshotState, Upload, UploadState, Vault
from transfer.store.findings import Finding, Kind
from transfer.store.rebuild import FoundSnapshot
from transfer.store.signed import SignedReceipt
from wire import manifest, tokens
from wire.errors import Damaged, ManifestRefused, NotFound, TooLarge
from wire.manifest import ChunkRef, ManifestHeader, PageRef


class Taken(NamedTuple):
    """What became of a found snapshot; ``row`` is None when it was left alone."""

    row: Snapshot | None
    is_new: bool
    findings: list[Finding]


def take(vault: Vault, found: FoundSnapshot) -> Taken:
    """Bring this snapshot's row up to what the store says; the packs' rows must be there.

    One without a receipt comes back hidden, unless a running station is receiving it just now.
    """
    header = found.manifest.header
    manifest_hash = manifest.manifest_hash(found.manifest.stored.header).hex()
    row = Snapshot.objects.filter(vault=vault, snapshot_id=header.snapshot_id).first()
    if row is not None and row.manifest_hash != manifest_hash:
        return Taken(
            None, False, [_of(vault, header, Kind.CONTRADICTS, "another manifest is known")]
        )
    if row is None and found.receipt is None and _is_arriving(vault, header):
        return Taken(None, False, [])
    is_new = row is None
    row = row or _new_row(vault, header, manifest_hash)
    findings = []
    if found.receipt is not None and row.state != SnapshotState.RECEIPTED:
        findings += _take_receipt(row, found.receipt)
    packs, lacking = _packs_of(vault, header)
    if lacking:
        row.damage = f"{lacking} of its pages or chunks are not in the store"
        findings.append(_of(vault, header, Kind.MISSING, row.damage))
    _save(row, packs)
    return Taken(row, is_new, findings)


def _new_row(vault: Vault, header: ManifestHeader, manifest_hash: str) -> Snapshot:
    created = receipts.moment(header.created)
    return Snapshot(
        vault=vault,
        snapshot_id=header.snapshot_id,
        manifest_hash=manifest_hash,
        state=SnapshotState.UNRECEIPTED,
        source=header.source,
        label=header.label,
        phone=tokens.thumbprint(header.phone_key),
        created_at=created,
        stored_at=created,
        items=header.items,
        total_bytes=header.bytes,
    )


def _take_receipt(row: Snapshot, receipt: SignedReceipt) -> list[Finding]:
    if receipts.take(row, receipt):
        return []
    detail = f"another snapshot has the number {receipt.claims.sequence} too; both are kept"
    return [Finding(Kind.CONTRADICTS, detail, row.vault_id, row.snapshot_id)]


def _save(row: Snapshot, packs: set[str]) -> None:
    with transaction.atomic():
        row.save()
        SnapshotPack.objects.bulk_create(
            [SnapshotPack(snapshot=row, pack_id=name) for name in sorted(packs)],
            ignore_conflicts=True,
        )


def _packs_of(vault: Vault, header: ManifestHeader) -> tuple[set[str], int]:
    """The packs that hold what this manifest refers to, and how many pages or chunks none holds."""
    keys = vaults.keys_of(vault.pk)
    packs: set[str] = set()
    lacking = 0
    for page in header.pages:
        refs = _refs(vault, page)
        lacking += not refs
        for batch in chunks.batches(refs):
            ids = {keys.chunk_id(ref.digest) for ref in batch}
            held = chunks.packs_of(vault, list(ids))
            packs.update(held.values())
            lacking += len(ids) - len(held)
    return packs, lacking


def _refs(vault: Vault, page: PageRef) -> list[ChunkRef]:
    """The page's own chunk and those of its items; empty when the page does not open."""
    try:
        items = manifest.decode_page(manifests.page_bytes(vault, page))
    except (Damaged, NotFound, ManifestRefused, TooLarge):
        return []
    own = ChunkRef(page.digest, page.length)
    return [own, *(ref for item in items for ref in item.refs())]


def _is_arriving(vault: Vault, header: ManifestHeader) -> bool:
    uploads = Upload.objects.filter(vault=vault, snapshot_id=header.snapshot_id)
    return uploads.filter(state=UploadState.RECEIVING).exists()


def _of(vault: Vault, header: ManifestHeader, kind: Kind, detail: str) -> Finding:
    return Finding(kind, detail, vault.pk, header.snapshot_id)
