"""WebSockets under daphne with bounds: reading pauses, messages are limited, the dead dropped.

Input is parsed frame by frame in turns. Parsing stops, and with it reading, while the application
has too much to do or has not yet accepted; what was read already (one read) waits unparsed.
"""

# ruff: noqa: ANN401, N802, N803 (the names and the untyped arguments are Twisted's and autobahn's)
# mypy: allow-untyped-calls

import asyncio
import time
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol

from backupstation.flow import PeerGone
from backupstation.masking import fastest
from wire import limits

# RFC 6455 section 5.2: two bytes, eight of length, four of mask.
_FRAME_HEADER_BYTES_MAX = 14
_READ_BYTES = 256 * limits.KIB


class Socket(WebSocketProtocol):
    """One WebSocket, from the upgrade request on."""

    server: Any = None
    current_frame_masker: Any
    muted: bool

    def connectionMade(self) -> None:
        """Take the transport over from the HTTP channel."""
        self.limits = self.factory.server_class.limits
        self._since = self.heard = self.pinged = time.monotonic()
        self._unread = b""
        self._paused_at: float | None = None
        self._turn: asyncio.Handle | None = None
        self._owed_pong: bytes | None = None
        self._fragments = 0
        self.transport.unregisterProducer()
        super().connectionMade()

    # Admission

    def onConnect(self, request: Any) -> Any:
        """Hand the upgrade request to the application while there is room."""
        self.listening = request.path.startswith(limits.LISTEN_PATH)
        if self.listening and not self.factory.server_class.admit_listener(self):
            raise ConnectionDeny(429, "Too many connections")
        return super().onConnect(request)

    def onOpen(self) -> None:
        """Go on with what was held back until the application accepted."""
        super().onOpen()
        if self.listening:
            self.transport.bufferSize = _READ_BYTES
        self._schedule_turn()

    def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
        """Tell the application, if it ever heard of this connection."""
        self.factory.server_class.forget_listener(self)
        if self.server is not None:
            super().onClose(wasClean, code, reason)

    # Reading

    @property
    def input_limits(self) -> tuple[int, int]:
        """Largest message and most waiting bytes: small until the application has answered."""
        if self.listening and self.trafficStats.outgoingWebSocketMessages:
            return self.limits.message_bytes, self.limits.input_bytes
        return self.limits.early_message_bytes, self.limits.early_input_bytes

    def dataReceived(self, data: bytes) -> None:
        """Parse as far as the application's queue has room."""
        self.heard = time.monotonic()
        if self._is_deaf():
            return
        self._unread += data
        if self._turn is None:
            self._take_turn()

    def _take_turn(self) -> None:
        """Parse what is allowed now; read on only when nothing is left over.

        The parser is given one header or the rest of one frame at a time: it copies all that
        follows for each frame, which makes a read of many small frames quadratic.
        """
        self._turn = None
        data, self._unread, at = self._unread, b"", 0
        for _ in range(self.limits.pieces_per_turn):
            if at >= len(data) or self._is_deaf() or self._must_wait():
                break
            wanted = self._parser_wants()
            piece = data[at : at + wanted] if at or wanted < len(data) else data
            at += len(piece)
            self._dataReceived(piece)
        self._unread = b"" if self._is_deaf() else data[at:]
        if not self._unread:
            self._resume()
        else:
            self._pause()
            if not self._must_wait():
                self._schedule_turn()

    def _parser_wants(self) -> int:
        if self.state == self.STATE_CONNECTING:
            return len(self._unread) or _READ_BYTES
        if self.current_frame is None:
            return max(1, _FRAME_HEADER_BYTES_MAX - len(self.data))
        rest: int = self.current_frame.length - self.current_frame_masker.pointer()
        return max(1, rest - len(self.data))

    def _is_deaf(self) -> bool:
        """After a violation nothing is worth parsing; the peer only gets time to read why."""
        return bool(self.failedByMe or self.state == self.STATE_CLOSED)

    def _must_wait(self) -> bool:
        if self.state == self.STATE_CONNECTING:
            return hasattr(self, "handshake_deferred")  # the application is deciding
        if self.state == self.STATE_OPEN:
            return bool(self.application_queue.waiting_bytes > self.input_limits[1])
        return False

    def message_taken(self) -> None:
        """Read on when the application has taken enough."""
        room_below = self.input_limits[1] // 4
        if self._paused_at is not None and self.application_queue.waiting_bytes <= room_below:
            self._schedule_turn()

    def _schedule_turn(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)

    def _pause(self) -> None:
        if self._paused_at is None:
            self._paused_at = time.monotonic()
        self.transport.pauseProducing()

    def _resume(self) -> None:
        if self._paused_at is not None:
            self._paused_at = None
            self.heard = time.monotonic()  # it could not be heard before
            self.transport.resumeProducing()

    # Messages

    def onFrameBegin(self) -> None:
        """Unmask with the fastest that there is."""
        self.current_frame_masker = fastest(self.current_frame.mask, self.current_frame_masker)
        super().onFrameBegin()

    def onMessageBegin(self, isBinary: bool) -> None:
        """Count fragments from here."""
        self._fragments = 0
        super().onMessageBegin(isBinary)

    def onMessageFrameBegin(self, length: int) -> None:
        """Refuse a message by its announced length, before its bytes are kept (RFC 6455 7.4.1)."""
        super().onMessageFrameBegin(length)
        self._fragments += 1
        largest = self.input_limits[0]
        if self.failedByMe:
            return
        if self.message_data_total_length > largest:
            self._fail_connection(
                self.CLOSE_STATUS_CODE_MESSAGE_TOO_BIG, f"message over {largest} bytes"
            )
        elif self._fragments > self.limits.message_fragments:
            self._fail_connection(self.CLOSE_STATUS_CODE_POLICY_VIOLATION, "too many fragments")

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Queue a message for the application, unless it has closed."""
        if self.state == self.STATE_OPEN:
            super().onMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:
        """Answer, or remember the latest when the peer does not read (RFC 6455 5.5.3)."""
        if self.transport.waiting_bytes > self.limits.output_bytes:
            self._owed_pong = payload
        else:
            self.sendPong(payload)

    def require_peer(self) -> None:
        """Raise :class:`PeerGone` when nothing can be sent any more."""
        if self.state in (self.STATE_CLOSING, self.STATE_CLOSED):
            raise PeerGone("the WebSocket is closed")

    # Ending

    def sendCloseFrame(self, *args: Any, **kwargs: Any) -> None:
        """Close; and listen for the peer's answer even if the application reads no more."""
        self._since = time.monotonic()
        super().sendCloseFrame(*args, **kwargs)
        if self._paused_at is not None:
            self._schedule_turn()

    def application_ended(self) -> None:
        """Close what the application left open."""
        if self.state == self.STATE_OPEN:
            self.serverClose()
        elif self.state == self.STATE_CONNECTING and hasattr(self, "handshake_deferred"):
            self.serverReject()

    def go_away(self) -> None:
        """Tell the peer that the station stops, and the application as if the peer had gone."""
        if self.state == self.STATE_OPEN:
            self.sendCloseFrame(code=self.CLOSE_STATUS_CODE_GOING_AWAY)
        if not self.muted:
            self.muted = True
            self.application_queue.put_nowait({"type": "websocket.disconnect", "code": 1001})

    def check_timeouts(self) -> None:
        """End what takes too long (autobahn's own timers round to whole seconds)."""
        now, bounds = time.monotonic(), self.limits
        if self.state == self.STATE_CONNECTING and now - self._since > bounds.handshake_seconds:
            self._drop("no decision on the handshake", abort=True)
        elif self.state == self.STATE_CLOSING and now - self._since > bounds.close_seconds:
            self._drop("no answer to close", abort=False)  # but deliver what was sent before it
        elif self.state == self.STATE_OPEN and self._paused_at is None:
            self._check_alive(now)

    def _check_alive(self, now: float) -> None:
        """Pay an owed pong, ping a silent peer, drop one that stays silent.

        A peer whose input we hold back, or who still takes what we send, is not silent.
        """
        if self._owed_pong is not None and not self.transport.waiting_bytes:
            owed, self._owed_pong = self._owed_pong, None
            self.sendPong(owed)
        alive = max(self.heard, self.transport.progressed if self.transport.waiting_bytes else 0)
        if now - alive > self.limits.silence_seconds:
            self._drop("silent peer", abort=True)
        elif now - max(alive, self.pinged) > self.limits.ping_seconds:
            self.pinged = now
            self.sendPing()

    def _drop(self, reason: str, *, abort: bool) -> None:
        self.wasNotCleanReason = reason
        self.dropConnection(abort=abort)


class SocketFactory(WebSocketFactory):
    """Makes a :class:`Socket` per upgraded connection."""

    protocol = Socket
