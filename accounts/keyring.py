"""The keys of an IM server that runs alone: one file of mode 0600, replaced as a whole.

    created --- published, not signing ---> signs --- replaced, still published ---> forgotten
            ROTATION_LEAD_SECONDS                     ROTATION_TAIL_SECONDS

Stations ask for the keys every hour and phones when they meet an unknown one; so the lead gives all
of them time to learn a new key before the first ticket that needs it.
"""

import base64
import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured
from msgspec import Meta

from accounts.issuer import Issuer, IssuerKey
from wire.im import Key

FILE_NAME: Final = "issuer.json"
ROTATION_LEAD_SECONDS: Final = 7 * 24 * 3600
ROTATION_TAIL_SECONDS: Final = 24 * 3600


class RotationUnderWayError(Exception):
    """The key of the last rotation does not sign yet; ``signs_from`` says when it will."""

    def __init__(self, signs_from: int) -> None:
        super().__init__(signs_from)
        self.signs_from = signs_from


class _StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    seed: Key
    signs_from: int
    forgotten_at: int | None = None


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: str
    keys: Annotated[list[_StoredKey], Meta(min_length=1)]


class Keyring:
    """The issuer's file in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / FILE_NAME

    def create_if_missing(self) -> None:
        """Draw the first key and, from it, the issuer's name; never replaces a file."""
        if self._path.exists():
            return
        seed = secrets.token_bytes(32)
        stored = _Stored(_name_for(seed), [_StoredKey(seed, 0)])
        temporary = self._write_temporary(stored)
        try:
            os.link(temporary, self._path)  # fails when another process was faster
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        self._sync_folder()

    def issuer(self) -> Issuer:
        """Read the file; raises ImproperlyConfigured when it is missing or damaged."""
        stored = self._load()
        keys = [
            IssuerKey(
                Ed25519PrivateKey.from_private_bytes(key.seed), key.signs_from, key.forgotten_at
            )
            for key in stored.keys
        ]
        return Issuer(stored.iss, tuple(keys))

    def rotate(self, now: int) -> None:
        """Add a key that signs after the lead; raises RotationUnderWayError before that."""
        stored = self._load()
        newest = stored.keys[-1]
        if newest.signs_from > now:
            raise RotationUnderWayError(newest.signs_from)
        starts = now + ROTATION_LEAD_SECONDS
        kept = [key for key in stored.keys[:-1] if now < (key.forgotten_at or 0)]
        last = msgspec.structs.replace(newest, forgotten_at=starts + ROTATION_TAIL_SECONDS)
        added = _StoredKey(secrets.token_bytes(32), starts)
        self._replace(_Stored(stored.iss, [*kept, last, added]))

    def replace_all(self) -> None:
        """After a leak: one new key signs now and no other counts; peers must fetch it."""
        added = _StoredKey(secrets.token_bytes(32), 0)
        self._replace(_Stored(self._load().iss, [added]))

    def _load(self) -> _Stored:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Stored)
        except (OSError, msgspec.DecodeError) as error:
            raise ImproperlyConfigured(f"issuer keys in {self._path}: {error}") from None

    def _replace(self, stored: _Stored) -> None:
        self._write_temporary(stored).replace(self._path)
        self._sync_folder()

    def _write_temporary(self, stored: _Stored) -> Path:
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".issuer-")  # mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(stored))
            file.flush()
            os.fsync(file.fileno())
        return Path(name)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _name_for(seed: bytes) -> str:
    """Return a name that stays when addresses and keys change."""
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    digest = hashlib.sha256(b"backupstation/1 issuer" + public).digest()[:16]
    return "im:" + base64.b32encode(digest).decode().rstrip("=").lower()
