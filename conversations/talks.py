"""The conversations of one source while it is written, and who takes part in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils import timezone
from msgspec.structs import replace

from conversations import clocks, digests, limits, numbering
from conversations.events import (
    Clock,
    Conversation,
    DateOrder,
    Dates,
    Event,
    Kind,
    Message,
    Person,
)
from conversations.models import Conversation as ConversationRow
from conversations.models import ConversationSource, Participant, SourceRow


@dataclass
class Talk:
    """A conversation while a source is written: its rows, and what this batch adds to them.

    Of what exports tell differently, that of the youngest one counts: ``is_youngest``. ``clock`` is
    the one that this source has its times of.
    """

    row: ConversationRow
    number: int
    link: ConversationSource
    people: dict[str, int]
    is_youngest: bool
    clock: Clock
    time: int = 0
    added: list[int] = field(default_factory=list)
    media: int = 0

    def timed(self, message: Message) -> Message:
        """The message with its times by the conversation's clock, which another source may have."""
        if self.clock == self.row.clock:
            return message
        return replace(
            message,
            time=None if message.time is None else self._by_its_clock(message.time),
            edited=self._by_its_clock(message.edited) if message.edited else message.edited,
        )

    def _by_its_clock(self, ms: int) -> int:
        zone = timezone.get_default_timezone()
        return clocks.by_another(ms, self.clock, self.row.clock, zone)

    def pass_time(self, message: Message) -> int:
        """The message's time in milliseconds; that of the one before when it has none."""
        if message.time is not None:
            self.time = max(-numbering.TIME_MAX, min(message.time, numbering.TIME_MAX))
        return self.time

    def count(self, message: Message) -> None:
        """What this source says, whether another one said it before or not."""
        if message.kind is Kind.SYSTEM:
            self.link.system += 1
        else:
            self.link.messages += 1
        self.link.continuations += message.span - 1
        if message.attachments:
            self.link.media += len(message.attachments)
            self.link.media_missing += sum(one.place is None for one in message.attachments)

    def settle(self) -> None:
        """Write what a batch added."""
        self.link.save()
        if not self.added and not self.media:
            return
        row, ids = self.row, self.added
        row.messages += len(ids)
        row.media += self.media
        known = [each for each in (row.first, row.last) if each is not None]
        row.first, row.last = min(known + ids), max(known + ids)
        row.save(update_fields=["messages", "media", "first", "last"])
        self.added, self.media = [], 0


class Talks:
    """Those of one source, by their keys; ``orders`` are the date orders that were chosen."""

    def __init__(self, source: SourceRow, orders: Mapping[str, DateOrder]) -> None:
        self._source = source
        self._orders = orders
        self._open: dict[str, Talk] = {}
        self._touched: dict[str, Talk] = {}

    def __getitem__(self, key: str) -> Talk:
        """The one with this key; one that was not announced is called so."""
        if key not in self._open:
            self._open[key] = self._opened(Conversation(key, key))
        self._touched[key] = self._open[key]
        return self._open[key]

    def known(self, key: str) -> Talk | None:
        """The one with this key, if it was announced or something was said in it."""
        return self[key] if key in self._open else None

    def settle(self) -> None:
        """Write what a batch added to those that it was about: an export may have thousands."""
        for talk in self._touched.values():
            talk.settle()
        self._touched.clear()

    def announce(self, event: Event) -> None:
        """Take up a conversation, a person, or how its dates were understood."""
        match event:
            case Conversation(key=key) if key not in self._open:
                self._open[key] = self._opened(event)
            case Person(conversation=key):
                self._meet(self[key], event)
            case Dates(conversation=key, order=order, is_sure=is_sure):
                talk = self[key]
                if talk.is_youngest or not talk.row.date_order:
                    talk.row.date_order, talk.row.is_date_order_sure = order, is_sure
                    talk.row.save(update_fields=["date_order", "is_date_order_sure"])

    def sender(self, talk: Talk, key: str | None) -> int | None:
        """The participant with this key, who is met now at the latest; None for nobody."""
        if key is None:
            return None
        return talk.people.get(key) or self._meet(talk, Person(talk.row.key, key, ""))

    def _opened(self, said: Conversation) -> Talk:
        vault, app = self._source.vault, self._source.app
        title, key = said.title[: limits.TITLE_CHARS_MAX], said.key[: limits.TITLE_CHARS_MAX]
        row, made = ConversationRow.objects.get_or_create(
            slug=digests.slug_of(vault, app, said.key),
            defaults={
                "vault": vault,
                "app": app,
                "key": said.key,
                "title": title or key,
                "kind": said.kind,
                "clock": said.clock,
            },
        )
        is_youngest = made or self._is_youngest(row)
        if not made and title not in ("", key) and (is_youngest or row.title == key):
            row.title, row.kind = title, said.kind
            row.save(update_fields=["title", "kind"])
        link, _ = ConversationSource.objects.get_or_create(
            conversation=row,
            source=self._source,
            defaults={"chosen_order": self._orders.get(said.key, "")},
        )
        people = dict(row.people.values_list("key", "pk"))
        return Talk(row, row.pk, link, people, is_youngest, said.clock)

    def _is_youngest(self, row: ConversationRow) -> bool:
        others = SourceRow.objects.filter(conversation_links__conversation=row)
        others = others.filter(kept_at__gte=self._source.kept_at).exclude(pk=self._source.pk)
        return all(self._source.age > other.age for other in others)

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
        elif said.name not in ("", said.key):  # an export without names takes none away
            people = Participant.objects.filter(pk=talk.people[said.key])
            if said.is_self:
                people.update(is_self=True)
            if not talk.is_youngest:
                people = people.filter(name=said.key[: limits.NAME_CHARS_MAX])
            people.update(name=name)
        return talk.people[said.key]
