"""What both sides of a handshake share."""

import enum

from wire import limits, messages, proofs
from wire.channel import Channel, FrameType, control_frame, frames
from wire.errors import TooLarge, VerificationFailed
from wire.handshake.events import Event


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


class Side:
    """What both sides share: one message in, one event out, failures are final."""

    def __init__(self) -> None:
        self.state = State.START
        self.heard_on_channel = False
        """Whether the peer has used the channel: who only replays a first message cannot."""
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
            if len(message) > self._message_bytes_max:
                raise TooLarge("a message before verification is complete")
            return self._take(message)
        except BaseException:
            self.state = State.FAILED
            raise

    @property
    def _message_bytes_max(self) -> int:
        """The largest message that may come now."""
        return limits.VERIFICATION_MESSAGE_BYTES_MAX

    def _take(self, message: bytes) -> Event | None:
        raise NotImplementedError

    def _send(self, message: messages.Message) -> None:
        self._outgoing.append(self.channel.seal(control_frame(messages.encode(message))))

    def _control_payload(self, message: bytes) -> bytes:
        plaintext = self.channel.open(message)
        self.heard_on_channel = True
        parts = frames(plaintext)
        if len(parts) != 1 or parts[0].type is not FrameType.CONTROL:
            raise VerificationFailed("only single control messages before verification is complete")
        return bytes(parts[0].payload)

    def _require(self, *states: State) -> None:
        if self.state not in states:
            raise VerificationFailed(f"not in state {self.state.name}")

    def ping(self) -> None:
        """Keep the connection open while the owner decides."""
        self._send(messages.Ping())
