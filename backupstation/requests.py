"""HTTP under daphne with bounds: heads and bodies in time, bodies small, no secrets in logs.

Bulk data travels over the WebSocket; what comes by HTTP is small, so it is refused before it is
buffered. Answers wait for a slow reader in :class:`backupstation.flow.Transport`.
"""

# ruff: noqa: ANN401, N802 (the names and the untyped arguments are Twisted's)
# mypy: allow-untyped-calls

from typing import Any, Final

from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http

# RFC 9110 section 15.5.14
_CONTENT_TOO_LARGE: Final = (
    b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)


class Request(WebRequest):
    """daphne's request; its body is counted and its form is left to Django to parse."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args, parsePOSTFormSubmission=False)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body unless the whole would pass the limit."""
        if self.content.tell() + len(data) > self.server.limits.request_body_bytes:
            self.channel.refuse_body()
        else:
            super().handleContentChunk(data)

    def process(self) -> Any:
        """Hand the request over; a peer must not choose the path that we are mounted at."""
        self.requestHeaders.removeHeader(b"daphne-root-path")
        return super().process()

    def message_taken(self) -> None:
        """Bodies are small and queued whole: nothing to resume."""

    def application_ended(self) -> None:
        """Drop a connection whose answer was left unfinished."""
        if not self.finished and self.channel is not None:
            self.channel.forceAbortClient()

    def handle_exception(self, exception: BaseException) -> None:
        """Answer 500; what was begun already is broken off, so that nobody takes it for whole."""
        if self._response_started:
            self.application_ended()
        else:
            super().handle_exception(exception)

    def __repr__(self) -> str:
        return f"<Request from {self.client_addr}>"  # no address: a query string may be secret


class RequestChannel(http.HTTPChannel):
    """One HTTP connection. Twisted's own timer is idle time only, which a trickle resets."""

    transport: Any

    def connectionMade(self) -> None:
        """Await the first request head."""
        self._limits = self.factory.server.limits
        self._deadline: Any = None
        self._refused_at: int | None = None
        super().connectionMade()
        self._expect_within(self._limits.handshake_seconds)

    def dataReceived(self, data: bytes) -> None:
        """Parse, unless this connection was refused and its rest is only drained."""
        if self._refused_at is not None:
            return
        if self._deadline is None and not self._handlingRequest:
            self._expect_within(self._limits.handshake_seconds)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:
        """Refuse a body that announces to be too large; give any other its time."""
        if (self.length or 0) > self._limits.request_body_bytes:
            self.refuse_body()
            return
        self._expect_within(self._limits.request_body_seconds)
        super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:
        """Take body bytes unless they are refused."""
        if self._refused_at is None:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        """Go on without a deadline while the application works."""
        if self._refused_at is None:
            self._expect_no_more()
            super().allContentReceived()

    def isSecure(self) -> bool:
        """Whether the peer speaks https to this process."""
        return bool(self.transport.TLS)

    def refuse_body(self) -> None:
        """Answer 413, then read to nowhere for a moment so that the peer can see the answer."""
        if self._refused_at is not None:
            return
        self._refused_at = self.length or 0
        self.transport.write(_CONTENT_TOO_LARGE)
        self.transport.loseWriteConnection()
        self._expect_within(self._limits.refusal_seconds)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Stop the clock."""
        self._expect_no_more()
        super().connectionLost(reason)

    def _expect_within(self, seconds: float) -> None:
        self._expect_no_more()
        self._deadline = self.callLater(seconds, self._too_late)

    def _expect_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._deadline = None
        self.transport.abortConnection()


class RequestFactory(HTTPFactory):
    """Makes a :class:`RequestChannel` per connection while there is room for it."""

    protocol = RequestChannel

    def buildProtocol(self, addr: Any) -> Any:
        """None, upon which Twisted closes, when the station or this address has too many."""
        if not self.server.has_room_for(addr.host):
            return None
        channel = super().buildProtocol(addr)
        channel.requestFactory = self.server.request_class
        return channel
