"""The HTTP server of an IM server that runs alone: daphne, with request bodies held small.

Importing this module installs Twisted's asyncio reactor, so only the command imports it.
"""

from collections.abc import Callable
from typing import Any, Final

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from django.conf import settings

# The calls need 16 KiB and the admin's forms less than Django's own limit; daphne alone would
# spool a body of any length to disk before anybody looks at it.
REQUEST_BYTES_MAX: Final = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
FORWARDED_FOR: Final = "X-Forwarded-For"
_TOO_LARGE: Final = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n"


class SmallRequest(WebRequest):  # type: ignore[misc]
    """A request whose connection ends when its body passes :data:`REQUEST_BYTES_MAX`."""

    received = 0

    def process(self) -> Any:  # noqa: ANN401 - a Deferred
        """Believe of the address headers only what the own proxy added, which is the last."""
        self.requestHeaders.removeHeader(b"Daphne-Root-Path")
        forwarded = self.requestHeaders.getRawHeaders(FORWARDED_FOR)
        if forwarded:
            nearest = forwarded[-1].rpartition(",")[2].strip()
            self.requestHeaders.setRawHeaders(FORWARDED_FOR, [nearest])
        return super().process()

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        """Refuse an announced length before the first byte of the body."""
        super().gotLength(length)
        if length is not None and length > REQUEST_BYTES_MAX:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Refuse a body that comes in pieces without a length."""
        self.received += len(data)
        if self.received > REQUEST_BYTES_MAX:
            self._refuse()
        else:
            super().handleContentChunk(data)

    def _refuse(self) -> None:
        self.channel.transport.write(_TOO_LARGE)
        self.channel.loseConnection()


class SmallRequestFactory(HTTPFactory):  # type: ignore[misc]
    """Makes connections whose requests are :class:`SmallRequest`."""

    def buildProtocol(self, addr: Any) -> Any:  # noqa: ANN401, N802 - Twisted's
        """Return the protocol for one connection."""
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = SmallRequest
        return protocol


class ImServer(Server):  # type: ignore[misc]
    """daphne that says where it listens, whichever port the system gave it."""

    def __init__(self, *, announce: Callable[[int], None], **options: Any) -> None:  # noqa: ANN401
        super().__init__(**options)
        self._announce = announce
        self.failure = ""

    @property
    def http_factory(self) -> SmallRequestFactory:
        """The factory that daphne listens with."""
        return self._http_factory

    @http_factory.setter
    def http_factory(self, _plain: HTTPFactory) -> None:
        # daphne makes its factory inside run() and has no other place to put a different one
        self._http_factory = SmallRequestFactory(self)

    def listen_success(self, port: Any) -> None:  # noqa: ANN401 - Twisted's IListeningPort
        """Announce the port as soon as it is open."""
        super().listen_success(port)
        self._announce(port.getHost().port)

    def listen_error(self, failure: Any) -> None:  # noqa: ANN401 - Twisted's Failure
        """Leave with an error instead of serving nothing."""
        self.failure = failure.getErrorMessage()
        super().listen_error(failure)
