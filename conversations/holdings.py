"""What a snapshot holds: conversations that were read from it, and what could not be read."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.db.models import Sum

from conversations.listing import Progress, progress_of, title_of
from conversations.models import (
    Conversation,
    ConversationSource,
    IndexedSnapshot,
    SourceRow,
    WarningRow,
)
from conversations.remarks import sentence
from transfer.models import Snapshot

CONVERSATIONS_SHOWN: Final = 200
SOURCES_SHOWN: Final = 100
WARNINGS_SHOWN: Final = 100


class Held(NamedTuple):
    """One conversation, and what of it is in this snapshot."""

    conversation: Conversation
    app: str
    messages: int
    system: int
    warned: int
    media: int
    media_missing: int


class Counted(NamedTuple):
    """A source with its counts; ``seen`` is the sum of the others once it is read."""

    app: str
    files: Sequence[str]
    row: SourceRow


class Remark(NamedTuple):
    """A warning in words. ``file`` is "" and ``line`` is 0 where it has no such place."""

    sentence: str
    file: str
    line: int
    detail: str
    records: int


class Holding(NamedTuple):
    """Everything; ``more_*`` count what is not listed. ``progress`` is None before reading."""

    progress: Progress | None
    conversations: Sequence[Held]
    more_conversations: int
    sources: Sequence[Counted]
    more_sources: int
    totals: dict[str, int]
    remarks: Sequence[Remark]
    more_remarks: int


def of_snapshot(snapshot: Snapshot) -> Holding:
    """What was read of it; with a fixed number of queries."""
    indexed = IndexedSnapshot.objects.filter(
        vault=snapshot.vault_id, snapshot_id=snapshot.snapshot_id
    ).first()
    if indexed is None:
        return Holding(None, [], 0, [], 0, {}, [], 0)
    sources = SourceRow.objects.filter(snapshot_links__snapshot=indexed)
    totals = _totals(sources.aggregate(*map(Sum, _COUNTS)))
    listed = list(sources.order_by("pk")[:SOURCES_SHOWN])
    held, more_held = _held(indexed)
    remarks, more_remarks = _remarks(indexed)
    return Holding(
        progress_of(indexed),
        held,
        more_held,
        [Counted(title_of(row.app), row.files, row) for row in listed],
        max(0, indexed.sources - len(listed)),
        totals,
        remarks,
        more_remarks,
    )


_COUNTS: Final = ("seen", "messages", "system", "continuations", "warned")


def _totals(summed: dict[str, Any]) -> dict[str, int]:
    return {name: summed[f"{name}__sum"] or 0 for name in _COUNTS}


def _held(indexed: IndexedSnapshot) -> tuple[list[Held], int]:
    links = ConversationSource.objects.filter(source__snapshot_links__snapshot=indexed)
    counted = links.values_list("conversation").annotate(
        Sum("messages"), Sum("system"), Sum("warned"), Sum("media"), Sum("media_missing")
    )
    rows: list[tuple[int, ...]] = sorted(counted, key=lambda row: (-row[1], row[0]))
    shown = rows[:CONVERSATIONS_SHOWN]
    talks = Conversation.objects.in_bulk([row[0] for row in shown])
    held = [Held(talks[pk], title_of(talks[pk].app), *sums) for pk, *sums in shown if pk in talks]
    return held, len(rows) - len(shown)


def _remarks(indexed: IndexedSnapshot) -> tuple[list[Remark], int]:
    of_tree = [
        Remark(sentence(each["code"]), each["name"], 0, each["detail"], 0)
        for each in indexed.tree_warnings
    ]
    rows = WarningRow.objects.filter(source__snapshot_links__snapshot=indexed)
    total = len(of_tree) + rows.count()
    listed = rows.select_related("source").order_by("-records", "pk")[:WARNINGS_SHOWN]
    remarks = (of_tree + [_remark(row) for row in listed])[:WARNINGS_SHOWN]
    return remarks, total - len(remarks)


def _remark(row: WarningRow) -> Remark:
    files = row.source.files
    file = files[row.file] if row.file < len(files) else ""
    return Remark(sentence(row.code), file, row.line, row.detail, row.records)
