"""Both sides of connecting and verifying, as state machines without I/O (patent claims 4 and 9).

Messages go in through ``receive``; what must be sent is taken with ``data_to_send``; what happened
comes back as an event. Keys, clock and randomness are given by the caller. An exception ends the
handshake for good: nothing is accepted after it.

    phone                                          station
    hello (Noise e, psk)              ->
                                      <-           reply (Noise e, ee): the channel is there
    [enrol                            ->
                                      <-           pending … enrolled]
    first {ticket, proof}             ->           checks it, claims the invitation
                                      <-           [pending …] second, from the account id
    checks it: verified {proof}       ->
                                      <-           open
"""

import enum
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wire import limits, messages, proofs, tokens
from wire.channel import Channel, FrameType, control_frame, frames
from wire.errors import MalformedMessage, TokenRefused, TooLarge, VerificationFailed, error_for
from wire.invitation import (
    Invitation,
    PublicPart,
    Scope,
    prologue_of,
    psk_of,
    station_id_text,
)
from wire.noise import HandshakeState, Pattern

SCOPES: Final[dict[str, Scope]] = {"backup": Scope.BACKUP, "restore": Scope.RESTORE}


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public half."""
    return key.public_key().public_bytes_raw()


class State(enum.Enum):
    """Where a handshake is; each side uses the states that concern it."""

    START = enum.auto()
    AWAIT_REPLY = enum.auto()
    CHANNEL = enum.auto()
    ENROLLING = enum.auto()
    ENROLLED = enum.auto()
    DECIDING = enum.auto()
    AWAIT_SECOND = enum.auto()
    AWAIT_VERIFIED = enum.auto()
    AWAIT_OPEN = enum.auto()
    VERIFIED = enum.auto()
    OPEN = enum.auto()
    FAILED = enum.auto()


# Events


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


class _Side:
    """What both sides share: one message in, one event out, failures are final."""

    def __init__(self) -> None:
        self.state = State.START
        self._channel: Channel | None = None
        self._outgoing: list[bytes] = []

    @property
    def channel(self) -> Channel:
        """The secure channel, once it is there."""
        if self._channel is None:
            raise VerificationFailed("no channel yet")
        return self._channel

    @property
    def digits(self) -> str:
        """The six digits of this connection."""
        return proofs.six_digits(self.channel.handshake_hash)

    def data_to_send(self) -> list[bytes]:
        """WebSocket messages to send now, in order; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def receive(self, message: bytes) -> Event | None:
        """Take in one WebSocket message; raises a WireError that ends the handshake."""
        if self.state in (State.FAILED, State.OPEN):
            raise VerificationFailed("the handshake is over")
        try:
            if len(message) > limits.VERIFICATION_MESSAGE_BYTES_MAX:
                raise TooLarge("a message before verification is complete")
            return self._take(message)
        except BaseException:
            self.state = State.FAILED
            raise

    def _take(self, message: bytes) -> Event | None:
        raise NotImplementedError

    def _send(self, message: messages.Message) -> None:
        self._outgoing.append(self.channel.seal(control_frame(messages.encode(message))))

    def _control_payload(self, message: bytes) -> bytes:
        parts = frames(self.channel.open(message))
        if len(parts) != 1 or parts[0].type is not FrameType.CONTROL:
            raise VerificationFailed("only single control messages before verification is complete")
        return bytes(parts[0].payload)

    def _require(self, *states: State) -> None:
        if self.state not in states:
            raise VerificationFailed(f"not in state {self.state.name}")

    def ping(self) -> None:
        """Keep the connection open while the owner decides."""
        self._send(messages.Ping())


class PhoneHandshake(_Side):
    """The mobile terminal's side. ``sub`` and ``indication`` come from the IM server."""

    def __init__(
        self, invitation: Invitation, phone_key: Ed25519PrivateKey, ephemeral: X25519PrivateKey
    ) -> None:
        super().__init__()
        self._session_id = invitation.session_id
        self._phone_key = phone_key
        self._noise = HandshakeState(
            Pattern.NK_PSK0,
            initiator=True,
            prologue=invitation.prologue(),
            rs=invitation.invitation_key,
            psk=invitation.psk(),
            ephemeral=ephemeral,
        )
        self._indication: tokens.Indication | None = None
        self._sub = ""
        self._ticket = ""

    def hello(self) -> None:
        """Queue the first Noise message."""
        self._require(State.START)
        self._outgoing.append(self._noise.write_message(b""))
        self.state = State.AWAIT_REPLY

    def enrol(self, name: str) -> None:
        """Ask to become a phone of the invitation owner's account."""
        self._require(State.CHANNEL)
        proof = proofs.prove(self._phone_key, proofs.enrol_text(self.channel.handshake_hash))
        self._send(messages.Enrol(public_bytes(self._phone_key), name, proof))
        self.state = State.ENROLLING

    def present(self, ticket: str, indication: tokens.Indication, sub: str) -> None:
        """Send the first verification information; ``sub`` is this phone's own account id."""
        self._require(State.CHANNEL)
        self._ticket, self._indication, self._sub = ticket, indication, sub
        text = proofs.first_text(self.channel.handshake_hash, ticket)
        proof = proofs.prove(self._phone_key, text)
        self._send(messages.First(ticket, public_bytes(self._phone_key), proof))
        self.state = State.AWAIT_SECOND

    def _take(self, message: bytes) -> Event | None:
        if self.state is State.AWAIT_REPLY:
            return self._take_reply(message)
        payload = self._control_payload(message)
        match messages.decode_from_station(payload):
            case messages.Ping():
                self._send(messages.Pong())
            case messages.Pong():
                pass
            case messages.Bye():
                self.state = State.FAILED
                return Left()
            case messages.Failure(code=code, message=text):
                raise error_for(code, text)
            case messages.Pending(reason=reason, seconds=seconds):
                self._require(State.ENROLLING, State.AWAIT_SECOND)
                return Waiting(reason, seconds)
            case messages.Enrolled() as grant:
                self._require(State.ENROLLING)
                self.state = State.ENROLLED
                return EnrolledAs(grant)
            case messages.Second(token=token):
                return self._take_second(token)
            case messages.Open() as terms:
                self._require(State.AWAIT_OPEN)
                self.state = State.OPEN
                return Opened(terms)
            case _:
                raise VerificationFailed("this message may not come before verification")
        return None

    def _take_reply(self, message: bytes) -> Event:
        if self._noise.read_message(message):
            raise MalformedMessage("payload in the Noise reply")
        send, receive = self._noise.split()
        self._channel = Channel(send, receive, self._noise.handshake_hash)
        self.state = State.CHANNEL
        return Connected(self.digits)

    def _take_second(self, token: str) -> Event:
        """Check key, account, audience, session, nonce and ticket hash (protocol 4.2)."""
        self._require(State.AWAIT_SECOND)
        if self._indication is None:
            raise VerificationFailed("no indication")
        second = tokens.verify(
            token, tokens.SecondInfo, [tokens.unb64u(self._indication.station_key)]
        )
        expected = tokens.SecondInfo(
            iss=self._indication.station_id,
            sub=self._sub,
            aud=tokens.thumbprint(public_bytes(self._phone_key)),
            sid=tokens.b64u(self._session_id),
            nonce=tokens.b64u(self.channel.handshake_hash),
            ath=tokens.b64u(tokens.token_hash(self._ticket)),
        )
        if second != expected:
            raise TokenRefused("the second verification information is for something else")
        proof = proofs.prove(self._phone_key, proofs.verified_text(token))
        self._send(messages.Verified(proof))
        self.state = State.AWAIT_OPEN
        return SecondAccepted()


@dataclass(frozen=True)
class StationTerms:
    """What the station knows of one invitation before anybody connects.

    ``issuer_keys`` are the pinned keys of ``iss``; ``bound_phone`` is a thumbprint, or empty;
    ``now`` gives seconds since 1970 by the station's clock.
    """

    public_part: bytes
    secret: bytes
    invitation_key: X25519PrivateKey
    station_key: Ed25519PrivateKey
    iss: str
    issuer_keys: Sequence[bytes]
    bound_phone: str
    now: Callable[[], int]


class StationHandshake(_Side):
    """The backup terminal's side; it answers only after each check has passed."""

    def __init__(self, terms: StationTerms, ephemeral: X25519PrivateKey) -> None:
        super().__init__()
        self._terms = terms
        self._public = PublicPart.decode(terms.public_part)
        self._noise = HandshakeState(
            Pattern.NK_PSK0,
            initiator=False,
            prologue=prologue_of(terms.public_part),
            s=terms.invitation_key,
            psk=psk_of(terms.secret, self._public.session_id),
            ephemeral=ephemeral,
        )
        self._ticket: tokens.Ticket | None = None
        self._ticket_text = ""
        self._phone_key = b""
        self._second = ""

    def _take(self, message: bytes) -> Event | None:
        if self.state is State.START:
            return self._take_hello(message)
        payload = self._control_payload(message)
        match messages.decode_from_phone(payload):
            case messages.Ping():
                self._send(messages.Pong())
            case messages.Pong():
                pass
            case messages.Bye():
                self.state = State.FAILED
                return Left()
            case messages.Enrol() as enrol:
                return self._take_enrol(enrol)
            case messages.First() as first:
                return self._take_first(first)
            case messages.Verified(proof=proof):
                self._require(State.AWAIT_VERIFIED)
                proofs.check(self._phone_key, proof, proofs.verified_text(self._second))
                self.state = State.VERIFIED
                return PhoneVerified()
            case _:
                raise VerificationFailed("this message may not come before verification")
        return None

    def _take_hello(self, message: bytes) -> Event:
        if self._noise.read_message(message):
            raise MalformedMessage("payload in the first Noise message")
        self._outgoing.append(self._noise.write_message(b""))
        receive, send = self._noise.split()
        self._channel = Channel(send, receive, self._noise.handshake_hash)
        self.state = State.CHANNEL
        return Connected(self.digits)

    def _take_enrol(self, enrol: messages.Enrol) -> Event:
        self._require(State.CHANNEL)
        if not 0 < len(enrol.name.strip()) <= limits.NAME_CHARS_MAX:
            raise VerificationFailed("the phone's name is empty or too long")
        proofs.check(enrol.phone_key, enrol.proof, proofs.enrol_text(self.channel.handshake_hash))
        self.state = State.ENROLLING
        return EnrolRequested(enrol.phone_key, enrol.name.strip())

    def _take_first(self, first: messages.First) -> Event:
        """Check the first verification information in the order of protocol section 4.1."""
        self._require(State.CHANNEL)
        ticket = tokens.verify(first.ticket, tokens.Ticket, self._terms.issuer_keys)
        self._check_ticket(ticket)
        if tokens.thumbprint(first.phone_key) != ticket.cnf:
            raise TokenRefused("the ticket names another phone key")
        if self._terms.bound_phone not in ("", ticket.cnf):
            raise TokenRefused("this invitation is for another phone")
        text = proofs.first_text(self.channel.handshake_hash, first.ticket)
        proofs.check(first.phone_key, first.proof, text)
        self._ticket_text, self._phone_key = first.ticket, first.phone_key
        self._ticket = ticket
        self.state = State.DECIDING
        return FirstAccepted(ticket, first.phone_key)

    def _check_ticket(self, ticket: tokens.Ticket) -> None:
        terms, public = self._terms, self._public
        expected = {
            "iss": (ticket.iss, terms.iss),
            "aud": (ticket.aud, self._station_id),
            "sid": (ticket.sid, tokens.b64u(public.session_id)),
            "spk": (ticket.spk, tokens.b64u(hashlib.sha256(public.invitation_key).digest())),
            "inv": (ticket.inv, tokens.b64u(hashlib.sha256(terms.public_part).digest())),
        }
        for claim, (found, wanted) in expected.items():
            if found != wanted:
                raise TokenRefused(f"the ticket's {claim} is for something else")
        tokens.check_times(ticket, terms.now())
        if not SCOPES[ticket.scope] & public.scope:
            raise TokenRefused("the ticket's scope is not allowed by this invitation")

    @property
    def _station_id(self) -> str:
        return station_id_text(self._public.station_id)

    # What the caller decides

    def pending(self, seconds: int) -> None:
        """Tell the phone that the owner is being asked."""
        self._require(State.ENROLLING, State.DECIDING)
        enrolling = self.state is State.ENROLLING
        self._send(messages.Pending("enrol" if enrolling else "link", seconds))

    def enrolled(self, grant: messages.Enrolled) -> None:
        """Answer an enrolment that the owner allowed."""
        self._require(State.ENROLLING)
        self._send(grant)
        self.state = State.ENROLLED

    def accept(self) -> None:
        """Generate the second verification information from the account id and send it."""
        self._require(State.DECIDING)
        if self._ticket is None:
            raise VerificationFailed("no ticket")
        second = tokens.SecondInfo(
            iss=self._station_id,
            sub=self._ticket.sub,
            aud=self._ticket.cnf,
            sid=self._ticket.sid,
            nonce=tokens.b64u(self.channel.handshake_hash),
            ath=tokens.b64u(tokens.token_hash(self._ticket_text)),
        )
        self._second = tokens.sign(second, self._terms.station_key)
        self._send(messages.Second(self._second))
        self.state = State.AWAIT_VERIFIED

    def open(self, terms: messages.Open) -> None:
        """Declare verification complete; from here on transfer messages are allowed."""
        self._require(State.VERIFIED)
        self._send(terms)
        self.state = State.OPEN
