"""The trail of each invitation: what happened, step by step, for the page and the transfer log."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from transfer.models import Step, TrailEntry
from wire import names

REASON_CHARS_MAX: Final = 300
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


def record(
    session_id: str,
    step: Step,
    detail: Mapping[str, object] = _NOTHING,
    *,
    reason: str = "",
    code: int | None = None,
) -> None:
    """Add a step. ``reason`` is a sentence for people; details never hold keys or message text."""
    TrailEntry.objects.create(
        invitation_id=session_id,
        step=step,
        reason=reason[:REASON_CHARS_MAX],
        code=code,
        detail=dict(detail),
    )


def record_once(
    session_id: str,
    step: Step,
    detail: Mapping[str, object] = _NOTHING,
    *,
    reason: str = "",
    code: int | None = None,
) -> None:
    """Add a step unless the trail has it already for this reason (a phone may repeat a call)."""
    known = TrailEntry.objects.filter(invitation_id=session_id, step=step, reason=reason)
    if not known.exists():
        record(session_id, step, detail, reason=reason, code=code)


def printable(text: str) -> str:
    """The owner reads in a terminal too: what steers one becomes the sign for unknown."""
    return "".join(one if names.is_shown(one) else "\N{REPLACEMENT CHARACTER}" for one in text)


def update_progress(session_id: str, step: Step, detail: Mapping[str, object]) -> None:
    """Replace the details of the latest entry of this step, or add it."""
    latest = TrailEntry.objects.filter(invitation_id=session_id, step=step).last()
    if latest is None:
        record(session_id, step, detail)
        return
    TrailEntry.objects.filter(pk=latest.pk).update(detail=dict(detail))


def entries(session_id: str) -> list[dict[str, Any]]:
    """The trail in order, ready for JSON; ``at`` is ISO 8601."""
    return [
        {
            "step": entry.step,
            "label": str(Step(entry.step).label),
            "reason": entry.reason,
            "code": entry.code,
            "detail": entry.detail,
            "at": entry.at.isoformat(),
        }
        for entry in TrailEntry.objects.filter(invitation_id=session_id)
    ]
