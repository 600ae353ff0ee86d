"""What the ways to a certificate have in common."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from cryptography import x509

from backupstation.tls import Certificate


class CertificateUnusable(Exception):
    """A certificate that no browser would accept, or none; the text is a sentence for people."""


class Source(Protocol):
    """Where the station's certificate comes from. ``names`` are the hosts that it is for."""

    certificate: Certificate
    names: tuple[str, ...]

    def refresh(self, now: datetime) -> None:
        """Take up what changed; it serves from the next connection on.

        Raises :class:`CertificateUnusable` or OSError, and then the old one goes on to serve.
        """


def names_of(certificate: x509.Certificate, known: Iterable[str] = ()) -> tuple[str, ...]:
    """Host names in lower case, and addresses.

    A wildcard stands for those of the ``known`` names that it covers, in whatever case they are.
    """
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    listed = {name.lower() for name in named.get_values_for_type(x509.DNSName)}
    hosts = {name for name in listed if "*" not in name}
    hosts |= {name for name in map(str.lower, known) if _covering(name) in listed}
    places = {str(address) for address in named.get_values_for_type(x509.IPAddress)}
    return tuple(sorted(hosts | places))


def _covering(name: str) -> str:
    """The wildcard that covers the name: it stands for one whole label (RFC 6125 section 6.4.3)."""
    return f"*.{name.partition('.')[2]}"
