"""Checking that everything that was promised still opens, and says what it said.

Structure: every vault, pack directory, header, receipt and manifest page opens, and every reference
of every item resolves. With a sample, moreover every byte of the chosen items is authenticated and
hashed, chunk by chunk and as a whole. Findings are streamed; damage never stops a check.
"""

from collections.abc import Iterator
from itertools import islice

from transfer.store import objects, signed
from transfer.store.backends import Backend
from transfer.store.crypto import Root
from transfer.store.findings import BATCH, Finding, Index, IndexedSnapshot, Kind
from transfer.store.itemcheck import ItemCheck, Sample
from transfer.store.objects import StoredVault
from transfer.store.packformat import FOLDER
from transfer.store.references import Fault, References
from wire import manifest, tokens
from wire.errors import Damaged, NotFound, WireError
from wire.manifest import ManifestHeader


class Checker:
    """One check of a whole store, or of parts of it. ``sample`` None reads structure alone.

    ``backend`` and ``root`` are the store's, ``index`` is what the database remembers.
    """

    def __init__(
        self, backend: Backend, root: Root, index: Index, sample: Sample | None = None
    ) -> None:
        backend.forget_copies()
        self._backend = backend
        self._root = root
        self._index = index
        self._sample = sample
        self._current: VaultCheck | None = None
        self._bytes_before = 0

    @property
    def bytes_read(self) -> int:
        """Plaintext bytes that were authenticated and hashed so far, for showing progress."""
        current = self._current.references.bytes_read if self._current else 0
        return self._bytes_before + current

    def run(self) -> Iterator[Finding]:
        """Check everything; the findings, as they are made."""
        for vault_id in self._index.vaults():
            yield from self.vault(vault_id)
        yield from self.strangers()

    def vault(self, vault_id: bytes) -> Iterator[Finding]:
        """Check one vault: its key object, its packs and its snapshots."""
        check = self._open(vault_id)
        if isinstance(check, Finding):
            yield check
            for snapshot in self._index.snapshots(vault_id):
                yield check._replace(snapshot=snapshot.snapshot_id)
            return
        yield from check.packs()
        for snapshot in self._index.snapshots(vault_id):
            yield from check.snapshot(snapshot)

    def snapshot(self, vault_id: bytes, snapshot: IndexedSnapshot) -> Iterator[Finding]:
        """Check one snapshot and all that it refers to."""
        check = self._open(vault_id)
        if isinstance(check, Finding):
            yield check._replace(snapshot=snapshot.snapshot_id)
            return
        yield from check.snapshot(snapshot)

    def pack(self, vault_id: bytes, name: str, size: int) -> Iterator[Finding]:
        """Check one pack and authenticate every byte in it."""
        check = self._open(vault_id)
        if isinstance(check, Finding):
            yield check
        else:
            yield from check.pack(name, size)

    def strangers(self) -> Iterator[Finding]:
        """Objects that the index does not know: an older database, or an upload that was cut."""
        names = (name for name, _size in self._backend.list(FOLDER))
        for batch in _batches(names):
            known = self._index.known_packs(batch)
            for name in batch:
                if name not in known:
                    yield Finding(Kind.UNKNOWN, "the index does not have this pack", pack=name)
        indexed = set(self._index.vaults())
        for vault_id in objects.list_vaults(self._backend):
            if vault_id in indexed:
                yield from self._strange_snapshots(vault_id)
            else:
                yield Finding(Kind.UNKNOWN, "the index does not have this vault", vault_id.hex())

    def _strange_snapshots(self, vault_id: bytes) -> Iterator[Finding]:
        for batch in _batches(objects.list_snapshots(self._backend, vault_id)):
            known = self._index.known_snapshots(vault_id, batch)
            for name in batch:
                if name not in known:
                    detail = "the index does not have this snapshot"
                    yield Finding(Kind.UNKNOWN, detail, vault_id.hex(), name)

    def _open(self, vault_id: bytes) -> "VaultCheck | Finding":
        if self._current is not None and self._current.vault_id == vault_id:
            return self._current
        try:
            vault = objects.open_vault(self._backend, self._root, vault_id)
        except (NotFound, Damaged) as error:
            detail = f"the vault's key does not open: {error}"
            return Finding(_kind(error), detail, vault_id.hex())
        self._bytes_before = self.bytes_read
        self._current = VaultCheck(self._backend, self._root, self._index, vault, self._sample)
        return self._current


class VaultCheck:
    """The check of one vault's packs and snapshots."""

    def __init__(
        self,
        backend: Backend,
        root: Root,
        index: Index,
        vault: StoredVault,
        sample: Sample | None,
    ) -> None:
        self.vault_id = vault.keys.vault_id
        self.references = References(backend, vault.keys, index)
        self._backend = backend
        self._station = root.station_key().public_key()
        self._index = index
        self._vault = vault
        self._items = ItemCheck(self.references, sample)

    def packs(self) -> Iterator[Finding]:
        """Every pack that the index has is there, as large as it was, and its directory opens."""
        for name, size in self._index.packs(self.vault_id):
            fault = self._pack_fault(name, size)
            if fault is not None:
                yield self._finding(fault)

    def pack(self, name: str, size: int) -> Iterator[Finding]:
        """One pack, with every byte of its chunks."""
        fault = self._pack_fault(name, size)
        for found in [fault] if fault is not None else self.references.read_pack(name):
            yield self._finding(found)

    def _pack_fault(self, name: str, size: int) -> Fault | None:
        try:
            found = self._backend.stat(name)
        except NotFound:
            return Fault(Kind.MISSING, "the pack is not in the store", name)
        if found != size:
            return Fault(Kind.ALTERED, f"the pack has {found} bytes instead of {size}", name)
        directory = self.references.directory(name)
        return directory if isinstance(directory, Fault) else None

    def snapshot(self, snapshot: IndexedSnapshot) -> Iterator[Finding]:
        """Header, receipt, pages and items of one snapshot."""
        header = self._header(snapshot)
        if isinstance(header, Fault):
            yield self._finding(header, snapshot.snapshot_id)
            return
        fault = self._receipt_fault(snapshot)
        if fault is not None:
            yield self._finding(fault, snapshot.snapshot_id)
        for number in range(len(header.pages)):
            for item, page_fault in self._items.page(header, number):
                yield self._finding(page_fault, snapshot.snapshot_id, item)

    def _header(self, snapshot: IndexedSnapshot) -> ManifestHeader | Fault:
        try:
            found = signed.read_manifest(self._backend, self._vault, snapshot.snapshot_id)
        except (NotFound, Damaged) as error:
            return Fault(_kind(error), f"the manifest header: {error}")
        if manifest.manifest_hash(found.stored.header) != snapshot.manifest_hash:
            return Fault(Kind.CONTRADICTS, "the manifest header is not the one that was receipted")
        return found.header

    def _receipt_fault(self, snapshot: IndexedSnapshot) -> Fault | None:
        if not snapshot.receipt:
            return None
        try:
            found = signed.read_receipt(
                self._backend, self._vault, self._station, snapshot.snapshot_id
            )
        except (NotFound, Damaged) as error:
            return Fault(_kind(error), f"the receipt: {error}")
        right_manifest = found.claims.manifest_hash == tokens.b64u(snapshot.manifest_hash)
        if found.token != snapshot.receipt or not right_manifest:
            return Fault(Kind.CONTRADICTS, "the receipt is not the one that the phone was given")
        return None

    def _finding(self, fault: Fault, snapshot: str = "", item: str = "") -> Finding:
        return Finding(fault.kind, fault.detail, self.vault_id.hex(), snapshot, item, fault.pack)


def _kind(error: WireError) -> Kind:
    return Kind.MISSING if isinstance(error, NotFound) else Kind.ALTERED


def _batches(names: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(names, BATCH)):
        yield batch
