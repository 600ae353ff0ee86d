"""Writing what a reader finds into the index, a batch of events in each transaction.

How far a source has been written is committed with what was written, so reading goes on there after
whatever ended it: readers tell the same events every time.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from django.db import connections, transaction
from django.db.models import F
from django.utils import timezone

from conversations import digests, limits, merging, more, numbering, search
from conversations.databases import INDEX
from conversations.events import (
    Continuation,
    Conversation,
    Counts,
    Dates,
    Event,
    Kind,
    Message,
    Person,
    ReadWarning,
)
from conversations.merging import Telling
from conversations.models import (
    Attachment,
    ConversationSource,
    IndexedSnapshot,
    IndexState,
    Participant,
    SourceRow,
    WarningRow,
)
from conversations.models import Conversation as ConversationRow
from conversations.models import Message as MessageRow

_BY_DIGEST: Final = "SELECT id FROM conversations_message WHERE conversation_id = %s AND digest IN"
_AT_ONCE: Final = 400  # digests in one query
_INSERT: Final = (
    "INSERT INTO conversations_message (id, conversation_id, sender_id, kind, text, has_media,"
    " is_timed, digest, nth, native_id, reply_to, more, source_id, last_source_id, file, line)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@dataclass
class Talk:
    """A conversation while a source is written: its rows, and what this batch adds to them."""

    row: ConversationRow
    number: int
    link: ConversationSource
    people: dict[str, int]
    time: int = 0
    added: list[int] = field(default_factory=list)
    media: int = 0


class Placed(NamedTuple):
    """A message of a batch with its conversation, its time and the digest that names it."""

    talk: Talk
    message: Message
    time: int
    digest: bytes


@dataclass
class Equal:
    """The messages of one digest that are there already, the first one first."""

    count: int = 0
    rows: list[MessageRow] = field(default_factory=list)

    def next_not_of(self, source_id: int) -> MessageRow | None:
        """The first that this source has not told yet; each is given once."""
        while self.rows:
            row = self.rows.pop(0)
            if row.last_source_id != source_id:
                return row
        return None


class Keeping:
    """Writes one source."""

    def __init__(self, source: SourceRow, snapshot: IndexedSnapshot) -> None:
        self.source = source
        self._number = source.pk
        self.snapshot = snapshot
        self._talks: dict[str, Talk] = {}
        self._passed = 0

    def keep(self, events: Sequence[Event], counts: Counts) -> None:
        """Write a batch, unless it was written before; ``counts`` are those up to its end."""
        with transaction.atomic(using=INDEX):
            new = self._skip_known(events)
            self._keep(new)
            self.source.done += len(new)
            for name in ("seen", "messages", "system", "continuations", "warned"):
                setattr(self.source, name, max(getattr(self.source, name), getattr(counts, name)))
            self.source.state = IndexState.READING
            self.source.save()
            self._note_progress(new)

    def end(self, counts: Counts) -> None:
        """The source is read."""
        for name in ("seen", "messages", "system", "continuations", "warned"):
            setattr(self.source, name, getattr(counts, name))
        self.source.state = IndexState.DONE
        with transaction.atomic(using=INDEX):
            self.source.save()
            search.tidy(INDEX)

    def _skip_known(self, events: Sequence[Event]) -> list[Event]:
        """What was written before is only announced: talks and people are needed again."""
        known = max(0, min(len(events), self.source.done - self._passed))
        self._passed += len(events)
        for event in events[:known]:
            if isinstance(event, Message):
                talk = self._talk(event.conversation)
                talk.time = talk.time if event.time is None else _bounded(event.time)
            elif not isinstance(event, ReadWarning | Continuation):
                self._announce(event)
        return list(events[known:])

    def _keep(self, events: Iterable[Event]) -> None:
        placed: list[Placed] = []
        warnings: list[ReadWarning] = []
        for event in events:
            match event:
                case Message():
                    placed.append(self._placed(event))
                case ReadWarning():
                    warnings.append(event)
                case Continuation(records=records, conversation=key) if key in self._talks:
                    self._talks[key].link.continuations += records
                case _:
                    self._announce(event)
        self._write(placed)
        self._warn(warnings)
        for talk in self._talks.values():
            _settle(talk)

    def _note_progress(self, events: Sequence[Event]) -> None:
        count = sum(isinstance(event, Message) for event in events)
        rows = IndexedSnapshot.objects.filter(pk=self.snapshot.pk)
        rows.update(messages=F("messages") + count, updated_at=timezone.now())

    # Announcements

    def _announce(self, event: Event) -> None:
        match event:
            case Conversation():
                self._open(event)
            case Person(conversation=key):
                self._meet(self._talk(key), event)
            case Dates(conversation=key, order=order, is_sure=is_sure):
                row = self._talk(key).row
                row.date_order, row.is_date_order_sure = order, is_sure
                row.save(update_fields=["date_order", "is_date_order_sure"])
            case _:
                pass

    def _talk(self, key: str) -> Talk:
        if key not in self._talks:
            self._open(Conversation(key, key))
        return self._talks[key]

    def _open(self, said: Conversation) -> None:
        if said.key in self._talks:
            return
        vault, app = self.source.vault, self.source.app
        row, made = ConversationRow.objects.get_or_create(
            slug=digests.slug_of(vault, app, said.key),
            defaults={
                "vault": vault,
                "app": app,
                "key": said.key,
                "title": (said.title or said.key)[: limits.TITLE_CHARS_MAX],
                "kind": said.kind,
                "clock": said.clock,
            },
        )
        if not made and said.title:
            row.title, row.kind = said.title[: limits.TITLE_CHARS_MAX], said.kind
            row.save(update_fields=["title", "kind"])
        link, _ = ConversationSource.objects.get_or_create(conversation=row, source=self.source)
        people = dict(row.people.values_list("key", "pk"))
        self._talks[said.key] = Talk(row, row.pk, link, people)

    def _meet(self, talk: Talk, said: Person) -> int:
        name = (said.name or said.key)[: limits.NAME_CHARS_MAX]
        if said.key not in talk.people:
            person = Participant.objects.create(
                conversation=talk.row,
                key=said.key,
                name=name,
                is_self=said.is_self,
                number=len(talk.people),
            )
            talk.people[said.key] = person.pk
        elif said.name:
            people = Participant.objects.filter(pk=talk.people[said.key])
            people.update(name=name, **({"is_self": True} if said.is_self else {}))
        return talk.people[said.key]

    # Messages

    def _placed(self, message: Message) -> Placed:
        talk = self._talk(message.conversation)
        talk.time = talk.time if message.time is None else _bounded(message.time)
        return Placed(talk, message, talk.time, digests.digest_of(message, talk.time))

    def _write(self, placed: list[Placed]) -> None:
        known = _known(placed)
        new: list[tuple[Placed, int]] = []
        for each in placed:
            _count(each)
            equal = known[each.talk.number, each.digest]
            older = equal.next_not_of(self._number)
            if older is None:
                new.append((each, equal.count))
                equal.count += 1
            else:
                self._merge(older, each)
        self._insert(new)

    def _insert(self, new: list[tuple[Placed, int]]) -> None:
        numbers = numbering.Numbers(each.time for each, _ in new)
        rows, attachments, found, vault = [], [], [], self.source.vault
        for each, nth in new:
            talk, message = each.talk, each.message
            number = numbers.take(each.time)
            sender = None if message.sender is None else self._sender(talk, message.sender)
            has_media = bool(message.attachments)
            rest = more.encode(merging.more_of(message))
            rows.append(
                (number, talk.number, sender, message.kind, message.text, has_media,
                 message.time is not None, each.digest, nth, message.id, message.reply_to, rest,
                 self._number, self._number, message.file, message.line)
            )  # fmt: skip
            names: tuple[str, ...] = ()
            if has_media:
                attachments += self._attachments(number, message)
                names = tuple(one.name for one in message.attachments)
            found.append(
                search.Entry(
                    number,
                    vault,
                    talk.number,
                    sender,
                    message.kind,
                    has_media,
                    message.text,
                    names,
                )
            )
            talk.added.append(number)
            talk.media += has_media
        with connections[INDEX].cursor() as cursor:
            cursor.executemany(_INSERT, rows)
        Attachment.objects.bulk_create(attachments, batch_size=500)
        search.add(INDEX, found)

    def _sender(self, talk: Talk, key: str) -> int:
        return talk.people.get(key) or self._meet(talk, Person(talk.row.key, key, ""))

    def _attachments(self, message_id: int, message: Message) -> list[Attachment]:
        return [
            Attachment(
                message_id=message_id,
                source=self.source,
                number=number,
                kind=one.kind,
                name=one.name[: limits.NAME_CHARS_MAX],
                media_type=one.media_type[:100],
                size=one.size,
                file=one.place.file if one.place else "",
                start=one.place.start if one.place else 0,
                length=one.place.length if one.place else None,
                encoding=one.place.encoding if one.place else "",
            )
            for number, one in enumerate(message.attachments)
        ]

    def _merge(self, row: MessageRow, each: Placed) -> None:
        older = Telling(row.kind, row.text, more.decode(row.more))
        newer = merging.merged(older, merging.told(each.message))
        gains = each.message.attachments and not row.has_media
        gains = gains or (
            any(one.place for one in each.message.attachments)
            and not row.attachments.exclude(file="").exists()
        )
        row.last_source = self.source
        if newer == older and not gains:
            row.save(update_fields=["last_source"])
            return
        search.remove(INDEX, search.entries([row], self.source.vault))
        row.kind, row.text, row.more = newer.kind, newer.text, more.encode(newer.more)
        if gains:
            row.attachments.all().delete()
            Attachment.objects.bulk_create(self._attachments(row.pk, each.message))
            each.talk.media += not row.has_media
            row.has_media = True
        row.save(update_fields=["last_source", "kind", "text", "more", "has_media"])
        search.add(INDEX, search.entries([row], self.source.vault))

    # Warnings

    def _warn(self, warnings: list[ReadWarning]) -> None:
        told = self.source.warnings.count() if warnings else 0
        rows: list[WarningRow] = []
        for said in warnings:
            talk = self._talks.get(said.conversation)
            if talk is not None:
                talk.link.warned += said.records
            if told + len(rows) < limits.WARNINGS_TOLD_MAX:
                rows.append(
                    WarningRow(
                        source=self.source,
                        conversation=talk.row if talk else None,
                        code=said.code[:40],
                        file=said.file,
                        line=said.line,
                        detail=said.detail[: limits.DETAIL_CHARS_MAX],
                        records=said.records,
                    )
                )
        WarningRow.objects.bulk_create(rows)


def _known(placed: Sequence[Placed]) -> dict[tuple[int, bytes], "Equal"]:
    """By conversation and digest, the messages that are there."""
    wanted: dict[int, set[bytes]] = defaultdict(set)
    for each in placed:
        wanted[each.talk.number].add(each.digest)
    found: dict[tuple[int, bytes], Equal] = defaultdict(Equal)
    for conversation, named in wanted.items():
        for row in MessageRow.objects.filter(pk__in=_ids_of(conversation, sorted(named))).order_by(
            "nth"
        ):
            equal = found[conversation, bytes(row.digest)]
            equal.count += 1
            equal.rows.append(row)
    return found


def _ids_of(conversation: int, named: list[bytes]) -> list[int]:
    """The messages of these digests. Most are new, so this is asked of the index alone."""
    ids: list[int] = []
    with connections[INDEX].cursor() as cursor:
        for at in range(0, len(named), _AT_ONCE):
            some = named[at : at + _AT_ONCE]
            query = f"{_BY_DIGEST} ({', '.join(['%s'] * len(some))})"
            cursor.execute(query, [conversation, *some])
            ids += [row[0] for row in cursor.fetchall()]
    return ids


def _count(each: Placed) -> None:
    link, message = each.talk.link, each.message
    if message.kind is Kind.SYSTEM:
        link.system += 1
    else:
        link.messages += 1
    link.continuations += message.span - 1
    if message.attachments:
        link.media += len(message.attachments)
        link.media_missing += sum(one.place is None for one in message.attachments)


def _settle(talk: Talk) -> None:
    """Write what a batch added to a conversation's counts."""
    talk.link.save()
    if not talk.added and not talk.media:
        return
    row, ids = talk.row, talk.added
    row.messages += len(ids)
    row.media += talk.media
    known = [each for each in (row.first, row.last) if each is not None]
    row.first, row.last = min(known + ids), max(known + ids)
    row.save(update_fields=["messages", "media", "first", "last"])
    talk.added, talk.media = [], 0


def _bounded(time: int) -> int:
    return max(-numbering.TIME_MAX, min(time, numbering.TIME_MAX))
