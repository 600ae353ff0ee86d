"""Verification on the station's side (patent claims 4 and 9): what touches the database.

The checks themselves are :class:`wire.handshake.StationHandshake`; these functions give it its
terms, and carry out what follows from each of its events.
"""

import time
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from transfer import approvals, enrolment, invitations, room, standing, station, trail, vaults
from transfer.models import (
    Approval,
    ApprovalKind,
    Invitation,
    InvitationPurpose,
    InvitationState,
    Step,
    Vault,
)
from wire import limits, messages, tokens
from wire.errors import Busy, NotAllowed, TimedOut, VerificationFailed
from wire.handshake import SCOPES, FirstAccepted, StationTerms
from wire.invitation import Scope
from wire.messages import Binding


class Expired(TimedOut):
    """The code is too old; whoever names it has seen it."""


def live_invitation(session_id: str) -> Invitation:
    """The invitation that a connection names, while first contact is allowed.

    A follow-up that is in use may be named by its phone again: the phone has noticed earlier than
    the station that the connection was lost. Raises :class:`VerificationFailed` for an unknown
    one, :class:`Expired` and :class:`Busy`.
    """
    found = Invitation.objects.select_related("issuer", "owner").filter(session_id=session_id)
    invitation = found.first()
    if invitation is None:
        raise VerificationFailed("no such invitation")
    followed = invitation.purpose == InvitationPurpose.FOLLOW_UP
    used = invitation.state == InvitationState.CLAIMED and not followed
    age = timezone.now() - invitation.expires_at
    late = age.total_seconds() > limits.CLOCK_SKEW_SECONDS
    if late and invitation.claimed_at is None:
        raise Expired("the QR code has expired")
    if used or invitation.state == InvitationState.ENDED:
        raise Busy("the QR code was used before")
    if late:
        raise Expired("the QR code has expired")
    return invitation


def terms_of(invitation: Invitation) -> StationTerms:
    """What the handshake needs to know."""
    key, secret = invitations.secrets_of(invitation)
    return StationTerms(
        public_part=bytes(invitation.public_part),
        secret=secret,
        invitation_key=key,
        station_key=station.identity().key,
        iss=invitation.issuer.iss,
        issuer_keys=invitation.issuer.public_keys(),
        bound_phone=invitation.bound_phone,
        now=lambda: int(time.time()) + invitation.issuer.clock_offset_seconds,
    )


@dataclass(frozen=True)
class Linked:
    """The account is this owner's: go on."""

    vault: Vault


@dataclass(frozen=True)
class AskOwner:
    """The account is new here: the owner is being asked."""

    approval: Approval


def take_first(invitation: Invitation, first: FirstAccepted, digits: str) -> Linked | AskOwner:
    """Claim the invitation for a verified phone and find the vault, in one transaction.

    Raises what ``claim`` raises.
    """
    ticket = first.ticket
    with transaction.atomic():
        claim(invitation, first.phone_key)
        vault = vaults.find(invitation.owner, ticket.iss, ticket.sub)
        if vault is not None:
            return Linked(vault)
        approval = approvals.ask(
            invitation.session_id,
            ApprovalKind.LINK,
            digits=digits,
            phone_key=first.phone_key,
            name=ticket.sub[: limits.NAME_CHARS_MAX],
        )
        return AskOwner(approval)


def claim(invitation: Invitation, phone_key: bytes) -> None:
    """Claim it for this phone; raises :class:`Busy` when another connection has claimed it."""
    try:
        invitations.claim(invitation.session_id, tokens.thumbprint(phone_key))
    except Invitation.DoesNotExist:
        raise Busy("the QR code was used before") from None


def link(invitation: Invitation, ticket: tokens.Ticket) -> Vault:
    """The owner accepted the account."""
    return vaults.link(invitation.owner, ticket.iss, ticket.sub)


def ask_to_enrol(invitation: Invitation, phone_key: bytes, name: str, digits: str) -> Approval:
    """Put the enrolment to the owner; only an embedded IM server enrols through the station.

    Raises :class:`wire.errors.NotAllowed` when the owner's backups are another IM server's.
    """
    if invitation.issuer.origin or invitation.purpose != InvitationPurpose.QR:
        raise VerificationFailed("phones are not enrolled through this invitation")
    vaults.check_issuer(invitation.owner, invitation.issuer.iss)
    return approvals.ask(
        invitation.session_id,
        ApprovalKind.ENROL,
        digits=digits,
        phone_key=phone_key,
        name=name,
    )


def enrol(invitation: Invitation, approval: Approval) -> messages.Enrolled:
    """The owner allowed the phone: enrol it, link its account, and invite it to go on.

    The invitation was claimed for it before. A phone whose account cannot be linked is none.
    """
    phone_key = bytes.fromhex(approval.phone_key)
    with transaction.atomic():
        grant = enrolment.enrol(invitation.owner, phone_key, approval.name, approval.replaces)
        vaults.link(invitation.owner, grant.iss, grant.sub)
    detail = {"name": approval.name} | (
        {"replaces": approval.replaces} if approval.replaces else {}
    )
    trail.record(invitation.session_id, Step.ENROLLED, detail)
    follow_up = invitations.follow_up(
        invitation,
        phone=tokens.thumbprint(phone_key),
        scope=Scope(invitation.scope),
        binding=invitations.binding_of(invitation),
    )
    return messages.Enrolled(
        iss=grant.iss,
        sub=grant.sub,
        keys=grant.keys,
        station_name=settings.STATION_NAME,
        invitation=follow_up.encode(),
    )


def opening(invitation: Invitation, first: FirstAccepted) -> messages.Open:
    """The terms of an open connection: its one scope, window, free space, binding.

    Raises :class:`wire.errors.NotAllowed` for a phone that was revoked since it got its ticket.
    """
    ticket = first.ticket
    standing.check(ticket.iss, first.phone_key)
    return messages.Open(
        scope=ticket.scope,
        window=limits.WINDOW_BYTES,
        free=room.usable_bytes(),
        station_name=settings.STATION_NAME,
        binding=invitations.binding_of(invitation) if ticket.scope == "restore" else None,
    )


def check_binding(invitation: Invitation, snapshot_id: str) -> None:
    """Raise :class:`NotAllowed` for a backup other than the one that this invitation continues."""
    binding = invitations.binding_of(invitation)
    if binding is not None and binding.snapshot_id != snapshot_id:
        raise NotAllowed("this invitation is for another snapshot")


def follow_up_for(invitation: Invitation, ticket: tokens.Ticket, snapshot_id: str) -> bytes:
    """An encoded invitation with which this phone can go on with this snapshot after a cut."""
    binding = invitations.binding_of(invitation) or Binding(snapshot_id)
    scope = SCOPES[ticket.scope]
    return invitations.follow_up(
        invitation, phone=ticket.cnf, scope=scope, binding=binding
    ).encode()
