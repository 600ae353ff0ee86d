"""Invitations: the connection authentication information that the QR code shows (patent claim 3).

    version u8 | scope u8 | expires u32 | session id 16 | invitation key 32 | station id 16 |
    port u16 | n u8, n x (4 or 6, address) | IM origin: length u8, text | signature 64 | secret 16

Numbers are big-endian. The signature is the station's, over label, everything before it and
SHA-256(secret). The public part has SHA-256(secret) where the secret stands; only it ever leaves
the phone. Encoding is canonical: what decodes encodes to the same bytes.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntFlag
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wire import limits
from wire.errors import MalformedMessage, TokenRefused, VerificationFailed
from wire.tokens import b64u, unb64u

SIGNATURE_LABEL: Final = b"backupstation/1 invitation"
PROLOGUE_LABEL: Final = b"backupstation/1"
PSK_INFO: Final = b"backupstation/1 psk"
PHONE_PATH: Final = "/phone/"
EXPIRES_AHEAD_SECONDS_MAX: Final = 60 * 60
_HASH_BYTES: Final = 32
_LINK_CHARS_MAX: Final = limits.INVITATION_BYTES_MAX * 4 // 3 + 300
_PORT: Final = (
    r"[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
)
_ORIGIN: Final = rf"(https?)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::(?:{_PORT}))?"
_LINK: Final = re.compile(f"(?P<origin>{_ORIGIN}){PHONE_PATH}#(?P<payload>[A-Za-z0-9_-]+)")
_LOOPBACK_HOST: Final = re.compile(r"localhost|127\.[0-9.]+|\[::1\]")
_LOCAL_NETWORKS: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    *map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),  # RFC 1918
    IPv4Network("169.254.0.0/16"),
    IPv4Network("127.0.0.0/8"),
    IPv6Network("fc00::/7"),
    IPv6Network("fe80::/10"),
    IPv6Network("::1/128"),
)
Address = IPv4Address | IPv6Address


class InvitationRefused(MalformedMessage):
    """An invitation, its public part or its link is not what a station of this protocol makes."""


class Scope(IntFlag):
    """What an invitation permits; a ticket is for exactly one of them."""

    BACKUP = 1
    RESTORE = 2

    def names(self) -> tuple[str, ...]:
        """The permitted scopes as tickets and messages name them."""
        return tuple(scope.name.lower() for scope in Scope if scope in self and scope.name)


class _Reader:
    """Takes fields off the front of ``data``; raises :class:`InvitationRefused` at its end."""

    def __init__(self, data: bytes) -> None:
        if len(data) > limits.INVITATION_BYTES_MAX:
            raise InvitationRefused("an invitation is too large")
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise InvitationRefused("an invitation is truncated")
        taken, self._at = self._data[self._at : end], end
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count))

    def finish(self) -> None:
        if self._at != len(self._data):
            raise InvitationRefused("bytes after the end of an invitation")

    def address(self) -> Address:
        match self.number(1):
            case 4:
                return IPv4Address(self.take(4))
            case 6:
                return IPv6Address(self.take(16))
            case family:
                raise InvitationRefused(f"unknown address family {family}")

    def version(self) -> int:
        version = self.number(1)
        if version != limits.PROTOCOL_VERSION:
            raise InvitationRefused(f"an invitation of version {version}")
        return version

    def announcement(self) -> dict[str, Any]:
        """The fields up to and with the signature, in their order."""
        return {
            "version": self.version(),
            "scope": Scope(self.number(1)),
            "expires": self.number(4),
            "session_id": self.take(limits.SESSION_ID_BYTES),
            "invitation_key": self.take(limits.KEY_BYTES),
            "station_id": self.take(limits.STATION_ID_BYTES),
            "port": self.number(2),
            "addresses": tuple(self.address() for _ in range(self.number(1))),
            "im_origin": self.take(self.number(1)).decode("ascii", "replace"),
            "signature": self.take(limits.SIGNATURE_BYTES),
        }


@dataclass(frozen=True, kw_only=True)
class _Announcement:
    """What an invitation and its public part share. ``expires`` is seconds since 1970 UTC."""

    version: int
    scope: Scope
    expires: int
    session_id: bytes
    invitation_key: bytes
    station_id: bytes
    port: int
    addresses: tuple[Address, ...]
    im_origin: str
    signature: bytes

    def __post_init__(self) -> None:
        if self.scope not in (Scope.BACKUP, Scope.RESTORE, Scope.BACKUP | Scope.RESTORE):
            raise InvitationRefused("an invitation permits backup, restore or both")
        if not 0 < self.port < 2**16:
            raise InvitationRefused("not a port")
        if not 0 < len(self.addresses) <= limits.INVITATION_ADDRESSES_MAX:
            raise InvitationRefused("an invitation names 1 to 8 addresses")
        if self.im_origin:
            check_im_origin(self.im_origin)

    def _announced(self) -> bytes:
        """Everything before the signature."""
        origin = self.im_origin.encode("ascii")
        numbers = bytes([self.version, self.scope]) + self.expires.to_bytes(4)
        names = self.session_id + self.invitation_key + self.station_id
        places = [bytes([address.version]) + address.packed for address in self.addresses]
        where = self.port.to_bytes(2) + bytes([len(places)]) + b"".join(places)
        return numbers + names + where + bytes([len(origin)]) + origin

    def _signed_text(self, secret_hash: bytes) -> bytes:
        return SIGNATURE_LABEL + self._announced() + secret_hash

    def check_addresses(self) -> None:
        """Raise :class:`InvitationRefused` unless every address is on the local network.

        Local is RFC 1918, link-local, ULA (RFC 4193) or loopback; an IPv4 address inside an IPv6
        one is none of them.
        """
        for address in self.addresses:
            if not any(address in network for network in _LOCAL_NETWORKS):
                raise InvitationRefused(f"{address} is not on a local network")

    def check_fresh(self, now: int) -> None:
        """Raise :class:`InvitationRefused` when expired or too far ahead, by the caller's clock."""
        if self.expires < now - limits.CLOCK_SKEW_SECONDS:
            raise InvitationRefused("the invitation has expired")
        if self.expires > now + EXPIRES_AHEAD_SECONDS_MAX + limits.CLOCK_SKEW_SECONDS:
            raise InvitationRefused("the invitation expires later than any station lets it")


@dataclass(frozen=True, kw_only=True)
class PublicPart(_Announcement):
    """What the IM server sees of an invitation."""

    secret_hash: bytes

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode strictly; raises :class:`InvitationRefused`. Nothing is verified yet."""
        reader = _Reader(data)
        part = cls(**reader.announcement(), secret_hash=reader.take(_HASH_BYTES))
        reader.finish()
        return part

    def encode(self) -> bytes:
        """The bytes that travel, and that ticket and prologue name by their SHA-256."""
        return self._announced() + self.signature + self.secret_hash

    def verify(self, station_public: bytes) -> None:
        """Raise :class:`VerificationFailed` unless the station with this key made it."""
        if station_id(station_public) != self.station_id:
            raise VerificationFailed("the invitation names another station")
        try:
            key = Ed25519PublicKey.from_public_bytes(station_public)
            key.verify(self.signature, self._signed_text(self.secret_hash))
        except (InvalidSignature, ValueError):
            raise VerificationFailed("the invitation's signature is wrong") from None


@dataclass(frozen=True, kw_only=True)
class Invitation(_Announcement):
    """The whole content of a QR code. The secret proves to the station that it was seen."""

    secret: bytes = field(repr=False)

    @classmethod
    def create(
        cls,
        *,
        station_key: Ed25519PrivateKey,
        scope: Scope,
        expires: int,
        session_id: bytes,
        invitation_key: bytes,
        port: int,
        addresses: Iterable[Address],
        im_origin: str,
        secret: bytes,
    ) -> Self:
        """A signed invitation; session id, secret and invitation key are freshly drawn."""
        unsigned = cls(
            version=limits.PROTOCOL_VERSION,
            scope=scope,
            expires=expires,
            session_id=session_id,
            invitation_key=invitation_key,
            station_id=station_id(station_key.public_key().public_bytes_raw()),
            port=port,
            addresses=tuple(addresses),
            im_origin=im_origin,
            signature=b"",
            secret=secret,
        )
        text = unsigned._signed_text(hashlib.sha256(secret).digest())
        signed = replace(unsigned, signature=station_key.sign(text))
        if cls.decode(signed.encode()) != signed:
            raise InvitationRefused("a field has the wrong length")
        return signed

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode strictly; raises :class:`InvitationRefused`. Nothing is verified yet."""
        reader = _Reader(data)
        invitation = cls(**reader.announcement(), secret=reader.take(limits.SECRET_BYTES))
        reader.finish()
        return invitation

    def encode(self) -> bytes:
        """The bytes of the QR code's payload."""
        return self._announced() + self.signature + self.secret

    def public(self) -> PublicPart:
        """The public part, whose checks hold for the whole."""
        shared = {name: getattr(self, name) for name in _Announcement.__dataclass_fields__}
        return PublicPart(**shared, secret_hash=hashlib.sha256(self.secret).digest())

    def public_part(self) -> bytes:
        """The encoded public part."""
        return self.public().encode()

    def psk(self) -> bytes:
        """The pre-shared key of the Noise handshake."""
        return psk_of(self.secret, self.session_id)

    def prologue(self) -> bytes:
        """The prologue of the Noise handshake."""
        return prologue_of(self.public_part())

    def link(self, origin: str) -> str:
        """The text of the QR code; ``origin`` is where the phone page is served."""
        return f"{origin}{PHONE_PATH}#{b64u(self.encode())}"


def parse_link(link: str) -> tuple[str, Invitation]:
    """The origin and the invitation of a QR code's text; raises :class:`InvitationRefused`."""
    if len(link) > _LINK_CHARS_MAX:
        raise InvitationRefused("the link is too long")
    match = _LINK.fullmatch(link)
    if match is None:
        raise InvitationRefused("this is not a backup station's link")
    try:
        return match["origin"], Invitation.decode(unb64u(match["payload"]))
    except TokenRefused:
        raise InvitationRefused("the link is damaged") from None


def check_im_origin(origin: str) -> None:
    """Raise :class:`InvitationRefused` unless https, or http on loopback, host and port alone."""
    match = re.fullmatch(_ORIGIN, origin)
    if match is None:
        raise InvitationRefused("the IM server's origin is not one")
    if match[1] == "http" and not _LOOPBACK_HOST.fullmatch(match[2]):
        raise InvitationRefused("an IM server elsewhere must be reached by https")


def station_id(public_key: bytes) -> bytes:
    """The 16 bytes that name a station: the start of SHA-256 over its Ed25519 public key."""
    return hashlib.sha256(public_key).digest()[: limits.STATION_ID_BYTES]


def station_id_text(identifier: bytes) -> str:
    """A station id as text: base32 (RFC 4648), lower case, no padding, 26 characters."""
    return base64.b32encode(identifier).decode().rstrip("=").lower()


def prologue_of(public_part: bytes) -> bytes:
    """The Noise prologue for an encoded public part."""
    return PROLOGUE_LABEL + hashlib.sha256(public_part).digest()


def psk_of(secret: bytes, session_id: bytes) -> bytes:
    """The Noise pre-shared key, 32 bytes: HKDF-SHA256 (RFC 5869) of the secret."""
    hkdf = HKDF(algorithm=SHA256(), length=limits.KEY_BYTES, salt=session_id, info=PSK_INFO)
    return hkdf.derive(secret)
