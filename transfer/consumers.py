"""The listening port: a WebSocket at /listen/v1/<session id>, handed on message by message.

Cookies are never read here. Bytes wait in the transport, not in memory: the next message is taken
only when the connection has room for it.
"""

import asyncio
import logging
import re
import time
from collections import defaultdict, deque
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any, Final

from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer

from transfer.connection import Connection
from wire import limits
from wire.errors import MalformedMessage, NotAllowed, TooMany, VerificationFailed

log = logging.getLogger(__name__)
_SESSION_ID: Final = re.compile(r"[0-9a-f]{32}")
_ADDRESSES_MAX: Final = 10_000


class Failures:
    """Failed first messages per address, in a sliding minute; forgets the oldest address.

    Addresses are as ``counted_as`` says them.
    """

    def __init__(self) -> None:
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def too_many(self, address: str) -> bool:
        """Whether this address has used up its attempts of the last minute."""
        times = self._times.get(address)
        if times is None:
            return False
        while times and times[0] < time.monotonic() - 60:
            times.popleft()
        if not times:
            del self._times[address]
        return len(times) >= limits.FAILED_HANDSHAKES_PER_MINUTE

    def add(self, address: str) -> None:
        """One more failure."""
        if len(self._times) >= _ADDRESSES_MAX:
            self._times.pop(next(iter(self._times)))
        self._times[address].append(time.monotonic())


failures: Final = Failures()


def counted_as(address: str) -> str:
    """The address, or for IPv6 its /64: one machine has all the addresses of its network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:  # a proxy's socket has none
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), 64), strict=False))


def _from_elsewhere(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a browser sends this for a page of another host: any site can make it do so.

    It must not use up the attempts of the phones behind the same address.
    """
    found = dict(headers)
    origin = found.get(b"origin")
    return origin is not None and origin.partition(b"://")[2] != found.get(b"host")


class ListeningPort(AsyncConsumer):
    """A thin shell around :class:`transfer.connection.Connection`."""

    connection: Connection | None = None
    address: str = ""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does it, without a database clean-up per message: bulk data comes here.

        The server cancels what it no longer waits for: no disconnect is handed on after that.
        """
        try:
            match message["type"]:
                case "websocket.receive":
                    await self.websocket_receive(message)
                case "websocket.connect":
                    await self.websocket_connect()
                case "websocket.disconnect":
                    await self.websocket_disconnect()
        except asyncio.CancelledError:
            if self.connection is not None:
                self.connection.abandon()
            raise

    async def websocket_connect(self) -> None:
        """Accept whoever speaks this protocol and has not failed too often."""
        self.address = counted_as((self.scope.get("client") or ("",))[0])
        session_id = self.scope["url_route"]["kwargs"]["session_id"]
        if limits.SUBPROTOCOL not in self.scope["subprotocols"]:
            await self.close(MalformedMessage.code)
            return
        if _from_elsewhere(self.scope["headers"]):
            await self.close(NotAllowed.code)
            return
        await self.send({"type": "websocket.accept", "subprotocol": limits.SUBPROTOCOL})
        if failures.too_many(self.address):
            await self.close(TooMany.code)
            return
        if not _SESSION_ID.fullmatch(session_id):
            failures.add(self.address)
            await self.close(VerificationFailed.code)
            return
        self.connection = Connection(session_id, self.send_bytes, self.close)
        await self.connection.start()

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """Hand on one message; text is not part of this protocol."""
        if self.connection is None:
            return
        data = message.get("bytes")
        await self.connection.receive(data if data is not None else b"")

    async def websocket_disconnect(self) -> None:
        """Let the connection keep what it received."""
        if self.connection is not None:
            ending = self.connection.abandon()
            if self.connection.failed_first:
                failures.add(self.address)
            await asyncio.shield(ending)
        raise StopConsumer

    async def send_bytes(self, message: bytes) -> None:
        """Send one binary message; returns when the transport has taken it."""
        await self.send({"type": "websocket.send", "bytes": message})

    async def close(self, code: int) -> None:
        """Close with the code of the error that ended the connection."""
        await self.send({"type": "websocket.close", "code": code})
