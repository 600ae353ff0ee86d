"""A store with one vault, the phone that fills it, and an index that is held in memory."""

import hashlib
import os
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from transfer.store import objects
from transfer.store.backends import Backend
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import Root, VaultKeys
from transfer.store.findings import IndexedSnapshot
from transfer.store.packs import FinishedPack, PackEntry, PackWriter
from wire import manifest, tokens
from wire.errors import WireError
from wire.invitation import station_id, station_id_text
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

ISS = "station:abc"
SUB = "alice"
CHUNK_BYTES = 1000
TARGET_BYTES = 8000


class Located(NamedTuple):
    pack: str
    entry: PackEntry


@dataclass
class MemoryIndex:
    """What the station's database knows, as :class:`transfer.store.findings.Index` asks for it."""

    chunks: dict[tuple[bytes, bytes], Located] = field(default_factory=dict)
    sizes: dict[bytes, dict[str, int]] = field(default_factory=dict)
    headers: dict[bytes, dict[str, IndexedSnapshot]] = field(default_factory=dict)

    def add_vault(self, vault_id: bytes) -> None:
        self.sizes.setdefault(vault_id, {})
        self.headers.setdefault(vault_id, {})

    def add_pack(self, vault_id: bytes, pack: FinishedPack) -> None:
        self.sizes[vault_id][pack.name] = pack.size
        for entry in pack.entries:
            self.chunks[vault_id, entry.chunk_id] = Located(pack.name, entry)

    def vaults(self) -> Iterable[bytes]:
        return list(self.sizes)

    def packs(self, vault_id: bytes) -> Iterable[tuple[str, int]]:
        return iter(self.sizes[vault_id].items())

    def snapshots(self, vault_id: bytes) -> Iterable[IndexedSnapshot]:
        return iter(self.headers[vault_id].values())

    def places(self, vault_id: bytes, chunk_ids: Sequence[bytes]) -> Mapping[bytes, Located]:
        assert len(chunk_ids) <= 4096
        wanted = ((each, self.chunks.get((vault_id, each))) for each in chunk_ids)
        return {chunk_id: place for chunk_id, place in wanted if place}

    def known_packs(self, names: Sequence[str]) -> Container[str]:
        return {name for packs in self.sizes.values() for name in packs} & set(names)

    def known_snapshots(self, vault_id: bytes, ids: Sequence[str]) -> Container[str]:
        return self.headers[vault_id].keys() & set(ids)


class Keeper:
    """A station's store with the vault of one account; makes snapshots as a commit does."""

    def __init__(self, backend: Backend, root: Root | None = None) -> None:
        self.root = root or Root.new()
        self.backend = backend
        self.keys = VaultKeys.new()
        self.phone = Ed25519PrivateKey.generate()
        self.index = MemoryIndex()
        self._sequence = 0

    @property
    def vault_id(self) -> bytes:
        return self.keys.vault_id

    @property
    def station_id(self) -> str:
        return station_id_text(station_id(self.root.station_key().public_key().public_bytes_raw()))

    def open(self) -> "Keeper":
        """What happens once: claim the store and keep the vault."""
        objects.claim_store(self.backend, self.root, self.station_id)
        objects.put_vault(self.backend, self.root, self.keys, ISS, SUB)
        self.index.add_vault(self.vault_id)
        return self

    def writer(self) -> PackWriter:
        return PackWriter(self.backend, self.keys, target_bytes=TARGET_BYTES)

    def back_up(self, files: Mapping[str, bytes], *, per_page: int = 2) -> str:
        """Keep a snapshot of ``files``, receipted; its id."""
        snapshot_id = manifest.snapshot_id_text(secrets.token_bytes(16))
        pages, pieces = self._pages(files, per_page)
        header = manifest.encode_header(
            ManifestHeader(
                format=manifest.HEADER_FORMAT,
                iss=ISS,
                sub=SUB,
                snapshot_id=snapshot_id,
                source="test",
                label="",
                created=1_700_000_000,
                items=len(files),
                bytes=sum(map(len, files.values())),
                chunks=pieces,
                pages=pages,
                phone_key=self.phone.public_key().public_bytes_raw(),
            )
        )
        signature = manifest.sign_header(self.phone, header)
        objects.put_header(self.backend, self.keys, snapshot_id, header, signature)
        receipt = self._receipt(snapshot_id, header)
        objects.put_receipt(self.backend, self.keys, snapshot_id, receipt)
        indexed = IndexedSnapshot(snapshot_id, manifest.manifest_hash(header), receipt)
        self.index.headers[self.vault_id][snapshot_id] = indexed
        return snapshot_id

    def page_places(self, snapshot_id: str) -> list[Located]:
        """Where the pages of this snapshot's manifest lie, in order."""
        stored = objects.get_header(self.backend, self.keys, snapshot_id)
        pages = manifest.decode_header(stored.header).pages
        ids = [self.keys.chunk_id(page.digest) for page in pages]
        return [self.index.chunks[self.vault_id, chunk_id] for chunk_id in ids]

    def _pages(self, files: Mapping[str, bytes], per_page: int) -> tuple[list[PageRef], int]:
        writer = self.writer()
        try:
            return self._write_pages(writer, files, per_page)
        except WireError:
            writer.abort()
            raise

    def _write_pages(
        self, writer: PackWriter, files: Mapping[str, bytes], per_page: int
    ) -> tuple[list[PageRef], int]:
        items = [self._item(writer, name, content) for name, content in sorted(files.items())]
        pages = []
        for at in range(0, len(items), per_page):
            page = manifest.encode_page(items[at : at + per_page])
            self._keep(writer, page)
            pages.append(
                PageRef(hashlib.sha256(page).digest(), len(page), len(items[at : at + per_page]))
            )
        writer.finish()
        for pack in writer.take_finished():
            self.index.add_pack(self.vault_id, pack)
        return pages, sum(item.chunk_count for item in items)

    def _item(self, writer: PackWriter, name: str, content: bytes) -> Item:
        pieces = [content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
        refs = [ChunkRef(self._keep(writer, piece), len(piece)) for piece in pieces]
        digest = hashlib.sha256(content).digest()
        packed = manifest.pack_refs(refs)
        return Item(name, len(content), 0, "application/octet-stream", digest, packed)

    def _keep(self, writer: PackWriter, content: bytes) -> bytes:
        digest = hashlib.sha256(content).digest()
        chunk_id = self.keys.chunk_id(digest)
        if (self.vault_id, chunk_id) not in self.index.chunks:
            writer.add(chunk_id, content)
        return digest

    def _receipt(self, snapshot_id: str, header: bytes) -> str:
        self._sequence += 1
        claims = tokens.Receipt(
            iss=self.station_id,
            snapshot_id=snapshot_id,
            manifest_hash=tokens.b64u(manifest.manifest_hash(header)),
            sequence=self._sequence,
            previous="",
            items=1,
            bytes=1,
            stored=1_700_000_000,
        )
        return tokens.sign(claims, self.root.station_key())


def posix_keeper(folder: Path) -> Keeper:
    """A keeper whose store is ``folder``."""
    return Keeper(PosixBackend(folder)).open()


def files(count: int = 5, size: int = 3500) -> dict[str, bytes]:
    """Items of incompressible bytes."""
    return {f"photos/{number}.jpg": os.urandom(size) for number in range(count)}


def names(backend: Backend, prefix: str = "") -> Iterator[str]:
    """The names of all objects under ``prefix``, in order."""
    return iter(sorted(name for name, _size in backend.list(prefix)))


def spooled(folder: Path) -> list[Path]:
    """Temporary files that lie in the store's spool."""
    return [path for path in (folder / "spool").rglob("*") if path.is_file() and not path.suffix]
