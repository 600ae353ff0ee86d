"""The steps of one transfer: those that it has taken, and those that it is expected to take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypedDict

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from transfer.models import ApprovalKind, Step

MEETING: Final = (Step.SHOWN, Step.SCANNED, Step.CONFIRMED, Step.CONNECTED)
ASKING: Final = (Step.WAITING, Step.ENROLLED)
_PROVING: Final = (Step.FIRST_VERIFIED, Step.SECOND_SENT, Step.VERIFIED)
_BACKUP: Final = (Step.RECEIVING, Step.STORED)
_RESTORE: Final = (Step.SENDING, Step.RESTORED)
MOVING: Final = (Step.RECEIVING, Step.SENDING)


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
    invitation__claimed_by: str
    invitation__approval__kind: str | None
    invitation__approval__name: str | None
    given_name: str | None
    enrolled_name: str | None
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


def _path(latest: Mapping[Step, Row], *, restores: bool) -> list[Step]:
    """The steps that a transfer like this one takes, in order."""
    asked = [step for step in ASKING if step in latest]
    is_enrolment = bool(asked) and latest[asked[0]]["detail"].get("kind") != ApprovalKind.LINK
    ending = _RESTORE if restores or _is_restore(latest) else _BACKUP
    if is_enrolment:
        # A phone that is not enrolled yet connects first; the IM server confirms what follows.
        met = [Step.SHOWN, Step.SCANNED, Step.CONNECTED, *asked, Step.CONFIRMED]
        return [*met, *_PROVING, *ending]
    first, *proofs = _PROVING
    return [*MEETING, first, *asked, *proofs, *ending]


def _is_restore(latest: Mapping[Step, Row]) -> bool:
    verified = latest.get(Step.FIRST_VERIFIED)
    scope = verified["detail"].get("scope") if verified else None
    return scope == "restore" or bool(set(_RESTORE) & latest.keys())


def stages_of(rows: list[Row], reached: Step, *, restores: bool) -> list[Stage]:
    """Every step that this transfer has taken or is expected to take, in order.

    With ``restores`` it is for nothing else; otherwise the phone says what it came for.
    """
    latest = {Step(row["step"]): row for row in rows}
    # After its enrolment a phone comes again: it was met when it came first.
    latest |= {Step(row["step"]): row for row in reversed(rows) if row["step"] in MEETING}
    stages = []
    for step in _path(latest, restores=restores):
        row = latest.get(step)
        state = "done" if row or step is Step.SHOWN else "next"
        if step is reached and step in (*MOVING, Step.WAITING):
            state = "now"
        stages.append(Stage(step, state, row["at"] if row else None, row["detail"] if row else {}))
    if all(stage.state != "now" for stage in stages):
        _point_at_next(stages)
    return stages


def _point_at_next(stages: list[Stage]) -> None:
    for stage in stages:
        if stage.state == "next":
            stage.state = "now"
            return
