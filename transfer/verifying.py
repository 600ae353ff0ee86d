"""Verifying chosen snapshots in the background: every byte is read, authenticated and hashed.

One thread works through what people asked for. What comes of it is kept on the snapshot and in the
audit log; the progress alone is this process's, and a station that stops forgets what it has not
begun.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import connection
from django.utils.translation import gettext as _

from transfer.checking import NotedCheck
from transfer.models import Snapshot
from transfer.store.itemcheck import Sample
from transfer.templatetags import measures

log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """What is being verified: bytes read of those that it has at most, and how many wait."""

    snapshot: str
    read: int
    total: int
    waiting: int

    @property
    def percent(self) -> int:
        """From 0 to 100; what a snapshot repeats is read once, so it may end early."""
        return min(100, 100 * self.read // max(1, self.total))


@dataclass(frozen=True)
class _Task:
    snapshot: Snapshot
    user_id: int


class Verifier:
    """The thread and what it has to do; any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Task] = deque()
        self._current: tuple[_Task, NotedCheck] | None = None
        self._thread: threading.Thread | None = None

    def begin(self, snapshots: Iterable[Snapshot], user_id: int) -> int:
        """Verify these for this person, after what was asked before; how many are new."""
        with self._lock:
            known = {task.snapshot.pk for task in self._tasks()}
            fresh = [_Task(each, user_id) for each in snapshots if each.pk not in known]
            self._waiting.extend(fresh)
            if self._waiting and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="verifying", daemon=True)
                self._thread.start()
        return len(fresh)

    def _tasks(self) -> list[_Task]:
        return [*self._waiting, *([self._current[0]] if self._current else [])]

    def progress(self) -> Progress | None:
        """What goes on now; None when nothing does."""
        with self._lock:
            if self._current is None:
                return None
            task, check = self._current
            total = task.snapshot.total_bytes
            return Progress(str(task.snapshot), check.bytes_read, total, len(self._waiting))

    def settle(self, timeout: float) -> None:
        """Wait until everything asked for is done, or for ``timeout`` seconds."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _work(self) -> None:
        try:
            while (task := self._next()) is not None:
                self._verify(task)
        finally:
            connection.close()

    def _next(self) -> _Task | None:
        with self._lock:
            self._current = None
            if not self._waiting:
                self._thread = None
                return None
            task = self._waiting.popleft()
            check = NotedCheck(Sample())
            self._current = (task, check)
            return task

    def _verify(self, task: _Task) -> None:
        assert self._current is not None
        check = self._current[1]
        try:
            faults = sum(1 for _finding in check.row(task.snapshot))
        except Exception:
            log.exception("snapshot %s could not be verified", task.snapshot)
            result = _("Verification stopped: the station's log says why.")
        else:
            result = _result(faults, check.bytes_read)
        LogEntry.objects.log_actions(task.user_id, [task.snapshot], CHANGE, result)


def _result(faults: int, read: int) -> str:
    if faults:
        return _("Verified: damage was found (%(count)d faults).") % {"count": faults}
    return _("Verified: every byte is sound (%(read)s read).") % {"read": measures.size(read)}


verifier: Final = Verifier()
