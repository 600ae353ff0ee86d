"""From a kept snapshot to conversations that can be read and searched.

What was read once is not read again: a source is named by its content, and snapshots that hold the
same share it. Whatever ends the work (a killed process, a disk that went away), it goes on where it
stopped.
"""

from collections.abc import Callable, Set
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from conversations import beside, choices, forgetting
from conversations.confined.parent import Confined, Recognition
from conversations.confined.process import KILLED
from conversations.databases import INDEX, expect_much
from conversations.keeping import Keeping
from conversations.kept import SnapshotTree
from conversations.models import (
    ConversationSource,
    IndexedSnapshot,
    IndexState,
    SnapshotSource,
    SourceRow,
)
from conversations.readers import BY_APP, generation
from conversations.recognising import Recognised
from conversations.tree import MISSING, TreeWarning
from transfer.models import Snapshot
from wire.errors import WireError

_FAILURE_CHARS_MAX: Final = 300
_ENDS: Final = (MISSING, KILLED, "reader-died", "too-much-memory", "too-much-time")
"""Warnings that are not about the bytes of a source alone."""


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
    if not kept.exists():  # it was forgotten while it was read
        forgetting.forget_snapshot(vault_id, snapshot_id)


def note_failure(vault_id: str, snapshot_id: str, why: str) -> None:
    """The snapshot cannot be read now; it is tried again after a while."""
    rows = IndexedSnapshot.objects.filter(vault=vault_id, snapshot_id=snapshot_id)
    rows.update(
        state=IndexState.FAILED, failure=why[:_FAILURE_CHARS_MAX], updated_at=timezone.now()
    )


def _read(row: IndexedSnapshot, snapshot: Snapshot, told: Callable[[], None]) -> None:
    tree = SnapshotTree(snapshot)
    with Confined(tree) as reader:
        found = _believed(reader.recognise())
        named = beside.digests_of(tree, found.sources)
        unseen = {each.name for each in found.warnings if each.code in _ENDS}
        sources = _rows(row, snapshot.created_at, found.sources, named, unseen)
        _take_up_mended(tree, sources)
        _note(row, state=IndexState.READING, sources=len(sources), sources_done=0, messages=0)
        _warn_of_tree(row, found.warnings)
        for done, (source, recognised) in enumerate(zip(sources, found.sources, strict=True)):
            _note(row, sources_done=done)
            told()
            if source.state not in (IndexState.DONE, IndexState.FAILED):
                _read_source(reader, tree, row, source, recognised, told)
        _note(row, sources_done=len(sources))


def _believed(found: Recognition) -> Recognition:
    """Without sources of readers that there are not: the process that told of them means harm."""
    known = [each for each in found.sources if each.app in BY_APP]
    if len(known) == len(found.sources):
        return found
    return Recognition(known, [*found.warnings, TreeWarning("reader-died", "", "unknown readers")])


def _read_source(
    reader: Confined,
    tree: SnapshotTree,
    snapshot: IndexedSnapshot,
    source: SourceRow,
    recognised: Recognised,
    told: Callable[[], None],
) -> None:
    orders = choices.date_orders(source.vault, recognised.app)
    keeping = Keeping(source, snapshot, orders)
    for events in reader.read(recognised, orders):
        keeping.keep(events, reader.counts)
        told()
    keeping.end(reader.counts, _state_at_end(tree, source))


def _rows(
    snapshot: IndexedSnapshot,
    kept_at: datetime,
    sources: list[Recognised],
    named: list[str],
    unseen: Set[str],
) -> list[SourceRow]:
    """The rows of these sources, which the snapshot holds; what it held by another name is left.

    But not what was read of files that are ``unseen`` now: it may be all that is left of them.
    """
    with transaction.atomic(using=INDEX):
        rows = [
            SourceRow.objects.get_or_create(
                vault=snapshot.vault,
                digest=digest,
                defaults={
                    "app": source.app,
                    "reader_version": BY_APP[source.app].version,
                    "files": list(source.files),
                    "kept_at": kept_at,
                },
            )[0]
            for source, digest in zip(sources, named, strict=True)
        ]
        links = SnapshotSource.objects.filter(snapshot=snapshot)
        links.exclude(source__in=[*rows, *_read_of(links, unseen)]).delete()
        SnapshotSource.objects.bulk_create(
            [SnapshotSource(snapshot=snapshot, source=row) for row in rows], ignore_conflicts=True
        )
    if forgetting.forget_unheld() + _make_older(rows, kept_at):
        for row in rows:
            row.refresh_from_db()
    return rows


def _read_of(links: QuerySet[SnapshotSource], names: Set[str]) -> list[SourceRow]:
    """The sources that have any of these files."""
    held = [link.source for link in links.select_related("source")] if names else []
    return [row for row in held if any(_is_among(file, names) for file in row.files)]


def _is_among(file: str, names: Set[str]) -> bool:
    """Whether a file, or an archive that it is in, is one of these; "" names all there is."""
    parts = file.split("/")
    return any("/".join(parts[:end]) in names for end in range(len(parts) + 1))


def _make_older(rows: list[SourceRow], kept_at: datetime) -> int:
    """Of sources that a younger snapshot held as well, and was read first: how many there are.

    What they were thought to be younger than, and are not, has to be merged in another order.
    """
    found = [row for row in rows if row.kept_at > kept_at]
    wrong = [row.pk for row in found if _others_between(row, kept_at).exists()]
    SourceRow.objects.filter(pk__in=[row.pk for row in found]).update(kept_at=kept_at)
    if wrong:
        forgetting.read_anew(wrong)
    return len(found)


def _others_between(row: SourceRow, kept_at: datetime) -> QuerySet[ConversationSource]:
    """What is told of its conversations by sources that are no older than that, and no younger."""
    links = ConversationSource.objects.filter(
        conversation__source_links__source=row, source__kept_at__range=(kept_at, row.kept_at)
    )
    return links.exclude(source=row)


def _state_at_end(tree: SnapshotTree, source: SourceRow) -> IndexState:
    """What lacked bytes, or had its reader killed, is looked at again another day."""
    codes = set(source.warnings.values_list("code", flat=True))
    is_short = MISSING in codes and not beside.are_sound(tree, source.files)
    return IndexState.FAILED if is_short or KILLED in codes else IndexState.DONE


def _take_up_mended(tree: SnapshotTree, sources: list[SourceRow]) -> None:
    """What was damaged when it was read, and is sound now, is to be read again.

    So is what was broken off after a warning that may not come again: what is read now would not
    go on where that ended.
    """
    hurt = [row for row in sources if row.state == IndexState.FAILED]
    mended = [row.pk for row in hurt if beside.are_sound(tree, row.files)]
    begun = [row.pk for row in sources if row.state == IndexState.READING]
    ended = SourceRow.objects.filter(pk__in=begun, warnings__code__in=_ENDS).distinct()
    if again := [*mended, *ended.values_list("pk", flat=True)]:
        forgetting.read_anew(again)
        for row in sources:
            row.refresh_from_db()


def _warn_of_tree(row: IndexedSnapshot, warnings: list[TreeWarning]) -> None:
    row.tree_warnings = [
        {"code": each.code, "name": each.name, "detail": each.detail} for each in warnings
    ]
    row.save(update_fields=["tree_warnings"])


def _note(row: IndexedSnapshot, **fields: object) -> None:
    IndexedSnapshot.objects.filter(pk=row.pk).update(updated_at=timezone.now(), **fields)
