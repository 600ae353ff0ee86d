"""Whether the station can be reached by https, and how long its certificate is good for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from backupstation.addresses import Candidate
from backupstation.doctor import port
from backupstation.doctor.findings import Finding, Moment, State, Text
from backupstation.doctor.knocking import Answer, Knock
from backupstation.listening import Listening

_NAME: Final = "secure"
_TITLE: Final = _("Secure connection")
_SOON: Final = timedelta(days=14)
_ADVICE: Final[dict[Answer, Text]] = {
    **port.ADVICE,
    Answer.FOREIGN: _("End it, or give https another port with STATION_HTTPS_PORT."),
}


def check(
    where: Listening, named: Sequence[Candidate], knocks: Sequence[Knock], now: datetime
) -> list[Finding]:
    """What the ``knocks`` by TLS at the addresses ``named`` tell; nothing while https is off."""
    if not where.https_port:
        return _not_served(where)
    if not named:
        return []
    if knocks[0].answer is not Answer.OURS:
        return [_not_ours(where, named[0], knocks[0].answer)]
    leaf = x509.load_der_x509_certificate(knocks[0].certificate)
    return [_dated(leaf, now) or _linked(where, named[0], leaf)]


def _not_served(where: Listening) -> list[Finding]:
    """It is switched on, and the station that runs could make no certificate."""
    if settings.STATION_HTTPS != "auto" or not where.pid:
        return []
    said = _("https is switched on, and the station does not serve it.")
    advice = _("Start the station again; its log says what keeps it from making a certificate.")
    return [Finding(State.LOOK, _NAME, _TITLE, said, advice)]


def _not_ours(where: Listening, shown: Candidate, answer: Answer) -> Finding:
    values = {"all": shown.address, "port": where.https_port}
    return Finding(State.BROKEN, _NAME, _TITLE, port.SAID[answer], _ADVICE[answer], values)


def _dated(leaf: x509.Certificate, now: datetime) -> Finding | None:
    """What is wrong with the dates of the certificate, if something is."""
    begins, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now < begins:
        said = _("The certificate is not valid before %(begins)s.")
        advice = _("Set date and time of this computer, best by the network (NTP).")
        return Finding(State.BROKEN, _NAME, _TITLE, said, advice, {"begins": Moment(begins)})
    values = {"ends": Moment(ends)}
    if now > ends:
        said = _("The certificate ended on %(ends)s: browsers refuse it.")
        return Finding(State.BROKEN, _NAME, _TITLE, said, _renewal(), values)
    if ends - now < _SOON:
        said = _("The certificate ends on %(ends)s.")
        return Finding(State.LOOK, _NAME, _TITLE, said, _renewal(), values)
    return None


def _renewal() -> Text:
    if settings.STATION_TLS_CERT:
        return _(
            "Renew the files of STATION_TLS_CERT and STATION_TLS_KEY: the station takes them up"
            " within a minute."
        )
    return _("The station renews it by itself, and its log says what keeps it from that.")


def _linked(where: Listening, shown: Candidate, leaf: x509.Certificate) -> Finding:
    """Whether the code can lead to https: by its own address, or by a name of the station."""
    origin = where.secure_origin(shown.address)
    values = {"address": shown.address, "origin": origin, "ends": Moment(leaf.not_valid_after_utc)}
    if origin:
        said = _("The station answers at %(origin)s; its certificate is good until %(ends)s.")
        return Finding(State.FINE, _NAME, _TITLE, said, values=values)
    said = _("The certificate is not for %(address)s, which the code names.")
    if settings.STATION_TLS_CERT:
        advice = _("Name a host of the certificate in STATION_ALLOWED_HOSTS.")
    else:
        advice = _("Wait a minute after addresses changed; else choose another above the code.")
    return Finding(State.LOOK, _NAME, _TITLE, said, advice, values)
