"""The trail of each transfer as the page tells it: what is done, what is next, what went wrong.

One transfer may take several invitations (enrolment, then the backup; or a cut, then its
follow-up); the page shows them as one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Q

from backupstation import advice, naming
from backupstation.advice import Advice
from backupstation.stages import ASKING, MEETING, MOVING, Row, Stage, stages_of
from transfer.models import ApprovalKind, InvitationState, Step, TrailEntry

RECENT: Final = timedelta(minutes=30)
_LOOK_BACK: Final = timedelta(hours=24)
_STALLED: Final = timedelta(seconds=12)
_FAILURE_STAYS: Final = timedelta(minutes=5)

_LAST: Final = (Step.STORED, Step.RESTORED)
_REFUSALS: Final = (Step.FAILED, Step.REFUSED)
# A phone may come for no more than this: to be enrolled, or to see what is kept.
_ENOUGH: Final = (Step.ENROLLED, Step.VERIFIED)


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
    phone: str = ""
    """Its thumbprint; empty until it has proved that it has the key."""
    name: str = ""


def idle(session_id: str, *, restores: bool = False) -> Transfer:
    """The trail of a code that nobody has scanned, which may be good for nothing but a restore."""
    return Transfer(session_id, stages_of([], Step.SHOWN, restores=restores), Step.SHOWN)


def recent(owner: AbstractBaseUser, now: datetime, snapshot_id: str = "") -> list[Transfer]:
    """This owner's transfers that are under way or just ended, the newest first; one query.

    With ``snapshot_id`` those of codes that are bound to this snapshot.
    """
    bound = {"invitation__binding__snapshot_id": snapshot_id} if snapshot_id else {}
    entries = (
        TrailEntry.objects.filter(invitation__owner_id=owner.pk, **bound)
        .filter(invitation__created_at__gte=now - _LOOK_BACK)
        .filter(Q(at__gte=now - RECENT) | Q(invitation__state=InvitationState.CLAIMED))
        .exclude(step=Step.SHOWN)
        .order_by("at", "id")
        .annotate(**naming.names_of("invitation__claimed_by", owner))
        .values(*Row.__annotations__)
    )
    chains = _chains(entries)
    newest_first = sorted(chains, key=lambda rows: rows[-1]["at"], reverse=True)
    told = [_told(rows, now, restores=bool(snapshot_id)) for rows in newest_first]
    return [
        one
        for number, one in enumerate(told)
        if number == 0 or not one.is_over or _is_news(one, told[:number], now)
    ]


def _is_news(one: Transfer, newer: list[Transfer], now: datetime) -> bool:
    """A phone that failed beside others is told a while, unless it has come again since."""
    if one.failure is None or one.ended_at is None or not one.phone:
        return False
    is_fresh = now - one.ended_at < _FAILURE_STAYS
    return is_fresh and all(other.phone != one.phone for other in newer)


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
    early = (*MEETING, Step.REFUSED)
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
        begins = row["step"] in (*MEETING, Step.REFUSED)
        if begins and before["step"] not in (*MEETING, *ASKING):
            start = number
    return rows[start:]


def _told(chain: list[Row], now: datetime, *, restores: bool) -> Transfer:
    rows = _last_attempt(_without_intruders(chain))
    last = rows[-1]
    step = Step(last["step"])
    steps = [Step(row["step"]) for row in rows if row["step"] not in _REFUSALS]
    reached = steps[-1] if steps else Step.SHOWN
    transfer = Transfer(last["invitation_id"], stages_of(rows, reached, restores=restores), reached)
    transfer.detail = last["detail"]
    transfer.session_ids = frozenset(row["invitation_id"] for row in chain)
    transfer.phone, transfer.name = last["invitation__claimed_by"], _name(rows)
    is_live = _is_live(last["invitation__state"], step)
    if step in _REFUSALS:
        was_waiting, cause = reached is Step.WAITING, last["detail"].get("cause", "")
        _fail(transfer, advice.for_failure(last["code"], was_waiting=was_waiting, cause=cause))
        transfer.code, transfer.reason = last["code"], last["reason"]
    elif step in MOVING and not is_live:
        _fail(transfer, advice.CUT_OFF)
    elif step in (Step.SCANNED, Step.CONFIRMED) and is_live:
        transfer.is_stalled = now - last["at"] > _STALLED
    transfer.is_over = transfer.is_over or step in _LAST or not is_live
    if transfer.is_over:
        transfer.ended_at = last["at"]
        _nothing_is_next(transfer, step)
    return transfer


def _name(rows: list[Row]) -> str:
    """The owner's name for the phone, its own, or what it said when it asked or began."""
    last = rows[-1]
    asked = [row for row in rows if row["invitation__approval__kind"] == ApprovalKind.ENROL]
    return (
        last["given_name"]
        or last["enrolled_name"]
        or (asked[-1]["invitation__approval__name"] if asked else None)
        or last["detail"].get("source")
        or last["invitation__claimed_by"][:8]
    )


def _is_live(state: str, step: Step) -> bool:
    """Whether a phone can still go on: connected, or not yet at the point of claiming the code."""
    if state == InvitationState.SHOWN:
        return step in (*MEETING, *ASKING)
    return state == InvitationState.CLAIMED


def _fail(transfer: Transfer, why: Advice) -> None:
    transfer.failure, transfer.is_over = why, True
    for stage in transfer.stages:
        if stage.state in ("now", "next"):
            stage.state = "failed"
            return


def _nothing_is_next(transfer: Transfer, step: Step) -> None:
    for stage in transfer.stages:
        if stage.state == "now":
            stage.state = "next"
    if step in _ENOUGH:
        transfer.stages = [stage for stage in transfer.stages if stage.state == "done"]
