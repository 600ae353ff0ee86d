"""What phone and station signed, read back from the store and believed only when it verifies."""

from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from transfer.store.backends import Backend
from transfer.store.objects import StoredHeader, StoredVault, get_header, get_receipt
from wire import manifest, tokens
from wire.errors import Damaged, MalformedMessage, ManifestRefused, TokenRefused, TooLarge
from wire.manifest import ManifestHeader


class SignedManifest(NamedTuple):
    """A header as it is stored and as it reads; the phone's signature was checked."""

    stored: StoredHeader
    header: ManifestHeader


class SignedReceipt(NamedTuple):
    """A receipt as it is stored and as it reads; the station's signature was checked."""

    token: str
    claims: tokens.Receipt


def read_manifest(backend: Backend, vault: StoredVault, snapshot_id: str) -> SignedManifest:
    """The manifest header of a snapshot; raises :class:`NotFound` or :class:`Damaged`."""
    stored = get_header(backend, vault.keys, snapshot_id)
    try:
        header = manifest.decode_header(stored.header)
        manifest.check_header_signature(header.phone_key, *stored)
    except (ManifestRefused, TooLarge) as refusal:
        raise Damaged(f"snapshot {snapshot_id}: {refusal}") from None
    if (header.snapshot_id, header.iss, header.sub) != (snapshot_id, vault.iss, vault.sub):
        raise Damaged(f"snapshot {snapshot_id}: its header names another snapshot or account")
    return SignedManifest(stored, header)


def read_receipt(
    backend: Backend, vault: StoredVault, station: Ed25519PublicKey, snapshot_id: str
) -> SignedReceipt:
    """The receipt of a snapshot; raises :class:`NotFound` or :class:`Damaged`."""
    token = get_receipt(backend, vault.keys, snapshot_id)
    try:
        claims = tokens.verify(token, tokens.Receipt, [station.public_bytes_raw()])
    except (TokenRefused, MalformedMessage) as refusal:
        raise Damaged(f"receipt of snapshot {snapshot_id}: {refusal}") from None
    if claims.snapshot_id != snapshot_id:
        raise Damaged(f"receipt of snapshot {snapshot_id}: it is another snapshot's")
    return SignedReceipt(token, claims)
