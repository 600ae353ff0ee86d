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
        self._taking = asyncio.Event()
        self._taking.set()

    async def say(self, message: messages.Message) -> None:
        """Queue a control message."""
        await self.put(_ready(control_frame(messages.encode(message))))

    async def put(self, plaintext: Awaitable[bytes]) -> None:
        """Queue whole frames that fit one WebSocket message."""
        await self._taking.wait()
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

    async def say_last(self, message: messages.Message) -> None:
        """Say it after all that waits, and take no more: nobody gets ahead of it for ever."""
        self._taking.clear()
        await self._queue.put(_ready(control_frame(messages.encode(message))))
        await self._queue.join()


def _ready(plaintext: bytes) -> asyncio.Future[bytes]:
    ready: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    ready.set_result(plaintext)
    return ready
