"""Receipts: signed by the station, chained in a vault, written last (store.md, steps 6, 7)."""

import logging
from datetime import UTC, datetime

from django.db import transaction
from django.db.models import Max

from transfer import station, vaults
from transfer.models import Snapshot, SnapshotState, Vault
from transfer.store.objects import StoredVault, put_receipt
from transfer.store.signed import SignedReceipt, read_receipt
from wire import tokens
from wire.errors import Conflict, Damaged, ManifestRefused, StationFault, WireError

log = logging.getLogger(__name__)


def moment(seconds: int) -> datetime:
    """The time that a phone wrote as seconds since 1970; :class:`ManifestRefused` if absurd."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise ManifestRefused("the manifest's time is out of range") from None


def next_sequence(vault: Vault) -> int:
    """The number of the vault's next snapshot, from 1; call inside the publishing transaction."""
    highest = Snapshot.objects.filter(vault=vault).aggregate(highest=Max("sequence"))["highest"]
    return (highest or 0) + 1


def settle(snapshot: Snapshot) -> str:
    """Write the receipts that this vault owes, up to this snapshot's, and return its own.

    Signing is deterministic, so two processes that settle at once write the same bytes. Another
    one that can never be written, since its name has other bytes, does not hold up this one.
    """
    if snapshot.state == SnapshotState.RECEIPTED:
        return snapshot.receipt
    owed = Snapshot.objects.filter(
        vault=snapshot.vault, state=SnapshotState.COMMITTED, sequence__lte=snapshot.sequence
    ).order_by("sequence")
    for each in owed.select_related("vault"):
        try:
            _settle_one(each)
        except (Conflict, Damaged) as error:
            if each == snapshot:
                raise
            _say_owed(each, error)
    snapshot.refresh_from_db()
    if snapshot.state != SnapshotState.RECEIPTED:
        raise StationFault("this snapshot has no receipt")
    return snapshot.receipt


def settle_all() -> int:
    """At start-up: write every receipt that is still owed; returns how many.

    What cannot be written now is owed on: it must not keep the station from giving back the rest.
    """
    owed = Snapshot.objects.filter(state=SnapshotState.COMMITTED).order_by("vault_id", "sequence")
    stuck: set[str] = set()
    count = 0
    for snapshot in owed.select_related("vault"):
        if snapshot.vault_id in stuck:  # each receipt names the one before it
            continue
        try:
            _settle_one(snapshot)
            count += 1
        except WireError as error:
            if not isinstance(error, Conflict | Damaged):
                stuck.add(snapshot.vault_id)
            _say_owed(snapshot, error)
    return count


def _say_owed(snapshot: Snapshot, error: WireError) -> None:
    log.error("the receipt of snapshot %s is still owed: %s", snapshot, error)


def _settle_one(snapshot: Snapshot) -> None:
    identity = station.identity()
    if snapshot.sequence is None:
        raise StationFault("a committed snapshot has no sequence")
    before = Snapshot.objects.filter(vault=snapshot.vault, sequence__lt=snapshot.sequence)
    received = before.exclude(receipt="").order_by("-sequence")
    previous = received.values_list("receipt", flat=True).first()
    receipt = tokens.Receipt(
        iss=identity.station_id_text,
        snapshot_id=snapshot.snapshot_id,
        manifest_hash=tokens.b64u(bytes.fromhex(snapshot.manifest_hash)),
        sequence=snapshot.sequence,
        previous=tokens.b64u(tokens.token_hash(previous)) if previous else "",
        items=snapshot.items,
        bytes=snapshot.total_bytes,
        stored=int(snapshot.stored_at.timestamp()),
    )
    token = tokens.sign(receipt, identity.key)
    identity.require_store()
    keys = vaults.keys_of(snapshot.vault_id)
    try:
        put_receipt(identity.backend, keys, snapshot.snapshot_id, token)
    except Conflict:
        _adopt(snapshot)
        return
    committed = Snapshot.objects.filter(pk=snapshot.pk, state=SnapshotState.COMMITTED)
    committed.update(state=SnapshotState.RECEIPTED, receipt=token)


def _adopt(snapshot: Snapshot) -> None:
    """Take the receipt that this station gave for the very same manifest before.

    The database forgot it when an older copy was put in its place. Raises :class:`Damaged` when
    it is no receipt of this station's, :class:`Conflict` when it is another manifest's.
    """
    identity, vault = station.identity(), snapshot.vault
    stored = StoredVault(vaults.keys_of(vault.pk), vault.iss, vault.sub)
    public = identity.key.public_key()
    kept = read_receipt(identity.backend, stored, public, snapshot.snapshot_id)
    if kept.claims.manifest_hash != tokens.b64u(bytes.fromhex(snapshot.manifest_hash)):
        raise Conflict(f"snapshot {snapshot.snapshot_id} was receipted with another manifest")
    with transaction.atomic():
        row = Snapshot.objects.filter(pk=snapshot.pk, state=SnapshotState.COMMITTED).first()
        if row is not None:
            take(row, kept)
            row.save()


def take(row: Snapshot, kept: SignedReceipt) -> bool:
    """Fill in what the station promised; False when another snapshot has its number.

    That happens when an old database was used beside newer objects. The row is left without a
    number then, so that both are there and the next receipt goes on from the other one.
    """
    row.state = SnapshotState.RECEIPTED
    row.receipt = kept.token
    row.stored_at = moment(kept.claims.stored)
    number = kept.claims.sequence
    others = Snapshot.objects.filter(vault=row.vault_id, sequence=number).exclude(pk=row.pk)
    row.sequence = None if others.exists() else number
    return row.sequence is not None
