"""Which messages another source told already, and which of equal ones is meant.

Messages of one digest are mostly the same message in several exports. Media without an id of its
app is named by time and sender alone, though: what tells two photos of one moment apart is then
their sizes, or their captions.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar

from django.db import connections
from django.db.models import Exists, Min, OuterRef, QuerySet

from conversations import digests
from conversations.databases import INDEX
from conversations.events import Message
from conversations.models import Attachment
from conversations.models import Message as MessageRow
from conversations.models import Told as ToldRow

_COUNTS: Final = (
    "SELECT digest, max(nth) + 1 FROM conversations_message"
    " WHERE conversation_id = %s AND digest IN ({}) GROUP BY digest"
)
_FEW: Final = 16  # equal messages: those are looked at together with others
_CHOICE: Final = 200  # that one of media is sought among
_AT_ONCE: Final = 400  # digests or ids in one query
_Each = TypeVar("_Each")
Name = tuple[int, bytes]
"""A conversation, and a digest in it."""
Sizes = Mapping[int, int | None]
"""Bytes of the attachments that are there, by their numbers; None where that is not known."""


class Candidate(NamedTuple):
    """A message that another source told, and this one has not told yet."""

    row: MessageRow
    held: Sizes


@dataclass
class Equal:
    """How many messages of one digest are there, and which of them this source may mean.

    Those are the first that it has not told, in their order.
    """

    count: int = 0
    candidates: list[Candidate] = field(default_factory=list)

    def take(self, message: Message) -> Candidate | None:
        """The one that this is, if it is any; each is given once."""
        at = self._place_of(message)
        return None if at is None else self.candidates.pop(at)

    def _place_of(self, message: Message) -> int | None:
        if message.id or not message.attachments:
            return 0 if self.candidates else None  # the digest has told them apart
        sizes = sizes_of(message)
        enough = _Likeness.WHOLE if sizes else _Likeness.TEXT
        best, chosen = _Likeness.NONE, None
        for at, candidate in enumerate(self.candidates):
            likeness = _likeness(candidate, message.text, sizes)
            if likeness > best:
                best, chosen = likeness, at
            if best >= enough:
                break
        return chosen


class _Likeness(IntEnum):
    NONE = 0
    MAYBE = 1  # nothing speaks against it: captions and files are where the other has none
    TEXT = 2
    BYTES = 3
    WHOLE = 4


def _likeness(candidate: Candidate, text: str, sizes: Sizes) -> _Likeness:
    is_same_text = candidate.row.text == text
    match _are_same_bytes(candidate.held, sizes):
        case True:
            return _Likeness.WHOLE if is_same_text else _Likeness.BYTES
        case None if is_same_text:
            return _Likeness.TEXT
        case None if not text or not candidate.row.text:
            return _Likeness.MAYBE
    return _Likeness.NONE


def sizes_of(message: Message) -> Sizes:
    """Those of a message that is being read."""
    attached = enumerate(message.attachments)
    return {number: one.size for number, one in attached if one.place is not None}


def _are_same_bytes(one: Sizes, other: Sizes) -> bool | None:
    """Whether they can be the same files; None when neither has what the other one has."""
    known = [number for number in one if None not in (one[number], other.get(number))]
    return all(one[number] == other[number] for number in known) if known else None


class Known:
    """Finds what is there already of the messages that one source tells."""

    def __init__(self, source_id: int) -> None:
        self._source_id = source_id
        self._told: dict[Name, int] = {}
        """Of digests that very many messages have, how many of them this source has told."""

    def among(self, named: Sequence[tuple[Name, Message]]) -> dict[Name, Equal]:
        """What is there by the names of a batch; all of the batch is to be taken out of it."""
        wanted = Counter(name for name, _ in named)
        found: dict[Name, Equal] = defaultdict(Equal)
        few: dict[int, list[bytes]] = defaultdict(list)
        for (conversation, digest), count in _counts(wanted):
            found[conversation, digest].count = count
            if count <= _FEW:
                few[conversation].append(digest)
        for conversation, its in few.items():
            for some in _parts(its):
                self._add(found, self._untold(conversation).filter(digest__in=some))
        for name, message in dict(named).items():
            if found[name].count > _FEW:
                pick = self._next_of if digests.is_exact(message) else self._some_of
                self._add(found, pick(name, wanted[name]))
        return found

    def _untold(self, conversation: int) -> QuerySet[MessageRow]:
        told = ToldRow.objects.filter(source=self._source_id, message=OuterRef("pk"))
        rows = MessageRow.objects.filter(conversation=conversation)
        return rows.exclude(source=self._source_id).filter(~Exists(told))

    def _next_of(self, name: Name, wanted: int) -> Iterable[MessageRow]:
        """Of exact digests: a source tells those that are there from the first on."""
        conversation, digest = name
        if name not in self._told:
            untold = self._untold(conversation).filter(digest=digest).aggregate(first=Min("nth"))
            rows = MessageRow.objects.filter(conversation=conversation, digest=digest)
            first = untold["first"]
            self._told[name] = rows.count() if first is None else first
        told = self._told[name]
        self._told[name] += wanted
        return MessageRow.objects.filter(
            conversation=conversation, digest=digest, nth__range=(told, told + wanted - 1)
        )

    def _some_of(self, name: Name, wanted: int) -> Iterable[MessageRow]:
        """Of media: enough to choose from."""
        conversation, digest = name
        rows = self._untold(conversation).filter(digest=digest).order_by("nth")
        return rows[: _CHOICE + wanted]

    def _add(self, found: dict[Name, Equal], rows: Iterable[MessageRow]) -> None:
        rows = sorted(rows, key=attrgetter("nth"))
        held = _held_by([row.pk for row in rows if row.has_media])
        for row in rows:
            name = row.conversation_id, bytes(row.digest)
            found[name].candidates.append(Candidate(row, held[row.pk]))


def _counts(named: Iterable[Name]) -> Iterator[tuple[Name, int]]:
    """How many there are of those that are there. Most are new: the index alone is asked."""
    digests_of: dict[int, list[bytes]] = defaultdict(list)
    for conversation, digest in named:
        digests_of[conversation].append(digest)
    with connections[INDEX].cursor() as cursor:
        for conversation, digests_here in digests_of.items():
            for some in _parts(sorted(digests_here)):
                query = _COUNTS.format(", ".join(["%s"] * len(some)))
                cursor.execute(query, [conversation, *some])
                for digest, count in cursor.fetchall():
                    yield (conversation, bytes(digest)), count


def _held_by(ids: list[int]) -> dict[int, dict[int, int | None]]:
    """By message, the attachments whose bytes are there."""
    found: dict[int, dict[int, int | None]] = defaultdict(dict)
    for some in _parts(ids):
        rows = Attachment.objects.filter(message__in=some).exclude(file="")
        for message_id, number, size in rows.values_list("message_id", "number", "size"):
            found[message_id][number] = size
    return found


def _parts(everything: Sequence[_Each]) -> Iterable[Sequence[_Each]]:
    return (everything[at : at + _AT_ONCE] for at in range(0, len(everything), _AT_ONCE))
