"""The station's server: daphne with back-pressure, bounds and a graceful stop.

daphne reads as fast as a peer sends and buffers whatever an application writes. This subclass
keeps its ASGI and WebSocket work and puts :mod:`backupstation.flow` around it: a slow application
stops the peer, a slow peer suspends the application's ``await send(...)``, a dead one is dropped.
"""

# ruff: noqa: ANN401 (the untyped arguments are daphne's and Twisted's)
# mypy: allow-untyped-calls

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

from daphne.server import Server, twisted_loop
from twisted.internet import defer
from twisted.internet import reactor as _reactor
from twisted.internet.error import CannotListenError

from backupstation import descriptors, masking, runtime
from backupstation.flow import InputQueue, PeerGone, ServerLimits, TcpPort, Transport
from backupstation.requests import Request, RequestFactory
from backupstation.sockets import Socket, SocketFactory
from backupstation.tls import Certificate, TlsPort

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]
_DEFAULT_LIMITS: Final = ServerLimits()
_BACKLOG: Final = 128
# Twisted types it by zope interfaces, which mypy does not know.
reactor: Final[Any] = _reactor
_REQUEST_PIECE_BYTES: Final = 64 * 1024


def serve(
    application: Application,
    host: str,
    port: int,
    *,
    ready: Callable[..., None],
    limits: ServerLimits = _DEFAULT_LIMITS,
    certificate: Certificate | None = None,
    https_port: int = 0,
) -> None:
    """Serve ``application`` (ASGI 3) until SIGTERM or SIGINT; once in a process's life.

    With a ``certificate`` also by https, at a port of its own, and within the same bounds.
    Port 0 takes a free one; ``ready`` is told the real one, and then the one of https if there is
    one, when connections are accepted. It runs outside the event loop, so it may use the database.
    On the signal, sockets are told (1001) and applications get ``limits.stop_seconds`` to finish;
    a second signal does not wait for them.
    Raises OSError when the port cannot be bound.
    """
    if not masking.is_native:
        logger.warning(
            "NEITHER WEBSOCKETS' NOR AUTOBAHN'S NATIVE CODE (NVX) IS IN USE: backups will be about "
            "80 times slower. Reinstall both from binary wheels; do not set AUTOBAHN_USE_NVX=0."
        )
    server = StationServer(application, limits, certificate)
    server.listen_and_run(host, port, ready, https_port=https_port if certificate else None)


class StationServer(Server):
    """daphne's server with our protocols, transport and shutdown."""

    def __init__(
        self,
        application: Application,
        limits: ServerLimits,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__(
            application,
            endpoints=["set by listen_and_run"],
            request_buffer_size=_REQUEST_PIECE_BYTES,
            application_close_timeout=limits.application_close_seconds,
            server_name="backupstation",
        )
        self.limits = limits
        self.certificate = certificate
        self.ports: list[TcpPort] = []
        self.connections: dict[Any, dict[str, Any]] = {}
        self.listeners: dict[Socket, str] = {}
        self.request_class: type[Request] = Request
        self.port_class: type[TcpPort] = TcpPort
        self._stopping: asyncio.Future[None] | None = None

    def listen_and_run(
        self, host: str, port: int, ready: Callable[..., None], *, https_port: int | None = None
    ) -> None:
        """Bind, run the reactor, return when it has stopped."""
        self.limits = descriptors.fitting(self.limits)
        asyncio.set_event_loop(twisted_loop)
        runtime.log_only_faults(__name__)
        self.ws_factory = self._socket_factory()
        self._listen(self.port_class, host, port)
        if https_port is not None:
            self._listen(TlsPort, host, https_port)
        reactor.callLater(1, self.application_checker)
        reactor.callLater(self.limits.watch_seconds, self._watch)
        reactor.addSystemEventTrigger("before", "shutdown", self._begin_stop)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop_on_signal)
        runtime.settle_memory()
        ready(*(port.getHost().port for port in self.ports))
        reactor.run(installSignalHandlers=False)

    def _listen(self, port_class: type[TcpPort], host: str, number: int) -> None:
        port = port_class(number, RequestFactory(self), _BACKLOG, host, reactor)
        try:
            port.startListening()
        except CannotListenError as error:
            raise OSError(f"cannot listen on {host} port {number}: {error.socketError}") from error
        self.ports.append(port)

    def _socket_factory(self) -> SocketFactory:
        factory = SocketFactory(self, server=self.server_name)
        factory.setProtocolOptions(
            allowNullOrigin=True,
            openHandshakeTimeout=0,  # both are kept by Socket.check_timeouts
            closeHandshakeTimeout=0,
            # Say why (1009, 1002) before dropping; input after a failure is not parsed.
            failByDrop=False,
            perMessageCompressionAccept=lambda _offers: None,
        )
        return factory

    # Admission

    @property
    def open(self) -> set[Transport]:
        """All accepted connections."""
        return set().union(*(port.open for port in self.ports))

    def has_room_for(self, host: str) -> bool:
        """Whether one more TCP connection from this address is acceptable."""
        return (
            sum(len(port.open) for port in self.ports) < self.limits.connections
            and sum(port.from_address(host) for port in self.ports)
            < self.limits.connections_per_address
        )

    def admit_listener(self, socket: Socket) -> bool:
        """Count a socket on the listening port, unless there are too many."""
        host = socket.transport.getPeer().host
        here = sum(other == host for other in self.listeners.values())
        if (
            len(self.listeners) >= self.limits.listening_connections
            or here >= self.limits.listening_connections_per_address
        ):
            return False
        self.listeners[socket] = host
        return True

    def forget_listener(self, socket: Socket) -> None:
        """Count a socket no more."""
        self.listeners.pop(socket, None)

    # Applications

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application for one request or socket; answers its input queue."""
        queue = InputQueue(protocol.message_taken)
        scope.setdefault("asgi", {"version": "3.0"})
        if isinstance(protocol, Socket):
            scope["scheme"] = "wss" if protocol.transport.TLS else "ws"
        application = self.application(
            scope=scope, receive=queue.get, send=partial(self.handle_reply, protocol)
        )
        task = asyncio.ensure_future(_run(protocol, application))
        self.connections[protocol]["application_instance"] = task
        return queue

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Be the application's ``send``: return when little waits for the peer.

        Raises :class:`PeerGone` when a WebSocket message can no longer be delivered. An HTTP
        application learns of that by ``http.disconnect`` (Django cancels the view).
        """
        if isinstance(protocol, Socket):
            await self._send_to_socket(protocol, message)
            return
        transport = protocol.transport
        # First what earlier, pipelined answers left.
        await transport.drained(self.limits.output_bytes)
        await super().handle_reply(protocol, message)
        if message.get("more_body"):
            await transport.drained(self.limits.output_bytes)
        if not transport.connected:
            await asyncio.sleep(0)  # an endless answer must not keep the loop from cancelling it

    async def _send_to_socket(self, socket: Socket, message: dict[str, Any]) -> None:
        sending = message["type"] == "websocket.send"
        if sending:
            socket.require_peer()
        await super().handle_reply(socket, message)
        if sending:
            await socket.transport.drained(self.limits.output_bytes)
            socket.require_peer()

    def _watch(self) -> None:
        reactor.callLater(self.limits.watch_seconds, self._watch)
        for transport in self.open:
            transport.drop_if_stalled(self.limits.stall_seconds)
        for protocol in list(self.connections):
            protocol.check_timeouts()

    # Stopping

    def _stop_on_signal(self, _number: int, _frame: object) -> None:
        reactor.callFromThread(self._stop_or_hurry)

    def _stop_or_hurry(self) -> None:
        if self._stopping is None:
            self.stop()
        else:
            self._stopping.cancel()

    def _begin_stop(self) -> Any:
        self._stopping = asyncio.ensure_future(self._stop())
        return defer.Deferred.fromFuture(self._stopping).addErrback(lambda _cancelled: None)

    async def _stop(self) -> None:
        """Accept no more, say so to open sockets, give applications their time, then cancel."""
        for port in self.ports:
            port.stopListening()
        for protocol in list(self.connections):
            if isinstance(protocol, Socket):
                protocol.go_away()
        late = await _wait(
            (details.get("application_instance") for details in self.connections.values()),
            self.limits.stop_seconds,
        )
        for task in late:
            task.cancel()
        if late:
            logger.warning("%d connections did not finish in time", len(late))
            await asyncio.wait(late, timeout=1)
        await _wait((asyncio.ensure_future(transport.drained(0)) for transport in self.open), 1)


async def _wait(
    tasks: Iterable[asyncio.Future[None] | None], seconds: float
) -> set[asyncio.Future[None]]:
    """Wait for those that exist; answers the ones that are not done by then."""
    pending = {task for task in tasks if task is not None}
    return (await asyncio.wait(pending, timeout=seconds))[1] if pending else set()


async def _run(protocol: Any, application: Awaitable[None]) -> None:
    """Run to the end; what fails is reported by daphne's ``application_checker``."""
    try:
        await application
    except PeerGone:
        return
    protocol.application_ended()
