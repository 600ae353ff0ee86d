"""Reading packs: one chunk by its entry, or the whole directory."""

import threading
from collections import OrderedDict
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transfer.store import chunks
from transfer.store.backends._base import Backend
from transfer.store.crypto import VaultKeys
from transfer.store.packformat import (
    HEADER_BYTES,
    TRAILER_BYTES,
    PackEntry,
    directory_length,
    open_directory,
    pack_key,
    vault_of,
)
from wire.errors import Damaged

_OPEN_PACKS: Final = 256


class PackReader:
    """Opens the packs of one vault; any thread may call it."""

    def __init__(self, backend: Backend, keys: VaultKeys) -> None:
        self._backend = backend
        self._keys = keys
        self._lock = threading.Lock()
        self._opened: OrderedDict[str, tuple[bytes, AESGCM]] = OrderedDict()

    def read(self, pack_name: str, entry: PackEntry) -> bytes:
        """The chunk's plaintext.

        Raises :class:`Damaged` naming pack and chunk, :class:`NotFound` when the pack is gone.
        """
        header, key = self._open(pack_name)
        sealed = self._backend.get_range(pack_name, entry.offset, entry.sealed_len)
        associated = chunks.associated_data(header, entry.chunk_id, entry.sealed_len, entry.raw_len)
        try:
            return chunks.open_sealed(key, sealed, associated, entry.raw_len)
        except Damaged as damage:
            name = f"chunk {entry.chunk_id.hex()} in {pack_name}"
            raise Damaged(f"{name}: {damage}") from None

    def directory(self, pack_name: str) -> list[PackEntry]:
        """Every chunk of the pack in order; raises :class:`Damaged` or :class:`NotFound`."""
        header, key = self._open(pack_name)
        end = self._backend.stat(pack_name) - TRAILER_BYTES
        try:
            if end < HEADER_BYTES:
                raise Damaged("cut short")
            trailer = self._backend.get_range(pack_name, end, TRAILER_BYTES)
            start = end - directory_length(trailer, end)
            sealed = self._backend.get_range(pack_name, start, end - start)
            return open_directory(key, header, sealed, start)
        except Damaged as damage:
            raise Damaged(f"{pack_name}: {damage}") from None

    def _open(self, pack_name: str) -> tuple[bytes, AESGCM]:
        with self._lock:
            opened = self._opened.get(pack_name)
            if opened is not None:
                self._opened.move_to_end(pack_name)
                return opened
        header = self._backend.get_range(pack_name, 0, HEADER_BYTES)
        try:
            vault = vault_of(header)
        except Damaged as damage:
            raise Damaged(f"{pack_name}: {damage}") from None
        if vault != self._keys.vault_id:
            raise Damaged(f"{pack_name} belongs to another vault")
        opened = (header, pack_key(self._keys, header))
        with self._lock:
            self._opened[pack_name] = opened
            if len(self._opened) > _OPEN_PACKS:
                self._opened.popitem(last=False)
        return opened
