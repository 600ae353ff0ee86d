"""STATION_HTTPS=auto: a certificate for the addresses of this machine, by its own authority."""

import logging
import os
import socket
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from django.conf import settings

from backupstation import addresses
from backupstation.https.authority import (
    Address,
    Authority,
    is_permitted_address,
    is_permitted_name,
)
from backupstation.https.certificate import CertificateUnusable, names_of
from backupstation.tls import Certificate

log = logging.getLogger(__name__)
_AUTHORITY: Final = "authority.pem"
_LEAF: Final = "station.pem"
_RENEWED_BEFORE: Final = timedelta(days=30)
_ALWAYS: Final[tuple[Address, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class Made:
    """Made at the first start, renewed 30 days before its end and when addresses change."""

    def __init__(self, folder: Path, host: str, now: datetime) -> None:
        """``host`` is the address that the server binds. Raises CertificateUnusable or OSError."""
        self._folder, self._host = folder, host
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._leaf = folder / _LEAF
        self._authority = _kept_or_new(folder, now)
        for name in settings.STATION_ALLOWED_HOSTS:
            if not is_permitted_name(name.lower()):
                log.warning("the authority may not certify %s: https is not for that name", name)
        try:
            self._renew_if_due(now)
        except OSError as error:
            if not self._leaf.exists():
                raise
            # A full disk must not keep a station from giving back what it has.
            log.warning("the https certificate is not renewed: %s", error)
        self.certificate = Certificate(self._leaf, self._leaf)
        self.names = names_of(self._current())

    def refresh(self, now: datetime) -> None:
        """Make another certificate when this one is due."""
        if self._renew_if_due(now):
            self.certificate.load(self._leaf, self._leaf)
            self.names = names_of(self._current())

    def _renew_if_due(self, now: datetime) -> bool:
        if now > self._authority.issuing.not_valid_after_utc - _RENEWED_BEFORE:
            self._authority = _new(self._folder, now)
            log.warning("the authority came to its end: devices must install the new one")
        wanted = self._wanted()
        if self._serves(wanted, now):
            return False
        _write(self._leaf, self._authority.issue(wanted, now))
        return True

    def _current(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self._leaf.read_bytes())[0]

    def _serves(self, wanted: tuple[str, ...], now: datetime) -> bool:
        try:
            leaf = self._current()
            leaf.verify_directly_issued_by(self._authority.issuing)
            Certificate(self._leaf, self._leaf)  # its key is there, and fits
        except (FileNotFoundError, ValueError, InvalidSignature):
            return False
        fresh = leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc - _RENEWED_BEFORE
        return fresh and names_of(leaf) == wanted

    def _wanted(self) -> tuple[str, ...]:
        own = socket.gethostname().lower()
        hosts = ["localhost", own, f"{own.partition('.')[0]}.local"]
        hosts += [name.lower() for name in settings.STATION_ALLOWED_HOSTS]
        found = [one.address for one in addresses.candidates(bound_to=self._host)]
        places = [str(one) for one in (*_ALWAYS, *found) if is_permitted_address(one)]
        return tuple(sorted({*filter(is_permitted_name, hosts), *places}))


def authority(folder: Path) -> Authority | None:
    """The authority that was made here, if one was. Raises :class:`CertificateUnusable`."""
    path = folder / _AUTHORITY
    try:
        return Authority.from_pem(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, InvalidSignature):
        raise CertificateUnusable(
            f"{path} is damaged. Move it away, and the station makes another authority, which"
            " devices then have to install."
        ) from None


def _kept_or_new(folder: Path, now: datetime) -> Authority:
    return authority(folder) or _new(folder, now)


def _new(folder: Path, now: datetime) -> Authority:
    made = Authority.create(settings.STATION_NAME, now)
    _write(folder / _AUTHORITY, made.to_pem())
    return made


def _write(path: Path, content: bytes) -> None:
    """Replace the file as a whole; it is for its owner alone."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
