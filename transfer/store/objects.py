"""Vaults, snapshot headers, receipts and the owner's mark: small objects, each sealed as a whole.

    snapshots/<vault>/<id>, receipts/<vault>/<id>
        magic "BSTNOBJ1" | version 1 | algorithm 1 | vault id 16 | salt 32 | AES-256-GCM(content),
        associated data = all before it || the object's name
        a snapshot's content: header length u32 | manifest header | phone's signature 64
        a receipt's content: the JWS in ASCII
    vaults/<id>
        Root.wrap of {"iss", "sub", "master"} in JSON, bound to the vault id
    station
        magic "BSTNOWNR" | version 1 | station id in text 26 | Root.wrap of that id

A name is part of what is authenticated, so an object that was swapped for another does not open.
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag

from transfer.store.backends._base import Backend, ObjectExists, StoreAway
from transfer.store.crypto import (
    ALGORITHM_AES_256_GCM,
    SALT_BYTES,
    SINGLE_USE_NONCE,
    TAG_BYTES,
    VAULT_ID_BYTES,
    Root,
    VaultKeys,
)
from wire import limits
from wire.errors import Conflict, Damaged, NotFound, StationFault

SNAPSHOTS: Final = "snapshots/"
RECEIPTS: Final = "receipts/"
VAULTS: Final = "vaults/"
OWNER: Final = "station"

_PREFIX: Final = b"BSTNOBJ1" + bytes([1, ALGORITHM_AES_256_GCM])
_HEADER_BYTES: Final = len(_PREFIX) + VAULT_ID_BYTES + SALT_BYTES
_OWNER_PREFIX: Final = b"BSTNOWNR\x01"
_OWNER_ID_BYTES: Final = 26
_LENGTH_BYTES: Final = 4
_VAULT_NAME: Final = re.compile(f"{VAULTS}[0-9a-f]{{{2 * VAULT_ID_BYTES}}}")
_SNAPSHOT: Final = b"snapshot"
_RECEIPT: Final = b"receipt"
_VAULT: Final = b"vault"
_OWNER: Final = b"owner"
_OBJECT_BYTES_MAX: Final = limits.HEADER_BYTES_MAX + 64 * limits.KIB


class ForeignStore(StationFault):
    """This store belongs to another station, or to this one under another root."""


class StoredHeader(NamedTuple):
    """A manifest header exactly as the phone signed it, and the signature."""

    header: bytes
    signature: bytes


class StoredVault(NamedTuple):
    """A vault's keys and the account (issuer and subject) that it belongs to."""

    keys: VaultKeys
    iss: str
    sub: str


class _VaultContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    sub: str
    master: bytes


def claim_store(backend: Backend, root: Root, station_id: str) -> None:
    """Mark the store as this station's (``station_id`` in text), or find that it is already.

    Raises :class:`ForeignStore` naming the station whose store it is. The mark is advisory: it
    stops mistakes, not attackers.
    """
    # Looking first: a station whose disk is full has to start too, for people to restore.
    with suppress(NotFound):
        _check_mark(_whole(backend, OWNER), root, station_id)
        return
    mark = _OWNER_PREFIX + station_id.encode()
    try:
        backend.put(OWNER, mark + root.wrap(_OWNER, station_id.encode(), station_id.encode()))
    except ObjectExists:
        _check_mark(_whole(backend, OWNER), root, station_id)


def require_store(backend: Backend, root: Root, station_id: str) -> None:
    """Make sure that this station's store is there now; raises :class:`StoreAway`.

    A folder whose disk was taken away is there all the same, and takes whatever is put in it.
    """
    try:
        _check_mark(_whole(backend, OWNER), root, station_id)
    except NotFound:
        raise StoreAway from None
    except Damaged as damage:  # a disk that was pulled out fails like one that is rotten
        raise StationFault(str(damage)) from None


def _check_mark(content: bytes, root: Root, station_id: str) -> None:
    end = len(_OWNER_PREFIX) + _OWNER_ID_BYTES
    if not content.startswith(_OWNER_PREFIX):
        raise Damaged(f"the object {OWNER!r} is not an owner's mark")
    owner = content[len(_OWNER_PREFIX) : end]
    if owner != station_id.encode():
        name = owner.decode("ascii", "replace")
        raise ForeignStore(f"this store belongs to station {name}, this is {station_id}")
    root.unwrap(_OWNER, owner, content[end:])


def put_vault(backend: Backend, root: Root, keys: VaultKeys, iss: str, sub: str) -> None:
    """Keep a vault's master key, wrapped, with the account that it belongs to."""
    content = msgspec.json.encode(_VaultContent(iss, sub, keys.master))
    backend.put(VAULTS + keys.vault_id.hex(), root.wrap(_VAULT, keys.vault_id, content))


def open_vault(backend: Backend, root: Root, vault_id: bytes) -> StoredVault:
    """The vault with this id; raises :class:`NotFound` or :class:`Damaged`."""
    name = VAULTS + vault_id.hex()
    wrapped = _whole(backend, name)
    try:
        content = msgspec.json.decode(root.unwrap(_VAULT, vault_id, wrapped), type=_VaultContent)
        return StoredVault(VaultKeys(vault_id, content.master), content.iss, content.sub)
    except (Damaged, ValueError) as damage:
        raise Damaged(f"{name}: {damage}") from None


def list_vaults(backend: Backend) -> Iterator[bytes]:
    """The ids of all vaults in the store; what is not named like a vault is not one."""
    for name, _size in backend.list(VAULTS):
        if _VAULT_NAME.fullmatch(name):
            yield bytes.fromhex(name.removeprefix(VAULTS))


def put_header(
    backend: Backend, keys: VaultKeys, snapshot_id: str, header: bytes, signature: bytes
) -> None:
    """Keep a manifest header with its signature; the same one again is fine.

    Raises :class:`Conflict` when the id has another manifest.
    """
    content = len(header).to_bytes(_LENGTH_BYTES) + header + signature
    _put(backend, keys, _SNAPSHOT, _name(SNAPSHOTS, keys, snapshot_id), content)


def get_header(backend: Backend, keys: VaultKeys, snapshot_id: str) -> StoredHeader:
    """The kept header; raises :class:`NotFound` or :class:`Damaged`, naming the snapshot."""
    content = _get(backend, keys, _SNAPSHOT, _name(SNAPSHOTS, keys, snapshot_id))
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES])
    if len(content) != end + limits.SIGNATURE_BYTES:
        raise Damaged(f"snapshot {snapshot_id}: the header is malformed")
    return StoredHeader(content[_LENGTH_BYTES:end], content[end:])


def put_receipt(backend: Backend, keys: VaultKeys, snapshot_id: str, token: str) -> None:
    """Keep a snapshot's receipt; the same one again is fine, another is :class:`Conflict`."""
    _put(backend, keys, _RECEIPT, _name(RECEIPTS, keys, snapshot_id), token.encode("ascii"))


def get_receipt(backend: Backend, keys: VaultKeys, snapshot_id: str) -> str:
    """The kept receipt; raises :class:`NotFound` or :class:`Damaged`, naming the snapshot."""
    content = _get(backend, keys, _RECEIPT, _name(RECEIPTS, keys, snapshot_id))
    return content.decode("ascii")


def list_snapshots(backend: Backend, vault_id: bytes) -> Iterator[str]:
    """The ids of all snapshots of a vault that have a header, receipted or not."""
    return _ids(backend, f"{SNAPSHOTS}{vault_id.hex()}/")


def list_receipts(backend: Backend, vault_id: bytes) -> Iterator[str]:
    """The ids of all snapshots of a vault that have a receipt."""
    return _ids(backend, f"{RECEIPTS}{vault_id.hex()}/")


def _ids(backend: Backend, folder: str) -> Iterator[str]:
    for name, _size in backend.list(folder):
        yield name.removeprefix(folder)


def _name(folder: str, keys: VaultKeys, snapshot_id: str) -> str:
    return f"{folder}{keys.vault_id.hex()}/{snapshot_id}"


def _put(backend: Backend, keys: VaultKeys, purpose: bytes, name: str, content: bytes) -> None:
    header = _PREFIX + keys.vault_id + secrets.token_bytes(SALT_BYTES)
    key = keys.object_key(purpose, header[-SALT_BYTES:])
    sealed = key.encrypt(SINGLE_USE_NONCE, content, header + name.encode())
    try:
        backend.put(name, header + sealed)
    except ObjectExists:
        # A commit that was cut off after this step comes here again.
        if _get(backend, keys, purpose, name) != content:
            raise Conflict(f"{name} is kept already, with other content") from None


def _get(backend: Backend, keys: VaultKeys, purpose: bytes, name: str) -> bytes:
    sealed = _whole(backend, name)
    header = sealed[:_HEADER_BYTES]
    if len(sealed) < _HEADER_BYTES + TAG_BYTES or not header.startswith(_PREFIX):
        raise Damaged(f"{name}: not an object of a known version")
    key = keys.object_key(purpose, header[-SALT_BYTES:])
    try:
        return key.decrypt(SINGLE_USE_NONCE, sealed[_HEADER_BYTES:], header + name.encode())
    except InvalidTag:
        raise Damaged(f"{name}: the bytes were altered, or are another object's") from None


def _whole(backend: Backend, name: str) -> bytes:
    size = backend.stat(name)
    if size > _OBJECT_BYTES_MAX:
        raise Damaged(f"{name}: {size} bytes are more than such an object has")
    return backend.get_range(name, 0, size)
