"""STATION_TLS_CERT and STATION_TLS_KEY: the certificate of whoever runs the station."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from django.conf import settings

from backupstation.https.certificate import CertificateUnusable, names_of
from backupstation.tls import Certificate

log = logging.getLogger(__name__)
T = TypeVar("T")


class Given:
    """Checked when the station starts, and again when the files have changed."""

    def __init__(self, chain: Path, key: Path, now: datetime) -> None:
        """Two PEM files; ``chain`` may go on with intermediate ones. Raises CertificateUnusable."""
        self._chain, self._key = chain, key
        self._read = self._read_files()
        leaf = self._checked(self._read, now)
        self.certificate = self._load(Certificate)
        self.names = names_of(leaf, settings.STATION_ALLOWED_HOSTS)

    def refresh(self, now: datetime) -> None:
        """Take up renewed files; those that were not renewed in time are unusable."""
        found = self._read_files()
        if found == self._read:
            self._check_dates(_first_certificate(found[0], self._chain), now)
            return
        leaf = self._checked(found, now)
        self._load(self.certificate.load)
        self._read, self.names = found, names_of(leaf, settings.STATION_ALLOWED_HOSTS)

    def _load(self, load: Callable[[Path, Path], T]) -> T:
        try:
            return load(self._chain, self._key)
        except ValueError as error:  # a key that is too short for OpenSSL, for one
            raise CertificateUnusable(f"{error}.") from None

    def _read_files(self) -> tuple[bytes, bytes]:
        return _read(self._chain, "STATION_TLS_CERT"), _read(self._key, "STATION_TLS_KEY")

    def _checked(self, read: tuple[bytes, bytes], now: datetime) -> x509.Certificate:
        leaf = _first_certificate(read[0], self._chain)
        if _bytes_of(_public_key(read[1], self._key)) != _bytes_of(leaf.public_key()):
            raise CertificateUnusable(
                f"{self._key} (STATION_TLS_KEY) is not the key of {self._chain} (STATION_TLS_CERT)."
            )
        self._check_dates(leaf, now)
        if self._key.stat().st_mode & 0o077:
            log.warning("other users may read %s: `chmod 600` keeps it private", self._key)
        return leaf

    def _check_dates(self, leaf: x509.Certificate, now: datetime) -> None:
        if now > leaf.not_valid_after_utc:
            when = f"{leaf.not_valid_after_utc:%Y-%m-%d}"
            raise CertificateUnusable(f"STATION_TLS_CERT: {self._chain} expired on {when}.")
        if now < leaf.not_valid_before_utc:
            when = f"{leaf.not_valid_before_utc:%Y-%m-%d %H:%M}"
            raise CertificateUnusable(
                f"STATION_TLS_CERT: {self._chain} is not valid before {when} UTC;"
                " is this computer's clock right?"
            )


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateUnusable(f"{setting}: {path}: {error.strerror}.") from None


def _first_certificate(pem: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise CertificateUnusable(
            f"STATION_TLS_CERT: {path} holds no certificate in PEM."
        ) from None


def _public_key(pem: bytes, path: Path) -> PublicKeyTypes:
    try:
        key: PrivateKeyTypes = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise CertificateUnusable(
            f"STATION_TLS_KEY: {path} is encrypted; the station needs it without a passphrase."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateUnusable(f"STATION_TLS_KEY: {path} holds no key in PEM.") from None
    return key.public_key()


def _bytes_of(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
