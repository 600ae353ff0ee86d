"""What a running station does now and then, on a thread of its own."""

import logging
import time
from typing import Final

from django.db import close_old_connections
from django.utils import timezone

from transfer import invitations, registration

log = logging.getLogger(__name__)
_SWEEP_SECONDS: Final = 60
_REFRESH_SECONDS: Final = 3600


def run() -> None:
    """Until the process ends: end expired invitations, refresh pinned issuer keys.

    The keys at once, since they may have been rotated while the station was off, then hourly.
    """
    due = time.monotonic()
    while True:
        close_old_connections()
        try:
            invitations.sweep(timezone.now())
            invitations.forget_unused(timezone.now())
            if time.monotonic() >= due:
                due = time.monotonic() + _REFRESH_SECONDS
                _refresh_keys()
        except Exception:
            log.exception("housekeeping failed; it will be tried again")
        time.sleep(_SWEEP_SECONDS)


def _refresh_keys() -> None:
    for origin, reason in registration.refresh_all().items():
        log.warning("keys of the IM server at %s: %s", origin, reason)
