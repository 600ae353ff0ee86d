"""What happened during a handshake, as ``receive`` tells it."""

from dataclasses import dataclass

from wire import messages, tokens


@dataclass(frozen=True)
class Connected:
    """The channel is there; ``digits`` are the six digits of this connection."""

    digits: str


@dataclass(frozen=True)
class Waiting:
    """Phone: the owner is being asked."""

    reason: str
    seconds: int


@dataclass(frozen=True)
class EnrolRequested:
    """Station: this key wants to become a phone of the invitation owner's account."""

    phone_key: bytes
    name: str


@dataclass(frozen=True)
class EnrolledAs:
    """Phone: the owner allowed it; ``grant`` has issuer, account id and follow-up invitation."""

    grant: messages.Enrolled


@dataclass(frozen=True)
class FirstAccepted:
    """Station: the first verification information is right. The caller claims the invitation."""

    ticket: tokens.Ticket
    phone_key: bytes


@dataclass(frozen=True)
class PhoneVerified:
    """Station: the phone agreed to the second verification information."""


@dataclass(frozen=True)
class SecondAccepted:
    """Phone: the second verification information is right; ``verified`` is on its way."""


@dataclass(frozen=True)
class Opened:
    """Phone: verification is complete."""

    terms: messages.Open


@dataclass(frozen=True)
class Left:
    """The peer said goodbye."""


Event = (
    Connected | Waiting | EnrolRequested | EnrolledAs | FirstAccepted | PhoneVerified
    | SecondAccepted | Opened | Left
)  # fmt: skip
