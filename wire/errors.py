"""Errors of the protocol; each class carries the code that goes over the wire.

    WireError
    ├── MalformedMessage      4400  not a message of protocol version 1
    ├── VerificationFailed    4401  the peer did not prove itself (no detail is sent)
    │   └── TokenRefused      4401  a token's form, signature or claims are wrong
    ├── NotAllowed            4403  right message, wrong state or scope
    ├── NotFound              4404  no such snapshot, item or chunk in this vault
    ├── TimedOut              4408  silence
    ├── Conflict              4409  the same snapshot id with another manifest
    ├── TooLarge              4413  a limit of wire.limits is passed
    ├── DigestMismatch        4422  a chunk is not what its digest says (connection stays usable)
    ├── ManifestRefused       4423  the manifest contradicts itself or what was sent
    ├── TooMany               4429  attempts, connections, or outstanding work
    ├── WindowOverrun         4430  more unacknowledged bytes than were granted
    ├── StationFault          4500  the station failed; the log says why
    ├── Busy                  4503  shutting down, or the invitation is in use
    ├── StorageFull           4507  the disk is full; nothing was lost
    └── Damaged               4510  stored bytes failed their check; the damage is named

WebSocket close codes 4000-4999 are for private use (RFC 6455 section 7.4.2); the station closes
with the code of the error that ended the connection.
"""

from typing import ClassVar


class WireError(Exception):
    """Base of everything that this protocol refuses."""

    code: ClassVar[int] = 4400
    fatal: ClassVar[bool] = True


class MalformedMessage(WireError):
    """Bytes that are no message of this protocol: wrong length, unknown type or field."""


class VerificationFailed(WireError):
    """Mutual verification failed. The reason is for the log and the trail, never for the peer."""

    code = 4401


class TokenRefused(VerificationFailed):
    """A ticket, indication, second verification information or receipt is not acceptable."""


class NotAllowed(WireError):
    """A message that this state or this ticket's scope does not permit."""

    code = 4403


class NotFound(WireError):
    """No such snapshot, item or chunk for this account."""

    code = 4404
    fatal = False


class TimedOut(WireError):
    """The peer was silent for longer than the protocol allows."""

    code = 4408


class Conflict(WireError):
    """A snapshot id that already names something else."""

    code = 4409


class TooLarge(WireError):
    """A length or count above its limit."""

    code = 4413


class DigestMismatch(WireError):
    """A chunk whose bytes do not have the announced SHA-256; it was not stored."""

    code = 4422
    fatal = False


class ManifestRefused(WireError):
    """A manifest that contradicts itself, its signature, or the chunks that the vault holds."""

    code = 4423
    fatal = False


class TooMany(WireError):
    """Too many attempts, connections or outstanding requests."""

    code = 4429


class WindowOverrun(WireError):
    """The peer sent more unacknowledged bytes than its window."""

    code = 4430


class StationFault(WireError):
    """Something failed inside the station. Nothing that was receipted is affected."""

    code = 4500


class Busy(WireError):
    """The station cannot serve this connection now."""

    code = 4503


class StorageFull(WireError):
    """There is no room left in the store. Nothing that was receipted is affected."""

    code = 4507


class Damaged(WireError):
    """Stored bytes failed authentication or their hash; the message names what is affected."""

    code = 4510
    fatal = False


def all_errors() -> dict[int, type[WireError]]:
    """The error class for each code (TokenRefused shares its parent's code on purpose)."""
    return {cls.code: cls for cls in WireError.__subclasses__()}


def error_for(code: int, message: str) -> WireError:
    """The exception that a peer's ``error`` message or close code stands for."""
    return all_errors().get(code, WireError)(message)
