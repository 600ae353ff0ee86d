"""What the ways to a certificate have in common."""

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


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Host names in lower case, and addresses; wildcards are left out."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    hosts = [name.lower() for name in named.get_values_for_type(x509.DNSName) if "*" not in name]
    places = [str(address) for address in named.get_values_for_type(x509.IPAddress)]
    return tuple(sorted({*hosts, *places}))
