"""One QR code's life: the invitation, what the owner was asked, and the trail."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from transfer.models.issuers import Issuer
from wire import limits


class InvitationState(models.TextChoices):
    """The life of one QR code."""

    SHOWN = "shown", _("shown")
    CLAIMED = "claimed", _("claimed")
    ENDED = "ended", _("ended")


class InvitationPurpose(models.TextChoices):
    """Why an invitation was made."""

    QR = "qr", _("QR code")
    FOLLOW_UP = "follow-up", _("follow-up")


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Lookups of invitations."""

    def awaiting_contact(self, now: datetime) -> Self:
        """Those that a phone may still claim."""
        return self.filter(state=InvitationState.SHOWN, expires_at__gt=now)


class Invitation(models.Model):
    """One invitation: single use, short life. Key and secret are wrapped; its end drops them."""

    session_id = models.CharField(_("session id"), primary_key=True, max_length=32)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="invitations",
        verbose_name=_("owner"),
    )
    scope = models.PositiveSmallIntegerField(_("scope"))
    purpose = models.CharField(
        _("purpose"), max_length=10, choices=InvitationPurpose, default=InvitationPurpose.QR
    )
    state = models.CharField(
        _("state"), max_length=10, choices=InvitationState, default=InvitationState.SHOWN
    )
    public_part = models.BinaryField()
    wrapped_secrets = models.BinaryField()
    issuer = models.ForeignKey(Issuer, models.PROTECT, verbose_name=_("IM server"))
    binding = models.JSONField(_("binding"), null=True, blank=True)
    bound_phone = models.CharField(_("for phone"), max_length=43, blank=True)
    resumes = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, verbose_name=_("continues")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    claimed_at = models.DateTimeField(_("claimed"), null=True, blank=True)
    claimed_by = models.CharField(_("phone"), max_length=43, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        indexes = [models.Index(fields=["owner", "-created_at"])]

    def __str__(self) -> str:
        return self.session_id[:8]


class Step(models.TextChoices):
    """The steps of the trail, in the order in which they happen."""

    SHOWN = "shown", _("QR code shown")
    SCANNED = "scanned", _("scanned")
    CONFIRMED = "confirmed", _("confirmed by the IM server")
    CONNECTED = "connected", _("connected")
    WAITING = "waiting", _("waiting for the owner")
    ENROLLED = "enrolled", _("phone enrolled")
    FIRST_VERIFIED = "first", _("phone verified")
    SECOND_SENT = "second", _("station's proof sent")
    VERIFIED = "verified", _("phone agreed")
    RECEIVING = "receiving", _("receiving")
    SENDING = "sending", _("sending back")
    STORED = "stored", _("stored")
    RESTORED = "restored", _("restored")
    FAILED = "failed", _("failed")
    REFUSED = "refused", _("refused")


class TrailEntry(models.Model):
    """One line of the transfer log: a step that an invitation reached, or why it failed."""

    invitation = models.ForeignKey(
        Invitation, models.CASCADE, related_name="trail", verbose_name=_("invitation")
    )
    step = models.CharField(_("step"), max_length=10, choices=Step)
    code = models.PositiveIntegerField(_("code"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    detail = models.JSONField(_("details"), default=dict, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("transfer log entry")
        verbose_name_plural = _("transfer log")
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.invitation_id[:8]} {self.step}"


class ApprovalState(models.TextChoices):
    """What the owner said."""

    WAITING = "waiting", _("waiting")
    ALLOWED = "allowed", _("allowed")
    DENIED = "denied", _("denied")


class ApprovalKind(models.TextChoices):
    """What the owner is asked for."""

    ENROL = "enrol", _("enrol this phone")
    LINK = "link", _("link this account")


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """Lookups of approvals."""

    def waiting(self, now: datetime) -> Self:
        """Those that the owner can still answer."""
        return self.filter(state=ApprovalState.WAITING, expires_at__gt=now)


class Approval(models.Model):
    """A question to the owner; the six digits are shown on both screens. One per invitation."""

    invitation = models.OneToOneField(
        Invitation, models.CASCADE, related_name="approval", verbose_name=_("invitation")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=ApprovalKind)
    digits = models.CharField(_("six digits"), max_length=6)
    phone_key = models.CharField(_("phone key"), max_length=64)
    name = models.CharField(_("name"), max_length=limits.NAME_CHARS_MAX)
    replaces = models.CharField(_("instead of the phone"), max_length=43, blank=True)
    state = models.CharField(
        _("state"), max_length=10, choices=ApprovalState, default=ApprovalState.WAITING
    )
    created_at = models.DateTimeField(_("asked"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")

    def __str__(self) -> str:
        return f"{self.digits[:3]} {self.digits[3:]} {self.name}"
