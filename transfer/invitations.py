"""Live invitations: the "connection authentication information" behind QR codes (claims 2, 3)."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from transfer import models, station, trail
from transfer.models import InvitationPurpose, InvitationState, Step
from wire import limits
from wire.invitation import Invitation, PublicPart, Scope
from wire.messages import Binding

_WRAPPING = b"invitation"


def issue(
    owner: AbstractBaseUser,
    *,
    scope: Scope,
    addresses: Sequence[IPv4Address | IPv6Address],
    port: int,
    im_origin: str | None = None,
    purpose: InvitationPurpose = InvitationPurpose.QR,
    binding: Binding | None = None,
    bound_phone: str = "",
    resumes: str | None = None,
    seconds: int = limits.INVITATION_SECONDS,
) -> Invitation:
    """Make a signed invitation and remember it; ``port`` is the listening port that it carries.

    Without ``im_origin`` it is for the IM server that this station registered at, or else for the
    one inside it (empty). ``bound_phone`` (a thumbprint) and ``resumes`` (a session id) are for
    follow-ups.
    """
    identity = station.identity()
    issuer = models.Issuer.objects.current(im_origin)
    key = X25519PrivateKey.generate()
    now = timezone.now()
    expires = now + timedelta(seconds=seconds)
    invitation = Invitation.create(
        station_key=identity.key,
        scope=scope,
        expires=int(expires.timestamp()),
        session_id=os.urandom(limits.SESSION_ID_BYTES),
        invitation_key=key.public_key().public_bytes_raw(),
        port=port,
        addresses=tuple(addresses),
        im_origin=issuer.origin,
        secret=os.urandom(limits.SECRET_BYTES),
    )
    secrets = key.private_bytes_raw() + invitation.secret
    wrapped = identity.root.wrap(_WRAPPING, invitation.session_id, secrets)
    session_id = invitation.session_id.hex()
    with transaction.atomic():
        models.Invitation.objects.create(
            session_id=session_id,
            owner_id=owner.pk,
            scope=int(scope),
            purpose=purpose,
            public_part=invitation.public_part(),
            wrapped_secrets=wrapped,
            issuer=issuer,
            binding=msgspec.to_builtins(binding),
            bound_phone=bound_phone,
            resumes_id=resumes,
            created_at=now,
            expires_at=expires,
        )
        trail.record(session_id, Step.SHOWN, {"purpose": purpose.value})
    return invitation


def follow_up(
    previous: models.Invitation, *, phone: str, scope: Scope, binding: Binding | None
) -> Invitation:
    """An invitation for the phone with this thumbprint alone, to go on with what it began.

    All that follow one QR code continue that one, so that they can be ended together.
    """
    shown = PublicPart.decode(bytes(previous.public_part))
    return issue(
        previous.owner,
        scope=scope,
        addresses=shown.addresses,
        port=shown.port,
        im_origin=shown.im_origin,
        purpose=InvitationPurpose.FOLLOW_UP,
        binding=binding,
        bound_phone=phone,
        resumes=previous.resumes_id or previous.session_id,
        seconds=limits.FOLLOW_UP_SECONDS,
    )


def secrets_of(invitation: models.Invitation) -> tuple[X25519PrivateKey, bytes]:
    """The unwrapped private key and the secret of a live invitation."""
    plain = station.identity().root.unwrap(
        _WRAPPING, bytes.fromhex(invitation.session_id), bytes(invitation.wrapped_secrets)
    )
    key, secret = plain[: limits.KEY_BYTES], plain[limits.KEY_BYTES :]
    return X25519PrivateKey.from_private_bytes(key), secret


def binding_of(invitation: models.Invitation) -> Binding | None:
    """The one snapshot that an invitation is limited to."""
    return msgspec.convert(invitation.binding, Binding | None)


def claim(session_id: str, phone: str) -> None:
    """Claim once, for the phone with this thumbprint; raises ``Invitation.DoesNotExist``.

    The conditional UPDATE changes exactly one row for exactly one caller.
    """
    shown = models.Invitation.objects.filter(session_id=session_id, state=InvitationState.SHOWN)
    changed = shown.update(
        state=InvitationState.CLAIMED, claimed_at=timezone.now(), claimed_by=phone
    )
    if changed != 1:
        raise models.Invitation.DoesNotExist


def end(session_id: str) -> None:
    """End an invitation: its private key and secret are dropped for good."""
    _end(models.Invitation.objects.filter(session_id=session_id))


def end_all(invitation: models.Invitation) -> None:
    """End it with all that continue the same QR code: the phone has done what it came for."""
    first = invitation.resumes_id or invitation.session_id
    _end(models.Invitation.objects.filter(Q(session_id=first) | Q(resumes_id=first)))


def _end(invitations: models.InvitationQuerySet) -> None:
    invitations.exclude(state=InvitationState.ENDED).update(
        state=InvitationState.ENDED, ended_at=timezone.now(), wrapped_secrets=b""
    )


def release(session_id: str) -> None:
    """The connection was lost: a follow-up may be claimed again, anything else has ended."""
    claimed = models.Invitation.objects.filter(session_id=session_id, state=InvitationState.CLAIMED)
    if not claimed.filter(purpose=InvitationPurpose.FOLLOW_UP).update(state=InvitationState.SHOWN):
        claimed.update(state=InvitationState.ENDED, ended_at=timezone.now(), wrapped_secrets=b"")


def sweep(now: datetime) -> int:
    """End what expired unclaimed, allowing for clocks that differ; returns how many."""
    late = now - timedelta(seconds=limits.CLOCK_SKEW_SECONDS)
    stale = models.Invitation.objects.filter(state=InvitationState.SHOWN, expires_at__lt=late)
    waiting = models.Approval.objects.waiting(now).values("invitation_id")
    return stale.exclude(pk__in=waiting).update(
        state=InvitationState.ENDED, ended_at=datetime.now(UTC), wrapped_secrets=b""
    )


def forget_unused(now: datetime) -> int:
    """Delete codes that nobody used: an open page shows 1,440 of them a day."""
    old = now - timedelta(days=1)
    unused = models.Invitation.objects.filter(
        state=InvitationState.ENDED, claimed_at=None, created_at__lt=old
    )
    touched = models.TrailEntry.objects.exclude(step=Step.SHOWN).values("invitation_id")
    return unused.exclude(pk__in=touched).delete()[0]


def end_abandoned() -> int:
    """At start-up no connection is open: what was claimed before was lost; returns how many."""
    claimed = models.Invitation.objects.filter(state=InvitationState.CLAIMED)
    claimed.filter(purpose=InvitationPurpose.FOLLOW_UP).update(state=InvitationState.SHOWN)
    return claimed.update(state=InvitationState.ENDED, ended_at=timezone.now(), wrapped_secrets=b"")
