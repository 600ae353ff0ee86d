"""Accounts, their phones, and who signs in."""

from datetime import UTC, datetime
from typing import Final, Self

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from wire import limits
from wire.im import Refusal, Refused
from wire.tokens import thumbprint

ISS_CHARS_MAX: Final = 200


def moment(now: int) -> datetime:
    """Seconds since 1970 as the database keeps them."""
    return datetime.fromtimestamp(now, UTC)


class User(AbstractUser):
    """A person who signs in; embedded in a station, each one has one IM account."""


class AccountQuerySet(models.QuerySet["Account"]):
    """Lookups of accounts."""

    def called(self, name: str) -> Self:
        """Those that an operator means by ``name``: the subject, or else the given name."""
        exact = self.filter(sub=name)
        return exact if exact.exists() else self.filter(name=name)


class Account(models.Model):
    """An IM account: issuer and subject. ``sub`` is random and says nothing about the person."""

    iss = models.CharField(_("issuer"), max_length=ISS_CHARS_MAX)
    sub = models.CharField(_("subject"), max_length=ISS_CHARS_MAX)
    user = models.OneToOneField(
        User, models.CASCADE, null=True, blank=True, related_name="account", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=limits.NAME_CHARS_MAX)
    created = models.DateTimeField(_("created"))

    objects = AccountQuerySet.as_manager()

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["iss", "sub"], name="one_account_per_subject"),
        ]

    def __str__(self) -> str:
        return self.name


class PhoneQuerySet(models.QuerySet["Phone"]):
    """Lookups and revocation of phones."""

    def by_key(self, public_key: bytes) -> "Phone":
        """Return the phone with this Ed25519 key that may act; raises :class:`Refused`."""
        known = self.select_related("account__user").filter(thumbprint=thumbprint(public_key))
        phone = known.first()
        if phone is None:
            raise Refused(Refusal.PHONE_UNKNOWN)
        user = phone.account.user
        if phone.revoked_at is not None or (user is not None and not user.is_active):
            raise Refused(Refusal.PHONE_REVOKED)
        return phone

    def revoke(self, now: datetime) -> int:
        """Refuse these phones from now on; returns how many were not revoked before."""
        return self.filter(revoked_at=None).update(revoked_at=now)

    def reinstate(self) -> int:
        """Let revoked phones act again; returns how many."""
        return self.exclude(revoked_at=None).update(revoked_at=None)


class Phone(models.Model):
    """A device of an account, named by the RFC 7638 thumbprint of its own Ed25519 key."""

    account = models.ForeignKey(
        Account, models.CASCADE, related_name="phones", verbose_name=_("account")
    )
    public_key = models.BinaryField(_("public key"), max_length=limits.KEY_BYTES)
    thumbprint = models.CharField(_("thumbprint"), max_length=43, unique=True)
    name = models.CharField(_("name"), max_length=limits.NAME_CHARS_MAX)
    enrolled = models.DateTimeField(_("enrolled"))
    last_seen = models.DateTimeField(_("last seen"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = PhoneQuerySet.as_manager()

    class Meta:
        verbose_name = _("phone")
        verbose_name_plural = _("phones")
        ordering = ["-enrolled", "-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.thumbprint[:8]})"
