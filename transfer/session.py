"""What an open connection stands on: who, for which vault, over which channel."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from transfer import faults, standing, trail, verification
from transfer.models import Invitation, Step, Vault
from transfer.outbox import Outbox
from transfer.workers import in_database
from wire import messages, tokens
from wire.channel import Channel
from wire.errors import NotAllowed, TooMany, WireError

_CONTROL_FRAMES_MAX: Final = 64
_STANDING_SECONDS: Final = 2.0


class PhoneLeft(Exception):
    """The phone said goodbye."""


class PhoneGaveUp(PhoneLeft):
    """The phone said why it cannot go on: ``failure`` is its last word."""

    def __init__(self, failure: messages.Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class Session:
    """A verified connection. ``phone_key`` is 32 bytes; ``terms`` were sent as ``open``.

    ``give_way`` ends this connection for a newer one of the same phone.
    """

    invitation: Invitation
    ticket: tokens.Ticket
    phone_key: bytes
    vault: Vault
    terms: messages.Open
    channel: Channel
    outbox: Outbox
    give_way: Callable[[], Awaitable[None]]

    @property
    def session_id(self) -> str:
        """The invitation's session id, hex."""
        return self.invitation.session_id

    def new_follow_up(self, snapshot_id: str) -> asyncio.Future[bytes]:
        """An encoded invitation to go on with this snapshot after a cut."""
        return in_database(verification.follow_up_for, self.invitation, self.ticket, snapshot_id)

    async def obey_common(self, message: messages.PhoneMessage) -> None:
        """What either scope permits; anything else is :class:`NotAllowed`."""
        match message:
            case messages.Ping():
                await self.outbox.say(messages.Pong())
            case messages.Pong():
                pass
            case messages.Bye():
                await self.outbox.say_last(messages.Bye())
                raise PhoneLeft
            case messages.Failure():
                raise PhoneGaveUp(message)
            case _:
                name = type(message).__name__
                raise NotAllowed(f"{name} is not permitted by a {self.ticket.scope} ticket")

    async def refuse(self, error: WireError) -> None:
        """Tell phone and owner what was refused; the connection goes on."""
        await in_database(
            trail.record_once, self.session_id, Step.FAILED, reason=str(error), code=error.code
        )
        await self.outbox.say(faults.failure(error))

    async def watch_standing(self) -> None:
        """End the connection of a phone that may not act any more; it may be revoked meanwhile."""
        while True:
            await asyncio.sleep(_STANDING_SECONDS)
            await in_database(standing.check, self.ticket.iss, self.phone_key)

    async def last_word(self, error: WireError) -> None:
        """Tell the phone why the connection ends, after all that is on its way."""
        await self.outbox.say_last(faults.failure(error))


def check_talk(control_frames: int) -> None:
    """Raise :class:`TooMany` for a WebSocket message with so many control messages.

    A phone says a few things at a time; a mebibyte of pings keeps the station busy for seconds.
    """
    if control_frames > _CONTROL_FRAMES_MAX:
        raise TooMany("too many control messages at once")
