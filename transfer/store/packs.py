"""Packs: write-once objects of about 16 MiB that hold many sealed chunks and their directory.

    header     magic "BSTNPACK" | version 1 | algorithm 1 | vault id 16 | salt 32
    chunks     index u32 | ciphertext | tag 16, one after the other; the nonce is the index
    directory  n x (kind 1 | chunk id 32 | offset u32 | sealed length u32 | plaintext length u32),
               sealed with the all-ones nonce
    trailer    length of the sealed directory u32

A pack has its own key: HKDF of the vault's master key with the pack's salt.
"""

import struct
import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transfer.store import chunks
from transfer.store.backends._base import Backend
from transfer.store.crypto import (
    ALGORITHM_AES_256_GCM,
    NONCE_BYTES,
    SALT_BYTES,
    TAG_BYTES,
    VAULT_ID_BYTES,
    VaultKeys,
)
from wire import limits
from wire.errors import Damaged

FOLDER: Final = "packs/"
MAGIC: Final = b"BSTNPACK"
VERSION: Final = 1
HEADER_BYTES: Final = len(MAGIC) + 2 + VAULT_ID_BYTES + SALT_BYTES
CHUNK_ID_BYTES: Final = 32
ENTRIES_MAX: Final = 32_768
_PREFIX: Final = MAGIC + bytes([VERSION, ALGORITHM_AES_256_GCM])
_PURPOSE: Final = b"pack"
_KIND_DIRECTORY: Final = b"\xff"
_DIRECTORY_NONCE: Final = b"\xff" * NONCE_BYTES
_ENTRY: Final = struct.Struct(f">1s{CHUNK_ID_BYTES}sIII")
_TRAILER_BYTES: Final = 4
_OPEN_PACKS: Final = 256


class PackEntry(NamedTuple):
    """One chunk's place in its pack; offset and lengths in bytes."""

    chunk_id: bytes
    offset: int
    sealed_len: int
    raw_len: int


class FinishedPack(NamedTuple):
    """A durable pack and the chunks that it holds; size in bytes."""

    name: str
    size: int
    entries: list[PackEntry]


def new_header(vault_id: bytes, salt: bytes) -> bytes:
    """The clear header of a pack, which is associated data of everything in it."""
    return _PREFIX + vault_id + salt


def pack_key(keys: VaultKeys, header: bytes) -> AESGCM:
    """The key that sealed the pack with this header."""
    return keys.object_key(_PURPOSE, header[-SALT_BYTES:])


def vault_of(header: bytes) -> bytes:
    """The vault that a pack with this header belongs to; raises :class:`Damaged`."""
    if len(header) != HEADER_BYTES or not header.startswith(_PREFIX):
        raise Damaged("not a pack of a known version")
    return header[len(_PREFIX) : len(_PREFIX) + VAULT_ID_BYTES]


def seal_directory(key: AESGCM, header: bytes, entries: Iterable[PackEntry]) -> bytes:
    """Directory and trailer, the end of a pack."""
    plain = b"".join(
        _ENTRY.pack(chunks.kind_of(entry.sealed_len, entry.raw_len), *entry) for entry in entries
    )
    sealed = key.encrypt(_DIRECTORY_NONCE, plain, _directory_associated(header, len(plain)))
    return sealed + len(sealed).to_bytes(_TRAILER_BYTES)


def _directory_associated(header: bytes, length: int) -> bytes:
    return header + _KIND_DIRECTORY + length.to_bytes(4)


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
        size = self._backend.stat(pack_name)
        start, sealed = self._sealed_directory(pack_name, size)
        plain_len = len(sealed) - TAG_BYTES
        try:
            plain = key.decrypt(_DIRECTORY_NONCE, sealed, _directory_associated(header, plain_len))
        except InvalidTag:
            raise Damaged(f"{pack_name}: the directory was altered") from None
        return _entries(plain, start, pack_name)

    def _sealed_directory(self, pack_name: str, size: int) -> tuple[int, bytes]:
        end = size - _TRAILER_BYTES
        if end < HEADER_BYTES:
            raise Damaged(f"{pack_name} is cut short")
        length = int.from_bytes(self._backend.get_range(pack_name, end, _TRAILER_BYTES))
        fits = TAG_BYTES <= length <= min(end - HEADER_BYTES, ENTRIES_MAX * _ENTRY.size + TAG_BYTES)
        if not fits:
            raise Damaged(f"{pack_name}: impossible length of the directory")
        return end - length, self._backend.get_range(pack_name, end - length, length)

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


def _entries(plain: bytes, end: int, pack_name: str) -> list[PackEntry]:
    if len(plain) % _ENTRY.size:
        raise Damaged(f"{pack_name}: the directory is malformed")
    entries = []
    at = HEADER_BYTES
    for kind, chunk_id, offset, sealed_len, raw_len in _ENTRY.iter_unpack(plain):
        lengths_fit = raw_len <= limits.CHUNK_BYTES_MAX and kind == chunks.kind_of(
            sealed_len, raw_len
        )
        if offset != at or not lengths_fit:
            raise Damaged(f"{pack_name}: the directory contradicts itself")
        at += sealed_len
        entries.append(PackEntry(chunk_id, offset, sealed_len, raw_len))
    if at != end:
        raise Damaged(f"{pack_name}: the directory does not cover the pack")
    return entries
