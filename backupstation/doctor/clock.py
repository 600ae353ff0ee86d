"""Clocks: this computer's, and those of IM servers elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils.translation import gettext_lazy as _

from backupstation.doctor.findings import Finding, Moment, State
from transfer.models import Issuer, Snapshot
from wire import limits

_TITLE: Final = _("Clock")
_APART_SECONDS: Final = limits.CLOCK_SKEW_SECONDS // 2
# Before this program was written; a computer without a clock battery starts in 1970.
_TOO_EARLY: Final = datetime(2026, 1, 1, tzinfo=UTC)
_TOLERANCE: Final = timedelta(minutes=1)


def check(now: datetime) -> list[Finding]:
    """Two queries."""
    return [_own_clock(now), *(_apart(issuer) for issuer in _elsewhere())]


def _own_clock(now: datetime) -> Finding:
    newest = Snapshot.objects.order_by("-stored_at").values_list("stored_at", flat=True).first()
    values = {"now": Moment(now)}
    advice = _("Set date and time of this computer, best by the network (NTP).")
    if newest is not None and newest > now + _TOLERANCE:
        said = _("This computer's clock says %(now)s, and a backup was stored at %(stored)s.")
        values["stored"] = Moment(newest)
        return Finding(State.BROKEN, "clock", _TITLE, said, advice, values)
    if now < _TOO_EARLY:
        said = _("This computer's clock says %(now)s, which cannot be.")
        return Finding(State.BROKEN, "clock", _TITLE, said, advice, values)
    said = _("It says %(now)s. The phone decides nothing by its own clock.")
    return Finding(State.FINE, "clock", _TITLE, said, values=values)


def _elsewhere() -> list[Issuer]:
    return list(Issuer.objects.joined().exclude(origin="").order_by("origin"))


def _apart(issuer: Issuer) -> Finding:
    """The offset is measured at registration and hourly; the station allows for it, they do not."""
    title = _("Clock of the IM server")
    seconds = abs(issuer.clock_offset_seconds)
    values = {"place": issuer.origin, "seconds": seconds}
    if seconds <= _APART_SECONDS:
        said = _("This computer's clock and that of %(place)s agree to %(seconds)s s.")
        return Finding(State.FINE, "im_clock", title, said, values=values)
    state = State.BROKEN if seconds > limits.CLOCK_SKEW_SECONDS else State.LOOK
    said = _("This computer's clock and that of %(place)s are %(seconds)s s apart.")
    advice = _("Set both by the network (NTP): beyond a minute the IM server refuses codes.")
    return Finding(state, "im_clock", title, said, advice, values)
