"""What the station sends on an open channel: one sender, so that Noise nonces go out in order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from transfer.workers import in_worker
from wire import messages
from wire.channel import Channel, control_frame

_WAITING_MAX: Final = 4
_SMALL_BYTES: Final = 64 * 1024


class Outbox:
    """A short queue of plaintexts, some still being made; ``put`` waits while it is full."""

    def __init__(self, channel: Channel, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._channel = channel
        self._send = send
        self._queue: asyncio.Queue[Awaitable[bytes]] = asyncio.Queue(_WAITING_MAX)

    async def say(self, message: messages.Message) -> None:
        """Queue a control message."""
        await self.put(_ready(control_frame(messages.encode(message))))

    async def put(self, plaintext: Awaitable[bytes]) -> None:
        """Queue whole frames that fit one WebSocket message."""
        await self._queue.put(plaintext)

    async def run(self) -> None:
        """Send for as long as the connection lives; an exception ends the connection."""
        while True:
            plaintext = await (await self._queue.get())
            if len(plaintext) > _SMALL_BYTES:
                sealed = await in_worker(self._channel.seal, plaintext)
            else:
                sealed = self._channel.seal(plaintext)
            await self._send(sealed)
            self._queue.task_done()

    async def drained(self) -> None:
        """Wait until everything queued has been sent."""
        await self._queue.join()


async def _ready(plaintext: bytes) -> bytes:
    return plaintext
