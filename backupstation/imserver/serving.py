"""The server of an IM server that runs alone: the station's, for plain requests, and with https.

Importing this module installs Twisted's asyncio reactor, so only the command imports it.
"""

# ruff: noqa: ANN401, N802 (the names and the untyped arguments are Twisted's)
# mypy: allow-untyped-calls

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL

from backupstation.flow import ServerLimits, TcpPort, Transport
from backupstation.requests import Request
from backupstation.server import Application, StationServer
from wire import limits

FORWARDED_FOR: Final = "X-Forwarded-For"
# The calls need 16 KiB, and the admin's forms no more than Django's own limit.
LIMITS: Final = ServerLimits(
    request_body_bytes=limits.MIB, request_body_seconds=limits.HANDSHAKE_SECONDS
)


class Certificate:
    """A certificate with its chain and its key, in the shape in which Twisted asks for them."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Read the two PEM files; raises OSError or ValueError, with the reason."""
        for path in (chain, key):
            path.read_bytes()  # OpenSSL's errors name no file
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        try:
            self._context.use_certificate_chain_file(str(chain))
            self._context.use_privatekey_file(str(key))
            self._context.check_privatekey()
        except SSL.Error:
            raise ValueError(f"{chain} and {key} are no certificate and its key") from None

    def getContext(self) -> SSL.Context:
        """What every connection is made with."""
        return self._context


class ImServer(StationServer):
    """Answers requests and opens no sockets; ``behind_proxy`` believes the nearest proxy."""

    def __init__(
        self, application: Application, certificate: Certificate | None, *, behind_proxy: bool
    ) -> None:
        # Behind a proxy all connections come from its address.
        bounds = replace(LIMITS, connections_per_address=LIMITS.connections)
        super().__init__(application, bounds if behind_proxy else LIMITS)
        self.behind_proxy = behind_proxy
        self.certificate = certificate
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


class TlsTransport(Transport):
    """A connection that speaks TLS from its first byte."""

    server: "TlsPort"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.startTLS(self.server.factory.server.certificate)

    def loseConnection(self) -> None:
        """Say goodbye; a peer that does not answer it is not waited for."""
        super().loseConnection()
        self.reactor.callLater(LIMITS.close_seconds, self._abort_if_open)

    def _abort_if_open(self) -> None:
        if self.connected:
            self.abortConnection()


class TlsPort(TcpPort):
    """Accepts connections that speak TLS."""

    transport = TlsTransport
    factory: Any
