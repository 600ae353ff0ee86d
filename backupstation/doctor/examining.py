"""One look at everything, on a thread that may wait for three seconds."""

import threading
import time
from collections import defaultdict
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from backupstation import addresses, listening, visits
from backupstation.addresses import Candidate
from backupstation.doctor import clock, codes, keeping, knocking, network, port, secure
from backupstation.doctor.findings import Finding, Report
from backupstation.listening import Listening

# Container engines make hundreds of interfaces: the likeliest addresses are enough.
_KNOCKS_MAX: Final = 16
_AGAIN_SECONDS: Final = 2.0


def examine(owner: AbstractBaseUser | None, address: str = "") -> Report:
    """Look at everything; takes less than three seconds. Not on an event loop.

    ``address`` is the one that the shown code names; without it, the likeliest.
    """
    where, now = listening.current(), timezone.now()
    named = _named(where, address)
    knocks = knocking.knock([one.address for one in named], where.port, where.https_port)
    findings = [
        *_network(where, named),
        *port.check(where, named, knocks.plain, visits.latest()),
        *secure.check(where, named, knocks.secure, now),
        *codes.check(owner, now),
        *clock.check(now),
        *keeping.check(),
    ]
    return Report(sorted(findings, key=lambda one: one.state))


def _network(where: Listening, named: list[Candidate]) -> list[Finding]:
    """A station that listens to this computer alone has no use for any of its addresses."""
    if port.is_local_only(where.host):
        return []
    return network.check(addresses.own(), named, addresses.default_route_source())


def _named(where: Listening, address: str) -> list[Candidate]:
    """Addresses that a code may name, that of the shown one first."""
    found = addresses.candidates(where.host)
    found.sort(key=lambda one: str(one.address) != address)
    return found[:_KNOCKS_MAX]


class Desk:
    """One look at a time for each owner; whoever asks meanwhile gets the report before it."""

    def __init__(self) -> None:
        self._turns: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
        self._reports: dict[int, tuple[str, float, Report]] = {}

    def examine(self, owner: AbstractBaseUser, address: str = "") -> Report:
        """The report: at most two seconds old, or the last one while another look is on.

        Who asks during the very first look waits for it. ``address`` counts when a code may name
        it: whatever else a request says is no reason to look again.
        """
        known, turn = self._reports.get(owner.pk), self._turns[owner.pk]
        if not turn.acquire(blocking=known is None):
            return self._reports[owner.pk][2]
        try:
            return self._look(owner, _offered(address))
        finally:
            turn.release()

    def _look(self, owner: AbstractBaseUser, address: str) -> Report:
        known = self._reports.get(owner.pk)
        if known and known[0] == address and time.monotonic() - known[1] < _AGAIN_SECONDS:
            return known[2]
        report = examine(owner, address)
        self._reports[owner.pk] = (address, time.monotonic(), report)
        return report


def _offered(address: str) -> str:
    """The address, when it is one of those above the code; else the empty one."""
    found = addresses.candidates(listening.current().host)
    return address if any(str(one.address) == address for one in found) else ""


desk: Final = Desk()
