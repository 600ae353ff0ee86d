"""Codes that one holder may use once."""

import hashlib
from datetime import datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Account
from wire.im import Refusal, Refused


class OneTimeCode(models.Model):
    """A code that one holder may use once, before it expires."""

    code_hash = models.CharField(_("hash"), max_length=64, unique=True, editable=False)
    created = models.DateTimeField(_("created"))
    expires = models.DateTimeField(_("expires"))
    used_at = models.DateTimeField(_("used"), null=True, blank=True)

    class Meta:
        abstract = True
        ordering = ["-created", "-id"]

    @staticmethod
    def hash_of(code: str) -> str:
        """What is kept of a canonical code."""
        return hashlib.sha256(code.encode()).hexdigest()

    @classmethod
    def claim(cls, code: str, now: datetime) -> Self:
        """Use up the code; exactly one caller gets the row, the others :class:`Refused`."""
        row = cls._default_manager.filter(code_hash=cls.hash_of(code)).first()
        if row is None:
            raise Refused(Refusal.CODE_UNKNOWN)
        if row.expires <= now:
            raise Refused(Refusal.CODE_EXPIRED)
        unused = cls._default_manager.filter(pk=row.pk, used_at=None)
        if unused.update(used_at=now) != 1:
            raise Refused(Refusal.CODE_USED)
        return row


class EnrolmentCode(OneTimeCode):
    """Lets one phone become this account's."""

    account = models.ForeignKey(Account, models.CASCADE, verbose_name=_("account"))

    class Meta(OneTimeCode.Meta):
        verbose_name = _("enrolment code")
        verbose_name_plural = _("enrolment codes")

    def __str__(self) -> str:
        return f"{self.account_id} {self.created:%Y-%m-%d %H:%M}"


class RegistrationCode(OneTimeCode):
    """Lets one station register."""

    class Meta(OneTimeCode.Meta):
        verbose_name = _("registration code")
        verbose_name_plural = _("registration codes")

    def __str__(self) -> str:
        return f"{self.created:%Y-%m-%d %H:%M}"
