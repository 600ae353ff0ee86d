"""Everything that a database has to know, read back from the objects and the root alone.

The walk yields vaults, then the packs of each with their chunks, then its snapshots, then what is
damaged or cannot be placed. A snapshot without a receipt was never promised to anyone: it is
reported as found, and the caller keeps it hidden.
"""

from collections.abc import Iterator
from typing import NamedTuple

from transfer.store import objects, signed
from transfer.store.backends import Backend
from transfer.store.crypto import Root
from transfer.store.findings import Finding, Kind
from transfer.store.objects import StoredVault
from transfer.store.packformat import FOLDER, HEADER_BYTES, vault_of
from transfer.store.packs import FinishedPack, PackReader
from transfer.store.signed import SignedManifest, SignedReceipt
from wire import manifest, tokens
from wire.errors import Damaged, NotFound


class FoundVault(NamedTuple):
    """A vault whose keys open."""

    vault: StoredVault


class FoundPack(NamedTuple):
    """A pack of this vault whose directory opens; size in bytes."""

    vault_id: bytes
    pack: FinishedPack


class FoundSnapshot(NamedTuple):
    """A signed manifest of this vault, and its receipt if it has one."""

    vault_id: bytes
    manifest: SignedManifest
    receipt: SignedReceipt | None


Found = FoundVault | FoundPack | FoundSnapshot | Finding


def walk(backend: Backend, root: Root) -> Iterator[Found]:
    """Everything in the store, vaults before what belongs to them; damage is a :class:`Finding`.

    Memory is bounded by the number of vaults; packs and snapshots are streamed.
    """
    vaults: dict[bytes, StoredVault] = {}
    for vault_id in objects.list_vaults(backend):
        try:
            vaults[vault_id] = objects.open_vault(backend, root, vault_id)
        except (Damaged, NotFound) as damage:
            yield Finding(Kind.ALTERED, str(damage), vault_id.hex())
        else:
            yield FoundVault(vaults[vault_id])
    readers = {vault_id: PackReader(backend, vault.keys) for vault_id, vault in vaults.items()}
    for name, size in backend.list(FOLDER):
        yield _found_pack(backend, readers, name, size)
    for vault in vaults.values():
        yield from _snapshots(backend, root, vault)


def _found_pack(
    backend: Backend, readers: dict[bytes, PackReader], name: str, size: int
) -> FoundPack | Finding:
    try:
        vault_id = vault_of(backend.get_range(name, 0, HEADER_BYTES))
        if vault_id not in readers:
            return Finding(Kind.UNKNOWN, "a pack of an unknown vault", vault_id.hex(), pack=name)
        entries = readers[vault_id].directory(name)
    except (Damaged, NotFound) as damage:
        return Finding(Kind.ALTERED, str(damage), pack=name)
    return FoundPack(vault_id, FinishedPack(name, size, entries))


def _snapshots(
    backend: Backend, root: Root, vault: StoredVault
) -> Iterator[FoundSnapshot | Finding]:
    vault_id = vault.keys.vault_id
    receipted = set(objects.list_receipts(backend, vault_id))
    for snapshot_id in objects.list_snapshots(backend, vault_id):
        receipted.discard(snapshot_id)
        try:
            found = signed.read_manifest(backend, vault, snapshot_id)
        except (Damaged, NotFound) as damage:
            yield Finding(Kind.ALTERED, str(damage), vault_id.hex(), snapshot_id)
            continue
        receipt = _receipt(backend, root, vault, found)
        if isinstance(receipt, Finding):
            yield receipt
            yield FoundSnapshot(vault_id, found, None)
        else:
            yield FoundSnapshot(vault_id, found, receipt)
    for snapshot_id in sorted(receipted):
        detail = "there is a receipt, and no manifest"
        yield Finding(Kind.MISSING, detail, vault_id.hex(), snapshot_id)


def _receipt(
    backend: Backend, root: Root, vault: StoredVault, found: SignedManifest
) -> SignedReceipt | Finding | None:
    snapshot_id = found.header.snapshot_id
    station = root.station_key().public_key()
    try:
        receipt = signed.read_receipt(backend, vault, station, snapshot_id)
        if receipt.claims.manifest_hash != tokens.b64u(manifest.manifest_hash(found.stored.header)):
            raise Damaged("the receipt confirms another manifest")
    except NotFound:
        return None
    except Damaged as damage:
        return Finding(Kind.ALTERED, str(damage), vault.keys.vault_id.hex(), snapshot_id)
    return receipt
