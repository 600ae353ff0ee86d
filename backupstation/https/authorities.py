"""The station's authorities in a folder: which one is in use follows from the clock.

There is one for ten years, unless the clock was wrong for a while: then another was made for that
time. A file of an authority is never written over, since devices trust what is in it; when the
clock is right again, the authority that they trust is the one in use again.
"""

import logging
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature

from backupstation.https.authority import Authority
from backupstation.https.certificate import CertificateUnusable
from transfer.store.backends.posix import sync_folder

log = logging.getLogger(__name__)
RENEWED_BEFORE: Final = timedelta(days=30)
_FIRST: Final = "authority.pem"
_ALL: Final = "authority*.pem"


def in_use(folder: Path, now: datetime) -> Authority | None:
    """The newest that is valid ``now``; None when there is none.

    Raises :class:`CertificateUnusable` and OSError.
    """
    valid = [one for one in _kept(folder) if _is_current(one, now)]
    return max(valid, key=lambda one: one.issuing.not_valid_before_utc, default=None)


def draw(folder: Path, name: str, now: datetime) -> Authority:
    """Make another one, beside those that are there. Raises OSError."""
    made = Authority.create(name, now)
    first = folder / _FIRST
    if first.exists():
        log.warning(
            "no authority of this station is valid on %s: devices must install the new one,"
            " unless this computer's clock is wrong",
            f"{now:%Y-%m-%d}",
        )
        write(folder / f"authority-{made.fingerprint.replace(' ', '').lower()}.pem", made.to_pem())
    else:
        write(first, made.to_pem())
    return made


def write(path: Path, content: bytes) -> None:
    """Put a file there as a whole, for its owner alone, and make it durable. Raises OSError."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def _is_current(authority: Authority, now: datetime) -> bool:
    issuing = authority.issuing
    return issuing.not_valid_before_utc <= now <= issuing.not_valid_after_utc - RENEWED_BEFORE


def _kept(folder: Path) -> Iterator[Authority]:
    for path in sorted(folder.glob(_ALL)):
        try:
            yield Authority.from_pem(path.read_bytes())
        except (ValueError, TypeError, InvalidSignature):
            raise CertificateUnusable(
                f"{path} is damaged. Move it away, and the station makes another authority, which"
                " devices then have to install."
            ) from None
