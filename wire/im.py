"""The HTTP calls of the IM server: strict JSON in both directions, and the texts that are signed.

    POST /im/v1/phones       EnrolRequest    -> EnrolReply
    POST /im/v1/connections  ConnectRequest  -> ConnectReply
    POST /im/v1/stations     RegisterRequest -> RegisterReply
    GET  /im/v1/keys                         -> JWK set (wire.tokens.jwk_set)

Any refusal is an :class:`ErrorReply` whose ``code`` is a :class:`Refusal`, with that refusal's HTTP
status. ``bytes`` fields are standard base64 with padding; unknown or missing fields are refused.
docs/protocol.md section 2 describes the calls.
"""

import hashlib
from enum import StrEnum
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from wire import limits
from wire.errors import MalformedMessage, NotAllowed, TooLarge
from wire.messages import Name, Scope

PHONES_PATH: Final = "/im/v1/phones"
CONNECTIONS_PATH: Final = "/im/v1/connections"
STATIONS_PATH: Final = "/im/v1/stations"
KEYS_PATH: Final = "/im/v1/keys"

# A request or a reply: two tokens and some JSON around them are the largest legitimate body.
BODY_BYTES_MAX: Final = limits.VERIFICATION_MESSAGE_BYTES_MAX
CODE_CHARS: Final = 20
_CODE_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base32

Key = Annotated[bytes, Meta(min_length=32, max_length=limits.KEY_BYTES)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=limits.SIGNATURE_BYTES)]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
Iss = Annotated[str, Meta(min_length=1, max_length=200)]
Token = Annotated[str, Meta(min_length=1, max_length=limits.TOKEN_BYTES_MAX)]
Keys = Annotated[list[Key], Meta(min_length=1, max_length=limits.ISSUER_KEYS_MAX)]
PublicPartBytes = Annotated[bytes, Meta(min_length=1, max_length=limits.INVITATION_BYTES_MAX + 32)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all requests and replies."""


class EnrolRequest(Body, frozen=True):
    """Make this key a phone of the account that the one-time code was printed for.

    ``proof`` = Ed25519(phone key, :func:`enrol_code_proof_text`).
    """

    code: Code
    phone_key: Key
    name: Name
    proof: Signature


class EnrolReply(Body, frozen=True):
    """The account that the phone now belongs to, and the issuer's keys to pin."""

    iss: Iss
    sub: Iss
    keys: Keys


class ConnectRequest(Body, frozen=True):
    """Authenticate a scanned invitation. ``proof`` signs :func:`connect_proof_text`."""

    public_part: PublicPartBytes
    phone_key: Key
    scope: Scope
    proof: Signature


class ConnectReply(Body, frozen=True):
    """The connection indication and the first verification information, both JWS by the issuer."""

    indication: Token
    ticket: Token


class RegisterRequest(Body, frozen=True):
    """Make this key a station that the IM server knows. ``proof`` = :func:`register_proof_text`."""

    code: Code
    station_key: Key
    station_name: Name
    proof: Signature


class RegisterReply(Body, frozen=True):
    """The issuer to pin. ``server_time`` is seconds since 1970 UTC by the IM server's clock."""

    iss: Iss
    keys: Keys
    server_time: int


class ErrorReply(Body, frozen=True):
    """A refusal: the name in :class:`Refusal` and a sentence for people."""

    code: str
    message: str


class Refusal(StrEnum):
    """Why the IM server refused; the name travels as ``ErrorReply.code``."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    WRONG_METHOD = "wrong_method"
    NOT_JSON = "not_json"
    TOO_MANY = "too_many"
    STATION_UNKNOWN = "station_unknown"
    STATION_REVOKED = "station_revoked"
    SIGNATURE_WRONG = "signature_wrong"
    INVITATION_EXPIRED = "invitation_expired"
    ADDRESS_PUBLIC = "address_public"
    PHONE_UNKNOWN = "phone_unknown"
    PHONE_REVOKED = "phone_revoked"
    PROOF_WRONG = "proof_wrong"
    SCOPE_NOT_ALLOWED = "scope_not_allowed"
    SESSION_TAKEN = "session_taken"
    CODE_UNKNOWN = "code_unknown"
    CODE_EXPIRED = "code_expired"
    CODE_USED = "code_used"
    KEY_TAKEN = "key_taken"
    UNKNOWN = "unknown"

    @property
    def status(self) -> int:
        """The HTTP status that goes with this refusal."""
        return _STATUS.get(self, 403)

    @property
    def sentence(self) -> str:
        """What happened and what to do, for people."""
        return _SENTENCES[self]


_STATUS: Final = {
    Refusal.MALFORMED: 400,
    Refusal.WRONG_METHOD: 405,
    Refusal.SESSION_TAKEN: 409,
    Refusal.KEY_TAKEN: 409,
    Refusal.TOO_LARGE: 413,
    Refusal.NOT_JSON: 415,
    Refusal.TOO_MANY: 429,
    Refusal.UNKNOWN: 500,
}
_SENTENCES: Final = {
    Refusal.MALFORMED: "The request is not one of protocol version 1.",
    Refusal.TOO_LARGE: "The request is larger than any legitimate one.",
    Refusal.WRONG_METHOD: "This address answers another HTTP method.",
    Refusal.NOT_JSON: "The request's content type is not application/json.",
    Refusal.TOO_MANY: "Too many requests from this address. Wait a minute and try again.",
    Refusal.STATION_UNKNOWN: "This station is not registered at the IM server.",
    Refusal.STATION_REVOKED: "This station's registration was revoked.",
    Refusal.SIGNATURE_WRONG: "The QR code was not made by the station that it names.",
    Refusal.INVITATION_EXPIRED: "The QR code has expired. Scan the one that is shown now.",
    Refusal.ADDRESS_PUBLIC: "The QR code leads outside the local network.",
    Refusal.PHONE_UNKNOWN: "This phone is not enrolled. Enrol it first.",
    Refusal.PHONE_REVOKED: "This phone was revoked. Ask the account's owner to reinstate it.",
    Refusal.PROOF_WRONG: "The key's owner did not sign this request.",
    Refusal.SCOPE_NOT_ALLOWED: "The QR code does not permit what was asked for.",
    Refusal.SESSION_TAKEN: "The QR code is already in use. Scan the one that is shown now.",
    Refusal.CODE_UNKNOWN: "This code is not known. Check what was typed.",
    Refusal.CODE_EXPIRED: "This code has expired. Ask for a new one.",
    Refusal.CODE_USED: "This code was used before. Ask for a new one.",
    Refusal.KEY_TAKEN: "This key already belongs to another account.",
    Refusal.UNKNOWN: "The IM server refused without a known reason.",
}


class Refused(NotAllowed):
    """The IM server's refusal: raised inside it, and again by whoever called it."""

    def __init__(self, refusal: Refusal, message: str = "") -> None:
        super().__init__(message or refusal.sentence)
        self.refusal = refusal

    @classmethod
    def from_reply(cls, body: bytes) -> "Refused":
        """The refusal that an error response stands for, whatever its body is."""
        try:
            reply = decode(ErrorReply, body)
            shown = "".join(char for char in reply.message if char.isprintable())
            return cls(Refusal(reply.code), shown[: limits.LABEL_CHARS_MAX])
        except (MalformedMessage, TooLarge, ValueError):
            return cls(Refusal.UNKNOWN)

    def reply(self) -> ErrorReply:
        """What to answer the caller."""
        return ErrorReply(self.refusal.value, str(self))


_Body = TypeVar("_Body", bound=Body)


def encode(body: Body) -> bytes:
    """The JSON of a request or a reply."""
    return msgspec.json.encode(body)


def decode(kind: type[_Body], payload: bytes) -> _Body:
    """Decode strictly; :class:`TooLarge` above :data:`BODY_BYTES_MAX`, else MalformedMessage."""
    if len(payload) > BODY_BYTES_MAX:
        raise TooLarge(f"body of {len(payload)} bytes")
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedMessage(f"{kind.__name__}: {error}") from None


def canonical_code(typed: str) -> str:
    """A code as it is signed and sent, from what a person typed: case, spaces and dashes aside."""
    kept = typed.upper().replace("-", "").replace(" ", "").strip()
    return kept.translate(str.maketrans("OIL", "011"))


def code_from(entropy: bytes) -> str:
    """The canonical one-time code for at least 13 random bytes (100 bits are used)."""
    number = int.from_bytes(entropy, "big")
    return "".join(_CODE_ALPHABET[number >> 5 * at & 31] for at in range(CODE_CHARS))


def grouped_code(code: str) -> str:
    """The code as it is shown to people, in groups of five."""
    return "-".join(code[at : at + 5] for at in range(0, len(code), 5))


def connect_proof_text(iss: str, public_part: bytes, scope: Scope) -> bytes:
    """What the phone signs to ask the issuer ``iss`` for a ticket of this scope."""
    hashes = hashlib.sha256(iss.encode()).digest() + hashlib.sha256(public_part).digest()
    return b"backupstation/1 connect" + hashes + scope.encode("ascii")


def enrol_code_proof_text(code: str) -> bytes:
    """What the phone signs to enrol by a canonical one-time code."""
    return b"backupstation/1 enrol-code" + hashlib.sha256(code.encode()).digest()


def register_proof_text(code: str) -> bytes:
    """What the station signs to register with a canonical one-time code."""
    return b"backupstation/1 register" + hashlib.sha256(code.encode()).digest()
