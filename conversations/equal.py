"""Which messages another source told already, and which of equal ones is meant.

Messages of one digest are mostly the same message in several exports. Media without an id of its
app is named by time and sender alone, though: what tells two photos of one moment apart is then
their sizes, or their captions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from operator import attrgetter
from typing import Final, NamedTuple, TypeVar

from django.db import connections

from conversations.databases import INDEX
from conversations.events import Message
from conversations.models import Attachment
from conversations.models import Message as MessageRow

_BY_DIGEST: Final = "SELECT id FROM conversations_message WHERE conversation_id = %s AND digest IN"
_AT_ONCE: Final = 400  # digests or ids in one query
_Each = TypeVar("_Each")
Sizes = Mapping[int, int | None]
"""Bytes of the attachments that are there, by their numbers; None where that is not known."""


class Told(NamedTuple):
    """A message that another source told."""

    row: MessageRow
    held: Sizes


@dataclass
class Equal:
    """How many messages of one digest are there, and those that this source has not told yet."""

    count: int = 0
    told: list[Told] = field(default_factory=list)

    def take(self, message: Message) -> Told | None:
        """The one that this is, if it is any; each is given once."""
        at = self._place_of(message)
        return None if at is None else self.told.pop(at)

    def _place_of(self, message: Message) -> int | None:
        if message.id or not message.attachments:
            return 0 if self.told else None  # the digest has told them apart
        sizes = sizes_of(message)
        enough = _Likeness.WHOLE if sizes else _Likeness.TEXT
        best, chosen = _Likeness.NONE, None
        for at, told in enumerate(self.told):
            likeness = _likeness(told, message.text, sizes)
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


def _likeness(told: Told, text: str, sizes: Sizes) -> _Likeness:
    is_same_text = told.row.text == text
    match _are_same_bytes(told.held, sizes):
        case True:
            return _Likeness.WHOLE if is_same_text else _Likeness.BYTES
        case None if is_same_text:
            return _Likeness.TEXT
        case None if not text or not told.row.text:
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


def known(named: Iterable[tuple[int, bytes]], source_id: int) -> dict[tuple[int, bytes], Equal]:
    """By conversation and digest, the messages that are there."""
    wanted: dict[int, set[bytes]] = defaultdict(set)
    for conversation, digest in named:
        wanted[conversation].add(digest)
    found: dict[tuple[int, bytes], Equal] = defaultdict(Equal)
    for conversation, digests in wanted.items():
        rows = _rows_of(_ids_of(conversation, sorted(digests)))
        held = _held_by([row.pk for row in rows if row.has_media])
        for row in rows:
            equal = found[conversation, bytes(row.digest)]
            equal.count += 1
            if source_id not in (row.source_id, row.last_source_id):
                equal.told.append(Told(row, held[row.pk]))
    return found


def _rows_of(ids: list[int]) -> list[MessageRow]:
    """These messages, the first of equal ones first; there may be more than one query can name."""
    rows: list[MessageRow] = []
    for some in _parts(ids):
        rows += MessageRow.objects.filter(pk__in=some)
    return sorted(rows, key=attrgetter("nth"))


def _ids_of(conversation: int, named: list[bytes]) -> list[int]:
    """The messages of these digests. Most are new, so this is asked of the index alone."""
    ids: list[int] = []
    with connections[INDEX].cursor() as cursor:
        for some in _parts(named):
            query = f"{_BY_DIGEST} ({', '.join(['%s'] * len(some))})"
            cursor.execute(query, [conversation, *some])
            ids += [row[0] for row in cursor.fetchall()]
    return ids


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
