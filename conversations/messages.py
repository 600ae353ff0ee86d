"""Writing messages: those that are new, and those that another source told before."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.db import connections

from conversations import digests, limits, merging, more, numbering, search
from conversations.ages import Ages
from conversations.databases import INDEX
from conversations.equal import Candidate, Known, Sizes, sizes_of
from conversations.events import Message
from conversations.models import Attachment, SourceRow
from conversations.models import Message as MessageRow
from conversations.more import Telling
from conversations.talks import Talk, Talks

_AT_ONCE: Final = 400  # ids in one query
_INSERT: Final = (
    "INSERT INTO conversations_message (id, conversation_id, sender_id, kind, text, has_media,"
    " is_timed, digest, nth, native_id, reply_to, more, source_id, last_source_id, file, line)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)

_TELL: Final = "INSERT INTO conversations_told (source, message) VALUES (%s, %s)"


class Placed(NamedTuple):
    """A message of a batch with its conversation, its time and the digest that names it."""

    talk: Talk
    message: Message
    time: int
    digest: bytes


class Messages:
    """Writes those of one source, a batch at a time, within the caller's transaction."""

    def __init__(self, source: SourceRow, talks: Talks) -> None:
        self._source = source
        self._number = source.pk
        self._talks = talks
        self._known = Known(source.pk)
        self._ages = Ages(source)

    def write(self, batch: Sequence[Message]) -> None:
        """Insert what is new, and merge what is not."""
        placed = [self._placed(message) for message in batch]
        known = self._known.among(
            [((each.talk.number, each.digest), each.message) for each in placed]
        )
        new: list[tuple[Placed, int]] = []
        told: list[tuple[Placed, Candidate]] = []
        for each in placed:
            each.talk.count(each.message)
            alike = known[each.talk.number, each.digest]
            there = alike.take(each.message)
            if there is not None:
                told.append((each, there))
                continue
            new.append((each, alike.count))
            alike.count += 1
        self._merge(told)
        self._insert(new)

    def _placed(self, message: Message) -> Placed:
        talk = self._talks[message.conversation]
        message = talk.timed(message)
        time = talk.pass_time(message)
        return Placed(talk, message, time, digests.digest_of(message, time))

    # What is new

    def _insert(self, new: list[tuple[Placed, int]]) -> None:
        numbers = numbering.Numbers(each.time for each, _ in new)
        rows, attachments, found = [], [], []
        for each, nth in new:
            number = numbers.take(each.time)
            sender = self._talks.sender(each.talk, each.message.sender)
            rows.append(self._row(number, each, nth, sender))
            made = self._attachments(number, each.message)
            attachments += made
            found.append(self._entry(number, each, sender, made))
            each.talk.added.append(number)
            each.talk.media += bool(made)
        with connections[INDEX].cursor() as cursor:
            cursor.executemany(_INSERT, rows)
        Attachment.objects.bulk_create(attachments, batch_size=500)
        search.add(INDEX, found)

    def _row(
        self, number: int, each: Placed, nth: int, sender: int | None
    ) -> tuple[int | str | bytes | None, ...]:
        message, source = each.message, self._number
        return (
            number, each.talk.number, sender, message.kind, message.text,
            bool(message.attachments), message.time is not None, each.digest, nth, message.id,
            message.reply_to, more.encode(merging.more_of(message)), source, source, message.file,
            message.line,
        )  # fmt: skip

    def _entry(
        self, number: int, each: Placed, sender: int | None, attachments: list[Attachment]
    ) -> search.Entry:
        return search.Entry(
            number,
            self._source.vault,
            each.talk.number,
            sender,
            each.message.kind,
            bool(attachments),
            each.message.text,
            tuple(one.name for one in attachments),
        )

    def _attachments(self, message_id: int, message: Message) -> list[Attachment]:
        return [
            Attachment(
                message_id=message_id,
                source=self._source,
                number=number,
                kind=one.kind,
                name=one.name[: limits.NAME_CHARS_MAX],
                media_type=one.media_type[: limits.TYPE_CHARS_MAX],
                size=one.size,
                file=one.place.file if one.place else "",
                start=one.place.start if one.place else 0,
                length=one.place.length if one.place else None,
                encoding=one.place.encoding if one.place else "",
            )
            for number, one in enumerate(message.attachments)
        ]

    # What another source told before

    def _merge(self, told: list[tuple[Placed, Candidate]]) -> None:
        """Most tellings are the same: those are noted together."""
        rows = [there.row for _, there in told]
        youngest = {row.pk: self._ages.numbered(row.last_source_id) for row in rows}
        self._note(rows, sorted(pk for pk, last in youngest.items() if self._source.age > last.age))
        for each, (row, held) in told:
            last = youngest[row.pk].digest
            before = Telling(row.kind, row.text, more.decode(row.more), last)
            mine = merging.told(each.message, self._source.digest)
            after = merging.with_another(before, mine, self._ages.of)
            gained = self._gained(each.message, row, held)
            if after != before or gained:
                self._change(row, each, after, gained)

    def _note(self, told: list[MessageRow], younger: list[int]) -> None:
        with connections[INDEX].cursor() as cursor:
            cursor.executemany(_TELL, [(self._number, row.pk) for row in told])
        for at in range(0, len(younger), _AT_ONCE):
            rows = MessageRow.objects.filter(pk__in=younger[at : at + _AT_ONCE])
            rows.update(last_source=self._number)

    def _gained(self, message: Message, row: MessageRow, held: Sizes) -> list[Attachment]:
        """The attachments to be taken from this telling: those whose bytes are not there yet."""
        brings = sizes_of(message).keys() - held.keys()
        if row.has_media and not brings:
            return []
        return [one for one in self._attachments(row.pk, message) if one.number not in held]

    def _change(
        self, row: MessageRow, each: Placed, telling: Telling, gained: list[Attachment]
    ) -> None:
        vault = self._source.vault
        is_sought_otherwise = bool(gained) or (row.kind, row.text) != (telling.kind, telling.text)
        if is_sought_otherwise:
            search.remove(INDEX, search.entries([row], vault))
        row.kind, row.text, row.more = telling.kind, telling.text, more.encode(telling.more)
        if gained:
            row.attachments.filter(file="").delete()
            Attachment.objects.bulk_create(gained)
            each.talk.media += not row.has_media
            row.has_media = True
        row.save(update_fields=["kind", "text", "more", "has_media"])
        if is_sought_otherwise:
            search.add(INDEX, search.entries([row], vault))
