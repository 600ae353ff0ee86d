"""What a running station does now and then, on threads of its own."""

import atexit
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from django.conf import settings
from django.core.management import call_command
from django.db import close_old_connections
from django.utils import timezone

from backupstation import visits
from conversations import reconciling, worker
from transfer import invitations, receipts, registration, rereading

log = logging.getLogger(__name__)
_SWEEP_SECONDS: Final = 60
_INDEX_SECONDS: Final = 2
# Whoever starts a station wants to see its page first.
_SETTLED_SECONDS: Final = 10
_REFRESH_SECONDS: Final = 3600
_SETTLE_SECONDS: Final = 600
_CLEAR_SECONDS: Final = 24 * 3600


def start(refresh_https: Callable[[], None]) -> None:
    """Begin, on threads: reading takes its time, and the rest must not wait for it."""
    for name, work in (
        ("housekeeping", partial(_keep_house, refresh_https)),
        ("rereading", _read_again),
        ("indexing", _have_read if settings.STATION_INDEXING == "on" else _have_index),
    ):
        threading.Thread(target=work, name=name, daemon=True).start()


def _have_read() -> None:
    """See that what was stored can soon be read; in a process of its own."""
    supervisor = worker.Supervisor()
    atexit.register(supervisor.stop)
    chores = [
        Chore(supervisor.look, _INDEX_SECONDS),
        Chore(reconciling.forget_done, _CLEAR_SECONDS),
    ]
    _do_for_ever(chores, _INDEX_SECONDS)


def _have_index() -> None:
    """Pages ask an index that is empty as well."""
    _do_for_ever([Chore(worker.make_again, _INDEX_SECONDS)], _INDEX_SECONDS)


def _keep_house(refresh_https: Callable[[], None]) -> None:
    # The keys at once, since they may have been rotated while the station was off.
    _do_for_ever(
        [
            Chore(_sweep, _SWEEP_SECONDS),
            Chore(visits.keep, _SWEEP_SECONDS),
            Chore(refresh_https, _SWEEP_SECONDS),
            Chore(_refresh_keys, _REFRESH_SECONDS),
            Chore(_settle, _SETTLE_SECONDS),
            Chore(_clear_sessions, _CLEAR_SECONDS),
        ]
    )


def _read_again() -> None:
    rereading.step_back()
    time.sleep(_SETTLED_SECONDS)
    _do_for_ever([Chore(rereading.read_slice, _SWEEP_SECONDS)])


def _do_for_ever(chores: list["Chore"], seconds: int = _SWEEP_SECONDS) -> None:
    """Do each of the chores at once, and again when it is due."""
    while True:
        close_old_connections()
        for chore in chores:
            chore.do_if_due(time.monotonic())
        time.sleep(seconds)


@dataclass
class Chore:
    """Something that is done every so many seconds; its failure keeps no other from its turn."""

    action: Callable[[], object]
    seconds: int
    due: float = 0

    def do_if_due(self, now: float) -> None:
        """Do it when its time has come; ``now`` is in seconds of a clock that never goes back."""
        if now < self.due:
            return
        self.due = now + self.seconds
        try:
            self.action()
        except Exception:
            log.exception("housekeeping failed; it will be tried again")


def _sweep() -> None:
    invitations.sweep(timezone.now())
    invitations.forget_unused(timezone.now())


def _settle() -> None:
    receipts.settle_all()


def _clear_sessions() -> None:
    call_command("clearsessions")


def _refresh_keys() -> None:
    for origin, reason in registration.refresh_all().items():
        log.warning("keys of the IM server at %s: %s", origin, reason)
