"""Accounts, phones, stations, one-time codes, and which phone a session id is bound to.

Keys are public keys; of a one-time code only its SHA-256 is kept (its 100 random bits need no
slower hash). Whoever is revoked stays listed, so that the same key cannot come back unnoticed.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from wire import limits
from wire.im import Refusal, Refused
from wire.invitation import station_id_text
from wire.messages import Scope
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


class StationQuerySet(models.QuerySet["Station"]):
    """Lookups and revocation of stations."""

    def by_id(self, station_id: bytes) -> "Station":
        """Return the station that this IM server vouches for; raises :class:`Refused`."""
        station = self.filter(station_id=station_id_text(station_id)).first()
        if station is None:
            raise Refused(Refusal.STATION_UNKNOWN)
        if station.revoked_at is not None:
            raise Refused(Refusal.STATION_REVOKED)
        return station

    def revoke(self, now: datetime) -> int:
        """Confirm no invitation of these stations from now on; returns how many changed."""
        return self.filter(revoked_at=None).update(revoked_at=now)

    def reinstate(self) -> int:
        """Confirm invitations of revoked stations again; returns how many changed."""
        return self.exclude(revoked_at=None).update(revoked_at=None)


class Station(models.Model):
    """A registered backup terminal: its Ed25519 key and the id that is made from it."""

    station_id = models.CharField(_("station id"), max_length=26, unique=True)
    public_key = models.BinaryField(_("public key"), max_length=limits.KEY_BYTES)
    name = models.CharField(_("name"), max_length=limits.NAME_CHARS_MAX)
    registered = models.DateTimeField(_("registered"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects = StationQuerySet.as_manager()

    class Meta:
        verbose_name = _("station")
        verbose_name_plural = _("stations")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.station_id[:8]})"


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


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Binding a session id to its first phone."""

    def bind(
        self, station: Station, session_id: bytes, phone: Phone, scope: Scope, expires: datetime
    ) -> None:
        """Bind the session to phone and scope; raises :class:`Refused` when it is another's."""
        bound, _created = self.get_or_create(
            station=station,
            session_id=session_id.hex(),
            defaults={"phone": phone, "scope": scope, "expires": expires},
        )
        if bound.phone_id != phone.pk or bound.scope != scope:
            raise Refused(Refusal.SESSION_TAKEN)

    def over(self, now: datetime) -> Self:
        """Those whose invitation can't be presented any more, even by a clock that is behind."""
        return self.filter(expires__lt=now - timedelta(seconds=2 * limits.CLOCK_SKEW_SECONDS))


class Connection(models.Model):
    """Which phone was first with an invitation. ``session_id`` is the hex of 16 bytes.

    Unique for each station, so that no station can use up another's session ids.
    """

    station = models.ForeignKey(Station, models.CASCADE, verbose_name=_("station"))
    session_id = models.CharField(_("session id"), max_length=2 * limits.SESSION_ID_BYTES)
    phone = models.ForeignKey(Phone, models.CASCADE, verbose_name=_("phone"))
    scope = models.CharField(_("scope"), max_length=7)
    expires = models.DateTimeField(_("expires"), db_index=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        constraints = [
            models.UniqueConstraint(fields=["station", "session_id"], name="one_phone_per_session"),
        ]

    def __str__(self) -> str:
        return self.session_id
