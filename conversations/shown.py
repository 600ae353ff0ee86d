"""A report for people, line by line, for a terminal that nothing in a chat may control."""

import re
from collections.abc import Iterator
from typing import Final

from conversations.events import Counts
from conversations.remarks import sentence
from conversations.reports import (
    ConversationReport,
    Report,
    SourceReport,
    Unrecognised,
    WarningReport,
)
from conversations.tree import TreeWarning

_NAMES_SHOWN: Final = 5
_NEVER_SHOWN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_ORDERS: Final = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


def lines_of(report: Report) -> Iterator[str]:
    """Every source with its conversations and warnings, and what was not looked into."""
    for source in report.sources:
        yield from _source_lines(source)
        yield ""
    for warning in report.warnings:
        yield printable(_tree_line(warning))
    yield from map(printable, _unrecognised_lines(report.unrecognised))
    if not report.sources:
        yield "No chat was recognised."


def printable(text: str) -> str:
    """Text without what moves the cursor or turns the direction of writing."""
    return _NEVER_SHOWN.sub("", text)


def _source_lines(source: SourceReport) -> Iterator[str]:
    files = source.files[0] + (f" and {len(source.files) - 1} more" if source.files[1:] else "")
    yield printable(f"{source.title}: {files}")
    yield f"  {_counted(source.counts)}"
    for conversation in source.conversations:
        yield from map(printable, _conversation_lines(conversation))
    for warning in source.warnings:
        yield printable(_warning_line(warning))
    if source.warnings_untold:
        yield f"  ! and {source.warnings_untold:,} more warnings"


def _counted(counts: Counts) -> str:
    sum_of = (
        f"{counts.messages:,} messages + {counts.system:,} system"
        f" + {counts.continuations:,} continued + {counts.warned:,} not read"
    )
    sign = "=" if counts.reconciles else "≠"
    return f"{counts.seen:,} lines or records {sign} {sum_of}"


def _conversation_lines(conversation: ConversationReport) -> Iterator[str]:
    counts = conversation.counts
    yield f"  {conversation.title} ({conversation.kind})"
    yield f"    messages      {counts.messages:,}, system {counts.system:,}"
    yield f"    participants  {_names(conversation.participants)}"
    if conversation.first is not None:
        clock = " (wall clock)" if conversation.clock == "wall" else ""
        yield f"    time          {conversation.first} to {conversation.last}{clock}"
    if conversation.date_order is not None:
        sure = "sure" if conversation.is_date_order_sure else "NOT SURE: look at the dates"
        yield f"    dates         {_ORDERS[conversation.date_order]}; {sure}"
    if conversation.media_present or conversation.media_missing:
        missing = f"{conversation.media_missing:,} missing"
        yield f"    media         {conversation.media_present:,} present, {missing}"


def _unrecognised_lines(unrecognised: Unrecognised) -> Iterator[str]:
    """Those that were named, each; of the others, which are in folders, how many and the first."""
    for name in unrecognised.named:
        yield f"! {name}: This is no chat that can be read here, and belongs to none."
    others = unrecognised.count - len(unrecognised.named)
    if others:
        shown = ", ".join(unrecognised.others[:_NAMES_SHOWN])
        more = f" and {others - _NAMES_SHOWN:,} more" if others > _NAMES_SHOWN else ""
        yield f"Files that are no chat and belong to none: {others:,} ({shown}{more})"


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names):,}: {shown}{more}" if names else "none"


def _warning_line(warning: WarningReport) -> str:
    lost = f" Not read: {warning.records:,}." if warning.records else ""
    detail = f" ({warning.detail})" if warning.detail else ""
    return f"  ! {warning.place}: {sentence(warning.code)}{lost}{detail} [{warning.code}]"


def _tree_line(warning: TreeWarning) -> str:
    detail = f" ({warning.detail})" if warning.detail else ""
    return f"! {warning.name}: {sentence(warning.code)}{detail} [{warning.code}]"
