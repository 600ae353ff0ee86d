"""``manage.py reindex``: make everything that was derived from snapshots anew."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import F

from conversations import forgetting, indexing, reconciling, worker
from conversations.models import IndexedSnapshot, IndexState
from conversations.progress import Progress
from transfer.models import Snapshot

_PREFIX_CHARS_MIN = 8


class Command(BaseCommand):
    """Read snapshots again, all of them or one."""

    help = (
        "Read every snapshot again, as if it had just been stored. Snapshots are not changed: what"
        " people read and search is a view of them."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Everything, unless one snapshot is named."""
        parser.add_argument("--snapshot", default="", help="this one (8 characters do)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Wait for a worker that is reading, then read here."""
        snapshots = _chosen(options["snapshot"])
        progress = None if options["json"] else Progress(sys.stderr)
        with worker.alone(waits=self._tell_waiting):
            if options["snapshot"]:
                _read_anew(snapshots[0])
            else:
                forgetting.forget_everything()
            messages = failed = 0
            for number, snapshot in enumerate(snapshots, 1):
                nth = f"{number}/{len(snapshots)}"
                row = _read(snapshot, nth, progress)
                messages += row.messages
                failed += row.state == IndexState.FAILED
                if not options["json"]:
                    self.stdout.write(f"{nth} {_told(row)}")
        reconciling.reconcile()
        answer = {"snapshots": len(snapshots), "messages": messages, "failed": failed}
        self.stdout.write(
            json.dumps(answer)
            if options["json"]
            else f"{messages:,} messages in {len(snapshots):,} snapshots."
        )
        if failed:
            raise CommandError(f"{failed} snapshots could not be read.", returncode=1)

    def _tell_waiting(self) -> None:
        self.stderr.write("Another process is reading snapshots. Waiting until it has done so.")
        self.stderr.flush()


def _read(snapshot: Snapshot, nth: str, progress: Progress | None) -> IndexedSnapshot:
    """The row of a snapshot that was read now."""
    rows = IndexedSnapshot.objects.filter(vault=snapshot.vault_id, snapshot_id=snapshot.snapshot_id)

    def far() -> str:
        messages = rows.values_list("messages", flat=True).get()
        return f"{nth} {snapshot.snapshot_id[:8]} {messages:,} messages so far"

    if progress is None:
        indexing.index(snapshot.vault_id, snapshot.snapshot_id)
        return rows.get()
    try:
        indexing.index(snapshot.vault_id, snapshot.snapshot_id, lambda: progress.say(far))
    finally:
        progress.clear()
    return rows.get()


def _chosen(prefix: str) -> list[Snapshot]:
    kept = Snapshot.objects.receipted().order_by("created_at", "pk")
    if not prefix:
        return list(kept)
    if len(prefix) < _PREFIX_CHARS_MIN:
        raise CommandError(f"Give at least {_PREFIX_CHARS_MIN} characters of the snapshot's id.")
    found = list(kept.filter(snapshot_id__istartswith=prefix)[:2])
    if len(found) != 1:
        raise CommandError(f"{'Several begin' if found else 'No snapshot begins'} with {prefix}.")
    return found


def _read_anew(snapshot: Snapshot) -> None:
    indexed = IndexedSnapshot.objects.filter(
        vault=snapshot.vault_id, snapshot_id=snapshot.snapshot_id
    )
    forgetting.read_anew(list(indexed.values_list(F("source_links__source"), flat=True)))


def _told(row: IndexedSnapshot) -> str:
    why = f": {row.failure}" if row.failure else ""
    return f"{row.snapshot_id[:8]} {row.messages:,} messages, {row.get_state_display()}{why}"
