"""One connection to the listening port, from the first byte to the last (claims 1, 4, 6 and 9).

Until both sides are verified :class:`Proving` answers, then :class:`Receiving` or :class:`Sending`
does. Whatever fails ends in one place, ``_fail``; what the phone is told, what the trail says and
the close code follow from the error.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from transfer import faults
from transfer.logbook import Logbook
from transfer.models import Step
from transfer.proving import Proving
from transfer.receiving import Receiving
from transfer.sending import Sending
from transfer.session import PhoneGaveUp, PhoneLeft, Session
from transfer.trail import printable
from transfer.verification import Expired
from transfer.work import Work
from wire import limits, messages
from wire.errors import Busy, TimedOut, WireError

log = logging.getLogger(__name__)
_NORMAL_CLOSURE: Final = 1000
Send = Callable[[bytes], Awaitable[None]]
Close = Callable[[int], Awaitable[None]]


class Connection:
    """The station's side of one WebSocket. ``receive`` waits while enough is under way."""

    def __init__(self, session_id: str, send: Send, close: Close) -> None:
        self.session_id = session_id
        self._close = close
        self._work = Work(self._fail)
        self._logbook = Logbook(session_id)
        self._proving = Proving(session_id, send, self._give_way, self._work, self._logbook)
        self._session: Session | None = None
        self._transfer: Receiving | Sending | None = None
        self._heard = time.monotonic()
        self._ending: asyncio.Task[None] | None = None
        self._cause: Exception | None = None
        self._finished = asyncio.Event()

    async def start(self) -> None:
        """Prepare for the phone's first message; it has ten seconds to send it."""
        self._work.spawn(self._watch())

    async def receive(self, message: bytes) -> None:
        """Take in one binary WebSocket message."""
        if self._ending is not None:
            return
        self._heard = time.monotonic()
        try:
            if self._transfer is not None:
                await self._transfer.receive(message)
            elif (session := await self._proving.receive(message)) is not None:
                self._open(session)
        except Exception as error:
            await self._fail(error)

    def _open(self, session: Session) -> None:
        self._session = session
        kind = Receiving if session.ticket.scope == "backup" else Sending
        self._transfer = kind(session)
        self._work.spawn(session.outbox.run())
        self._work.spawn(self._transfer.run())
        self._work.spawn(session.watch_standing())

    @property
    def failed_first(self) -> bool:
        """Whether this was a failed attempt; asked at its end."""
        return self._proving.failed_first(self._cause)

    # Time

    async def _watch(self) -> None:
        """Silence ends a connection; a heartbeat shows the phone that the station lives."""
        beat = time.monotonic()
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            working = self._transfer is not None and self._transfer.busy
            proved = self._proving.has_proved
            allowed = limits.IDLE_SECONDS if proved else limits.HANDSHAKE_SECONDS
            if now - self._heard > allowed and not working:
                raise TimedOut("the phone was silent for too long")
            if now > self._proving.deadline and self._session is None:
                raise TimedOut("verification took too long")
            if now - beat > limits.PING_SECONDS and proved:
                beat = now
                await self._ping()

    async def _ping(self) -> None:
        if self._session is not None:
            await self._session.outbox.say(messages.Ping())
        else:
            await self._proving.ping()

    # The end

    async def _fail(self, cause: Exception) -> None:
        # The server raises ConnectionError when the peer is gone: as good as lost.
        await asyncio.shield(self._end(None if isinstance(cause, ConnectionError) else cause))

    async def lost(self) -> None:
        """The WebSocket is gone."""
        await asyncio.shield(self.abandon())

    def abandon(self) -> asyncio.Task[None]:
        """As ``lost``, for a caller that cannot wait."""
        return self._end(None)

    async def _give_way(self) -> None:
        """The phone has come back on a newer connection: this one is as good as lost."""
        self.abandon()
        await self._finished.wait()
        await self._hang_up(_NORMAL_CLOSURE)

    def _end(self, cause: Exception | None) -> asyncio.Task[None]:
        """End once, in a task of its own: whoever waits may be cancelled, the ending may not."""
        if self._ending is None:
            self._cause = cause
            self._work.close()
            self._ending = asyncio.create_task(self._wind_up(cause))
        return self._ending

    async def _wind_up(self, cause: Exception | None) -> None:
        """Tell phone, trail and log what belongs to each, stop everything, and close."""
        code: int | None = None
        try:
            if isinstance(cause, PhoneLeft):
                code = _NORMAL_CLOSURE
                self._note_last_word(cause)
            elif cause is not None:
                cause, code = await self._report(cause)
        finally:
            await self._finish(cause)
        if code is not None:
            await self._hang_up(code)

    async def _report(self, cause: Exception) -> tuple[WireError, int]:
        """Tell phone, trail and log; the error for them, and the close code."""
        if not isinstance(cause, WireError):
            log.error("connection %s failed", self.session_id[:8], exc_info=cause)
        error = faults.as_told(cause)
        code = await self._tell_phone(error)
        log.info("connection %s: %s %s", self.session_id[:8], error.code, error)
        self._note_failure(error)
        return error, code

    def _note_failure(self, error: WireError) -> None:
        """A phone that fails while another one is in is refused; the transfer has not failed."""
        late = isinstance(error, Busy | Expired)
        if self._proving.has_proved or late:
            step = Step.REFUSED if late or self._proving.is_anothers else Step.FAILED
            detail = faults.detail_of(error)
            self._logbook.note(step, detail, reason=str(error), code=error.code)

    def _note_last_word(self, left: PhoneLeft) -> None:
        """A goodbye in the middle is somebody's who has had enough."""
        if not isinstance(left, PhoneGaveUp):
            if self._transfer is not None and self._transfer.is_unfinished:
                self._logbook.note(Step.FAILED, {"cause": "phone_stopped"})
        else:
            told = printable(left.failure.message)
            detail = {"cause": "phone_gave_up"}
            self._logbook.note(Step.FAILED, detail, reason=told, code=left.failure.code)

    async def _tell_phone(self, error: WireError) -> int:
        """Tell it what it may know, and answer the close code, which says no more."""
        code = self._proving.close_code(error) if self._session is None else error.code
        try:
            async with asyncio.timeout(limits.HANDSHAKE_SECONDS):
                await (self._session or self._proving).last_word(error)
        except Exception as secondary:
            log.info("could not tell the phone: %r", secondary)
        return code

    async def _hang_up(self, code: int) -> None:
        try:
            await self._close(code)
        except Exception as secondary:
            log.info("could not close: %r", secondary)

    async def _finish(self, cause: Exception | None) -> None:
        """Stop everything; without a cause the connection was lost. One failure hides no other."""
        try:
            await self._work.stop()
            await self._logbook.settled()
            for end in (self._end_transfer, self._proving.withdraw, self._proving.release):
                try:
                    await end(cause)
                except Exception:
                    log.exception("connection %s did not end well", self.session_id[:8])
        finally:
            self._finished.set()

    async def _end_transfer(self, cause: Exception | None) -> None:
        if self._transfer is not None:
            await self._transfer.end(cause if isinstance(cause, WireError) else None)
