"""The handshake of one connection as it goes over the wire: in order, and saying no more than due.

Who has not proved anything learns nothing: whatever failed, the close code is the same, but for
what says nothing about secrets (docs/protocol.md section 8).
"""

import asyncio
from collections.abc import Awaitable, Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from transfer import faults
from wire import messages
from wire.channel import Channel
from wire.errors import (
    Busy,
    NotAllowed,
    StationFault,
    StorageFull,
    TimedOut,
    TooMany,
    VerificationFailed,
    WireError,
)
from wire.handshake import Event, State, StationHandshake, StationTerms


class Shaking:
    """A handshake under way over a connection."""

    def __init__(self, terms: StationTerms, send: Callable[[bytes], Awaitable[None]]) -> None:
        self._handshake = StationHandshake(terms, X25519PrivateKey.generate())
        self._send = send
        self._flushing = asyncio.Lock()

    def take(self, message: bytes) -> Event | None:
        """What a message of the phone means; answers are queued."""
        return self._handshake.receive(message)

    async def flush(self) -> None:
        """Send what is queued. One at a time: what was sealed first must go out first."""
        async with self._flushing:
            for message in self._handshake.data_to_send():
                await self._send(message)

    @property
    def has_proved(self) -> bool:
        """Whether the phone has seen the QR code: who replays a first message says no more."""
        return self._handshake.heard_on_channel

    @property
    def is_open(self) -> bool:
        """Whether verification is complete."""
        return self._handshake.state is State.OPEN

    @property
    def digits(self) -> str:
        """The six digits of this connection."""
        return self._handshake.digits

    @property
    def channel(self) -> Channel:
        """The secure channel."""
        return self._handshake.channel

    # What the station says

    async def ping(self) -> None:
        """Show the phone that the station lives."""
        self._handshake.ping()
        await self.flush()

    async def pending(self, seconds: int) -> None:
        """Say that the owner is being asked."""
        self._handshake.pending(seconds)
        await self.flush()

    async def enrolled(self, grant: messages.Enrolled) -> None:
        """Answer an enrolment that the owner allowed."""
        self._handshake.enrolled(grant)
        await self.flush()

    async def accept(self) -> None:
        """Send the second verification information."""
        self._handshake.accept()
        await self.flush()

    async def open(self, terms: messages.Open) -> None:
        """Declare verification complete."""
        self._handshake.open(terms)
        await self.flush()

    # How it fails

    @property
    def _is_asking(self) -> bool:
        return self._handshake.state in (State.ENROLLING, State.DECIDING)

    def close_code(self, error: WireError) -> int:
        """The code with which the connection closes."""
        return error.code if self._is_spoken(error) else close_code(error)

    def _is_spoken(self, error: WireError) -> bool:
        return self._is_asking and isinstance(error, NotAllowed)

    async def last_word(self, error: WireError) -> None:
        """Tell the phone that the owner refused; anything else by the close code alone."""
        if self._is_spoken(error):
            self._handshake.refuse(faults.failure(error))
            await self.flush()


def close_code(error: WireError) -> int:
    """The code for somebody who has proved nothing: 4401, but for what says nothing of secrets.

    That an invitation is used or expired can be seen from outside: whoever names it has seen it.
    """
    spoken = isinstance(error, Busy | TimedOut | TooMany | StationFault | StorageFull)
    return error.code if spoken else VerificationFailed.code
