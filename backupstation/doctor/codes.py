"""The newest code of an owner, and how far the last phone came with one."""

from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils.translation import gettext_lazy as _

from backupstation import journey
from backupstation.doctor.findings import Finding, Since, State
from transfer.models import Invitation, InvitationPurpose


def check(owner: AbstractBaseUser | None, now: datetime) -> list[Finding]:
    """Two queries; without an owner, or before the first code, there is nothing to say."""
    if owner is None:
        return []
    return [*_newest_code(owner, now), *_last_attempt(owner, now)]


def _newest_code(owner: AbstractBaseUser, now: datetime) -> list[Finding]:
    mine = Invitation.objects.filter(owner_id=owner.pk, purpose=InvitationPurpose.QR)
    newest = mine.order_by("-created_at").first()
    if newest is None:
        return []
    title = _("Code")
    if newest.claimed_at is not None:
        said = _("The newest code was used %(since)s ago. Each works once.")
        return [
            Finding(State.FINE, "code", title, said, values={"since": Since(newest.claimed_at)})
        ]
    if newest.expires_at <= now:
        said = _("The newest code ran out %(since)s ago, and nobody had used it.")
        advice = _("Scan the one that is on the station page now, or make one with “invite”.")
        values = {"since": Since(newest.expires_at)}
        return [Finding(State.LOOK, "code", title, said, advice, values)]
    left = max(1, int((newest.expires_at - now) / timedelta(seconds=1)))
    said = _("The newest code is good for another %(seconds)s s.")
    return [Finding(State.FINE, "code", title, said, values={"seconds": left})]


def _last_attempt(owner: AbstractBaseUser, now: datetime) -> list[Finding]:
    """What the trail says of the newest one of the last half hour."""
    attempts = journey.recent(owner, now)
    if not attempts:
        return []
    newest, title = attempts[0], _("Last attempt")
    if newest.failure is not None:
        # Sentences that are complete: nothing is put into them.
        why, advice = newest.failure.why, newest.failure.advice
        return [Finding(State.LOOK, "attempt", title, why, advice)]
    if newest.is_stalled:
        said = _("A phone had its code confirmed, and has not reached the listening port yet.")
        advice = _("Same Wi-Fi? No VPN on the phone? Is the port let through?")
        return [Finding(State.LOOK, "attempt", title, said, advice)]
    said = _("A phone came as far as: %(step)s.")
    return [Finding(State.FINE, "attempt", title, said, values={"step": newest.last.label})]
