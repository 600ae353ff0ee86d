"""The server of an IM server that runs alone: the station's, for plain requests, and with https.

Importing this module installs Twisted's asyncio reactor, so only the command imports it.
"""

# ruff: noqa: ANN401, N802 (the names and the untyped arguments are Twisted's)
# mypy: allow-untyped-calls

from dataclasses import replace
from typing import Any, Final

from backupstation.flow import ServerLimits
from backupstation.requests import Request
from backupstation.server import Application, StationServer
from backupstation.tls import Certificate, TlsPort
from wire import limits

FORWARDED_FOR: Final = "X-Forwarded-For"
# The calls need 16 KiB, and the admin's forms no more than Django's own limit.
LIMITS: Final = ServerLimits(
    request_body_bytes=limits.MIB, request_body_seconds=limits.HANDSHAKE_SECONDS
)


class ImServer(StationServer):
    """Answers requests and opens no sockets; ``behind_proxy`` believes the nearest proxy."""

    def __init__(
        self, application: Application, certificate: Certificate | None, *, behind_proxy: bool
    ) -> None:
        # Behind a proxy all connections come from its address.
        bounds = replace(LIMITS, connections_per_address=LIMITS.connections)
        super().__init__(application, bounds if behind_proxy else LIMITS, certificate)
        self.behind_proxy = behind_proxy
        self.request_class = PlainRequest
        if behind_proxy:
            self.proxy_forwarded_address_header = FORWARDED_FOR
        if certificate is not None:
            self.port_class = TlsPort


class PlainRequest(Request):
    """A request that never becomes a WebSocket."""

    def process(self) -> Any:
        """Believe of the address headers only what the own proxy added, which is the last."""
        self.requestHeaders.removeHeader(b"upgrade")
        forwarded = self.requestHeaders.getRawHeaders(FORWARDED_FOR)
        if forwarded:
            nearest = forwarded[-1].rpartition(",")[2].strip()
            self.requestHeaders.setRawHeaders(FORWARDED_FOR, [nearest])
        return super().process()

    def isSecure(self) -> bool:
        """Whether the caller speaks https: to this process, or to its proxy."""
        return self.server.behind_proxy or bool(super().isSecure())
