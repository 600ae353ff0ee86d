"""What the owner of a vault says about the phones that back up into it."""

from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from transfer.models.objects import Vault
from wire import limits


class Reminder(models.IntegerChoices):
    """After how many days without a backup the owner wants to be reminded."""

    OFF = 0, _("off")
    DAILY = 1, _("daily")
    WEEKLY = 7, _("weekly")
    MONTHLY = 30, _("monthly")

    def due_at(self, last: datetime) -> datetime | None:
        """When the next one is due, given the last backup; None when it is off."""
        return last + timedelta(days=self.value) if self.value else None


class VaultPhone(models.Model):
    """A phone of a vault, by its thumbprint; without a row everything is as it is by default.

    The station knows phones of other IM servers by their thumbprints alone: ``name`` is what the
    owner calls it, also instead of the name that it gave itself.
    """

    vault = models.ForeignKey(Vault, models.CASCADE, related_name="phones", verbose_name=_("vault"))
    phone = models.CharField(_("phone"), max_length=43)
    name = models.CharField(_("name"), max_length=limits.NAME_CHARS_MAX, blank=True)
    remind_days = models.PositiveSmallIntegerField(
        _("reminder"), choices=Reminder, default=Reminder.WEEKLY
    )

    class Meta:
        verbose_name = _("phone of a vault")
        verbose_name_plural = _("phones of vaults")
        constraints = [
            models.UniqueConstraint(fields=["vault", "phone"], name="one_row_per_vault_phone")
        ]

    def __str__(self) -> str:
        return self.name or self.phone[:8]
