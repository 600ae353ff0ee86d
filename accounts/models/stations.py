"""Registered stations, and which phone came first with an invitation of theirs."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.people import Phone
from wire import limits
from wire.im import Refusal, Refused
from wire.invitation import station_id_text
from wire.messages import Scope


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
