"""The trail of each transfer as the page tells it: what is done, what is next, what went wrong.

One transfer may take several invitations (enrolment, then the backup; or a cut, then its
follow-up); the page shows them as one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final, TypedDict

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backupstation import advice
from backupstation.advice import Advice
from transfer.models import ApprovalKind, InvitationState, Step, TrailEntry

RECENT: Final = timedelta(minutes=30)
_LOOK_BACK: Final = timedelta(hours=24)
_STALLED: Final = timedelta(seconds=12)
_TRANSFERS_MAX: Final = 3

_MEETING: Final = (Step.SHOWN, Step.SCANNED, Step.CONFIRMED, Step.CONNECTED)
_ASKING: Final = (Step.WAITING, Step.ENROLLED)
_PROVING: Final = (Step.FIRST_VERIFIED, Step.SECOND_SENT, Step.VERIFIED)
_BACKUP: Final = (Step.RECEIVING, Step.STORED)
_RESTORE: Final = (Step.SENDING, Step.RESTORED)
_LAST: Final = (Step.STORED, Step.RESTORED)
_MOVING: Final = (Step.RECEIVING, Step.SENDING)
_REFUSALS: Final = (Step.FAILED, Step.REFUSED)
# A phone may come for no more than this: to be enrolled, or to see what is kept.
_ENOUGH: Final = (Step.ENROLLED, Step.VERIFIED)


_MEANINGS: Final[dict[Step, str | Promise]] = {
    Step.SHOWN: _("a camera or a copied link takes it to the phone"),
    Step.SCANNED: _("a phone has read the code"),
    Step.CONFIRMED: _("the server knows this station and this phone"),
    Step.CONNECTED: _("an encrypted channel to the listening port"),
    Step.WAITING: _("compare the six digits on both screens"),
    Step.ENROLLED: _("the phone belongs to your account now"),
    Step.FIRST_VERIFIED: _("its ticket names the account and was checked here"),
    Step.SECOND_SENT: _("made from the account id, signed by this station"),
    Step.VERIFIED: _("it has checked that proof: both know whom they talk to"),
    Step.RECEIVING: _("only what is not held yet is sent"),
    Step.STORED: _("on the disk for good, with a signed receipt"),
    Step.SENDING: _("chunk by chunk, as the phone asks for them"),
    Step.RESTORED: _("the phone has checked every hash"),
}


class Row(TypedDict):
    """One trail entry with what its invitation says about it."""

    invitation_id: str
    invitation__resumes_id: str | None
    invitation__state: str
    step: str
    code: int | None
    reason: str
    detail: Any
    at: datetime


@dataclass
class Stage:
    """One step of the trail: "done", "now", "next" or "failed"."""

    step: Step
    state: str
    at: datetime | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str | Promise:
        """The step's name."""
        return self.step.label

    @property
    def meaning(self) -> str | Promise:
        """What has happened when the step is done."""
        return _MEANINGS[self.step]


@dataclass
class Transfer:
    """One phone's way through the trail."""

    session_id: str
    stages: list[Stage]
    last: Step
    session_ids: frozenset[str] = frozenset()
    is_over: bool = False
    ended_at: datetime | None = None
    failure: Advice | None = None
    code: int | None = None
    reason: str = ""
    is_stalled: bool = False
    detail: dict[str, Any] = field(default_factory=dict)


def idle(session_id: str) -> Transfer:
    """The trail of a code that nobody has scanned."""
    return Transfer(session_id, _stages([], Step.SHOWN), Step.SHOWN)


def recent(owner: AbstractBaseUser, now: datetime) -> list[Transfer]:
    """This owner's transfers that are under way or just ended, the newest first; one query."""
    entries = (
        TrailEntry.objects.filter(invitation__owner_id=owner.pk)
        .filter(invitation__created_at__gte=now - _LOOK_BACK)
        .filter(Q(at__gte=now - RECENT) | Q(invitation__state=InvitationState.CLAIMED))
        .exclude(step=Step.SHOWN)
        .order_by("at", "id")
        .values(
            "invitation_id",
            "invitation__resumes_id",
            "invitation__state",
            "step",
            "code",
            "reason",
            "detail",
            "at",
        )
    )
    chains = _chains(entries)
    newest_first = sorted(chains, key=lambda rows: rows[-1]["at"], reverse=True)
    told = [_told(rows, now) for rows in newest_first]
    return [one for number, one in enumerate(told) if number == 0 or not one.is_over][
        :_TRANSFERS_MAX
    ]


def _chains(entries: Iterable[Row]) -> list[list[Row]]:
    roots: dict[str, str] = {}
    chains: dict[str, list[Row]] = {}
    for row in entries:
        session_id, before = row["invitation_id"], row["invitation__resumes_id"]
        root = roots.setdefault(session_id, roots.get(before or "", session_id))
        chains.setdefault(root, []).append(row)
    return list(chains.values())


def _without_intruders(chain: list[Row]) -> list[Row]:
    """A phone that was refused is not told while another goes on with the same code."""
    early = (*_MEETING, Step.REFUSED)
    went_on = {row["invitation_id"] for row in chain if row["step"] not in early}
    kept = [
        row for row in chain if row["step"] != Step.REFUSED or row["invitation_id"] not in went_on
    ]
    is_ended = all(row["invitation__state"] == InvitationState.ENDED for row in chain)
    came_after = is_ended and chain[-1]["step"] == Step.REFUSED
    return [*kept, chain[-1]] if came_after and kept[-1] != chain[-1] else kept


def _last_attempt(rows: list[Row]) -> list[Row]:
    """The rows since a phone last began anew, after a cut, a failure or an end."""
    start = 0
    for number, (before, row) in enumerate(pairwise(rows), 1):
        begins = row["step"] in (*_MEETING, Step.REFUSED)
        if begins and before["step"] not in (*_MEETING, *_ASKING):
            start = number
    return rows[start:]


def _told(chain: list[Row], now: datetime) -> Transfer:
    rows = _last_attempt(_without_intruders(chain))
    last = rows[-1]
    step = Step(last["step"])
    steps = [Step(row["step"]) for row in rows if row["step"] not in _REFUSALS]
    reached = steps[-1] if steps else Step.SHOWN
    transfer = Transfer(last["invitation_id"], _stages(rows, reached), reached)
    transfer.detail = last["detail"]
    transfer.session_ids = frozenset(row["invitation_id"] for row in chain)
    is_live = _is_live(last["invitation__state"], step)
    if step in _REFUSALS:
        was_waiting, cause = reached is Step.WAITING, last["detail"].get("cause", "")
        _fail(transfer, advice.for_failure(last["code"], was_waiting=was_waiting, cause=cause))
        transfer.code, transfer.reason = last["code"], last["reason"]
    elif step in _MOVING and not is_live:
        _fail(transfer, advice.CUT_OFF)
    elif step in (Step.SCANNED, Step.CONFIRMED) and is_live:
        transfer.is_stalled = now - last["at"] > _STALLED
    transfer.is_over = transfer.is_over or step in _LAST or not is_live
    if transfer.is_over:
        transfer.ended_at = last["at"]
        _nothing_is_next(transfer, step)
    return transfer


def _is_live(state: str, step: Step) -> bool:
    """Whether a phone can still go on: connected, or not yet at the point of claiming the code."""
    if state == InvitationState.SHOWN:
        return step in (*_MEETING, *_ASKING)
    return state == InvitationState.CLAIMED


def _fail(transfer: Transfer, why: Advice) -> None:
    transfer.failure, transfer.is_over = why, True
    for stage in transfer.stages:
        if stage.state in ("now", "next"):
            stage.state = "failed"
            return


def _path(latest: Mapping[Step, Row]) -> list[Step]:
    """The steps that a transfer like this one takes, in order."""
    asked = [step for step in _ASKING if step in latest]
    is_enrolment = bool(asked) and latest[asked[0]]["detail"].get("kind") != ApprovalKind.LINK
    ending = _RESTORE if _is_restore(latest) else _BACKUP
    if is_enrolment:
        # A phone that is not enrolled yet connects first; the IM server confirms what follows.
        met = [Step.SHOWN, Step.SCANNED, Step.CONNECTED, *asked, Step.CONFIRMED]
        return [*met, *_PROVING, *ending]
    first, *proofs = _PROVING
    return [*_MEETING, first, *asked, *proofs, *ending]


def _is_restore(latest: Mapping[Step, Row]) -> bool:
    verified = latest.get(Step.FIRST_VERIFIED)
    scope = verified["detail"].get("scope") if verified else None
    return scope == "restore" or bool(set(_RESTORE) & latest.keys())


def _stages(rows: list[Row], reached: Step) -> list[Stage]:
    """Every step that this transfer has taken or is expected to take, in order."""
    latest = {Step(row["step"]): row for row in rows}
    # After its enrolment a phone comes again: it was met when it came first.
    latest |= {Step(row["step"]): row for row in reversed(rows) if row["step"] in _MEETING}
    stages = []
    for step in _path(latest):
        row = latest.get(step)
        state = "done" if row or step is Step.SHOWN else "next"
        if step is reached and step in (*_MOVING, Step.WAITING):
            state = "now"
        stages.append(Stage(step, state, row["at"] if row else None, row["detail"] if row else {}))
    if all(stage.state != "now" for stage in stages):
        _point_at_next(stages)
    return stages


def _nothing_is_next(transfer: Transfer, step: Step) -> None:
    for stage in transfer.stages:
        if stage.state == "now":
            stage.state = "next"
    if step in _ENOUGH:
        transfer.stages = [stage for stage in transfer.stages if stage.state == "done"]


def _point_at_next(stages: list[Stage]) -> None:
    for stage in stages:
        if stage.state == "next":
            stage.state = "now"
            return
