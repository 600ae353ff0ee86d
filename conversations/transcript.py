"""A conversation from its first message to its last, for whoever writes all of it down."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

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
    """Messages from id ``first`` up to and including ``last``; None is the very first or last."""

    first: int | None = None
    last: int | None = None


WHOLE: Final = Span()


def said(conversation: Conversation, span: Span = WHOLE) -> Iterator[Said]:
    """Its messages in order, with a fixed number of queries for a thousand of them."""
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


def batches(conversation: Conversation, span: Span = WHOLE) -> Iterator[list[Message]]:
    """Its messages in order, some in a list."""
    after = None if span.first is None else span.first - 1
    while batch := _batch(conversation, after, span.last):
        yield batch
        after = batch[-1].pk


def time_of(message_id: int) -> datetime:
    """The time in a message's id; of a wall clock as if it were UTC."""
    return _EPOCH + timedelta(milliseconds=numbering.time_of(message_id))


def _batch(conversation: Conversation, after: int | None, last: int | None) -> list[Message]:
    messages = Message.objects.filter(conversation=conversation)
    if after is not None:
        messages = messages.filter(pk__gt=after)
    if last is not None:
        messages = messages.filter(pk__lte=last)
    return list(messages.order_by("pk")[:_BATCH])
