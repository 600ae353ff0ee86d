"""A conversation from its first message to its last, for whoever writes all of it down."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import QuerySet

from conversations import more, numbering, timeline
from conversations.models import Attachment, Conversation, Message, Participant
from conversations.more import More

_BATCH: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Said(NamedTuple):
    """One message with all that belongs to it."""

    message: Message
    time: datetime | None
    sender: Participant | None
    attachments: Sequence[Attachment]
    more: More


class Span(NamedTuple):
    """Messages from id ``first`` up to and including ``last``; None is the very first or last.

    ``messages`` is how many they are: what was written down of fewer is not whole.
    """

    first: int | None
    last: int | None
    messages: int


class Changed(Exception):
    """Messages were taken out while they were written down: it has to be begun again."""


def span_of(conversation: Conversation, first: int | None, last: int | None) -> Span:
    """These messages, counted now."""
    return Span(first, last, _within(conversation, first, last).count())


def said(conversation: Conversation, span: Span) -> Iterator[Said]:
    """As :func:`batches`, one by one, with a fixed number of queries for a thousand of them."""
    people = {person.pk: person for person in conversation.people.all()}
    for batch in batches(conversation, span):
        attached = timeline.attached(batch)
        for message in batch:
            yield Said(
                message,
                time_of(message.pk) if message.is_timed else None,
                people.get(message.sender_id or 0),
                attached.get(message.pk, ()),
                more.decode(message.more),
            )


def batches(conversation: Conversation, span: Span) -> Iterator[list[Message]]:
    """Its messages in order, some in a list; those that are read meanwhile are among them.

    Raises :class:`Changed` at the end when they have become fewer: a conversation that is read anew
    is emptied first.
    """
    first, given = span.first, 0
    while batch := list(_within(conversation, first, span.last).order_by("pk")[:_BATCH]):
        yield batch
        first, given = batch[-1].pk + 1, given + len(batch)
    if given < span.messages:
        raise Changed(f"{given} messages where {span.messages} were")


def time_of(message_id: int) -> datetime:
    """The time in a message's id; of a wall clock as if it were UTC."""
    return _EPOCH + timedelta(milliseconds=numbering.time_of(message_id))


def _within(conversation: Conversation, first: int | None, last: int | None) -> QuerySet[Message]:
    messages = Message.objects.filter(conversation=conversation)
    if first is not None:
        messages = messages.filter(pk__gte=first)
    if last is not None:
        messages = messages.filter(pk__lte=last)
    return messages
