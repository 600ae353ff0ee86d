"""Tokens: compact JWS (RFC 7515) by EdDSA over Ed25519 (RFC 8037), one fixed ``typ`` for each kind.

Nothing is ever taken from a token's header: it must be exactly ``{"alg":"EdDSA","typ":…}``, the
size is looked at first, and the caller says which keys count. Claims are decoded strictly: every
one required, none unknown, no key twice. Binary values in them are base64url without padding.

So little of JOSE is left that a library for it would only be loaded, by every phone on every
start; the tests compare with PyJWT.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta

from wire import limits
from wire.errors import MalformedMessage, TokenRefused, TooLarge
from wire.messages import Scope

_ALGORITHM: Final = "EdDSA"

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Port = Annotated[int, Meta(ge=1, le=65_535)]


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the claims of each kind of token. Times are seconds since 1970 UTC."""

    typ: ClassVar[str]


class Ticket(Claims, frozen=True):
    """The first verification information, by the issuer for one phone, station and session.

    ``sub`` is the account id, ``aud`` the station id, ``cnf`` the phone key's thumbprint,
    ``spk`` = SHA-256(invitation public key), ``inv`` = SHA-256(public part of the invitation).
    """

    typ: ClassVar[str] = "backupstation-ticket+jwt"
    iss: str
    sub: str
    aud: str
    sid: str
    jti: str
    iat: Seconds
    exp: Seconds
    cnf: str
    spk: str
    inv: str
    scope: Scope


class Indication(Claims, frozen=True):
    """The connection indication: which station the phone may connect to, and where."""

    typ: ClassVar[str] = "backupstation-indication+jwt"
    iss: str
    station_id: str
    station_name: str
    station_key: str
    sid: str
    addresses: list[str]
    port: Port
    exp: Seconds


class SecondInfo(Claims, frozen=True):
    """The second verification information, by the station key, from the account id ``sub``.

    ``nonce`` is the Noise handshake hash, ``ath`` = SHA-256(ticket).
    """

    typ: ClassVar[str] = "backupstation-second+jwt"
    iss: str
    sub: str
    aud: str
    sid: str
    nonce: str
    ath: str


class Receipt(Claims, frozen=True):
    """The station's word that a snapshot is durable.

    ``manifest_hash`` = SHA-256(manifest header); ``previous`` = SHA-256 of the account's receipt
    before this one, empty for the first, whose ``sequence`` is 1; ``stored`` is when.
    """

    typ: ClassVar[str] = "backupstation-receipt+jwt"
    iss: str
    snapshot_id: str
    manifest_hash: str
    sequence: Count
    previous: str
    items: Count
    bytes: Count
    stored: Seconds


_Kind = TypeVar("_Kind", bound=Claims)


def sign(claims: Claims, key: Ed25519PrivateKey) -> str:
    """The token; raises :class:`TooLarge` above the limit."""
    header = {"alg": _ALGORITHM, "typ": claims.typ}
    signed = f"{b64u(msgspec.json.encode(header))}.{b64u(msgspec.json.encode(claims))}"
    token = f"{signed}.{b64u(key.sign(signed.encode()))}"
    if len(token) > limits.TOKEN_BYTES_MAX:
        raise TooLarge(f"token of {len(token)} bytes")
    return token


def verify(token: str, kind: type[_Kind], keys: Iterable[bytes]) -> _Kind:
    """The claims, if the form is right and one of ``keys`` (Ed25519, 32 bytes each) signed it.

    Raises :class:`TokenRefused`. Whether the claims fit the occasion is the caller's to check.
    """
    if len(token) > limits.TOKEN_BYTES_MAX or not token.isascii():
        raise TokenRefused("a token's size or characters are wrong")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused("a token has three parts")
    header, claims, signature = (unb64u(part) for part in parts)
    if _json(header) != {"alg": _ALGORITHM, "typ": kind.typ}:
        raise TokenRefused(f"the header is not that of a {kind.typ}")
    signed = token.rpartition(".")[0].encode()
    if not any(_signed_by(key, signed, signature) for key in keys):
        raise TokenRefused(f"no accepted key signed this {kind.typ}")
    _json(claims)  # refuses a key that occurs twice, which the decoder below does not notice
    try:
        return msgspec.json.decode(claims, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TokenRefused(f"{kind.typ}: {error}") from None


def _signed_by(key: bytes, signed: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _json(text: bytes) -> object:
    try:
        parsed: object = json.loads(text.decode(), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        raise TokenRefused("a part of the token is not plain JSON") from None
    return parsed


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise TokenRefused("a key occurs twice")
    return found


def check_times(ticket: Ticket, now: int) -> None:
    """Raise :class:`TokenRefused` unless the ticket is current by the caller's clock ``now``."""
    if not 0 < ticket.exp - ticket.iat <= limits.TICKET_SECONDS:
        raise TokenRefused("the ticket's life is not that of a ticket")
    if ticket.iat > now + limits.CLOCK_SKEW_SECONDS:
        raise TokenRefused("the ticket is from the future")
    if ticket.exp < now - limits.CLOCK_SKEW_SECONDS:
        raise TokenRefused("the ticket has expired")


def token_hash(token: str) -> bytes:
    """SHA-256 of the token's characters, as ``ath`` and the proofs use it."""
    return hashlib.sha256(token.encode("ascii")).digest()


def b64u(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    """The bytes of a canonical base64url text; raises :class:`TokenRefused` for any other."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise TokenRefused("not base64url") from None
    if b64u(data) != text:
        raise TokenRefused("not canonical base64url")
    return data


def thumbprint(public_key: bytes) -> str:
    """The JWK thumbprint (RFC 7638) of an Ed25519 public key, base64url."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{b64u(public_key)}"}}'
    return b64u(hashlib.sha256(members.encode()).digest())


class _Jwk(msgspec.Struct, frozen=True):
    """A public key as RFC 8037 writes it; RFC 7517 wants unknown members ignored."""

    kty: str
    crv: str
    x: str


class _JwkSet(msgspec.Struct, frozen=True):
    keys: Annotated[list[_Jwk], Meta(min_length=1, max_length=limits.ISSUER_KEYS_MAX)]


def jwk_set(keys: Iterable[bytes]) -> dict[str, Any]:
    """The JWK set (RFC 7517) of Ed25519 public keys of 32 bytes."""
    fixed = {"kty": "OKP", "crv": "Ed25519", "alg": _ALGORITHM, "use": "sig"}
    return {"keys": [{**fixed, "kid": thumbprint(key), "x": b64u(key)} for key in keys]}


def keys_from_jwk_set(published: object) -> list[bytes]:
    """The Ed25519 public keys of a decoded JWK set; raises :class:`MalformedMessage`."""
    try:
        entries = msgspec.convert(published, _JwkSet).keys
        keys = [unb64u(entry.x) for entry in entries]
    except (msgspec.ValidationError, TokenRefused) as error:
        raise MalformedMessage(f"JWK set: {error}") from None
    if {(entry.kty, entry.crv) for entry in entries} != {("OKP", "Ed25519")}:
        raise MalformedMessage("JWK set: a key is not Ed25519")
    if {len(key) for key in keys} != {limits.KEY_BYTES}:
        raise MalformedMessage("JWK set: a key has the wrong length")
    return keys
