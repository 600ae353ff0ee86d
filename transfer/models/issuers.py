"""Whose tickets this station accepts."""

from typing import Final, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wire import limits

INSIDE: Final = "the IM server inside this station"


class IssuerQuerySet(models.QuerySet["Issuer"]):
    """Lookups of issuers."""

    def joined(self) -> Self:
        """Those for whose accounts this station makes invitations."""
        return self.filter(left_at=None)

    def current(self, origin: str | None = None) -> "Issuer":
        """The issuer at this origin; without one, where this station registered last, or itself."""
        if origin is not None:
            return self.get(origin=origin)
        elsewhere = self.joined().exclude(origin="").order_by("-registered_at").first()
        return elsewhere or self.get(origin="")


class Issuer(models.Model):
    """An IM server whose tickets this station accepts, with its pinned Ed25519 keys (hex)."""

    iss = models.CharField(_("issuer"), max_length=200, unique=True)
    origin = models.CharField(
        _("origin"),
        max_length=limits.IM_ORIGIN_BYTES_MAX,
        blank=True,
        help_text=_("Empty: the IM server inside this station."),
    )
    keys = models.JSONField(_("public keys"), default=list)
    registered_at = models.DateTimeField(_("registered"), default=timezone.now)
    clock_offset_seconds = models.IntegerField(_("clock offset, seconds"), default=0)
    left_at = models.DateTimeField(_("left"), null=True, blank=True)

    objects = IssuerQuerySet.as_manager()

    class Meta:
        verbose_name = _("IM server")
        verbose_name_plural = _("IM servers")

    def __str__(self) -> str:
        return self.iss

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"the IM server at {self.origin}" if self.origin else INSIDE

    def public_keys(self) -> list[bytes]:
        """The pinned keys, 32 bytes each."""
        return [bytes.fromhex(key) for key in self.keys]
