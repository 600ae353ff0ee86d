"""What a phone signs to prove that it holds its key, each text under its own label.

Labels keep a signature that was made for one purpose from serving another. The texts that are
signed for the IM server are in wire/im.py.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from wire.errors import VerificationFailed

ENROL: Final = b"backupstation/1 enrol"
FIRST: Final = b"backupstation/1 first"
VERIFIED: Final = b"backupstation/1 verified"
DIGITS: Final = b"backupstation/1 digits"


def enrol_text(handshake_hash: bytes) -> bytes:
    """What the phone signs to become a phone of the invitation owner's account."""
    return ENROL + handshake_hash


def first_text(handshake_hash: bytes, ticket: str) -> bytes:
    """What the phone signs beside the first verification information."""
    return FIRST + handshake_hash + _token_hash(ticket)


def verified_text(second: str) -> bytes:
    """What the phone signs after it has verified the second verification information."""
    return VERIFIED + _token_hash(second)


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("ascii", "backslashreplace")).digest()


def prove(key: Ed25519PrivateKey, text: bytes) -> bytes:
    """An Ed25519 signature (RFC 8032) over one of the texts above, 64 bytes."""
    return key.sign(text)


def check(public_key: bytes, proof: bytes, text: bytes) -> None:
    """Raise :class:`~wire.errors.VerificationFailed` unless ``proof`` is right."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(proof, text)
    except (InvalidSignature, ValueError):
        raise VerificationFailed("the proof of the phone's key is wrong") from None


def six_digits(handshake_hash: bytes) -> str:
    """The six digits that station and phone both show for one connection."""
    digest = hashlib.sha256(DIGITS + handshake_hash).digest()
    return f"{int.from_bytes(digest[:8]) % 1_000_000:06}"
