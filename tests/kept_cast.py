"""Real snapshots in this process's own store and database, made as a commit makes them."""

import hashlib
import secrets
import time
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from accounts.models import User
from transfer import chunks, committing, receipts, station, vaults
from transfer.models import Snapshot, Upload, Vault
from transfer.store.objects import put_header
from transfer.store.packwriter import PackWriter
from wire import manifest, tokens
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

ISS = "station:test"
CHUNK_BYTES = 64 * 1024


def vault_of(name: str = "alice") -> Vault:
    """The vault of the site user called so, who is made when there is none."""
    owner = User.objects.filter(username=name).first()
    owner = owner or User.objects.create_user(name, password="correct horse battery")
    return vaults.link(owner, ISS, name)


def keep(
    vault: Vault,
    files: Mapping[str, bytes | str],
    *,
    label: str = "",
    created: int | None = None,
    per_page: int = 3,
) -> Snapshot:
    """Keep a receipted snapshot of ``files``; ``created`` is in seconds since 1970."""
    return Keeping(vault).keep(files, label, int(created or time.time()), per_page)


class Keeping:
    """One upload of one phone."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.keys = vaults.keys_of(vault.pk)
        self.backend = station.identity().backend
        self.writer = PackWriter(self.backend, self.keys)
        self.phone = Ed25519PrivateKey.generate()
        self.packs: set[str] = set()
        self.written: set[bytes] = set()

    def keep(
        self, files: Mapping[str, bytes | str], label: str, created: int, per_page: int
    ) -> Snapshot:
        items = [
            self._item(name, data.encode() if isinstance(data, str) else data)
            for name, data in sorted(files.items())
        ]
        pages = [self._page(items[at : at + per_page]) for at in range(0, len(items), per_page)]
        self.writer.finish()
        finished = self.writer.take_finished()
        chunks.add_packs(self.vault, finished)
        header = ManifestHeader(
            format=manifest.HEADER_FORMAT,
            iss=self.vault.iss,
            sub=self.vault.sub,
            snapshot_id=manifest.snapshot_id_text(secrets.token_bytes(16)),
            source="test",
            label=label,
            created=created,
            items=len(items),
            bytes=sum(item.size for item in items),
            chunks=sum(item.chunk_count for item in items),
            pages=pages,
            phone_key=self.phone.public_key().public_bytes_raw(),
        )
        return self._publish(header, self.packs | {pack.name for pack in finished})

    def _publish(self, header: ManifestHeader, packs: set[str]) -> Snapshot:
        encoded = manifest.encode_header(header)
        signature = manifest.sign_header(self.phone, encoded)
        put_header(self.backend, self.keys, header.snapshot_id, encoded, signature)
        upload = Upload.objects.create(
            vault=self.vault,
            snapshot_id=header.snapshot_id,
            phone=tokens.thumbprint(header.phone_key),
            source=header.source,
            label=header.label,
            items=header.items,
            total_bytes=header.bytes,
        )
        digest = manifest.manifest_hash(encoded).hex()
        snapshot = committing.publish(upload, header, digest, sorted(packs))
        receipts.settle(snapshot)
        snapshot.refresh_from_db()
        return snapshot

    def _item(self, name: str, data: bytes) -> Item:
        pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        refs = [ChunkRef(self._chunk(piece), len(piece)) for piece in pieces]
        digest = hashlib.sha256(data).digest()
        packed = manifest.pack_refs(refs)
        return Item(name, len(data), 0, "application/octet-stream", digest, packed)

    def _page(self, items: list[Item]) -> PageRef:
        page = manifest.encode_page(items)
        return PageRef(self._chunk(page), len(page), len(items))

    def _chunk(self, data: bytes) -> bytes:
        digest = hashlib.sha256(data).digest()
        chunk_id = self.keys.chunk_id(digest)
        held = chunks.packs_of(self.vault, [chunk_id])
        if held:
            self.packs.add(held[chunk_id])
        elif chunk_id not in self.written:
            self.written.add(chunk_id)
            self.writer.add(chunk_id, data)
        return digest
