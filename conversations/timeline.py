"""Pages of a conversation by the ids of its messages, each with a fixed number of queries.

A message's id orders by time, so a page is a range of one index whatever the conversation's length.
"""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from django.db.models import QuerySet
from django.db.models.functions import Left

from conversations import digests, numbering
from conversations.clocks import day_begins
from conversations.models import Attachment, Conversation, Message, Participant

PAGE: Final = 60
CONTEXT: Final = 20
"""Messages before the one that an address names."""
EXCERPT_CHARS: Final = 160
_AT: Final = re.compile(r"([0-9a-f]{32})-([0-9]{1,9})")


class Page(NamedTuple):
    """Messages with the earliest first, and whether there are others on either side."""

    messages: Sequence[Message]
    has_older: bool
    has_newer: bool


class Named(NamedTuple):
    """The digest and number by which an address names a message."""

    digest: bytes
    nth: int


def latest(conversation: Conversation) -> Page:
    """The last messages."""
    return _backward(_of(conversation), has_newer=False)


def before(conversation: Conversation, message_id: int) -> Page:
    """The page that ends before this id."""
    has_newer = _of(conversation).filter(pk__gte=message_id).exists()
    return _backward(_of(conversation).filter(pk__lt=message_id), has_newer=has_newer)


def after(conversation: Conversation, message_id: int) -> Page:
    """The page that begins after this id."""
    has_older = _of(conversation).filter(pk__lte=message_id).exists()
    return _forward(_of(conversation).filter(pk__gt=message_id), has_older=has_older)


def around(conversation: Conversation, message: Message) -> Page:
    """The page that has this message, with some before it."""
    earlier = _backward(_of(conversation).filter(pk__lt=message.pk), CONTEXT, has_newer=True)
    later = _forward(_of(conversation).filter(pk__gte=message.pk), PAGE - CONTEXT, has_older=True)
    return Page([*earlier.messages, *later.messages], earlier.has_older, later.has_newer)


def on(conversation: Conversation, day: dt.date, zone: dt.tzinfo) -> Message | None:
    """The first message on this day or after it; None when all are earlier."""
    begins = day_begins(day, conversation.clock, zone)
    first = max(-numbering.TIME_MAX, min(numbering.TIME_MAX, begins))
    of_day = _of(conversation).filter(pk__gte=numbering.first_id(first))
    return of_day.order_by("pk").first()


def at(text: str) -> Named | None:
    """What ``?at=`` names; None for what names nothing."""
    found = _AT.fullmatch(text)
    return Named(bytes.fromhex(found[1]), int(found[2])) if found else None


def named(conversation: Conversation, name: Named) -> Message | None:
    """The message of this name."""
    return _of(conversation).filter(digest=name.digest, nth=name.nth).first()


class Beside(NamedTuple):
    """What belongs to the messages of a page."""

    people: dict[int, Participant]
    attachments: dict[int, list[Attachment]]
    replied: dict[bytes, Message]


def beside(conversation: Conversation, messages: Collection[Message]) -> Beside:
    """All of it, in four queries at most."""
    replied = _replied(conversation, messages)
    senders = {one.sender_id for one in (*messages, *replied.values()) if one.sender_id}
    people = Participant.objects.filter(conversation=conversation).in_bulk(senders)
    return Beside(people, attached(messages), replied)


def attached(messages: Iterable[Message]) -> dict[int, list[Attachment]]:
    """Attachments by the ids of their messages, in their order."""
    found: dict[int, list[Attachment]] = defaultdict(list)
    ids = [message.pk for message in messages if message.has_media]
    for row in Attachment.objects.filter(message__in=ids).order_by("message", "number"):
        found[row.message_id].append(row)
    return found


def with_media(conversation: Conversation, older_than: int | None, count: int) -> list[Message]:
    """The newest messages with attachments, or those before an id; one more tells of others."""
    rows = _of(conversation).filter(has_media=True)
    if older_than is not None:
        rows = rows.filter(pk__lt=older_than)
    return list(rows.order_by("-pk").only("id", "digest", "nth", "has_media")[: count + 1])


def keys_to_names(conversation: Conversation, keys: Collection[str]) -> dict[str, str]:
    """What people with these keys are called."""
    found = Participant.objects.filter(conversation=conversation, key__in=keys)
    return dict(found.values_list("key", "name"))


def _of(conversation: Conversation) -> QuerySet[Message]:
    return Message.objects.filter(conversation=conversation)


def _backward(rows: QuerySet[Message], count: int = PAGE, *, has_newer: bool) -> Page:
    found = list(rows.order_by("-pk")[: count + 1])
    return Page(found[:count][::-1], len(found) > count, has_newer)


def _forward(rows: QuerySet[Message], count: int = PAGE, *, has_older: bool) -> Page:
    found = list(rows.order_by("pk")[: count + 1])
    return Page(found[:count], has_older, has_newer=len(found) > count)


def _replied(conversation: Conversation, messages: Collection[Message]) -> dict[bytes, Message]:
    wanted = {digests.digest_of_native(one.reply_to) for one in messages if one.reply_to}
    rows = _of(conversation).filter(digest__in=wanted, nth=0)
    shown = rows.annotate(excerpt=Left("text", EXCERPT_CHARS)).defer("text", "more")
    return {bytes(one.digest): one for one in shown}
