"""One open station page: what it shows, and what has changed since it was last told.

The view renders the same parts once for a browser without JavaScript; the live socket renders them
again twice a second and sends those that differ.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import AbstractBaseUser
from django.template.loader import render_to_string
from django.utils.text import capfirst
from django.utils.translation import gettext

from backupstation import journey, kept, showing
from backupstation.asking import Question
from backupstation.bound import UNREADABLE
from backupstation.journey import Transfer
from backupstation.pace import Pace
from backupstation.progress import Progress
from backupstation.showing import Choice, Shown
from transfer import approvals
from transfer.models import Snapshot, Step
from wire import limits

SLOW_PARTS_SECONDS: Final = 5.0
TRANSFERS_MAX: Final = 12
_STILL_TOLD: Final = timedelta(seconds=2 * limits.INVITATION_ROTATION_SECONDS)
"""For pages without a script, which are new pages whenever they are looked at."""
_NOT_USED_YET: Final = (Step.SHOWN, Step.SCANNED, Step.CONFIRMED)


@dataclass
class Page:
    """What one open page of a signed-in person shows."""

    owner: AbstractBaseUser
    choice: Choice = field(default_factory=Choice)
    shown: Shown | None = None
    _lack: str = ""
    """Why there is no code: "gone" or "unreadable"; "" when this computer has no address."""
    _opened_at: datetime | None = None
    _pace: Pace = field(default_factory=Pace)
    _told: dict[str, str] = field(default_factory=dict)
    _drawn: tuple[Shown | None, str] = (None, "")
    _slow_at: float = float("-inf")
    _endings: frozenset[tuple[str, Step]] = frozenset()

    def choose(self, choice: Choice) -> None:
        """Show a code for another address, scope or IM server from now on, and all that is new."""
        if choice != self.choice:
            self.choice, self.shown = choice, None
        self._slow_at = float("-inf")

    def adopt(self, shown: Shown | None) -> None:
        """Go on with a code that the page shows already, if it still is one."""
        self.shown = shown

    def changes(self, now: datetime) -> dict[str, str]:
        """The parts that differ from what the page was last told."""
        changed = {
            name: html for name, html in self.look(now).items() if self._told.get(name) != html
        }
        self._told |= changed
        return changed

    def look(self, now: datetime) -> dict[str, str]:
        """Query the database once and render each part; issue a new code when one is due."""
        transfers = self._transfers(now)
        asked = approvals.waiting_for(self.owner).select_related("invitation__issuer")
        waiting = Question.all_of(asked)
        if self._is_code_due(now, transfers):
            self._show()
        parts = {
            "code": self._code(),
            "approvals": render_to_string("parts/approvals.html", {"waiting": waiting}),
            "trail": self._trail(transfers),
            "say": _announcement(transfers, waiting),
        }
        return parts | (kept.parts(self.owner, now) if self._are_slow_parts_due(transfers) else {})

    def _transfers(self, now: datetime) -> list[Transfer]:
        """Those of the page's own codes where it gives a snapshot back, not what was before it."""
        found = journey.recent(self.owner, now, self.choice.snapshot)
        if not self.choice.snapshot:
            return found
        self._opened_at = self._opened_at or now
        since = self._opened_at - _STILL_TOLD
        return [one for one in found if one.ended_at is None or one.ended_at >= since]

    def _show(self) -> None:
        try:
            self.shown, self._lack = showing.show(self.owner, self.choice), ""
        except Snapshot.DoesNotExist:  # forgotten since the page was opened
            self.shown, self._lack = None, "gone"
        except UNREADABLE:
            self.shown, self._lack = None, "unreadable"

    def _is_code_due(self, now: datetime, transfers: list[Transfer]) -> bool:
        if self.shown is None or now >= self.shown.next_at:
            return True
        used = [one for one in transfers if self.shown.session_id in one.session_ids]
        return any(one.last not in _NOT_USED_YET for one in used)

    def _are_slow_parts_due(self, transfers: list[Transfer]) -> bool:
        endings = frozenset((one.session_id, one.last) for one in transfers if one.is_over)
        is_new, self._endings = endings != self._endings, endings
        if not is_new and time.monotonic() - self._slow_at < SLOW_PARTS_SECONDS:
            return False
        self._slow_at = time.monotonic()
        return True

    def _code(self) -> str:
        """Drawn once per code: making a QR code takes a noticeable part of a second."""
        if self._drawn[0] is self.shown and self.shown:
            return self._drawn[1]
        seconds = limits.INVITATION_ROTATION_SECONDS
        told = {"shown": self.shown, "seconds": seconds, "lack": self._lack}
        html = render_to_string("parts/code.html", told)
        self._drawn = (self.shown, html)
        return self._drawn[1]

    def _trail(self, transfers: list[Transfer]) -> str:
        """The newest one in full, the others in a line each."""
        now = time.monotonic()
        session_id = self.shown.session_id if self.shown else ""
        restores = bool(self.shown and self.shown.scope == "restore")
        told = transfers or [journey.idle(session_id, restores=restores)]
        shown = [
            {"transfer": one, "progress": Progress.of(one, self._pace, now)}
            for one in told[:TRANSFERS_MAX]
        ]
        return render_to_string(
            "parts/trail.html",
            {"newest": shown[0], "others": shown[1:], "more": len(told) - len(shown)},
        )


def _announcement(transfers: list[Transfer], waiting: list[Question]) -> str:
    """One sentence for screen readers, when something has happened."""
    if waiting:
        digits = waiting[0].approval.digits
        question = gettext("%(name)s wants to join. Does it show %(digits)s?")
        return question % {
            "name": capfirst(waiting[0].asker),
            "digits": f"{digits[:3]} {digits[3:]}",
        }
    if not transfers:
        return ""
    newest = transfers[0]
    who = f"{newest.name}: " if len(transfers) > 1 and newest.name else ""
    if newest.failure:
        return f"{who}{newest.failure.why} {newest.failure.advice}"
    return who + str(capfirst(str(newest.last.label)))
