r"""``backupstation.chat/1``: our own JSON Lines, which exports are written in and apps may send.

The first line announces a conversation, as does each further line with a ``format``; every line
after it is one message. docs/conversations.md describes it for whoever writes it::

    {"format":"backupstation.chat/1","key":"c1","title":"Us","kind":"direct","clock":"utc",
     "people":[{"key":"a","name":"Alice","is_self":true}]}
    {"time":"2024-01-05T14:56:01.000Z","sender":"a","kind":"text","text":"Hello","id":"1"}
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Final

import msgspec

from conversations.events import (
    Attachment,
    Clock,
    Continuation,
    Conversation,
    ConversationKind,
    Event,
    Kind,
    MediaKind,
    Message,
    Person,
    Reaction,
    ReadWarning,
)
from conversations.readers._base import Confidence, FileByFile, begins_json
from conversations.source import Line, Source

FORMAT: Final = "backupstation.chat/1"
_NAMES_FORMAT: Final = re.compile(r'"format"\s*:')
_NAMED_WITHIN_CHARS: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""Bytes or people, as far as every JSON parser counts exactly."""


class PersonLine(msgspec.Struct, omit_defaults=True):
    """Who takes part."""

    key: str
    name: str = ""
    is_self: bool = False


class HeaderLine(msgspec.Struct, omit_defaults=True, tag_field="format", tag=FORMAT):
    """Announces the conversation of the lines that follow."""

    key: str
    title: str
    kind: ConversationKind = ConversationKind.UNKNOWN
    clock: Clock = Clock.UTC
    people: list[PersonLine] = []
    app: str = ""  # where the conversation came from, when it was exported from here


class AttachmentLine(msgspec.Struct, omit_defaults=True):
    """A file; ``path`` is relative to the JSON Lines file, "" when it was left out."""

    kind: MediaKind
    name: str = ""
    media_type: str = ""
    size: Count | None = None
    path: str = ""


class ReactionLine(msgspec.Struct, omit_defaults=True):
    """One emoji of some people."""

    emoji: str
    by: list[str] = []
    count: Count = 1


class MessageLine(msgspec.Struct, omit_defaults=True):
    """One message. ``time`` is RFC 3339, without a zone when the clock is a wall clock."""

    kind: Kind
    time: datetime | None = None
    sender: str | None = None
    text: str = ""
    id: str = ""
    reply_to: str = ""
    attachments: list[AttachmentLine] = []
    reactions: list[ReactionLine] = []
    edited: datetime | bool | None = None
    forwarded_from: str = ""
    earlier: list[str] = []
    deleted: bool = False  # later: the text is what was there


_header: Final = msgspec.json.Decoder(HeaderLine)
_message: Final = msgspec.json.Decoder(MessageLine)


class Chat1(FileByFile):
    """Reads ``backupstation.chat/1``."""

    app: ClassVar[str] = "chat1"
    title: ClassVar[str] = "Backup Station JSON Lines"
    version: ClassVar[int] = 4

    def sniff(self, name: str, head: bytes) -> Confidence:  # noqa: ARG002 - one rule is enough
        """The format is named in the first line."""
        first = head.split(b"\n", 1)[0]
        is_named = b'"format"' in first and FORMAT.encode() in first
        return 1.0 if is_named and begins_json(first) else 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """Headers and messages, line by line."""
        header: HeaderLine | None = None
        for line in source.lines():
            if not line.text.strip():
                yield Continuation(1)
                continue
            is_header = header is None or _NAMES_FORMAT.search(line.text[:_NAMED_WITHIN_CHARS])
            try:
                if header is None or is_header:
                    # When it is none, what follows is of no conversation that is known.
                    header = None
                    header = _header.decode(line.text)
                    yield from _announced(header)
                else:
                    yield _said(source, header, line)
            except (msgspec.DecodeError, RecursionError) as error:
                key = header.key if header else ""
                yield ReadWarning("not-a-record", 0, line.number, str(error), 1, key)


def _announced(header: HeaderLine) -> Iterator[Event]:
    yield Conversation(header.key, header.title, header.kind, header.clock)
    for person in header.people:
        yield Person(header.key, person.key, person.name or person.key, person.is_self)
    yield Continuation(1, header.key)


def _said(source: Source, header: HeaderLine, line: Line) -> Message:
    said = _message.decode(line.text)
    return Message(
        conversation=header.key,
        time=_milliseconds(said.time),
        sender=said.sender,
        kind=said.kind,
        text=said.text,
        file=0,
        line=line.number,
        id=said.id,
        reply_to=said.reply_to,
        attachments=tuple(_attachment(source, each) for each in said.attachments),
        reactions=tuple(
            Reaction(each.emoji, tuple(each.by), each.count) for each in said.reactions
        ),
        edited=_edited(said.edited),
        forwarded_from=said.forwarded_from,
        earlier=tuple(said.earlier),
        deleted=said.deleted,
    )


def _attachment(source: Source, said: AttachmentLine) -> Attachment:
    found = source.attachment(said.kind, said.path, said.media_type)
    size = said.size if found.size is None else found.size
    return msgspec.structs.replace(found, name=said.name or found.name, size=size)


def _edited(said: datetime | bool | None) -> int | None:
    if isinstance(said, datetime):
        return _milliseconds(said)
    return 0 if said else None


def _milliseconds(moment: datetime | None) -> int | None:
    """A time without a zone is one of a wall clock, and counts as if it were UTC."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND
