"""TLS under the station's own protocols: a certificate that can change, and the same bounds.

Twisted puts its TLS between a transport and the protocol that it belongs to, and the protocol goes
on to use the transport. So what waits, who waits, pausing and dropping stay where they are, in
:class:`backupstation.flow.Transport`; here is what TLS would do otherwise.
"""

# ruff: noqa: ANN401, N802 (the names and the untyped arguments are Twisted's)
# mypy: allow-untyped-calls

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import ISSLTransport
from twisted.protocols.policies import ProtocolWrapper
from zope.interface import noLongerProvides

from backupstation.flow import TcpPort, Transport


class Certificate:
    """A certificate with its chain and its key, in the shape in which Twisted asks for them."""

    def __init__(self, chain: Path, key: Path) -> None:
        """Read the two PEM files, which may be one; raises as :meth:`load`."""
        self.load(chain, key)

    def load(self, chain: Path, key: Path) -> None:
        """Use these from the next connection on. Raises OSError or ValueError, with the reason.

        May be called on any thread.
        """
        for path in (chain, key):
            path.read_bytes()  # OpenSSL's errors name no file
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        # No connection goes on with the secrets of an earlier one. TLS 1.3 sends two tickets all
        # the same (RFC 8446 section 4.6.1), but the sessions that they name are not kept.
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection: 34 KiB less
        try:
            context.use_certificate_chain_file(str(chain))
            context.use_privatekey_file(str(key))
            context.check_privatekey()
        except SSL.Error:
            raise ValueError(f"{chain} and {key} are no certificate and its key") from None
        self._context = context

    def getContext(self) -> SSL.Context:
        """What the next connection is made with."""
        return self._context


class TlsTransport(Transport):
    """A connection that speaks TLS from its first byte.

    Small writes are gathered by Twisted until the loop's next turn: 64 KB at most, which do not
    count among ``waiting_bytes`` yet.
    """

    server: "TlsPort"
    _outermost: Any

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.startTLS(self.server.factory.server.certificate)
        # autobahn takes whatever says that it is TLS for Twisted's wrapper and looks inside.
        noLongerProvides(self, ISSLTransport)

    @property
    def protocol(self) -> Any:
        """Who is given the bytes that arrive: TLS, once there is TLS."""
        return self._outermost

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        """Give a connection to another protocol (an upgrade to WebSocket); TLS stays before it."""
        outermost = getattr(self, "_outermost", None)
        if isinstance(outermost, ProtocolWrapper):
            outermost.wrappedProtocol = protocol
        else:
            self._outermost = protocol

    @protocol.deleter
    def protocol(self) -> None:
        del self._outermost

    def loseConnection(self) -> None:
        """Say goodbye after what waits, and do not wait for the peer's (RFC 8446 section 6.1)."""
        super().loseConnection()
        FileDescriptor.loseConnection(self)

    def loseWriteConnection(self) -> None:
        """Say goodbye after what waits, and go on reading."""
        self.unregisterProducer()
        self.protocol.loseConnection()
        super().loseWriteConnection()


class TlsPort(TcpPort):
    """Accepts connections that speak TLS, with the certificate of its factory's server."""

    transport = TlsTransport
    factory: Any
