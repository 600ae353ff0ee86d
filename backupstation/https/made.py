"""STATION_HTTPS=auto: a certificate for the addresses of this machine, by its own authority."""

import logging
import socket
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from django.conf import settings

from backupstation import addresses
from backupstation.https import authorities
from backupstation.https.authority import (
    Address,
    Authority,
    is_permitted_address,
    is_permitted_name,
)
from backupstation.https.certificate import names_of
from backupstation.tls import Certificate

log = logging.getLogger(__name__)
_LEAF: Final = "station.pem"
_ALWAYS: Final[tuple[Address, ...]] = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


class Made:
    """Made at the first start, renewed 30 days before its end and when addresses change."""

    def __init__(self, folder: Path, host: str, now: datetime) -> None:
        """``host`` is the address that the server binds. Raises CertificateUnusable or OSError."""
        self._folder, self._host = folder, host
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._leaf = folder / _LEAF
        for name in settings.STATION_ALLOWED_HOSTS:
            if not _is_permitted(name.lower()):
                log.warning("the authority may not certify %s: https is not for that name", name)
        try:
            self._renew_if_due(now)
        except OSError as error:
            if not self._is_whole():
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
        authority = authorities.in_use(self._folder, now)
        if authority is None:
            authority = authorities.draw(self._folder, settings.STATION_NAME, now)
        wanted = self._wanted()
        if self._serves(wanted, authority, now):
            return False
        authorities.write(self._leaf, authority.issue(wanted, now))
        return True

    def _current(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self._leaf.read_bytes())[0]

    def _is_whole(self) -> bool:
        """Whether the certificate and its key are there, and belong together."""
        try:
            Certificate(self._leaf, self._leaf)
        except (OSError, ValueError):
            return False
        return True

    def _serves(self, wanted: tuple[str, ...], authority: Authority, now: datetime) -> bool:
        if not self._is_whole():
            return False
        leaf = self._current()
        try:
            leaf.verify_directly_issued_by(authority.issuing)
        except (ValueError, InvalidSignature):
            return False
        ends = leaf.not_valid_after_utc - authorities.RENEWED_BEFORE
        return leaf.not_valid_before_utc <= now <= ends and names_of(leaf) == wanted

    def _wanted(self) -> tuple[str, ...]:
        own = socket.gethostname().lower()
        hosts = ["localhost", own, f"{own.partition('.')[0]}.local"]
        hosts += [name.lower() for name in settings.STATION_ALLOWED_HOSTS]
        found = [one.address for one in addresses.candidates(bound_to=self._host)]
        hosts += [str(one) for one in (*_ALWAYS, *found)]
        return tuple(sorted({_canonical(host) for host in hosts if _is_permitted(host)}))


def _is_permitted(host: str) -> bool:
    """Whether the authority may certify this name in lower case, or address."""
    try:
        return is_permitted_address(ip_address(host))
    except ValueError:
        return is_permitted_name(host)


def _canonical(host: str) -> str:
    """As a certificate is read: each address in one way only."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host
