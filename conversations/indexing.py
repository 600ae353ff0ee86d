"""From a kept snapshot to conversations that can be read and searched.

What was read once is not read again: a source is named by its content, and snapshots that hold the
same share it. Whatever ends the work (a killed process, a disk that went away), it goes on where it
stopped.
"""

from collections.abc import Callable
from typing import Final

from django.db import transaction
from django.utils import timezone

from conversations import beside, forgetting
from conversations.confined.parent import Confined
from conversations.databases import INDEX, expect_much
from conversations.events import DateOrder
from conversations.keeping import Keeping
from conversations.kept import SnapshotTree
from conversations.models import (
    IndexedSnapshot,
    IndexState,
    ReadingChoice,
    SnapshotSource,
    SourceRow,
)
from conversations.readers import BY_APP, generation
from conversations.recognising import Recognised
from conversations.tree import MISSING, TreeWarning
from transfer.models import Snapshot
from wire.errors import WireError

_FAILURE_CHARS_MAX: Final = 300


def index(vault_id: str, snapshot_id: str, told: Callable[[], None] = lambda: None) -> None:
    """Read what is new in this snapshot; forget it when it is not kept any more.

    ``told`` is called now and then while it goes on. What keeps the snapshot from being read is in
    its row, and no error.
    """
    forgetting.go_on()
    kept = Snapshot.objects.receipted().filter(vault=vault_id, snapshot_id=snapshot_id)
    snapshot = kept.select_related("vault").first()
    if snapshot is None:
        forgetting.forget_snapshot(vault_id, snapshot_id)
        return
    expect_much()
    row, _ = IndexedSnapshot.objects.get_or_create(vault=vault_id, snapshot_id=snapshot_id)
    try:
        _read(row, snapshot, told)
    except (OSError, WireError) as error:
        note_failure(vault_id, snapshot_id, str(error))
    else:
        _note(row, state=IndexState.DONE, failure="", readers=generation())


def note_failure(vault_id: str, snapshot_id: str, why: str) -> None:
    """The snapshot cannot be read now; it is tried again after a while."""
    rows = IndexedSnapshot.objects.filter(vault=vault_id, snapshot_id=snapshot_id)
    rows.update(
        state=IndexState.FAILED, failure=why[:_FAILURE_CHARS_MAX], updated_at=timezone.now()
    )


def _read(row: IndexedSnapshot, snapshot: Snapshot, told: Callable[[], None]) -> None:
    tree = SnapshotTree(snapshot)
    with Confined(tree) as reader:
        found = reader.recognise()
        sources = _rows(row, found.sources, beside.digests_of(tree, found.sources))
        _take_up_mended(tree, sources)
        _note(row, state=IndexState.READING, sources=len(sources), sources_done=0, messages=0)
        _warn_of_tree(row, found.warnings)
        for done, (source, recognised) in enumerate(zip(sources, found.sources, strict=True)):
            _note(row, sources_done=done)
            told()
            if source.state not in (IndexState.DONE, IndexState.FAILED):
                _read_source(reader, Keeping(source, row), recognised, told)
                _note_damage(tree, source)
        _note(row, sources_done=len(sources))


def _read_source(
    reader: Confined, keeping: Keeping, recognised: Recognised, told: Callable[[], None]
) -> None:
    for events in reader.read(recognised, date_orders(keeping.source.vault, recognised.app)):
        keeping.keep(events, reader.counts)
        told()
    keeping.end(reader.counts)


def _rows(
    snapshot: IndexedSnapshot, sources: list[Recognised], named: list[str]
) -> list[SourceRow]:
    """The rows of these sources, which the snapshot holds; what it held by another name is left."""
    with transaction.atomic(using=INDEX):
        rows = [
            SourceRow.objects.get_or_create(
                vault=snapshot.vault,
                digest=digest,
                defaults={
                    "app": source.app,
                    "reader_version": BY_APP[source.app].version,
                    "files": list(source.files),
                },
            )[0]
            for source, digest in zip(sources, named, strict=True)
        ]
        links = SnapshotSource.objects.filter(snapshot=snapshot)
        links.exclude(source__in=rows).delete()
        SnapshotSource.objects.bulk_create(
            [SnapshotSource(snapshot=snapshot, source=row) for row in rows], ignore_conflicts=True
        )
    if forgetting.forget_unheld():
        for row in rows:
            row.refresh_from_db()
    return rows


def _note_damage(tree: SnapshotTree, source: SourceRow) -> None:
    """A source whose bytes were not all there is looked at again another day."""
    is_short = source.warnings.filter(code=MISSING).exists()
    if is_short and not beside.are_sound(tree, source.files):
        source.state = IndexState.FAILED
        source.save(update_fields=["state"])


def _take_up_mended(tree: SnapshotTree, sources: list[SourceRow]) -> None:
    """What was damaged when it was read, and is sound now, is to be read again."""
    hurt = [row for row in sources if row.state == IndexState.FAILED]
    if mended := [row.pk for row in hurt if beside.are_sound(tree, row.files)]:
        forgetting.read_anew(mended)
        for row in sources:
            row.refresh_from_db()


def _warn_of_tree(row: IndexedSnapshot, warnings: list[TreeWarning]) -> None:
    row.tree_warnings = [
        {"code": each.code, "name": each.name, "detail": each.detail} for each in warnings
    ]
    row.save(update_fields=["tree_warnings"])


def date_orders(vault_id: str, app: str) -> dict[str, DateOrder]:
    """What the owner chose for conversations of this app, by their keys."""
    chosen = ReadingChoice.objects.filter(vault=vault_id, app=app).exclude(date_order="")
    return {key: DateOrder(order) for key, order in chosen.values_list("key", "date_order")}


def _note(row: IndexedSnapshot, **fields: object) -> None:
    IndexedSnapshot.objects.filter(pk=row.pk).update(updated_at=timezone.now(), **fields)
