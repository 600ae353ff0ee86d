"""Receiving a backup (patent claims 1 and 5: the receiving module): from digests to a receipt.

One :class:`Ingest` serves one upload. ``take`` may be called from several threads; everything else
comes from one caller at a time. The order of a commit is that of docs/store.md.
"""

import hashlib
import threading
from typing import Final

from django.db import transaction
from django.utils import timezone

from transfer import adopting, chunks, committing, room, station, vaults
from transfer.chunks import Held
from transfer.models import (
    Invitation,
    Lease,
    Upload,
    UploadState,
    Vault,
)
from transfer.store.packs import FinishedPack
from transfer.store.packwriter import PackWriter
from wire import limits, manifest, messages, tokens
from wire.errors import (
    Conflict,
    DigestMismatch,
    MalformedMessage,
    NotAllowed,
    StorageFull,
    TooMany,
)

_PACKS_PER_INDEX_WRITE: Final = 4
_MEASURE_BYTES: Final = limits.MIB
_KNOWN_MAX: Final = 32_768


def begin(
    vault: Vault, invitation: Invitation, phone_key: bytes, message: messages.BackupBegin, free: int
) -> "Ingest":
    """Open or resume the upload of this snapshot id.

    Raises :class:`Conflict` when another phone is using the id, :class:`StorageFull` with what
    will not fit when there is no room for all of it, :class:`StoreAway` when the disk is not there.
    """
    station.identity().require_store()
    manifest.check_snapshot_id(message.snapshot_id)
    _check_told(message)
    if free <= 0:
        raise StorageFull(f"up to {_megabytes(message.bytes)} of this backup would not fit")
    phone = tokens.thumbprint(phone_key)
    upload, created = Upload.objects.get_or_create(
        vault=vault,
        snapshot_id=message.snapshot_id,
        defaults={
            "invitation": invitation,
            "phone": phone,
            "source": message.source,
            "label": message.label,
            "items": message.items,
            "total_bytes": message.bytes,
        },
    )
    if upload.phone != phone:
        raise Conflict("this snapshot id belongs to another phone's upload")
    if not created and upload.state != UploadState.COMMITTED:
        upload.state = UploadState.RECEIVING
        upload.invitation = invitation
        _note_told(upload, message)
    return Ingest(upload, vault, phone_key, invitation)


def _check_told(message: messages.BackupBegin) -> None:
    manifest.check_label(message.label, message.source)
    if not (0 <= message.items <= limits.ITEMS_MAX and 0 <= message.bytes < 2**62):
        raise MalformedMessage("totals")


def _note_told(upload: Upload, message: messages.BackupBegin) -> None:
    """Keep what the phone says of its backup by now, and the upload's state."""
    upload.source, upload.label = message.source, message.label
    upload.items, upload.total_bytes = message.items, message.bytes
    upload.save()


class Ingest:
    """One upload under way."""

    def __init__(
        self, upload: Upload, vault: Vault, phone_key: bytes, invitation: Invitation
    ) -> None:
        identity = station.identity()
        self.upload = upload
        self.received = 0
        self.held = 0
        self._vault = vault
        self._phone_key = phone_key
        self._invitation = invitation
        self._keys = vaults.keys_of(vault.pk)
        self._backend = identity.backend
        self._writer = PackWriter(self._backend, self._keys)
        self._lock = threading.Lock()
        self._announced: dict[int, bytes] = {}
        self._coming: set[bytes] = set()
        self._leased: set[str] = set()
        # By digest, what was found to be held, for the commit: its packs are leased.
        self._known: dict[bytes, Held] = {}
        self._unindexed: list[FinishedPack] = []
        self._unmeasured = 0
        self._is_committed = False

    def restate(self, message: messages.BackupBegin) -> None:
        """The phone knows by now what it will send: a person chose it after the connection stood.

        Raises :class:`NotAllowed` for another snapshot id, or once the snapshot is committed.
        """
        self.upload.refresh_from_db()
        committed = self.upload.state == UploadState.COMMITTED
        if message.snapshot_id != self.upload.snapshot_id or committed:
            raise NotAllowed("this connection has begun a backup")
        _check_told(message)
        _note_told(self.upload, message)

    @property
    def is_unfinished(self) -> bool:
        """Whether chunks were announced and nothing was committed since."""
        return bool(self._known or self._coming or self.received) and not self._is_committed

    def lack(self, message: messages.ChunksHave) -> messages.ChunksLack:
        """Which of the announced chunks must be sent; the packs of the others are leased."""
        digests = messages.split_digests(message.digests)
        if not 0 <= message.start <= 2**32 - len(digests):
            raise MalformedMessage("reference out of range")
        ids = [self._keys.chunk_id(digest) for digest in digests]
        held = chunks.held_of(self._vault, list(dict.fromkeys(ids)))
        self._lease({pack for pack, _length in held.values()})
        self.held += sum(held[each][1] for each in ids if each in held)
        if len(self._known) < _KNOWN_MAX:
            self._known.update(
                (digest, held[each])
                for digest, each in zip(digests, ids, strict=True)
                if each in held
            )
        refs = []
        with self._lock:
            for ref in range(message.start, message.start + len(digests)):
                if ref in self._announced:
                    raise MalformedMessage(f"chunk {ref} is announced already")
            for offset, (digest, chunk_id) in enumerate(zip(digests, ids, strict=True)):
                if chunk_id in held or chunk_id in self._coming:
                    continue
                self._coming.add(chunk_id)
                self._announced[message.start + offset] = digest
                refs.append(message.start + offset)
            if len(self._announced) > limits.OUTSTANDING_DIGESTS_MAX:
                raise TooMany("too many announced chunks have not been sent")
        return messages.ChunksLack(message.start, refs)

    def _lease(self, packs: set[str]) -> None:
        fresh = packs - self._leased
        self._note_leases(fresh)
        self._leased |= fresh

    def _note_leases(self, packs: set[str]) -> None:
        leases = [Lease(upload=self.upload, pack_id=name) for name in packs]
        Lease.objects.bulk_create(leases, ignore_conflicts=True)

    def take(self, ref: int, data: bytes | memoryview) -> None:
        """Store one chunk; raises :class:`DigestMismatch` when it is not what was announced."""
        with self._lock:
            digest = self._announced.pop(ref, None)
        if digest is None:
            raise NotAllowed(f"chunk {ref} was not asked for")
        chunk_id = self._keys.chunk_id(digest)
        if hashlib.sha256(data).digest() != digest:
            with self._lock:
                self._coming.discard(chunk_id)
            raise DigestMismatch(f"chunk {ref} does not have the announced digest")
        try:
            self._keep(chunk_id, data)
        except StorageFull as full:
            raise self.too_large() from full

    def _keep(self, chunk_id: bytes, data: bytes | memoryview) -> None:
        with self._lock:
            self._unmeasured += len(data)
            measure = self._unmeasured >= _MEASURE_BYTES
            self._unmeasured = 0 if measure else self._unmeasured
        if measure and room.usable_bytes() <= 0:
            raise StorageFull("what is left of the disk stays in reserve")
        self._writer.add(chunk_id, data)
        with self._lock:
            self.received += len(data)

    def too_large(self) -> StorageFull:
        """What the phone is told when the disk is full: how much is still to come, at most."""
        missing = max(0, self.upload.total_bytes - self.received - self.held)
        return StorageFull(f"up to {_megabytes(missing)} of this backup would not fit")

    def index_finished(self, *, at_least: int = _PACKS_PER_INDEX_WRITE) -> None:
        """Write the rows of packs that have become durable, when there are enough of them."""
        self._unindexed += self._writer.take_finished()
        if len(self._unindexed) < at_least:
            return
        finished = self._unindexed
        names = {pack.name for pack in finished}
        with transaction.atomic():
            chunks.add_packs(self._vault, finished)
            self._note_leases(names)
        self._unindexed = []
        self._leased |= names
        stored = {entry.chunk_id for pack in finished for entry in pack.entries}
        with self._lock:
            self._coming -= stored

    def save_progress(self) -> None:
        """Keep the counters, for pages and the admin."""
        Upload.objects.filter(pk=self.upload.pk).update(
            received_bytes=self.received, updated_at=timezone.now()
        )

    def cut(self) -> None:
        """The connection is gone: seal the open pack so that nothing in it is sent again."""
        try:
            self._writer.finish()
        finally:
            self._end(UploadState.CUT)

    def abort(self) -> None:
        """Storing failed: drop the open pack."""
        self._end(UploadState.REFUSED)

    def _end(self, state: UploadState) -> None:
        """What is durable stays usable. If that cannot be noted now, the next start does it."""
        self._writer.abort()
        self.index_finished(at_least=1)
        self._leave(state)

    def _leave(self, state: UploadState) -> None:
        """Note how this connection's share ended, unless a newer one has gone on with it."""
        own = Upload.objects.filter(
            pk=self.upload.pk, invitation=self._invitation, state=UploadState.RECEIVING
        )
        own.update(state=state, received_bytes=self.received, updated_at=timezone.now())

    def commit(self, message: messages.BackupCommit) -> messages.BackupStored:
        """Make the snapshot durable and visible, and answer with its receipt.

        Raises as :func:`transfer.committing.commit` does.
        """
        snapshot = committing.commit(self.upload, self._phone_key, message, self._seal)
        self._is_committed = True
        self.held = max(0, snapshot.total_bytes - self.received)
        Upload.objects.filter(pk=self.upload.pk).update(
            held_bytes=self.held, received_bytes=self.received, updated_at=timezone.now()
        )
        return messages.BackupStored(snapshot.receipt, received=self.received, held=self.held)

    def _seal(self) -> dict[bytes, Held]:
        """Make all that came durable and indexed; by digest, what was found to be held before."""
        self._writer.finish()
        self.index_finished(at_least=1)
        # Told once only: when the commit is refused, some of it may be lost.
        known, self._known = self._known, {}
        return known


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"


def cut_abandoned() -> int:
    """At start-up: uploads of a process that died are cut off, and keep what became durable."""
    abandoned = Upload.objects.filter(state=UploadState.RECEIVING)
    if abandoned.exists():
        adopting.adopt_packs()
    return abandoned.update(state=UploadState.CUT)
