"""Receipts: signed by the station, chained in a vault, written last (store.md, steps 6, 7)."""

import logging
from datetime import UTC, datetime

from django.db.models import Max

from transfer import station, vaults
from transfer.models import Snapshot, SnapshotState, Vault
from transfer.store.objects import put_receipt
from wire import tokens
from wire.errors import ManifestRefused, StationFault, WireError

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

    Signing is deterministic, so two processes that settle at once write the same bytes.
    """
    owed = Snapshot.objects.filter(
        vault=snapshot.vault, state=SnapshotState.COMMITTED, sequence__lte=snapshot.sequence
    ).order_by("sequence")
    for each in owed:
        _settle_one(each)
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
            stuck.add(snapshot.vault_id)
            log.error("the receipt of snapshot %s is still owed: %s", snapshot, error)
    return count


def _settle_one(snapshot: Snapshot) -> None:
    identity = station.identity()
    if snapshot.sequence is None:
        raise StationFault("a committed snapshot has no sequence")
    before = Snapshot.objects.filter(vault=snapshot.vault, sequence__lt=snapshot.sequence)
    previous = before.order_by("-sequence").values_list("receipt", flat=True).first()
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
    put_receipt(identity.backend, vaults.keys_of(snapshot.vault_id), snapshot.snapshot_id, token)
    committed = Snapshot.objects.filter(pk=snapshot.pk, state=SnapshotState.COMMITTED)
    committed.update(state=SnapshotState.RECEIPTED, receipt=token)
