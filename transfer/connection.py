"""One connection to the listening port, from the first byte to the last (claims 1, 4, 6 and 9).

Until the channel is open the handshake answers; then :class:`Receiving` or :class:`Sending` does.
Whatever fails ends in one place, ``_fail``, which decides what the phone is told, what the trail
says, and the close code.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, ParamSpec, TypeVar

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from transfer import approvals, faults, invitations, verification
from transfer.logbook import Logbook
from transfer.models import (
    Approval,
    ApprovalState,
    Invitation,
    InvitationPurpose,
    Step,
    Vault,
)
from transfer.outbox import Outbox
from transfer.receiving import Receiving
from transfer.sending import Sending
from transfer.session import PhoneLeft, Session
from transfer.workers import in_database
from wire import limits, messages
from wire.channel import control_frame
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
from wire.handshake import (
    EnrolRequested,
    FirstAccepted,
    Left,
    PhoneVerified,
    State,
    StationHandshake,
)

log = logging.getLogger(__name__)
_POLL_SECONDS: Final = 0.5
_NORMAL_CLOSURE: Final = 1000
# By session id: what this process serves. A phone that comes back displaces its older connection.
_claimed: Final[dict[str, "Connection"]] = {}
Send = Callable[[bytes], Awaitable[None]]
Close = Callable[[int], Awaitable[None]]
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Connection:
    """The station's side of one WebSocket. ``receive`` waits while enough is under way."""

    def __init__(self, session_id: str, send: Send, close: Close) -> None:
        self.session_id = session_id
        self.proved_knowledge = False
        self._send, self._close = send, close
        self._handshake: StationHandshake | None = None
        self._invitation: Invitation | None = None
        self._first: FirstAccepted | None = None
        self._vault: Vault | None = None
        self._approval: Approval | None = None
        self._session: Session | None = None
        self._transfer: Receiving | Sending | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._heard = time.monotonic()
        self._verified_by = self._heard + limits.IDLE_SECONDS
        self._changing: asyncio.Future[Any] | None = None
        self._flushing = asyncio.Lock()
        self._finished = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None
        self._cause: Exception | None = None
        self._logbook = Logbook(session_id)

    async def start(self) -> None:
        """Prepare for the phone's first message; it has ten seconds to send it."""
        self._spawn(self._watch())

    async def receive(self, message: bytes) -> None:
        """Take in one binary WebSocket message."""
        if self._ending is not None:
            return
        self._heard = time.monotonic()
        try:
            if self._transfer is not None:
                await self._transfer.receive(message)
            else:
                await self._shake(message)
        except Exception as error:
            await self._fail(error)

    # Verification

    async def _shake(self, message: bytes) -> None:
        handshake = self._handshake or await self._prepare()
        try:
            event = handshake.receive(message)
        finally:
            self._note_proof(handshake)
        await self._flush()
        match event:
            case EnrolRequested(phone_key=phone_key, name=name):
                digits = handshake.digits
                await self._change(self._ask_to_enrol, phone_key, name, digits)
                await self._ask(self._finish_enrolment)
            case FirstAccepted():
                await self._take_first(event)
            case PhoneVerified():
                await self._open()
            case Left():
                raise PhoneLeft

    def _note_proof(self, handshake: StationHandshake) -> None:
        """Who uses the channel has seen the QR code; a first message may be a replay."""
        if handshake.heard_on_channel and not self.proved_knowledge:
            self.proved_knowledge = True
            self._logbook.note(Step.SCANNED)
            self._logbook.note(Step.CONNECTED)

    async def _prepare(self) -> StationHandshake:
        self._invitation = await in_database(verification.live_invitation, self.session_id)
        terms = await in_database(verification.terms_of, self._invitation)
        self._handshake = StationHandshake(terms, X25519PrivateKey.generate())
        return self._handshake

    def _live(self) -> Invitation:
        if self._invitation is None:
            raise VerificationFailed("no invitation")
        return self._invitation

    def _shaking(self) -> StationHandshake:
        if self._handshake is None:
            raise VerificationFailed("no handshake")
        return self._handshake

    async def _flush(self) -> None:
        """Send what is queued. One at a time: what was sealed first must go out first."""
        async with self._flushing:
            for message in self._shaking().data_to_send():
                await self._send(message)

    async def _change(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Change something on a database thread. It cannot be stopped: the end waits as well.

        Raises ``ConnectionError`` when the connection is over, before or after.
        """
        self._check_going_on()
        self._changing = work = in_database(function, *args, **kwargs)
        done = await asyncio.shield(work)
        self._check_going_on()
        return done

    def _check_going_on(self) -> None:
        if self._ending is not None:
            raise ConnectionError("the connection has ended")

    def _ask_to_enrol(self, phone_key: bytes, name: str, digits: str) -> None:
        """On a database thread: the end must find the question even if nobody awaits it."""
        self._approval = verification.ask_to_enrol(self._live(), phone_key, name, digits)

    def _claim(self, first: FirstAccepted, digits: str) -> None:
        """On a database thread: the end must find the claim even if nobody awaits it."""
        outcome = verification.take_first(self._live(), first, digits)
        _claimed[self.session_id] = self
        if isinstance(outcome, verification.AskOwner):
            self._approval = outcome.approval
        else:
            self._vault = outcome.vault

    def _enrol(self, approval: Approval) -> messages.Enrolled:
        """On a database thread, as ``_claim``."""
        grant = verification.enrol(self._live(), approval)
        _claimed[self.session_id] = self
        return grant

    async def _take_first(self, first: FirstAccepted) -> None:
        await self._displace()
        self._first = first
        await self._change(self._claim, first, self._shaking().digits)
        self._logbook.note(Step.CONFIRMED)
        self._logbook.note(Step.FIRST_VERIFIED, {"account": first.ticket.sub})
        if self._vault is None:
            await self._ask(self._finish_link)
        else:
            await self._send_second()

    async def _displace(self) -> None:
        """A follow-up's connection that is still open here is one that its phone has given up."""
        older = _claimed.get(self.session_id)
        if older is not None and self._live().purpose == InvitationPurpose.FOLLOW_UP:
            await older._give_way()

    async def _ask(self, then: Callable[[], Coroutine[None, None, None]]) -> None:
        self._verified_by += limits.APPROVAL_SECONDS
        self._shaking().pending(limits.APPROVAL_SECONDS)
        await self._flush()
        self._spawn(self._await_approval(then))

    async def _await_approval(self, then: Callable[[], Coroutine[None, None, None]]) -> None:
        """Poll what the owner said; the question lives in the database alone."""
        if self._approval is None:
            return
        while (state := await in_database(approvals.state_of, self._approval)) == "waiting":
            await asyncio.sleep(_POLL_SECONDS)
        if state is not ApprovalState.ALLOWED:
            raise NotAllowed("the owner of the station did not allow it")
        await then()

    async def _finish_enrolment(self) -> None:
        approval, self._approval = self._approval, None
        if approval is None:
            return
        grant = await self._change(self._enrol, approval)
        self._shaking().enrolled(grant)
        await self._flush()

    async def _finish_link(self) -> None:
        self._approval = None
        if self._first is None:
            return
        self._vault = await self._change(verification.link, self._live(), self._first.ticket)
        await self._send_second()

    async def _send_second(self) -> None:
        self._shaking().accept()
        await self._flush()
        self._logbook.note(Step.SECOND_SENT)

    async def _open(self) -> None:
        invitation, first, vault = self._live(), self._first, self._vault
        if first is None or vault is None:
            raise VerificationFailed("verified before the first verification information")
        self._logbook.note(Step.VERIFIED)
        terms = await self._change(verification.opening, invitation, first.ticket)
        handshake = self._shaking()
        outbox = Outbox(handshake.channel, self._send)
        self._session = Session(
            invitation,
            first.ticket,
            first.phone_key,
            vault,
            terms,
            handshake.channel,
            outbox,
            self._give_way,
        )
        transfer = Receiving if first.ticket.scope == "backup" else Sending
        self._transfer = transfer(self._session)
        handshake.open(terms)
        await self._flush()
        self._spawn(outbox.run())
        self._spawn(self._transfer.run())

    # Time

    async def _watch(self) -> None:
        """Silence ends a connection; a heartbeat shows the phone that the station lives."""
        beat = time.monotonic()
        while True:
            await asyncio.sleep(1)
            now = time.monotonic()
            working = self._transfer is not None and self._transfer.busy
            allowed = limits.IDLE_SECONDS if self.proved_knowledge else limits.HANDSHAKE_SECONDS
            if now - self._heard > allowed and not working:
                raise TimedOut("the phone was silent for too long")
            if now > self._verified_by and self._session is None:
                raise TimedOut("verification took too long")
            if now - beat > limits.PING_SECONDS and self.proved_knowledge:
                beat = now
                await self._ping()

    async def _ping(self) -> None:
        if self._session is not None:
            await self._session.outbox.say(messages.Ping())
        else:
            self._shaking().ping()
            await self._flush()

    # The end

    @property
    def failed_first(self) -> bool:
        """Whether this was a failed attempt; a code that is used or expired is none."""
        excused = self._handshake is None and isinstance(self._cause, Busy | TimedOut)
        return not self.proved_knowledge and not excused

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        """Work until the connection ends, but not beyond: nobody would stop it then."""
        if self._ending is not None:
            work.close()
            return
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:
            await self._fail(error)

    async def _fail(self, cause: Exception) -> None:
        # The server raises ConnectionError when the peer is gone: as good as lost.
        await asyncio.shield(self._end(None if isinstance(cause, ConnectionError) else cause))

    async def lost(self) -> None:
        """The WebSocket is gone."""
        await asyncio.shield(self.abandon())

    def abandon(self) -> asyncio.Task[None]:
        """As ``lost``, for a caller that cannot wait."""
        return self._end(None)

    def _end(self, cause: Exception | None) -> asyncio.Task[None]:
        """End once, in a task of its own: whoever waits may be cancelled, the ending may not."""
        if self._ending is None:
            self._cause = cause
            self._ending = asyncio.create_task(self._wind_up(cause))
        return self._ending

    async def _wind_up(self, cause: Exception | None) -> None:
        """Tell phone, trail and log what belongs to each, stop everything, and close."""
        code: int | None = None
        try:
            if isinstance(cause, PhoneLeft):
                code = _NORMAL_CLOSURE
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
        if self.proved_knowledge:
            self._logbook.note(Step.FAILED, reason=str(error), code=error.code)
        return error, code

    async def _hang_up(self, code: int) -> None:
        try:
            await self._close(code)
        except Exception as secondary:
            log.info("could not close: %r", secondary)

    async def _give_way(self) -> None:
        """The phone has come back on a newer connection: this one is as good as lost."""
        self.abandon()
        await self._finished.wait()
        await self._hang_up(_NORMAL_CLOSURE)

    async def _tell_phone(self, error: WireError) -> int:
        """Before OPEN a phone learns 4401 and no more, unless the owner or the clock refused."""
        failure = messages.Failure(error.code, str(error)[:300])
        handshake = self._handshake
        asked = handshake is not None and handshake.state in (State.ENROLLING, State.DECIDING)
        try:
            if self._session is not None:
                plaintext = control_frame(messages.encode(failure))
                await asyncio.wait_for(self._last_word(plaintext), limits.HANDSHAKE_SECONDS)
            elif asked and isinstance(error, NotAllowed):
                self._shaking().refuse(failure)
                await asyncio.wait_for(self._flush(), limits.HANDSHAKE_SECONDS)
        except Exception as secondary:
            log.info("could not tell the phone: %r", secondary)
        spoken = TimedOut | TooMany | StationFault | StorageFull
        by_owner = asked and isinstance(error, NotAllowed)
        told = self._session is not None or by_owner or isinstance(error, spoken)
        return error.code if told else VerificationFailed.code

    async def _last_word(self, plaintext: bytes) -> None:
        if self._session is None:
            return
        await self._session.outbox.put(_ready(plaintext))
        await self._session.outbox.drained()

    async def _finish(self, cause: Exception | None) -> None:
        """Stop everything; without a cause the connection was lost. One failure hides no other."""
        try:
            working = list(self._tasks)
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            if self._changing is not None:
                await asyncio.gather(self._changing, return_exceptions=True)
            await self._logbook.settled()
            for end in (self._end_transfer, self._end_approval, self._end_invitation):
                try:
                    await end(cause)
                except Exception:
                    log.exception("connection %s did not end well", self.session_id[:8])
        finally:
            if _claimed.get(self.session_id) is self:
                del _claimed[self.session_id]
            self._finished.set()

    async def _end_transfer(self, cause: Exception | None) -> None:
        if self._transfer is not None:
            await self._transfer.end(cause if isinstance(cause, WireError) else None)

    async def _end_approval(self, _cause: Exception | None) -> None:
        if self._approval is not None:
            await in_database(approvals.withdraw, self._approval)

    async def _end_invitation(self, cause: Exception | None) -> None:
        """A follow-up serves its phone again until a connection with it ended in order."""
        if _claimed.get(self.session_id) is not self:
            return
        lost = cause is None or isinstance(cause, TimedOut | StationFault)
        await in_database(invitations.release if lost else invitations.end, self.session_id)


async def _ready(plaintext: bytes) -> bytes:
    return plaintext
