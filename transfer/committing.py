"""Making a snapshot durable and visible (patent claim 5: it gets an ID), and writing its receipt.

The order of the steps is that of docs/store.md; each leaves nothing that a crash makes wrong.
"""

from collections.abc import Callable, Mapping

from django.db import IntegrityError, transaction
from django.utils import timezone

from transfer import chunks, receipts, station, vaults
from transfer.chunks import Held
from transfer.manifests import check_complete
from transfer.models import (
    Lease,
    Pack,
    Snapshot,
    SnapshotPack,
    SnapshotState,
    Upload,
    UploadState,
)
from transfer.store.objects import put_header
from wire import manifest, messages
from wire.errors import Conflict, ManifestRefused
from wire.manifest import ManifestHeader


def commit(
    upload: Upload,
    phone_key: bytes,
    message: messages.BackupCommit,
    seal: Callable[[], Mapping[bytes, Held]],
) -> Snapshot:
    """The snapshot of this upload, with its receipt.

    ``seal`` makes everything that was received durable and indexed, and tells what is known to be
    held. The same id and manifest again gives the same receipt; raises :class:`ManifestRefused`
    for a manifest that is not signed by this phone or not complete, :class:`Conflict` for another
    manifest under a known id.
    """
    header = _checked_header(upload, phone_key, message)
    snapshot = _row_of(upload)
    if snapshot is not None and snapshot.manifest_hash != _hash(message):
        raise Conflict("this snapshot id names another manifest")
    if snapshot is None or snapshot.state == SnapshotState.UNRECEIPTED:
        snapshot = _commit_new(upload, message, header, seal())
    else:
        _complete(upload)
    receipts.settle(snapshot)
    return snapshot


def _hash(message: messages.BackupCommit) -> str:
    return manifest.manifest_hash(message.header).hex()


def _row_of(upload: Upload) -> Snapshot | None:
    return Snapshot.objects.filter(vault=upload.vault, snapshot_id=upload.snapshot_id).first()


def _checked_header(
    upload: Upload, phone_key: bytes, message: messages.BackupCommit
) -> ManifestHeader:
    manifest.check_header_signature(phone_key, message.header, message.signature)
    header = manifest.decode_header(message.header)
    if header.phone_key != phone_key:
        raise ManifestRefused("the manifest names another phone key")
    if (header.iss, header.sub) != (upload.vault.iss, upload.vault.sub):
        raise ManifestRefused("the manifest names another account")
    if header.snapshot_id != upload.snapshot_id:
        raise ManifestRefused("the manifest names another snapshot id")
    return header


def _commit_new(
    upload: Upload,
    message: messages.BackupCommit,
    header: ManifestHeader,
    known: Mapping[bytes, Held],
) -> Snapshot:
    packs = check_complete(upload.vault, header, known)
    identity, keys = station.identity(), vaults.keys_of(upload.vault.pk)
    identity.require_store()
    put_header(identity.backend, keys, header.snapshot_id, message.header, message.signature)
    return publish(upload, header, _hash(message), sorted(packs))


def publish(
    upload: Upload, header: ManifestHeader, manifest_hash: str, packs: list[str]
) -> Snapshot:
    """Step 5: recheck the packs, then snapshot, references and sequence in one transaction.

    A row that a rebuild found without a receipt becomes this one. When another connection
    committed the same manifest at the same moment, its row is this one as well.
    """
    try:
        with transaction.atomic():
            _check_sound(packs)
            found = Snapshot.objects.filter(
                vault=upload.vault,
                snapshot_id=header.snapshot_id,
                state=SnapshotState.UNRECEIPTED,
                manifest_hash=manifest_hash,
            )
            snapshot = _committed(found.first() or Snapshot(), upload, header, manifest_hash)
            SnapshotPack.objects.bulk_create(
                [SnapshotPack(snapshot=snapshot, pack_id=name) for name in packs],
                ignore_conflicts=True,
            )
            _complete(upload)
    except IntegrityError:
        other = _row_of(upload)
        if other is None or other.manifest_hash != manifest_hash:
            raise Conflict("this snapshot id was stored at the same moment") from None
        _complete(upload)
        return other
    return snapshot


def _check_sound(packs: list[str]) -> None:
    for batch in chunks.batches(packs):
        if Pack.objects.filter(name__in=batch, damaged_at=None).count() != len(batch):
            raise ManifestRefused("send it again: a pack was lost just now")


def _committed(
    row: Snapshot, upload: Upload, header: ManifestHeader, manifest_hash: str
) -> Snapshot:
    row.snapshot_id = header.snapshot_id
    row.vault = upload.vault
    row.state = SnapshotState.COMMITTED
    row.source = header.source
    row.label = header.label
    row.phone = upload.phone
    row.created_at = receipts.moment(header.created)
    row.stored_at = timezone.now().replace(microsecond=0)
    row.items = header.items
    row.total_bytes = header.bytes
    row.manifest_hash = manifest_hash
    row.sequence = receipts.next_sequence(upload.vault)
    row.damage = ""
    row.save()
    return row


def _complete(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(state=UploadState.COMMITTED)
    Lease.objects.filter(upload=upload).delete()
