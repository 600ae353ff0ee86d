"""What would be read of some files: a report that takes no more memory for a longer chat.

It knows no station: a tree goes in, a :class:`Report` comes out, and nothing is stored.
"""

from collections.abc import Callable, Set
from typing import Any, Final

import msgspec

from conversations import limits
from conversations.confined.parent import Confined
from conversations.events import (
    Attachment,
    Clock,
    Conversation,
    Dates,
    Event,
    Message,
    Person,
    ReadWarning,
)
from conversations.readers import BY_APP
from conversations.recognising import Recognised
from conversations.reports import (
    ConversationReport,
    Report,
    SourceReport,
    Unrecognised,
    WarningReport,
    moment,
)
from conversations.tree import Tree, outermost

_ENDS: Final = frozenset(
    {
        *("bad-json", "bytes-missing", "counts-differ", "nested-too-deep", "reader-died"),
        *("reader-failed", "too-much-memory", "too-much-time", "archive-damaged"),
        *("expands-too-much", "reader-killed"),
    }
)
"""Codes that mean that something was not read, even when nobody can say how many records."""


Heard = Callable[["Said"], None]
Told = Callable[[int], None]


class Said(msgspec.Struct):
    """One message for people and programs: the sender by name, the time as in the report."""

    time: str | None
    sender: str | None
    kind: str
    text: str
    attachments: list[dict[str, Any]]
    conversation: str
    place: str


def inspect(
    tree: Tree,
    heard: Heard | None = None,
    *,
    named: Set[str] = frozenset(),
    told: Told = lambda _: None,
) -> Report:
    """Read all that is in a tree; ``heard`` is given each message.

    ``named`` are the names of files that are expected to be chats, or to belong to one. ``told`` is
    called now and then with how many messages were read until then.
    """
    report = Report()
    used: set[str] = set()
    done = 0
    with Confined(tree) as reader:
        recognition = reader.recognise()
        report.warnings = recognition.warnings
        for recognised in recognition.sources:
            inspection = _Inspection(recognised, heard, tree)
            for events in reader.read(recognised):
                for event in events:
                    inspection.add(event)
                told(done + reader.counts.messages)
            inspection.report.counts = reader.counts
            done += reader.counts.messages
            used |= inspection.used
            report.sources.append(inspection.ended())
    told_already = {outermost(tree, warning.name) for warning in report.warnings}
    report.unrecognised = _unrecognised(tree, used | told_already, named)
    return report


def _unrecognised(tree: Tree, known: Set[str], named: Set[str]) -> Unrecognised:
    others = [name for name in tree.names() if name not in known and name not in named]
    missed = sorted(named - known)
    shown = others[: limits.UNRECOGNISED_TOLD_MAX]
    return Unrecognised(len(missed) + len(others), missed, shown)


class _Inspection:
    """Gathers the report of one source, event by event."""

    def __init__(self, recognised: Recognised, heard: Heard | None, tree: Tree) -> None:
        reader = BY_APP[recognised.app]
        self.report = SourceReport(recognised.app, reader.title, list(recognised.files))
        self.used = {outermost(tree, name) for name in recognised.files}
        self._tree = tree
        self._heard = heard
        self._codes: set[str] = set()
        self._conversations: dict[str, _Gathered] = {}

    def add(self, event: Event) -> None:
        match event:
            case Message():
                gathered = self._of(event.conversation)
                gathered.add(event)
                places = (each.place for each in event.attachments)
                self.used.update(outermost(self._tree, place.file) for place in places if place)
                if self._heard is not None:
                    self._heard(self._said(event, gathered))
            case Person(conversation=key, key=person, name=name):
                self._of(key).names[person] = name
            case Conversation():
                self._of(event.key).announce(event)
            case Dates(conversation=key, order=order, is_sure=is_sure):
                report = self._of(key).report
                report.date_order, report.is_date_order_sure = order.value, is_sure
            case ReadWarning():
                self._warn(event)
        if (key := getattr(event, "conversation", "")) in self._conversations:
            self._conversations[key].report.counts.add(event)

    def ended(self) -> SourceReport:
        for gathered in self._conversations.values():
            self.report.conversations.append(gathered.ended())
        return self.report

    def _of(self, key: str) -> "_Gathered":
        if key not in self._conversations:
            self._conversations[key] = _Gathered(key)
        return self._conversations[key]

    def _warn(self, warning: ReadWarning) -> None:
        if warning.records or warning.code in _ENDS:
            self.report.is_whole = False
        most = limits.WARNINGS_TOLD_MAX * (1 if warning.code in self._codes else 2)
        if len(self.report.warnings) >= most:
            self.report.warnings_untold += 1
            return
        self._codes.add(warning.code)
        place = self._place(warning.file, warning.line)
        told = WarningReport(warning.code, place, warning.detail, warning.records)
        self.report.warnings.append(told)

    def _place(self, file: int, line: int) -> str:
        files = self.report.files
        name = files[file] if file < len(files) else ""
        return f"{name}:{line}" if line else name

    def _said(self, message: Message, gathered: "_Gathered") -> Said:
        sender = message.sender
        return Said(
            time=moment(message.time, gathered.clock),
            sender=None if sender is None else gathered.names.get(sender, sender),
            kind=message.kind.value,
            text=message.text,
            attachments=[_attached(each) for each in message.attachments],
            conversation=gathered.report.title,
            place=self._place(message.file, message.line),
        )


class _Gathered:
    """What was found of one conversation until now."""

    def __init__(self, key: str) -> None:
        self.report = ConversationReport(key, key)
        self.clock = Clock.WALL
        self.names: dict[str, str] = {}
        self._first: int | None = None
        self._last: int | None = None

    def announce(self, event: Conversation) -> None:
        self.clock = event.clock
        self.report.title = event.title
        self.report.kind, self.report.clock = event.kind.value, event.clock.value

    def add(self, message: Message) -> None:
        if message.sender is not None:
            self.names.setdefault(message.sender, message.sender)
        for attachment in message.attachments:
            self.report.media_present += attachment.place is not None
            self.report.media_missing += attachment.place is None
        time = message.time
        if time is not None:
            self._first = time if self._first is None else min(self._first, time)
            self._last = time if self._last is None else max(self._last, time)

    def ended(self) -> ConversationReport:
        self.report.participants = list(self.names.values())
        self.report.first = moment(self._first, self.clock)
        self.report.last = moment(self._last, self.clock)
        return self.report


def _attached(attachment: Attachment) -> dict[str, Any]:
    return {
        "kind": attachment.kind.value,
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "file": attachment.place.file if attachment.place else None,
    }
