"""Bounds on what one connection may make the station hold in memory, in both directions.

Twisted reads as fast as the peer sends and buffers whatever the application writes; daphne puts
all of it in an unbounded queue. Here the input queue counts bytes (its owner stops reading when too
many wait), and the transport lets a writer wait until the peer has taken what was written before.
"""

# ruff: noqa: ANN401, N802 (the names and the untyped arguments are Twisted's)
# mypy: allow-untyped-calls

import asyncio
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet import tcp

from backupstation import visits
from wire import limits

# What a queued message costs beside its payload: the dict, the bytes object, the queue's slot.
MESSAGE_OVERHEAD_BYTES: Final = 512
_INT: Final = struct.Struct("i")


class PeerGone(ConnectionError):
    """The application sent to a WebSocket that is closing or closed (ASGI: an OSError)."""


@dataclass(frozen=True)
class ServerLimits:
    """Bounds of the server. Bytes, seconds or counts, as the names say."""

    # A peer to whom the application has not yet spoken, and every socket but the listening port.
    early_message_bytes: int = 64 * limits.KIB
    early_input_bytes: int = 256 * limits.KIB
    # The listening port, once the application has answered there.
    message_bytes: int = limits.WEBSOCKET_MESSAGE_BYTES_MAX
    input_bytes: int = 4 * limits.MIB
    # Browsers fragment at 16 KiB or more; empty fragments would otherwise cost memory for ever.
    message_fragments: int = 1024
    # How many pieces of input one connection may have parsed before the others get their turn.
    pieces_per_turn: int = 256
    # ``await send(...)`` returns when no more than this waits for the peer.
    output_bytes: int = 256 * limits.KIB
    request_body_bytes: int = 2 * limits.MIB

    handshake_seconds: float = limits.HANDSHAKE_SECONDS
    request_body_seconds: float = 60
    keep_alive_seconds: float = 60
    refusal_seconds: float = 2
    close_seconds: float = 2
    # A peer that takes nothing of what waits for it.
    stall_seconds: float = 30
    ping_seconds: float = limits.PING_SECONDS
    silence_seconds: float = limits.IDLE_SECONDS
    stop_seconds: float = 5
    # An application may still seal its work after its peer has gone.
    application_close_seconds: float = 30
    watch_seconds: float = 1

    connections: int = 512
    connections_per_address: int = 128
    listening_connections: int = 64
    listening_connections_per_address: int = limits.CONNECTIONS_PER_ADDRESS_MAX


class InputQueue(asyncio.Queue[dict[str, Any]]):
    """ASGI messages on their way to the application, with the bytes that they hold.

    ``taken`` is called whenever the application has taken a message.
    """

    def __init__(self, taken: Callable[[], None]) -> None:
        super().__init__()
        self.waiting_bytes = 0
        self._taken = taken

    def _put(self, item: dict[str, Any]) -> None:
        super()._put(item)
        self.waiting_bytes += _cost(item)

    def _get(self) -> dict[str, Any]:
        item = super()._get()
        self.waiting_bytes -= _cost(item)
        self._taken()
        return item


def _cost(message: dict[str, Any]) -> int:
    payload = message.get("bytes") or message.get("text") or b""
    return len(payload) + MESSAGE_OVERHEAD_BYTES


class Transport(tcp.Server):
    """One accepted TCP connection: knows what waits to be sent and when the peer last took some."""

    SEND_LIMIT = limits.MIB
    server: "TcpPort"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.progressed = time.monotonic()
        self._writers: list[asyncio.Future[None]] = []
        self._unsent = 0
        self.setTcpKeepAlive(True)
        self.server.open.add(self)
        visits.note(self.getHost().host, str(self.hostname))

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were written here and not yet given to the kernel."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    async def drained(self, at_most: int) -> None:
        """Return when at most ``at_most`` bytes wait for the peer, or the connection is lost."""
        while self.connected and self.waiting_bytes > at_most:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._writers.append(turn)
            await turn

    def write(self, data: bytes) -> None:
        """Buffer ``data``; the time without progress counts from the first byte that waits."""
        if not self.waiting_bytes:
            self.progressed = time.monotonic()
        super().write(data)

    def writeSomeData(self, data: bytes) -> Any:
        """Send what the kernel takes and let waiting writers look again."""
        sent = super().writeSomeData(data)
        if isinstance(sent, int) and sent > 0:
            self.progressed = time.monotonic()
            self._wake_writers()
        return sent

    def connectionLost(self, reason: Any) -> None:
        """Forget the connection and release whoever waits for it to drain."""
        super().connectionLost(reason)
        self.server.open.discard(self)
        self._wake_writers()

    def drop_if_stalled(self, seconds: float) -> None:
        """Abort when something waits and the peer has taken nothing for ``seconds``.

        The kernel asks for more only when a good part of what it has is gone: megabytes, which a
        slow peer takes minutes for. So what the peer takes of these counts as well.
        """
        if not self.waiting_bytes:
            return
        unsent = _unsent_bytes(self.socket)
        if unsent != self._unsent:
            self._unsent, self.progressed = unsent, time.monotonic()
        if time.monotonic() - self.progressed > seconds:
            self.abortConnection()

    def _wake_writers(self) -> None:
        writers, self._writers = self._writers, []
        for turn in writers:
            if not turn.done():
                turn.set_result(None)


def _unsent_bytes(connection: socket.socket) -> int:
    """What the kernel has and the peer has not acknowledged (tcp(7), SIOCOUTQ); 0 elsewhere."""
    try:
        told = fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(_INT.size))
    except OSError:
        return 0
    return int(_INT.unpack(told)[0])


class TcpPort(tcp.Port):
    """The station's TCP port; ``open`` are its accepted connections."""

    transport: Any = Transport

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open: set[Transport] = set()

    def from_address(self, host: str) -> int:
        """How many open connections come from this address."""
        return sum(transport.hostname == host for transport in self.open)
