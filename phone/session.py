"""A verified connection: control messages and whole frames, over the secure channel."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, TypeVar

from cryptography.utils import Buffer

from phone.connection import Connection
from phone.errors import CutOff, PhoneError
from phone.link import Link
from wire import limits, messages
from wire.channel import FrameType, control_frame, frames
from wire.errors import MalformedMessage, TimedOut, WireError, error_for
from wire.handshake import PhoneHandshake
from wire.invitation import Invitation

GOODBYE_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 600.0
_M = TypeVar("_M", bound=messages.Message)


class Session:
    """A verified connection. ``send`` may be called from any thread, reading from one at a time."""

    def __init__(
        self,
        link: Link,
        connection: Connection,
        shaken: PhoneHandshake,
        terms: messages.Open,
        station_key: bytes,
    ) -> None:
        if terms.window < limits.WINDOW_BYTES_MIN:
            raise MalformedMessage("a window that is too small to work with")
        self.terms = terms
        self.window = min(terms.window, limits.WINDOW_BYTES_MAX)
        self.station_key = station_key
        self.channel = shaken.channel
        self.connection = connection
        self.follow_up: Link | None = None
        self.reply: Callable[[messages.Message], None] = self.send
        self._link = link
        self.note_progress()
        self._sending = threading.Lock()

    def send(self, message: messages.Message) -> None:
        """Send one control message."""
        self.send_frames([control_frame(messages.encode(message))])

    def send_frames(self, parts: Sequence[Buffer]) -> None:
        """Send whole frames, given in pieces, as one WebSocket message."""
        plaintext = b"".join(parts)
        with self._sending:
            self.connection.send(self.channel.seal(plaintext))

    def take_follow_up(self, invitation: bytes) -> None:
        """Keep the invitation with which to go on after a cut."""
        self.follow_up = Link(self._link.origin, Invitation.decode(invitation))

    def control(self, payload: memoryview) -> messages.StationMessage | None:
        """A control message for the caller; what keeps the connection going is dealt with here.

        Raises what an ``error`` that ends the connection stands for, and :class:`TimedOut` when
        the station has talked for too long without taking the work further.
        """
        message = messages.decode_from_station(bytes(payload))
        self._check_patience()
        match message:
            case messages.Ping():
                self.reply(messages.Pong())
            case messages.Pong():
                pass
            case messages.FollowUp(invitation=invitation):
                self.take_follow_up(invitation)
            case messages.Bye():
                raise CutOff("The station ended the connection.")
            case messages.Failure(code=code, message=text) if error_for(code, text).fatal:
                raise error_for(code, text)
            case _:
                return message
        return None

    def note_progress(self) -> None:
        """The work has gone further: only from now on does the station keep it waiting."""
        self._progressed = time.monotonic()

    def _check_patience(self) -> None:
        if time.monotonic() - self._progressed > ANSWER_SECONDS:
            raise TimedOut("the station gives signs of life, and no answer")

    def ask(self, message: messages.Message, kind: type[_M]) -> _M:
        """Send a request and wait for its answer; raises what an ``error`` stands for."""
        self.note_progress()
        self.send(message)
        while True:
            for frame in frames(self.channel.open(self._patient_receive())):
                if frame.type is not FrameType.CONTROL:
                    raise MalformedMessage("data instead of an answer")
                answer = self.control(frame.payload)
                if isinstance(answer, kind):
                    self.note_progress()
                    return answer
                if isinstance(answer, messages.Failure):
                    raise error_for(answer.code, answer.message)
                if answer is not None:
                    raise MalformedMessage(f"{type(answer).__name__} instead of {kind.__name__}")

    def _patient_receive(self) -> bytes:
        return self.connection.receive_or_ping(lambda: self.send(messages.Ping()))

    def close(self) -> None:
        """Say goodbye and close; a station that is gone already is no error."""
        self.send(messages.Bye())
        with suppress(PhoneError, WireError, TimeoutError):
            self.connection.receive(GOODBYE_SECONDS)
        self.connection.close()
