"""What an owner chose about reading. It is no derived thing, so it is in the main database."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class ReadingChoice(models.Model):
    """One conversation's choices: how its dates are written, and who the owner is in it.

    ``date_order`` and ``self_key`` are empty while nothing was chosen.
    """

    vault = models.CharField(_("vault"), max_length=32)
    slug = models.CharField(_("conversation"), max_length=16)
    app = models.CharField(_("app"), max_length=20)
    key = models.TextField(_("key"))
    date_order = models.CharField(_("date order"), max_length=3, blank=True)
    self_key = models.TextField(_("who the owner is"), blank=True)

    class Meta:
        verbose_name = _("reading choice")
        verbose_name_plural = _("reading choices")
        constraints = [models.UniqueConstraint(fields=["vault", "slug"], name="one_choice_each")]

    def __str__(self) -> str:
        return self.slug
