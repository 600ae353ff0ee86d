"""Who issues tickets here, and with which key.

Embedded, ``backupstation`` hands over the key that comes from the station's root; alone, the keys
are in this server's own folder (:mod:`accounts.keyring`). The rest of ``accounts`` asks
:func:`current` and cannot tell the difference.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class IssuerKey:
    """One key, the seconds since 1970 from when it signs, and those at which it is forgotten."""

    private: Ed25519PrivateKey
    signs_from: int
    forgotten_at: int | None = None

    @property
    def public(self) -> bytes:
        """The 32 bytes that stations and phones pin."""
        return self.private.public_key().public_bytes_raw()


@dataclass(frozen=True)
class Issuer:
    """The name in every ticket, and the keys in the order in which they sign."""

    iss: str
    keys: tuple[IssuerKey, ...]

    @classmethod
    def single(cls, iss: str, key: Ed25519PrivateKey) -> "Issuer":
        """Return an issuer with one key for good, as the station's root gives it."""
        return cls(iss, (IssuerKey(key, 0),))

    def signing_key(self, now: int) -> Ed25519PrivateKey:
        """Return the newest key whose time to sign has come."""
        return [key for key in self.keys if key.signs_from <= now][-1].private

    def live_keys(self, now: int) -> list[bytes]:
        """Return what to publish: old keys not yet forgotten, the signing one, and the next."""
        return [
            key.public for key in self.keys if key.forgotten_at is None or now < key.forgotten_at
        ]


_source: Callable[[], Issuer] | None = None


def configure(source: Callable[[], Issuer]) -> None:
    """Say where the issuer comes from. It is asked at each use, so it may change."""
    global _source
    _source = source


def current() -> Issuer:
    """Return the issuer of this process."""
    if _source is None:
        raise ImproperlyConfigured("no issuer: accounts.issuer.configure was not called")
    return _source()
