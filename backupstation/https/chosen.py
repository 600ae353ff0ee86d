"""Whether the station speaks https, and how: what the settings say."""

import logging
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from backupstation.https import authorities
from backupstation.https.authority import Authority
from backupstation.https.certificate import CertificateUnusable, Source
from backupstation.https.given import Given
from backupstation.https.made import Made

log = logging.getLogger(__name__)


def source(host: str, now: datetime) -> Source | None:
    """Where the certificate comes from; None when https is off, or none can be made.

    ``host`` is the address that the server binds. Raises :class:`CertificateUnusable` for one that
    is given.
    """
    if settings.STATION_TLS_CERT:
        return Given(Path(settings.STATION_TLS_CERT), Path(settings.STATION_TLS_KEY), now)
    if settings.STATION_HTTPS == "auto":
        return _made(host, now)
    return None


def _made(host: str, now: datetime) -> Made | None:
    """A full disk, for one, must not keep a station from giving back what it has."""
    try:
        return Made(_folder(), host, now)
    except OSError as error:
        hindrance = f"{error.filename or _folder()}: {error.strerror or error}."
    except CertificateUnusable as unusable:
        hindrance = str(unusable)
    log.warning(
        "STATION_HTTPS: no certificate can be made, and until the next start the station serves"
        " plain http alone. %s",
        hindrance,
    )
    return None


def authority() -> Authority | None:
    """What devices are to trust; None when https is off, or goes by a certificate of others."""
    if settings.STATION_HTTPS != "auto":
        return None
    try:
        return authorities.in_use(_folder(), timezone.now())
    except (CertificateUnusable, OSError):
        return None


def _folder() -> Path:
    return Path(settings.STATION_DATA_DIR) / "https"
