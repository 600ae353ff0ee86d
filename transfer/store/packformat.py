"""Packs: write-once objects of about 16 MiB that hold many sealed chunks and their directory.

    header     magic "BSTNPACK" | version 1 | algorithm 1 | vault id 16 | salt 32
    chunks     index u32 | ciphertext | tag 16, one after the other; the nonce is the index
    directory  n x (kind 1 | chunk id 32 | offset u32 | sealed length u32 | plaintext length u32),
               sealed with the all-ones nonce
    trailer    length of the sealed directory u32

A pack has its own key: HKDF of the vault's master key with the pack's salt.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transfer.store import chunks
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
TRAILER_BYTES: Final = 4
_PREFIX: Final = MAGIC + bytes([VERSION, ALGORITHM_AES_256_GCM])
_PURPOSE: Final = b"pack"
_KIND_DIRECTORY: Final = b"\xff"
_DIRECTORY_NONCE: Final = b"\xff" * NONCE_BYTES
_ENTRY: Final = struct.Struct(f">1s{CHUNK_ID_BYTES}sIII")


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
    return sealed + len(sealed).to_bytes(TRAILER_BYTES)


def _directory_associated(header: bytes, length: int) -> bytes:
    return header + _KIND_DIRECTORY + length.to_bytes(4)


def directory_length(trailer: bytes, end: int) -> int:
    """Length of the sealed directory that ends at byte ``end``; :class:`Damaged` if impossible."""
    length = int.from_bytes(trailer)
    if not TAG_BYTES <= length <= min(end - HEADER_BYTES, ENTRIES_MAX * _ENTRY.size + TAG_BYTES):
        raise Damaged("impossible length of the directory")
    return length


def open_directory(key: AESGCM, header: bytes, sealed: bytes, start: int) -> list[PackEntry]:
    """The entries of a sealed directory that begins at byte ``start``; raises :class:`Damaged`."""
    associated = _directory_associated(header, len(sealed) - TAG_BYTES)
    try:
        return _entries(key.decrypt(_DIRECTORY_NONCE, sealed, associated), start)
    except InvalidTag:
        raise Damaged("the directory was altered") from None


def _entries(plain: bytes, end: int) -> list[PackEntry]:
    if len(plain) % _ENTRY.size:
        raise Damaged("the directory is malformed")
    entries = []
    at = HEADER_BYTES
    for kind, chunk_id, offset, sealed_len, raw_len in _ENTRY.iter_unpack(plain):
        fits = raw_len <= limits.CHUNK_BYTES_MAX and kind == chunks.kind_of(sealed_len, raw_len)
        if offset != at or not fits:
            raise Damaged("the directory contradicts itself")
        at += sealed_len
        entries.append(PackEntry(chunk_id, offset, sealed_len, raw_len))
    if at != end:
        raise Damaged("the directory does not cover the pack")
    return entries
