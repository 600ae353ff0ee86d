"""One WebSocket to the listening port (RFC 6455), with errors that say what happened."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address
from typing import Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from phone.errors import CutOff, Unreachable
from wire import limits
from wire.errors import MalformedMessage, TimedOut, all_errors, error_for
from wire.invitation import Address, Invitation

CONNECT_SECONDS: Final = 4.0
_CLOSE_SECONDS: Final = 2.0
_QUEUED_MESSAGES: Final = 4
_ERROR_CODES: Final = all_errors()


class _Bulk(ClientConnection):
    """Reads in large pieces: a quarter of the system calls and wake-ups."""

    recv_bufsize = 256 * limits.KIB


class Connection:
    """An open WebSocket. ``send`` and ``receive`` may be used by one thread each."""

    def __init__(self, websocket: ClientConnection, address: Address) -> None:
        self._websocket = websocket
        self._spoke = time.monotonic()
        self.address = address

    def send(self, message: bytes) -> None:
        """Send one binary message; waits while the network takes it.

        That the connection has ended, and why, shows when receiving.
        """
        self._spoke = time.monotonic()
        with suppress(ConnectionClosed):
            self._websocket.send(message)

    def receive(self, seconds: float | None = None) -> bytes:
        """The next message; raises :class:`TimeoutError` when none comes in time.

        A close code of this protocol is raised as its error, any other end as :class:`CutOff`.
        """
        try:
            message = self._websocket.recv(seconds)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 0
            if code in _ERROR_CODES:
                raise error_for(code, closed.rcvd.reason if closed.rcvd else "") from None
            raise CutOff("The connection to the station was lost.") from None
        if isinstance(message, str):
            raise MalformedMessage("a text message")
        return message

    def receive_or_ping(self, ping: Callable[[], None]) -> bytes:
        """The next message; ``ping`` is called whenever this side has said nothing for a while.

        However much the other side says: it closes what is silent, and this thread may be the only
        one that has time. Raises :class:`TimedOut` when nothing comes for a minute.
        """
        deadline = time.monotonic() + limits.IDLE_SECONDS
        while (now := time.monotonic()) < deadline:
            try:
                return self.receive(max(0.0, self._spoke + limits.PING_SECONDS - now))
            except TimeoutError:
                self._spoke = time.monotonic()
                ping()
        raise TimedOut("the station was silent for too long")

    def close(self) -> None:
        """Close in order, with a short wait for the station to agree."""
        self._websocket.close()

    def abort(self) -> None:
        """Cut the connection at once, from any thread; blocked calls end with :class:`CutOff`."""
        try:
            self._websocket.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def open_connection(invitation: Invitation) -> Connection:
    """Connect to the listening port at the first of the invitation's addresses that answers.

    Raises :class:`Unreachable` when none does.
    """
    failures = []
    for address in invitation.addresses:
        try:
            return Connection(_connect(address, invitation), address)
        except (OSError, InvalidHandshake, EOFError) as error:
            failures.append(f"{address}: {_why(error)}")
    tried = "; ".join(failures)
    raise Unreachable(f"The station does not answer at port {invitation.port} ({tried}).")


def _connect(address: Address, invitation: Invitation) -> ClientConnection:
    host = f"[{address}]" if isinstance(address, IPv6Address) else str(address)
    session = invitation.session_id.hex()
    return connect(
        f"ws://{host}:{invitation.port}{limits.LISTEN_PATH}{session}",
        subprotocols=[Subprotocol(limits.SUBPROTOCOL)],
        compression=None,
        proxy=None,
        max_size=limits.WEBSOCKET_MESSAGE_BYTES_MAX,
        max_queue=_QUEUED_MESSAGES,
        open_timeout=CONNECT_SECONDS,
        close_timeout=_CLOSE_SECONDS,
        ping_interval=None,
        create_connection=_Bulk,
        legacy=True,
    )


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
