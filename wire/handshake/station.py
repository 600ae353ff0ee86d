"""The backup terminal's side of connecting and verifying."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wire import limits, messages, proofs, tokens
from wire.channel import Channel
from wire.errors import MalformedMessage, TokenRefused, VerificationFailed
from wire.handshake.events import (
    Connected,
    EnrolRequested,
    Event,
    FirstAccepted,
    Left,
    PhoneVerified,
)
from wire.handshake.side import Side, State
from wire.invitation import PublicPart, Scope, prologue_of, psk_of, station_id_text
from wire.noise import HandshakeState, Pattern

SCOPES: Final[dict[str, Scope]] = {"backup": Scope.BACKUP, "restore": Scope.RESTORE}


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


class StationHandshake(Side):
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

    def refuse(self, failure: messages.Failure) -> None:
        """Tell the phone that the owner said no."""
        self._send(failure)

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
