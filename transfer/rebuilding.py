"""Refilling the main database from the store's objects and the root (store.md: ``store rebuild``).

What the database has already stays, what it lacks is added: running it twice changes nothing. Only
what says where chunks lie in packs that are gone is taken away, since the same chunks may lie in
newer packs. Owners are not in the store: vaults come back without one, and are linked again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import ProtectedError

from transfer import chunks, found_snapshots, station
from transfer.models import Chunk, Lease, Pack, SnapshotPack, SnapshotState, Vault
from transfer.store import objects
from transfer.store.backends import Backend
from transfer.store.findings import Finding, Kind
from transfer.store.objects import StoredVault
from transfer.store.packformat import FOLDER, HEADER_BYTES, vault_of
from transfer.store.packs import FinishedPack
from transfer.store.rebuild import FoundPack, FoundSnapshot, FoundVault, walk
from wire.errors import Damaged, NotFound

# A pack has up to 32,768 entries of some 200 bytes in memory.
_PACKS_AT_ONCE: Final = 4
_ROWS: Final = 1000


@dataclass
class Tally:
    """What was found in the store, and how much of it the database did not have."""

    vaults: int = 0
    packs: int = 0
    snapshots: int = 0
    unreceipted: int = 0
    added: int = 0
    forgotten_packs: int = 0


class Rebuild:
    """One rebuild. Memory is bounded by the number of vaults and by one snapshot's packs."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._backend: Backend = station.identity().backend
        self._vaults: dict[bytes, Vault] = {}
        self._pending: list[tuple[Vault, FinishedPack]] = []

    def run(self) -> Iterator[Finding]:
        """Bring back everything that is sound; what is not, as it is met."""
        self._forget_missing_packs()
        for found in walk(self._backend, station.identity().root):
            match found:
                case Finding():
                    yield found
                case FoundVault(stored):
                    yield from self._add_vault(stored)
                case FoundPack(vault_id, pack):
                    self._add_pack(vault_id, pack)
                case FoundSnapshot(vault_id):
                    self._flush_packs()
                    if vault_id in self._vaults:
                        yield from self._add_snapshot(self._vaults[vault_id], found)
        self._flush_packs()

    def _forget_missing_packs(self) -> None:
        last = ""
        while names := list(
            Pack.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:_ROWS]
        ):
            gone = [name for name in names if not _is_there(self._backend, name)]
            station.identity().require_store()
            with transaction.atomic():
                for model in (Chunk, Lease, SnapshotPack):
                    model._default_manager.filter(pack_id__in=gone).delete()
                Pack.objects.filter(pk__in=gone).delete()
            self.tally.forgotten_packs += len(gone)
            last = names[-1]

    # Vaults

    def _add_vault(self, stored: StoredVault) -> Iterator[Finding]:
        vault_id = stored.keys.vault_id
        rivals = Vault.objects.filter(iss=stored.iss, sub=stored.sub).exclude(pk=vault_id.hex())
        rival = rivals.first()
        use = _use(self._backend, vault_id) if rival else 0
        if rival is not None and use <= _use(self._backend, bytes.fromhex(rival.pk)):
            if use:
                yield _contradiction("this account has another vault, which is in use", vault_id)
            return
        station.identity().require_store()
        try:
            with transaction.atomic():
                owner = rival.owner_id if rival is not None else None
                rivals.delete()
                vault, created = Vault.objects.get_or_create(
                    pk=vault_id.hex(),
                    defaults={"iss": stored.iss, "sub": stored.sub, "owner_id": owner},
                )
        except ProtectedError:
            yield _contradiction("the database has another vault of this account", vault_id)
            return
        if rival is not None:
            self._vaults.pop(bytes.fromhex(rival.pk), None)
        self._vaults[vault_id] = vault
        self.tally.vaults = len(self._vaults)
        self.tally.added += created

    # Packs

    def _add_pack(self, vault_id: bytes, pack: FinishedPack) -> None:
        if vault_id not in self._vaults:
            return
        self._pending.append((self._vaults[vault_id], pack))
        self.tally.packs += 1
        if len(self._pending) >= _PACKS_AT_ONCE:
            self._flush_packs()

    def _flush_packs(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        names = [pack.name for _vault, pack in pending]
        self.tally.added += len(names) - Pack.objects.filter(pk__in=names).count()
        for vault in {vault for vault, _pack in pending}:
            chunks.add_packs(vault, [pack for owner, pack in pending if owner == vault])

    # Snapshots

    def _add_snapshot(self, vault: Vault, found: FoundSnapshot) -> list[Finding]:
        taken = found_snapshots.take(vault, found)
        if taken.row is not None:
            receipted = taken.row.state == SnapshotState.RECEIPTED
            self.tally.snapshots += receipted
            self.tally.unreceipted += not receipted
            self.tally.added += taken.is_new
        return taken.findings


def _is_there(backend: Backend, name: str) -> bool:
    try:
        backend.stat(name)
    except NotFound:
        return False
    return True


def _use(backend: Backend, vault_id: bytes) -> int:
    """How much a vault is used: 3 with receipts, 2 manifests, 1 packs, 0 nothing; -1 if gone."""
    if not _is_there(backend, objects.VAULTS + vault_id.hex()):
        return -1
    if any(True for _ in objects.list_receipts(backend, vault_id)):
        return 3
    if any(True for _ in objects.list_snapshots(backend, vault_id)):
        return 2
    return int(any(_owner_of(backend, name) == vault_id for name, _ in backend.list(FOLDER)))


def _owner_of(backend: Backend, pack: str) -> bytes | None:
    try:
        return vault_of(backend.get_range(pack, 0, HEADER_BYTES))
    except (Damaged, NotFound):
        return None


def _contradiction(detail: str, vault_id: bytes) -> Finding:
    return Finding(Kind.CONTRADICTS, detail, vault_id.hex())
