"""Writing what a reader finds into the index, a batch of events in each transaction.

How far a source has been written is committed with what was written, so reading goes on there after
whatever ended it: readers tell the same events every time.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from conversations import limits, search
from conversations.databases import INDEX
from conversations.events import Continuation, Counts, DateOrder, Event, Message, ReadWarning
from conversations.messages import Messages
from conversations.models import IndexedSnapshot, IndexState, SourceRow, Told, WarningRow
from conversations.talks import Talks

_COUNTS: Final = ("seen", "messages", "system", "continuations", "warned")


class Keeping:
    """Writes one source, read in the date ``orders`` that were chosen."""

    def __init__(
        self, source: SourceRow, snapshot: IndexedSnapshot, orders: Mapping[str, DateOrder]
    ) -> None:
        self.source = source
        self.snapshot = snapshot
        self._talks = Talks(source, orders)
        self._messages = Messages(source, self._talks)
        self._passed = 0

    def keep(self, events: Sequence[Event], counts: Counts) -> None:
        """Write a batch, unless it was written before; ``counts`` are those up to its end."""
        with transaction.atomic(using=INDEX):
            new = self._skip_known(events)
            self._keep(new)
            self.source.done += len(new)
            for name in _COUNTS:
                setattr(self.source, name, max(getattr(self.source, name), getattr(counts, name)))
            self.source.state = IndexState.READING
            self.source.save()
            self._note_progress(new)

    def end(self, counts: Counts, state: IndexState) -> None:
        """The source is read, and ``state`` says whether as far as it can be."""
        for name in _COUNTS:
            setattr(self.source, name, getattr(counts, name))
        self.source.state = state
        with transaction.atomic(using=INDEX):
            self.source.save()
            Told.objects.filter(source=self.source.pk).delete()
            search.tidy(INDEX)

    def _skip_known(self, events: Sequence[Event]) -> list[Event]:
        """What was written before is only announced: talks and people are needed again."""
        known = max(0, min(len(events), self.source.done - self._passed))
        self._passed += len(events)
        for event in events[:known]:
            if isinstance(event, Message):
                talk = self._talks[event.conversation]
                talk.pass_time(talk.timed(event))
            else:
                self._talks.announce(event)
        return list(events[known:])

    def _keep(self, events: Iterable[Event]) -> None:
        messages: list[Message] = []
        warnings: list[ReadWarning] = []
        for event in events:
            match event:
                case Message():
                    messages.append(event)
                case ReadWarning():
                    warnings.append(event)
                case Continuation(records=records, conversation=key):
                    if talk := self._talks.known(key):
                        talk.link.continuations += records
                case _:
                    self._talks.announce(event)
        self._messages.write(messages)
        self._warn(warnings)
        self._talks.settle()

    def _note_progress(self, events: Sequence[Event]) -> None:
        count = sum(isinstance(event, Message) for event in events)
        rows = IndexedSnapshot.objects.filter(pk=self.snapshot.pk)
        rows.update(messages=F("messages") + count, updated_at=timezone.now())

    def _warn(self, warnings: list[ReadWarning]) -> None:
        """All are counted; of very many only the first are told, and the first of each code."""
        told = list(self.source.warnings.values_list("code", flat=True)) if warnings else []
        rows: list[WarningRow] = []
        for said in warnings:
            talk = self._talks.known(said.conversation)
            if talk is not None:
                talk.link.warned += said.records
            code = said.code[: limits.CODE_CHARS_MAX]
            most = limits.WARNINGS_TOLD_MAX * (1 if code in told else 2)
            if len(told) < most:
                told.append(code)
                rows.append(
                    WarningRow(
                        source=self.source,
                        conversation=talk.row if talk else None,
                        code=code,
                        file=said.file,
                        line=said.line,
                        detail=said.detail[: limits.DETAIL_CHARS_MAX],
                        records=said.records,
                    )
                )
        WarningRow.objects.bulk_create(rows)
