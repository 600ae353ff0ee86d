"""Keys: one root for the station, one master key per vault, one data key per object.

The root is 32 random bytes. Station identity, embedded issuer key and wrapping key are derived from
it with HKDF-SHA256 (RFC 5869), each under its own label; a vault's master key is random and gives
the id key and, with an object's own salt, the key of that object.
"""

import hmac
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from transfer.store import rootfile, sheet
from transfer.store.rootfile import ROOT_BYTES
from wire.errors import Damaged
from wire.invitation import station_id, station_id_text

LABEL: Final = b"backupstation/1 "
MASTER_BYTES: Final = 32
SALT_BYTES: Final = 32
TAG_BYTES: Final = 16
VAULT_ID_BYTES: Final = 16
NONCE_BYTES: Final = 12
ALGORITHM_AES_256_GCM: Final = 1
# For a key that seals exactly one text, because its salt was drawn for that text.
SINGLE_USE_NONCE: Final = bytes(NONCE_BYTES)
_WRAP_VERSION: Final = b"\x01"


def derive(key: bytes, label: bytes, salt: bytes | None = None) -> bytes:
    """32 bytes for one purpose: HKDF-SHA256 of ``key`` with "backupstation/1 " || ``label``."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=LABEL + label).derive(key)


class Root:
    """The one secret of a station; whoever has it, or its 24 words, has everything."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != ROOT_BYTES:
            raise ValueError("a root is 32 bytes")
        self._secret = secret
        self._wrapping = derive(secret, b"wrapping")

    @classmethod
    def new(cls) -> "Root":
        """A root from the system's random number generator."""
        return cls(secrets.token_bytes(ROOT_BYTES))

    @classmethod
    def from_words(cls, words: str) -> "Root":
        """The root that these 24 words (BIP-39, English list) stand for; see sheet.py."""
        return cls(sheet.read(words))

    def words(self) -> str:
        """The recovery sheet: 24 words of the BIP-39 English list, the last with a checksum."""
        return sheet.written(self._secret)

    @classmethod
    def load_or_create(cls, path: Path, passphrase: str | None) -> "Root":
        """The root kept in the file ``path``, made at the first start; see rootfile.py."""
        return cls(rootfile.load_or_create(path, passphrase))

    def save(self, path: Path, passphrase: str | None) -> None:
        """Keep this root (typed from its words) at ``path``, where no root may be yet."""
        rootfile.save(self._secret, path, passphrase)

    def station_key(self) -> Ed25519PrivateKey:
        """The station's identity."""
        return Ed25519PrivateKey.from_private_bytes(derive(self._secret, b"station identity"))

    def station_id_text(self) -> str:
        """The id of the station whose root this is, as tokens and people see it."""
        return station_id_text(station_id(self.station_key().public_key().public_bytes_raw()))

    def issuer_key(self) -> Ed25519PrivateKey:
        """The key of the IM server that runs inside this station."""
        return Ed25519PrivateKey.from_private_bytes(derive(self._secret, b"issuer"))

    def wrap(self, purpose: bytes, context: bytes, plaintext: bytes) -> bytes:
        """Seal ``plaintext`` under the root: version 1 | salt 32 | ciphertext | tag 16.

        ``context`` is authenticated, not kept: it must be given again to :meth:`unwrap`.
        """
        salt = secrets.token_bytes(SALT_BYTES)
        key = AESGCM(derive(self._wrapping, b"wrap " + purpose, salt))
        header = _WRAP_VERSION + salt
        return header + key.encrypt(SINGLE_USE_NONCE, plaintext, header + context)

    def unwrap(self, purpose: bytes, context: bytes, wrapped: bytes) -> bytes:
        """What :meth:`wrap` sealed for this purpose and context; raises :class:`Damaged`."""
        header, sealed = wrapped[: 1 + SALT_BYTES], wrapped[1 + SALT_BYTES :]
        name = purpose.decode()
        if len(sealed) < TAG_BYTES or header[:1] != _WRAP_VERSION:
            raise Damaged(f"wrapped {name}: unknown form")
        key = AESGCM(derive(self._wrapping, b"wrap " + purpose, header[1:]))
        try:
            return key.decrypt(SINGLE_USE_NONCE, sealed, header + context)
        except InvalidTag:
            raise Damaged(f"wrapped {name}: altered, or sealed under another root") from None


class VaultKeys:
    """The keys of one vault: ``vault_id`` 16 bytes, ``master`` 32 bytes."""

    def __init__(self, vault_id: bytes, master: bytes) -> None:
        if len(vault_id) != VAULT_ID_BYTES or len(master) != MASTER_BYTES:
            raise ValueError("a vault id is 16 bytes and a master key 32")
        self.vault_id = vault_id
        self.master = master
        self._id_key = derive(master, b"chunk id")

    @classmethod
    def new(cls) -> "VaultKeys":
        """A new vault's id and master key, both random."""
        return cls(secrets.token_bytes(VAULT_ID_BYTES), secrets.token_bytes(MASTER_BYTES))

    def chunk_id(self, digest: bytes) -> bytes:
        """HMAC-SHA256(id key, SHA-256 of the plaintext): means nothing outside this vault."""
        return hmac.digest(self._id_key, digest, "sha256")

    def object_key(self, purpose: bytes, salt: bytes) -> AESGCM:
        """The AES-256-GCM key of the one object that carries ``salt``."""
        return AESGCM(derive(self.master, purpose + b" " + self.vault_id, salt))
