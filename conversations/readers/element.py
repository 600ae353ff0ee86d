"""Element's JSON export of a Matrix room: raw events, decrypted where the exporter could.

Edits, reactions and redactions are events of their own; they are merged into the messages that they
are about (:mod:`conversations.readers._element_relations`), wherever those stand.
"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final

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
    ReadWarning,
)
from conversations.pulling import BadRecords
from conversations.readers import _element_state as state
from conversations.readers._base import Confidence, FileByFile, begins_json
from conversations.readers._element_media import Files
from conversations.readers._element_relations import Relations, relation
from conversations.readers._values import (
    NO_MESSAGES,
    People,
    broken,
    called_after,
    head_of,
    name_of,
    number_of,
    object_of,
    objects_of,
    text_of,
    unreadable,
    untitled,
    whole,
)
from conversations.source import Record, Source

_HEAD: Final = frozenset({"room_name", "exported_by"})
_SIGNS: Final = (b'"room_name"', b'"room_creator"', b'"export_date"', b'"exported_by"')
_MEDIA: Final = {
    "m.audio": MediaKind.AUDIO,
    "m.file": None,  # by its media type
    "m.image": MediaKind.IMAGE,
    "m.video": MediaKind.VIDEO,
}
_POLLS: Final = frozenset({"m.poll.start", "org.matrix.msc3381.poll.start"})
_POLL_PARTS: Final = frozenset(
    f"{space}.{part}"
    for space in ("m.poll", "org.matrix.msc3381.poll")
    for part in ("response", "end")
)
_PARTS: Final = frozenset({"m.reaction", "m.room.redaction", "m.call.candidates", *_POLL_PARTS})
_QUOTE: Final = re.compile(r"\A(?:> [^\n]*(?:\n|\Z)|>\n)++\n?")


class Element(FileByFile):
    """Reads Element's JSON."""

    app: ClassVar[str] = "element"
    title: ClassVar[str] = "Element"
    version: ClassVar[int] = 3

    def sniff(self, name: str, head: bytes) -> Confidence:  # noqa: ARG002 - it may be renamed
        """It begins with the room, and with who exported it and when."""
        is_signed = sum(sign in head for sign in _SIGNS) >= 2
        return 0.9 if is_signed and begins_json(head) else 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """The room's messages, each with what other events say about it."""
        room = _Room(source)
        yield room.announced()
        try:
            with source.pulled() as json:
                for key in json.members():
                    if key == "messages":
                        for record in source.elements(json):
                            yield from room.events(record)
        except (BadRecords, OSError) as error:
            yield broken(error, room.key)
            yield from room.rest()
            return
        yield from room.rest()
        if not source.seen:
            yield ReadWarning("no-messages", detail=NO_MESSAGES, conversation=room.key)


def _relations(source: Source) -> Relations:
    """The first pass; nothing is counted."""
    found = Relations()
    try:
        with source.pulled() as json:
            for key in json.members():
                if key == "messages":
                    for _ in json.elements():
                        found.add(object_of(json.value()))
    except (BadRecords, OSError):
        pass  # told by the second pass
    return found


class _Room:
    """One room while its events are read for the second time."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._head = head_of(source, 0, _HEAD, len(_HEAD))
        self._relations = _relations(source)
        self._title = name_of(self._head.get("room_name"))
        self.key = self._relations.room or (
            f"name:{self._title}" if self._title else f"file:{source.files[0]}"
        )
        self._self = name_of(self._head.get("exported_by"))
        self._people = People(self.key)
        self._files = Files(source)
        self._originals: dict[str, str] = {}  # of edits that were kept: their senders
        self._waiting: list[tuple[str, Message]] = []  # edits whose original has not come yet

    def announced(self) -> Conversation:
        kind = ConversationKind.UNKNOWN
        if self._relations.is_direct:
            kind = ConversationKind.DIRECT
        elif len(self._relations.senders) > 2:
            kind = ConversationKind.GROUP
        title = self._title or called_after(self._others()) or untitled(self._source)
        return Conversation(self.key, title, kind, Clock.UTC)

    def _others(self) -> list[str]:
        """Who talks in a room, without the owner."""
        names = self._relations.names
        called = ((each, names.get(each, each)) for each in sorted(self._relations.senders))
        return [name for key, name in called if self._self not in (key, name)]

    def events(self, record: Record) -> Iterator[Event]:
        """What one event is."""
        value = record.value
        if not isinstance(value, dict):
            yield unreadable(record, self.key)
            return
        kind, content = name_of(value.get("type")), object_of(value.get("content"))
        if kind in _PARTS:
            yield Continuation(1, self.key)
            return
        sender = name_of(value.get("sender"))
        if sender:
            yield from self._met(sender)
        message = self._message(record, kind, content, sender)
        target = relation(content, "m.replace")
        if not target or not self._relations.has_edit(message.id):
            yield from whole(self._completed(message))
        elif self._originals.get(target) == sender:
            yield Continuation(1, self.key)
        else:
            self._waiting.append((target, message))

    def rest(self) -> Iterator[Event]:
        """Edits whose original stood after them, or is not in the export: those are messages."""
        for target, message in self._waiting:
            is_merged = self._originals.get(target) == message.sender
            yield Continuation(1, self.key) if is_merged else message
        if left_out := self._relations.left_out:
            detail = f"{left_out} edits, reactions or redactions"
            yield ReadWarning("relations-not-merged", detail=detail, conversation=self.key)

    def _met(self, key: str) -> Iterator[Event]:
        name = self._relations.names.get(key, key)
        yield from self._people.met(
            key, name, is_self=bool(self._self) and self._self in (key, name)
        )

    def _message(self, record: Record, kind: str, content: dict[str, Any], sender: str) -> Message:
        event = record.value
        time = number_of(event.get("origin_server_ts"))
        shown = object_of(content.get("m.new_content")) or content
        what, text, attached = self._content(event, kind, shown, time)
        key = name_of(event.get("event_id"))
        return Message(
            conversation=self.key,
            time=time,
            sender=None if what is Kind.SYSTEM else sender or None,
            kind=what,
            text=_unquoted(text, content),
            file=0,
            line=record.number,
            id=key,
            reply_to=_reply(content),
            attachments=attached,
            edited=0 if relation(content, "m.replace") else None,
        )

    def _completed(self, message: Message) -> Message:
        """With the edits and reactions that stand elsewhere."""
        if message.kind in (Kind.SYSTEM, Kind.DELETED) or not message.id:
            return message
        edits = self._relations.take_edits(message.id, message.sender or "")
        reactions = self._relations.take_reactions(message.id)
        if not edits and not reactions:
            return message
        fields: dict[str, Any] = {"reactions": reactions}
        if edits:
            self._originals[message.id] = message.sender or ""
            earlier = (message.text, *(edit.text for edit in edits[:-1]))
            fields |= {"text": edits[-1].text, "earlier": earlier, "edited": edits[-1].time or 0}
        return msgspec.structs.replace(message, **fields)

    def _content(
        self, event: dict[str, Any], kind: str, content: dict[str, Any], time: int | None
    ) -> tuple[Kind, str, tuple[Attachment, ...]]:
        key = name_of(event.get("event_id"))
        is_said = kind in {"m.room.message", "m.sticker", "m.room.encrypted"} or kind in _POLLS
        if is_said and (_is_redacted(event, content) or self._relations.is_redacted(key)):
            return Kind.DELETED, "", ()
        if kind == "m.room.encrypted" or content.get("msgtype") == "m.bad.encrypted":
            return Kind.UNREADABLE, "Could not be decrypted when it was exported", ()
        if kind in _POLLS:
            return Kind.POLL, _poll(content), ()
        if kind == "m.sticker":
            return Kind.MEDIA, "", (self._files.attachment(MediaKind.STICKER, content, time),)
        if kind == "m.call.invite":
            return Kind.CALL, "Call", ()
        if kind == "m.room.message":
            return self._said(content, time, name_of(event.get("sender")))
        sender = name_of(event.get("sender"))
        who = name_of(event.get("state_key")) or sender
        names = self._relations.names
        return Kind.SYSTEM, state.told(event, names.get(sender, sender), names.get(who, who)), ()

    def _said(
        self, content: dict[str, Any], time: int | None, sender: str
    ) -> tuple[Kind, str, tuple[Attachment, ...]]:
        what, body = name_of(content.get("msgtype")), text_of(content.get("body"))
        if what in _MEDIA:
            is_caption = body != text_of(content.get("filename")) and "filename" in content
            attached = self._files.attachment(_MEDIA[what], content, time)
            return Kind.MEDIA, body if is_caption else "", (attached,)
        if what == "m.location":
            place = text_of(content.get("geo_uri"))
            return Kind.LOCATION, "\n".join(filter(None, (body, place))), ()
        if what == "m.emote":
            return Kind.TEXT, f"* {self._people.name(sender)} {body}", ()
        return Kind.TEXT, body, ()


def _is_redacted(event: dict[str, Any], content: dict[str, Any]) -> bool:
    """The server emptied it before the export."""
    return not content or "redacted_because" in object_of(event.get("unsigned"))


def _reply(content: dict[str, Any]) -> str:
    """What it answers; in a thread where nothing is answered, the thread's root."""
    relates = object_of(content.get("m.relates_to"))
    answered = name_of(object_of(relates.get("m.in_reply_to")).get("event_id"))
    root = relation(content, "m.thread")
    return root if root and relates.get("is_falling_back") is True else answered or root


def _unquoted(text: str, content: dict[str, Any]) -> str:
    """Without the quotation that old clients put before a reply."""
    relates = object_of(content.get("m.relates_to"))
    return _QUOTE.sub("", text, count=1) if "m.in_reply_to" in relates else text


def _poll(content: dict[str, Any]) -> str:
    poll = object_of(content.get("org.matrix.msc3381.poll.start", content.get("m.poll")))
    answers = (f"• {_plain(answer)}" for answer in objects_of(poll.get("answers")))
    return "\n".join((_plain(object_of(poll.get("question"))), *answers))


def _plain(block: dict[str, Any]) -> str:
    """Words under the name that they have in a released or a proposed specification."""
    for key in ("org.matrix.msc1767.text", "m.text", "body"):
        found = block.get(key)
        if isinstance(found, list):
            found = next((each.get("body") for each in objects_of(found)), "")
        if text := text_of(found):
            return text
    return ""
