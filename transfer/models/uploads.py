"""Backups under way, and what must stay for them."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from transfer.models.invited import Invitation
from transfer.models.objects import Pack, Vault
from wire import limits


class UploadState(models.TextChoices):
    """The life of one upload."""

    RECEIVING = "receiving", _("receiving")
    CUT = "cut", _("cut off")
    COMMITTED = "committed", _("stored")
    REFUSED = "refused", _("refused")


class Upload(models.Model):
    """One backup under way, or how it ended; unique by the snapshot id that the phone drew."""

    vault = models.ForeignKey(
        Vault, models.PROTECT, related_name="uploads", verbose_name=_("vault")
    )
    snapshot_id = models.CharField(_("snapshot id"), max_length=26)
    invitation = models.ForeignKey(
        Invitation, models.SET_NULL, null=True, related_name="uploads", verbose_name=_("invitation")
    )
    phone = models.CharField(_("phone"), max_length=43)
    state = models.CharField(
        _("state"), max_length=10, choices=UploadState, default=UploadState.RECEIVING
    )
    source = models.CharField(_("source"), max_length=limits.SOURCE_CHARS_MAX)
    label = models.CharField(_("label"), max_length=limits.LABEL_CHARS_MAX, blank=True)
    items = models.BigIntegerField(_("items"))
    total_bytes = models.BigIntegerField(_("bytes"))
    received_bytes = models.BigIntegerField(_("received, bytes"), default=0)
    held_bytes = models.BigIntegerField(_("already held, bytes"), default=0)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    updated_at = models.DateTimeField(_("last seen"), default=timezone.now)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = [
            models.UniqueConstraint(fields=["vault", "snapshot_id"], name="one_upload_per_snapshot")
        ]

    def __str__(self) -> str:
        return self.snapshot_id[:8]


class Lease(models.Model):
    """This upload was told that chunks of this pack are held: the pack must stay."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="leases")
    pack = models.ForeignKey(Pack, models.PROTECT, related_name="leases")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["upload", "pack"], name="one_lease_per_pack")
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} -> {self.pack_id}"
