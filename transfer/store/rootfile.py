"""The file that holds the root: mode 0600, written durably, never replaced by another root.

magic "BSTNROOT" | version 1 | form 1 | body
form 0: root 32 | SHA-256("backupstation/1 root" || root)[:8]
form 1: memory KiB u32 | passes u32 | lanes u8 | salt 16 | AES-256-GCM(root) 48, under a key that
        Argon2id (RFC 9106) makes from the passphrase; all before it is associated data
"""

import errno
import hashlib
import os
import secrets
import struct
import unicodedata
from pathlib import Path
from typing import Final

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from transfer.store.backends._base import writing
from transfer.store.backends.posix import sync_folder, write_all
from wire.errors import Damaged, StationFault

ROOT_BYTES: Final = 32
_MAGIC: Final = b"BSTNROOT\x01"
_NONCE: Final = bytes(12)  # each key is made from a fresh salt and seals one text
_PLAIN: Final = b"\x00"
_WRAPPED: Final = b"\x01"
_COST: Final = struct.Struct(">IIB16s")
# RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes.
_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 4
# What a file may ask of us, so that an altered one cannot exhaust the machine.
_MEMORY_KIB_MAX: Final = 1024 * 1024
_PASSES_MAX: Final = 64


class RootLocked(StationFault):
    """The root's file is wrapped, and the passphrase is missing or wrong."""


def load_or_create(path: Path, passphrase: str | None) -> bytes:
    """The root kept at ``path``; a new one is drawn and kept when there is no such file.

    A plain file is wrapped on the spot once a passphrase is given. Raises :class:`RootLocked`,
    :class:`Damaged` or :class:`StationFault`.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return _create(path, passphrase)
    except OSError as error:
        raise StationFault(f"cannot read the root {path}: {error.strerror}") from error
    secret = _decode(content, passphrase, path)
    if passphrase and content.startswith(_MAGIC + _PLAIN):
        with writing(f"the root {path}"):
            os.replace(_write_beside(path, _encode(secret, passphrase)), path)  # noqa: PTH105
            sync_folder(path.parent)
    return secret


def save(secret: bytes, path: Path, passphrase: str | None) -> None:
    """Keep a root at ``path``, durably; :class:`StationFault` when a root is there already."""
    with writing(f"the root {path}"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = _write_beside(path, _encode(secret, passphrase))
        try:
            _name(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(path.parent)


def sweep(path: Path) -> None:
    """Remove what killed processes left beside ``path``; for whoever holds the data folder."""
    for beside in path.parent.glob(f".{path.name}.*"):
        beside.unlink(missing_ok=True)


def _name(beside: Path, path: Path) -> None:
    # Of two first starts at once one wins: a link never replaces. exFAT has no links.
    try:
        os.link(beside, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(errno.EEXIST, "there is a root already") from None
        beside.rename(path)


def _create(path: Path, passphrase: str | None) -> bytes:
    secret = secrets.token_bytes(ROOT_BYTES)
    try:
        save(secret, path, passphrase)
    except StationFault as fault:
        if isinstance(fault.__cause__, FileExistsError):
            return load_or_create(path, passphrase)
        raise
    return secret


def _write_beside(path: Path, content: bytes) -> Path:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(handle, [content], 0)
        os.fsync(handle)
    finally:
        os.close(handle)
    return beside


def _encode(secret: bytes, passphrase: str | None) -> bytes:
    if not passphrase:
        return _MAGIC + _PLAIN + secret + _checksum(secret)
    salt = secrets.token_bytes(16)
    header = _MAGIC + _WRAPPED + _COST.pack(_MEMORY_KIB, _PASSES, _LANES, salt)
    key = AESGCM(_stretch(passphrase, salt, _MEMORY_KIB, _PASSES, _LANES))
    return header + key.encrypt(_NONCE, secret, header)


def _decode(content: bytes, passphrase: str | None, path: Path) -> bytes:
    form, body = content[: len(_MAGIC) + 1], content[len(_MAGIC) + 1 :]
    if form == _MAGIC + _PLAIN:
        if body[ROOT_BYTES:] != _checksum(body[:ROOT_BYTES]):
            raise Damaged(f"the root {path} is altered; make it again from its 24 words")
        return body[:ROOT_BYTES]
    if form != _MAGIC + _WRAPPED or len(body) != _COST.size + ROOT_BYTES + 16:
        raise Damaged(f"{path} is not a root; make it again from its 24 words")
    if not passphrase:
        raise RootLocked(f"the root {path} is wrapped: set STATION_PASSPHRASE")
    return _unlock(content, body, passphrase, path)


def _unlock(content: bytes, body: bytes, passphrase: str, path: Path) -> bytes:
    memory, passes, lanes, salt = _COST.unpack(body[: _COST.size])
    if not (8 * lanes <= memory <= _MEMORY_KIB_MAX and 0 < passes <= _PASSES_MAX and lanes > 0):
        raise Damaged(f"the root {path} is altered; make it again from its 24 words")
    key = AESGCM(_stretch(passphrase, salt, memory, passes, lanes))
    header = content[: -(ROOT_BYTES + 16)]
    try:
        return key.decrypt(_NONCE, body[_COST.size :], header)
    except InvalidTag:
        raise RootLocked(f"the passphrase does not open the root {path}") from None


def _stretch(passphrase: str, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
    # Keyboards and systems spell "é" in one or in two characters (RFC 8265 section 4.2).
    typed = unicodedata.normalize("NFC", passphrase).encode()
    return hash_secret_raw(typed, salt, passes, memory, lanes, 32, Type.ID)


def _checksum(secret: bytes) -> bytes:
    return hashlib.sha256(b"backupstation/1 root" + secret).digest()[:8]
