"""Questions to the owner: may this phone be enrolled, may this account be linked."""

from datetime import timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from transfer import trail
from transfer.models import (
    Approval,
    ApprovalKind,
    ApprovalQuerySet,
    ApprovalState,
    InvitationState,
    Step,
)
from wire import limits
from wire.errors import NotAllowed, VerificationFailed


class SameDigits(NotAllowed):
    """Which phone the owner holds cannot be told."""


def ask(
    session_id: str, kind: ApprovalKind, *, digits: str, phone_key: bytes, name: str
) -> Approval:
    """Put one question; :class:`VerificationFailed` when this invitation has one already."""
    now = timezone.now()
    name = trail.printable(name)[: limits.NAME_CHARS_MAX]
    try:
        with transaction.atomic():
            approval = Approval.objects.create(
                invitation_id=session_id,
                kind=kind,
                digits=digits,
                phone_key=phone_key.hex(),
                name=name,
                created_at=now,
                expires_at=now + timedelta(seconds=limits.APPROVAL_SECONDS),
            )
            detail = {"digits": digits, "name": name, "kind": kind.value}
            trail.record(session_id, Step.WAITING, detail)
    except IntegrityError:
        raise VerificationFailed("another phone is waiting on this invitation") from None
    return approval


def waiting_for(owner: AbstractBaseUser) -> ApprovalQuerySet:
    """What this owner can answer now, oldest first."""
    waiting = Approval.objects.waiting(timezone.now()).filter(invitation__owner_id=owner.pk)
    return waiting.select_related("invitation__owner").order_by("created_at")


def decide(
    owner: AbstractBaseUser, digits: str, *, allow: bool, replaces: str = ""
) -> list[Approval]:
    """Answer this owner's questions with these six digits, as :func:`answer` does."""
    return answer(waiting_for(owner), digits, allow=allow, replaces=replaces)


def answer(
    waiting: ApprovalQuerySet, digits: str, *, allow: bool, replaces: str = ""
) -> list[Approval]:
    """Answer the question with these six digits; raises ``Approval.DoesNotExist``.

    ``replaces`` is the thumbprint of the owner's phone that an allowed one takes the place of.

    Claimed by a conditional UPDATE: a question is answered once. When several phones show these
    digits all are denied, and :class:`SameDigits` is raised rather than that any is allowed.
    """
    asked = list(waiting.filter(digits=digits.replace(" ", "")))
    if allow and len(asked) > 1:
        raise SameDigits("several phones show these digits: deny them, and let yours ask again")
    given = ApprovalState.ALLOWED if allow else ApprovalState.DENIED
    answered = [one for one in asked if _give(one, given, replaces if allow else "")]
    if not answered:
        raise Approval.DoesNotExist
    return answered


def _give(approval: Approval, given: ApprovalState, replaces: str) -> bool:
    waiting = Approval.objects.filter(pk=approval.pk, state=ApprovalState.WAITING)
    if waiting.update(state=given, replaces=replaces) != 1:
        return False
    approval.state, approval.replaces = given, replaces
    return True


class Denied(NotAllowed):
    """The owner pressed Deny."""


def state_of(approval: Approval) -> ApprovalState:
    """What the owner has said so far; an expired question counts as denied."""
    approval.refresh_from_db(fields=["state", "replaces"])
    if approval.state == ApprovalState.WAITING and approval.expires_at <= timezone.now():
        return ApprovalState.DENIED
    return ApprovalState(approval.state)


def withdraw(approval: Approval) -> None:
    """The phone left before it was enrolled or linked: its question goes, whatever the answer.

    A denial stays: this invitation is not asked for again.
    """
    Approval.objects.filter(pk=approval.pk).exclude(state=ApprovalState.DENIED).delete()


def withdraw_abandoned() -> None:
    """At start-up no phone waits: withdraw what was not answered, or answered and not used."""
    unused = Q(state=ApprovalState.WAITING)
    unused |= Q(state=ApprovalState.ALLOWED, invitation__state=InvitationState.SHOWN)
    Approval.objects.filter(unused).delete()
