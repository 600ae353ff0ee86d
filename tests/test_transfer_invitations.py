"""The life of an invitation in the station's database."""

from datetime import timedelta
from ipaddress import IPv4Address

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from backupstation import roles
from transfer import invitations, trail
from transfer.models import Invitation, InvitationState, Step
from wire import invitation as wire_invitation
from wire.invitation import Scope

pytestmark = pytest.mark.django_db


def issue() -> wire_invitation.Invitation:
    roles.prepare()
    owner, _ = get_user_model().objects.get_or_create(username="alice")
    return invitations.issue(
        owner, scope=Scope.BACKUP, addresses=[IPv4Address("127.0.0.1")], port=8765
    )


def test_is_claimed_once() -> None:
    session_id = issue().session_id.hex()
    invitations.claim(session_id, "phone")
    with pytest.raises(Invitation.DoesNotExist):
        invitations.claim(session_id, "phone")


def test_ends_with_its_secrets() -> None:
    session_id = issue().session_id.hex()
    invitations.end(session_id)
    ended = Invitation.objects.get(pk=session_id)
    assert ended.state == InvitationState.ENDED
    assert bytes(ended.wrapped_secrets) == b""


def test_a_sweep_ends_what_expired_and_nothing_else() -> None:
    expired, fresh = issue().session_id.hex(), issue().session_id.hex()
    Invitation.objects.filter(pk=expired).update(expires_at=timezone.now() - timedelta(minutes=5))
    assert invitations.sweep(timezone.now()) == 1
    assert Invitation.objects.get(pk=expired).state == InvitationState.ENDED
    assert Invitation.objects.get(pk=fresh).state == InvitationState.SHOWN


def test_codes_that_nobody_used_are_forgotten_and_scanned_ones_stay_on_the_log() -> None:
    unused, scanned, recent = (issue().session_id.hex() for _ in range(3))
    trail.record(scanned, Step.SCANNED)
    for session_id in (unused, scanned, recent):
        invitations.end(session_id)
    old = timezone.now() - timedelta(days=2)
    Invitation.objects.filter(pk__in=[unused, scanned]).update(created_at=old)
    invitations.forget_unused(timezone.now())
    assert set(Invitation.objects.values_list("pk", flat=True)) == {scanned, recent}


def test_the_listening_port_travels_in_the_signed_part() -> None:
    invitation = issue()
    assert invitation.port == 8765
    public = wire_invitation.PublicPart.decode(invitation.public_part())
    assert public.port == 8765
