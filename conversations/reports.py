"""What an inspection has found, as values and as JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from conversations.events import Clock, Counts
from conversations.tree import TreeWarning

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ConversationReport(msgspec.Struct):
    """One conversation in one source. Times are RFC 3339, without zone for a wall clock."""

    key: str
    title: str
    kind: str = "unknown"
    clock: str = "wall"
    participants: list[str] = []
    counts: Counts = msgspec.field(default_factory=Counts)
    media_present: int = 0
    media_missing: int = 0
    first: str | None = None
    last: str | None = None
    date_order: str | None = None
    is_date_order_sure: bool = True


class WarningReport(msgspec.Struct):
    """One warning. ``place`` is file:line, or the file where there is no line."""

    code: str
    place: str
    detail: str
    records: int


class SourceReport(msgspec.Struct):
    """One source; ``warnings_untold`` counts those beyond the first of ``warnings``."""

    format: str
    title: str
    files: list[str]
    conversations: list[ConversationReport] = []
    counts: Counts = msgspec.field(default_factory=Counts)
    warnings: list[WarningReport] = []
    warnings_untold: int = 0
    is_whole: bool = True

    @property
    def media_present(self) -> int:
        """Attachments whose bytes are there."""
        return sum(each.media_present for each in self.conversations)

    @property
    def media_missing(self) -> int:
        """Attachments that the export left out."""
        return sum(each.media_missing for each in self.conversations)


class Unrecognised(msgspec.Struct):
    """Files that are no chat and belong to none: how many, ``named`` ones, some of the others."""

    count: int = 0
    named: list[str] = []
    others: list[str] = []


class Report(msgspec.Struct):
    """Everything that a tree holds, and what of it could not be looked into."""

    sources: list[SourceReport] = []
    warnings: list[TreeWarning] = []
    unrecognised: Unrecognised = msgspec.field(default_factory=Unrecognised)

    @property
    def is_whole(self) -> bool:
        """Whether something was recognised, and all of that was read."""
        whole = all(source.is_whole and source.counts.reconciles for source in self.sources)
        return bool(self.sources) and whole and not self.warnings

    @property
    def is_expected(self) -> bool:
        """Whether it is whole, and has all that was named."""
        return self.is_whole and not self.unrecognised.named


def moment(milliseconds: int | None, clock: Clock) -> str | None:
    """RFC 3339, with Z for UTC and without a zone for a wall clock; None for no time or no date."""
    if milliseconds is None:
        return None
    try:
        at = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    text = at.replace(tzinfo=None).isoformat(timespec="milliseconds" if at.microsecond else "auto")
    return f"{text}Z" if clock is Clock.UTC else text


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "is_whole": report.is_whole,
        "sources": [_source_data(source) for source in report.sources],
        "warnings": [
            {"code": each.code, "place": each.name, "detail": each.detail}
            for each in report.warnings
        ],
        "unrecognised": msgspec.to_builtins(report.unrecognised),
    }


def _source_data(source: SourceReport) -> dict[str, Any]:
    times = [(each.first, each.last) for each in source.conversations if each.first and each.last]
    return {
        **msgspec.to_builtins(source),
        "conversations": list(map(_conversation_data, source.conversations)),
        "counts": _counts_data(source.counts),
        "media_present": source.media_present,
        "media_missing": source.media_missing,
        "first": min((first for first, _ in times), default=None),
        "last": max((last for _, last in times), default=None),
    }


def _conversation_data(conversation: ConversationReport) -> dict[str, Any]:
    counts = _counts_data(conversation.counts)
    del counts["seen"], counts["reconciles"]  # those are known of whole sources only
    return {**msgspec.to_builtins(conversation), "counts": counts}


def _counts_data(counts: Counts) -> dict[str, int]:
    data = {name: getattr(counts, name) for name in counts.__struct_fields__}
    return {**data, "reconciles": counts.reconciles}
