"""What is kept and what was read, compared: the difference is queued.

So a snapshot is read soon after it was stored, also when the station was killed in between, when
the index was deleted, when the store was brought back from its objects, or when readers have
learnt something.
"""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from conversations import choices
from conversations.confined.process import KILLED
from conversations.models import IndexedSnapshot, IndexState
from conversations.readers import generation
from conversations.tree import MISSING
from transfer.models import Snapshot

_TRY_AGAIN: Final = timedelta(minutes=10)
_LOOK_AGAIN: Final = timedelta(days=1)
_INDEX: Final = "conversations.tasks.index"
_READ_ANEW: Final = "conversations.tasks.read_anew"
_OPEN: Final = (TaskResultStatus.READY, TaskResultStatus.RUNNING)
_BEGUN_OFTEN: Final = 3
_LAST: Final = -1  # of the queue: other tasks have priority 0
_TOLD_FOR: Final = timedelta(days=1)
Named = tuple[str, str]
"""A vault's id and a snapshot's."""


def reconcile() -> int:
    """Queue every snapshot that has to be read or forgotten, once; returns how many.

    So is every conversation whose owner chose to have it read otherwise.
    """
    kept = set(Snapshot.objects.receipted().values_list("vault_id", "snapshot_id"))
    indexed = IndexedSnapshot.objects.all()
    known = set(indexed.values_list("vault", "snapshot_id"))
    failed = indexed.filter(state=IndexState.FAILED, updated_at__range=_around_now(_TRY_AGAIN))
    recent = set(failed.values_list("vault", "snapshot_id"))
    done = indexed.filter(state=IndexState.DONE, readers=generation())
    settled = set(done.values_list("vault", "snapshot_id")) - _hurt()
    wanted = ((kept - settled) | (known - kept)) - recent - _queued(_INDEX)
    chosen = {(slug,) for slug in choices.unheeded()} - _queued(_READ_ANEW)
    from conversations import tasks  # noqa: PLC0415 - a task reconciles as well

    for (slug,) in sorted(chosen):
        tasks.read_anew.enqueue(slug)
    for vault_id, snapshot_id in _oldest_first(wanted):
        tasks.index.enqueue(vault_id, snapshot_id)
    return len(wanted) + len(chosen)


def _hurt() -> set[Named]:
    """What was damaged, or its reader killed, a day ago: it may have been mended."""
    looked_at = IndexedSnapshot.objects.exclude(updated_at__range=_around_now(_LOOK_AGAIN))
    rows = looked_at.filter(source_links__source__state=IndexState.FAILED)
    found = set(rows.values_list("vault", "snapshot_id"))
    for row in looked_at.exclude(tree_warnings=[]):
        if any(each["code"] in (MISSING, KILLED) for each in row.tree_warnings):
            found.add((row.vault, row.snapshot_id))
    return found


def _around_now(span: timedelta) -> tuple[datetime, datetime]:
    """What is noted as later than that was noted by a clock that went wrong."""
    now = timezone.now()
    return now - span, now + span


def _queued(task: str) -> set[tuple[str, ...]]:
    """What open tasks of this kind are called with."""
    rows = DBTaskResult.objects.filter(status__in=_OPEN, task_path=task)
    return {tuple(each["args"]) for each in rows.values_list("args_kwargs", flat=True)}


def _oldest_first(wanted: set[Named]) -> list[Named]:
    """The order in which merging keeps the newest telling of a message."""
    rows = Snapshot.objects.filter(snapshot_id__in=[each for _, each in wanted])
    created = {
        (vault_id, snapshot_id): at.timestamp()
        for vault_id, snapshot_id, at in rows.values_list("vault_id", "snapshot_id", "created_at")
    }
    return sorted(wanted, key=lambda named: (created.get(named, 0.0), named))


def is_anything_left() -> bool:
    """Whether a worker has something to do, or one that is gone had begun something."""
    return DBTaskResult.objects.filter(status__in=_OPEN).exists()


def take_back() -> int:
    """Queue again what a worker had begun that is gone; for whoever knows that none is at work.

    What was begun several times may be what ends the workers: everything else comes first.
    """
    begun = DBTaskResult.objects.filter(status=TaskResultStatus.RUNNING)
    often = [row.pk for row in begun if len(row.worker_ids) >= _BEGUN_OFTEN]
    DBTaskResult.objects.filter(pk__in=often).update(priority=_LAST)
    return begun.update(status=TaskResultStatus.READY, started_at=None)


def forget_done() -> None:
    """Drop the results of what was done a day ago."""
    old = timezone.now() - _TOLD_FOR
    DBTaskResult.objects.exclude(status__in=_OPEN).filter(finished_at__lt=old).delete()
