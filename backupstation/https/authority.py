"""A certificate authority of the station's own, for addresses and names of local networks alone.

What a device is asked to trust is a root whose private key is thrown away when it is made. The key
that is kept is that of a second certificate below it, which signs the station's certificates.
Both are constrained (RFC 5280 section 4.2.1.10); some devices look at the constraints of a root
that a person installed and some do not, but below a root every one must. So whoever steals the
data folder can pretend to be a machine of a local network, and not a web site.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Address = IPv4Address | IPv6Address

NETWORKS: Final = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "127.0.0.0/8",
        "fc00::/7", "fe80::/10", "::1/128",
    )
)  # fmt: skip
# RFC 6761, 6762, 8375, and what ICANN (.internal) and RFC 6762 appendix G (.lan, .home) say stays
# at home.
DOMAINS: Final = ("localhost", "local", "lan", "home", "internal", "home.arpa")

AUTHORITY_LIFE: Final = timedelta(days=3652)
# Browsers refuse more than 398 days, and Apple's systems more than 825 from one's own authority.
LEAF_LIFE: Final = timedelta(days=397)
# Clocks of phones are allowed to be slow.
_EARLIER: Final = timedelta(days=1)
_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,9}")
_NAME_BYTES_MAX: Final = 40  # 64 are allowed, and more is added here
_SIGNS: Final = {"key_cert_sign": True, "crl_sign": True}
_SERVES: Final = {"digital_signature": True}
_USAGES: Final = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


@dataclass(frozen=True)
class Authority:
    """What signs a station's certificates, and the root that devices are asked to trust."""

    root: x509.Certificate
    issuing: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, name: str, now: datetime) -> Self:
        """A new one, for ten years; ``name`` is what devices show, with a random number."""
        begun = name.encode()[:_NAME_BYTES_MAX].decode(errors="ignore")
        shown = f"{begun} {secrets.token_hex(4)}".strip()
        root_key, key = _draw_key(), _draw_key()
        root_name, issuing_name = _named(shown), _named(f"{shown} issuing")
        root = (
            _begin(root_name, root_name, root_key.public_key(), now, AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(_usage(_SIGNS), critical=True)
            .add_extension(_constraints(), critical=True)
            .sign(root_key, hashes.SHA256())
        )
        issuing = (
            _begin(issuing_name, root_name, key.public_key(), now, AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(_SIGNS), critical=True)
            .add_extension(_constraints(), critical=True)
            .add_extension(_for_servers(), critical=False)
            .add_extension(_issued_by(root), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        return cls(root, issuing, key)

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """The one that :meth:`to_pem` wrote; raises ValueError or InvalidSignature."""
        key = serialization.load_pem_private_key(pem, password=None)
        issuing, root = x509.load_pem_x509_certificates(pem)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("another kind of key")
        issuing.verify_directly_issued_by(root)
        if key.public_key() != issuing.public_key():
            raise ValueError("another key")
        return cls(root, issuing, key)

    def to_pem(self) -> bytes:
        """Key, issuing certificate and root, in this order."""
        return _key_pem(self.key) + _pem(self.issuing) + _pem(self.root)

    @property
    def root_pem(self) -> bytes:
        """What devices install; nothing in it is secret."""
        return _pem(self.root)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root as devices show it: hexadecimal in pairs."""
        return self.root.fingerprint(hashes.SHA256()).hex(" ").upper()

    def issue(self, names: Iterable[str], now: datetime) -> bytes:
        """A new key, its certificate for these hosts, and the issuing certificate, in PEM.

        ``names`` are host names and addresses; one that is not permitted would make the whole
        certificate worthless. It never outlives the authority.
        """
        key = _draw_key()
        life = min(LEAF_LIFE, self.issuing.not_valid_after_utc - now + _EARLIER)
        leaf = (
            _begin(_named("Backup Station"), self.issuing.subject, key.public_key(), now, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(_SERVES), critical=True)
            .add_extension(_for_servers(), critical=False)
            .add_extension(_issued_by(self.issuing), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )
        return _key_pem(key) + _pem(leaf) + _pem(self.issuing)


def is_permitted_name(name: str) -> bool:
    """Whether the constraints permit this host name, in lower case."""
    if not _NAME.fullmatch(name):
        return False
    return any(name == domain or name.endswith(f".{domain}") for domain in DOMAINS)


def is_permitted_address(address: Address) -> bool:
    """Whether the constraints permit this address."""
    return any(address in network for network in NETWORKS)


def _draw_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    """What every certificate has; its life includes the time before ``now``."""
    start = now - _EARLIER
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return (
        x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + life)
        .add_extension(identifier, critical=False)
    )


def _usage(used: dict[str, bool]) -> x509.KeyUsage:
    return x509.KeyUsage(**(dict.fromkeys(_USAGES, False) | used))


def _constraints() -> x509.NameConstraints:
    permitted = [x509.DNSName(domain) for domain in DOMAINS]
    return x509.NameConstraints(
        [*permitted, *(x509.IPAddress(network) for network in NETWORKS)], excluded_subtrees=None
    )


def _for_servers() -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


def _issued_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
