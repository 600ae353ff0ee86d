"""A session served by two threads: one sends what is queued, one receives and delivers.

Sealing, masking and sending overlap with reading; what arrives, errors too, comes in order.
"""

import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from cryptography.utils import Buffer

from phone.session import GOODBYE_SECONDS, Session
from wire import messages
from wire.channel import FrameType, control_frame, frames
from wire.errors import MalformedMessage

Arrival = messages.StationMessage | Exception


class Line:
    """Send without waiting. A delivered exception means that the line is dead.

    The caller bounds what is queued, by the protocol's window.
    """

    def __init__(self, session: Session, deliver: Callable[[Arrival], None]) -> None:
        self._session = session
        self._deliver = deliver
        self._outgoing: SimpleQueue[Sequence[Buffer] | None] = SimpleQueue()
        session.reply = self.say
        self._sender = threading.Thread(target=self._send, name="phone-sender", daemon=True)
        self._receiver = threading.Thread(target=self._receive, name="phone-receiver", daemon=True)
        self._sender.start()
        self._receiver.start()

    def say(self, message: messages.Message) -> None:
        """Queue a control message."""
        self._outgoing.put([control_frame(messages.encode(message))])

    def send_frames(self, parts: Sequence[Buffer]) -> None:
        """Queue whole frames, given in pieces, as one WebSocket message."""
        self._outgoing.put(parts)

    def close(self) -> None:
        """Say goodbye after everything that is queued, and close."""
        self.say(messages.Bye())
        self._outgoing.put(None)
        self._sender.join()
        self._receiver.join(GOODBYE_SECONDS)
        self._session.connection.close()
        self._receiver.join()

    def abort(self) -> None:
        """Cut the line at once."""
        self._session.connection.abort()
        self._outgoing.put(None)
        self._sender.join()
        self._session.connection.close()
        self._receiver.join()

    def _send(self) -> None:
        try:
            while (parts := self._outgoing.get()) is not None:
                self._session.send_frames(parts)
        except Exception as error:
            self._deliver(error)

    def _receive(self) -> None:
        try:
            while True:
                message = self._session.connection.receive_or_ping(
                    lambda: self.say(messages.Ping())
                )
                for frame in frames(self._session.channel.open(message)):
                    if frame.type is not FrameType.CONTROL:
                        raise MalformedMessage("data in a backup's answers")
                    told = self._session.control(frame.payload)
                    if told is not None:
                        self._deliver(told)
        except Exception as error:
            self._deliver(error)
