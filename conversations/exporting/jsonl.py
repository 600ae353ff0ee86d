"""``backupstation.chat/1``: JSON Lines that our own reader reads back to the same messages."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from conversations.events import Clock, ConversationKind, Kind, MediaKind
from conversations.exporting import media
from conversations.models import Attachment, Conversation
from conversations.readers.chat1 import (
    AttachmentLine,
    HeaderLine,
    MessageLine,
    PersonLine,
    ReactionLine,
)
from conversations.transcript import Said, Span, said

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def lines(conversation: Conversation, span: Span, *, media_too: bool) -> Iterator[bytes]:
    """The header and one line for each message, in order.

    With ``media_too`` attachments name their paths in the archive of :mod:`.media`.
    """
    yield _line(_header(conversation))
    is_wall = conversation.clock == Clock.WALL
    for each in said(conversation, span):
        yield _line(_message(each, media_too=media_too, is_wall=is_wall))


def _line(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def _header(conversation: Conversation) -> HeaderLine:
    return HeaderLine(
        key=conversation.key,
        title=conversation.title,
        kind=ConversationKind(conversation.kind),
        clock=Clock(conversation.clock),
        people=[
            PersonLine(person.key, person.name, person.is_self)
            for person in conversation.people.order_by("number")
        ],
        app=conversation.app,
    )


def _message(each: Said, *, media_too: bool, is_wall: bool) -> MessageLine:
    message, more = each.message, each.more
    return MessageLine(
        kind=Kind(message.kind),
        time=_told(each.time, is_wall=is_wall),
        sender=each.sender.key if each.sender else None,
        text=message.text,
        id=message.native_id,
        reply_to=message.reply_to,
        attachments=[_attachment(one, media_too=media_too) for one in each.attachments],
        reactions=[ReactionLine(one.emoji, list(one.by), one.count) for one in more.reactions],
        edited=_edited(more.edited, is_wall=is_wall),
        forwarded_from=more.forwarded_from,
        earlier=list(more.earlier),
        deleted=more.deleted,
    )


def _edited(milliseconds: int | None, *, is_wall: bool) -> datetime | bool | None:
    """When it was; True when only that it was is known, or no calendar has that time."""
    if not milliseconds:
        return None if milliseconds is None else True
    try:
        return _told(_EPOCH + timedelta(milliseconds=milliseconds), is_wall=is_wall)
    except OverflowError:
        return True


def _told(moment: datetime | None, *, is_wall: bool) -> datetime | None:
    """A wall clock's time has no zone."""
    return moment.replace(tzinfo=None) if moment and is_wall else moment


def _attachment(attachment: Attachment, *, media_too: bool) -> AttachmentLine:
    return AttachmentLine(
        kind=MediaKind(attachment.kind),
        name=attachment.name,
        media_type=attachment.media_type,
        size=attachment.size,
        path=media.path_of(attachment) if media_too else "",
    )
