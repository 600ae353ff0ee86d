"""The verification of both sides: from the first byte to OPEN, or to the phone's enrolment.

:class:`wire.handshake.StationHandshake` checks; what follows from its events is carried out here:
the invitation is claimed, the owner is asked, the trail is written. Whatever was claimed or asked
is released by ``withdraw`` and ``release`` when the connection ends.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Final

from transfer import approvals, invitations, verification
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
from transfer.session import PhoneLeft, Session
from transfer.shaking import Shaking, close_code
from transfer.work import Work
from transfer.workers import in_database
from wire import limits, messages
from wire.errors import NotAllowed, StationFault, TimedOut, VerificationFailed, WireError
from wire.handshake import EnrolRequested, FirstAccepted, Left, PhoneVerified

_POLL_SECONDS: Final = 0.5
# By session id: what this process serves. A phone that comes back displaces its older connection.
_claimed: Final[dict[str, "Proving"]] = {}


class Proving:
    """A connection that is not open yet. ``give_way`` ends it for a newer one of its phone."""

    def __init__(
        self,
        session_id: str,
        send: Callable[[bytes], Awaitable[None]],
        give_way: Callable[[], Awaitable[None]],
        work: Work,
        logbook: Logbook,
    ) -> None:
        self.session_id = session_id
        self.has_proved = False
        """Whether the phone has proved that it has seen the QR code."""
        self.deadline = time.monotonic() + limits.IDLE_SECONDS
        """By when verification must be complete, by the monotonic clock."""
        self._send, self._give_way = send, give_way
        self._work, self._logbook = work, logbook
        self._shaking: Shaking | None = None
        self._invitation: Invitation | None = None
        self._first: FirstAccepted | None = None
        self._vault: Vault | None = None
        self._approval: Approval | None = None

    async def receive(self, message: bytes) -> Session | None:
        """Take in one WebSocket message; the session once both sides are verified."""
        shaking = self._shaking or await self._prepare()
        try:
            event = shaking.take(message)
        finally:
            self._note_proof(shaking)
        await shaking.flush()
        match event:
            case EnrolRequested(phone_key=phone_key, name=name):
                await self._work.change(self._ask_to_enrol, phone_key, name, shaking.digits)
                await self._ask(self._finish_enrolment)
            case FirstAccepted():
                await self._take_first(event)
            case PhoneVerified():
                return await self._open()
            case Left():
                raise PhoneLeft
        return None

    async def _prepare(self) -> Shaking:
        self._invitation = await in_database(verification.live_invitation, self.session_id)
        terms = await in_database(verification.terms_of, self._invitation)
        self._shaking = Shaking(terms, self._send)
        return self._shaking

    def _note_proof(self, shaking: Shaking) -> None:
        if shaking.has_proved and not self.has_proved:
            self.has_proved = True
            self._logbook.note(Step.SCANNED)
            self._logbook.note(Step.CONNECTED)

    def _live(self) -> Invitation:
        if self._invitation is None:
            raise VerificationFailed("no invitation")
        return self._invitation

    def _begun(self) -> Shaking:
        if self._shaking is None:
            raise VerificationFailed("no handshake")
        return self._shaking

    async def ping(self) -> None:
        """Show the phone that the station lives."""
        await self._begun().ping()

    # First and second verification information

    async def _take_first(self, first: FirstAccepted) -> None:
        await self._displace()
        self._first = first
        await self._work.change(self._claim, first, self._begun().digits)
        self._logbook.note(Step.CONFIRMED)
        detail = {"account": first.ticket.sub, "scope": first.ticket.scope}
        self._logbook.note(Step.FIRST_VERIFIED, detail)
        if self._vault is None:
            await self._ask(self._finish_link)
        else:
            await self._send_second()

    async def _displace(self) -> None:
        """A follow-up's connection that is still open here is one that its phone has given up."""
        older = _claimed.get(self.session_id)
        if older is not None and self._live().purpose == InvitationPurpose.FOLLOW_UP:
            await older._give_way()

    def _claim(self, first: FirstAccepted, digits: str) -> None:
        """On a database thread: the end must find the claim even if nobody awaits it."""
        outcome = verification.take_first(self._live(), first, digits)
        _claimed[self.session_id] = self
        if isinstance(outcome, verification.AskOwner):
            self._approval = outcome.approval
        else:
            self._vault = outcome.vault

    async def _send_second(self) -> None:
        await self._begun().accept()
        self._logbook.note(Step.SECOND_SENT)

    async def _open(self) -> Session:
        invitation, first, vault = self._live(), self._first, self._vault
        if first is None or vault is None:
            raise VerificationFailed("verified before the first verification information")
        self._logbook.note(Step.VERIFIED)
        terms = await self._work.change(verification.opening, invitation, first)
        shaking = self._begun()
        await shaking.open(terms)
        self._work.check_going_on()
        return Session(
            invitation,
            first.ticket,
            first.phone_key,
            vault,
            terms,
            shaking.channel,
            Outbox(shaking.channel, self._send),
            self._give_way,
        )

    # Questions to the owner

    def _ask_to_enrol(self, phone_key: bytes, name: str, digits: str) -> None:
        """On a database thread: the end must find the question even if nobody awaits it."""
        self._approval = verification.ask_to_enrol(self._live(), phone_key, name, digits)

    async def _ask(self, then: Callable[[], Coroutine[None, None, None]]) -> None:
        self.deadline += limits.APPROVAL_SECONDS
        await self._begun().pending(limits.APPROVAL_SECONDS)
        self._work.spawn(self._await_approval(then))

    async def _await_approval(self, then: Callable[[], Coroutine[None, None, None]]) -> None:
        """Poll what the owner said; the question lives in the database alone."""
        if self._approval is None:
            return
        while (state := await in_database(approvals.state_of, self._approval)) == "waiting":
            await asyncio.sleep(_POLL_SECONDS)
        if self._approval.state == ApprovalState.DENIED:
            raise approvals.Denied("the owner of the station did not allow it")
        if state is not ApprovalState.ALLOWED:
            raise NotAllowed("the owner of the station did not answer in time")
        await then()

    async def _finish_enrolment(self) -> None:
        if self._approval is not None:
            grant = await self._work.change(self._enrol, self._approval)
            await self._begun().enrolled(grant)

    def _enrol(self, approval: Approval) -> messages.Enrolled:
        """On a database thread, as ``_claim``; what is claimed is released if enrolling fails."""
        verification.claim(self._live(), bytes.fromhex(approval.phone_key))
        _claimed[self.session_id] = self
        enrolled = verification.enrol(self._live(), approval)
        self._approval = None
        return enrolled

    async def _finish_link(self) -> None:
        if self._first is not None:
            await self._work.change(self._link, self._first)
            await self._send_second()

    def _link(self, first: FirstAccepted) -> None:
        """On a database thread: what the owner allowed is used now."""
        self._vault = verification.link(self._live(), first.ticket)
        self._approval = None

    # The end

    @property
    def is_anothers(self) -> bool:
        """Whether another connection has claimed the invitation."""
        return _claimed.get(self.session_id, self) is not self

    def failed_first(self, cause: Exception | None) -> bool:
        """Whether this was a failed attempt; a code that is used or expired is none."""
        if self._shaking is None:
            return isinstance(cause, VerificationFailed)
        return not self.has_proved

    def close_code(self, error: WireError) -> int:
        """The code with which the connection closes before it is open."""
        return close_code(error) if self._shaking is None else self._shaking.close_code(error)

    async def last_word(self, error: WireError) -> None:
        """Tell the phone what it may know of the error."""
        if self._shaking is not None:
            await self._shaking.last_word(error)

    async def withdraw(self, _cause: Exception | None) -> None:
        """The phone is gone: what it asked the owner goes with it."""
        if self._approval is not None:
            await in_database(approvals.withdraw, self._approval)

    async def release(self, cause: Exception | None) -> None:
        """A follow-up serves its phone again until a connection with it ended in order."""
        if _claimed.get(self.session_id) is not self:
            return
        try:
            if cause is None or isinstance(cause, TimedOut | StationFault):
                await in_database(invitations.release, self.session_id)
            elif self._begun().is_open or self._live().purpose == InvitationPurpose.FOLLOW_UP:
                await in_database(invitations.end_all, self._live())
            else:
                await in_database(invitations.end, self.session_id)
        finally:
            del _claimed[self.session_id]
