"""The mobile terminal's side of connecting and verifying."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wire import limits, messages, proofs, tokens
from wire.channel import Channel
from wire.errors import MalformedMessage, TokenRefused, VerificationFailed, error_for
from wire.handshake.events import (
    Connected,
    EnrolledAs,
    Event,
    Left,
    Opened,
    SecondAccepted,
    Waiting,
)
from wire.handshake.side import Side, State
from wire.invitation import Invitation
from wire.noise import HandshakeState, Pattern


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public half."""
    return key.public_key().public_bytes_raw()


class PhoneHandshake(Side):
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

    @property
    def _message_bytes_max(self) -> int:
        """A verified station opens with all that the code is bound to: up to 2,000 names."""
        if self.state is State.AWAIT_OPEN:
            return limits.WEBSOCKET_MESSAGE_BYTES_MAX
        return super()._message_bytes_max

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
