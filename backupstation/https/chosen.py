"""Whether the station speaks https, and how: what the settings say."""

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from backupstation.https import authorities
from backupstation.https.authority import Authority
from backupstation.https.certificate import CertificateUnusable, Source
from backupstation.https.given import Given
from backupstation.https.made import Made


def source(host: str, now: datetime) -> Source | None:
    """Where the certificate comes from; None when https is off.

    ``host`` is the address that the server binds. Raises :class:`CertificateUnusable` or OSError.
    """
    if settings.STATION_TLS_CERT:
        return Given(Path(settings.STATION_TLS_CERT), Path(settings.STATION_TLS_KEY), now)
    if settings.STATION_HTTPS == "auto":
        return Made(_folder(), host, now)
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
