"""Telegram Desktop's JSON: ``result.json`` of one chat or of a whole account.

One chat is ``{name, type, id, messages}``; an account's chats are in ``{chats: {list}}`` and
``{left_chats: {list}}``; a bare list of either is read as well. Times are ``date_unixtime`` where
the export has it (since 2021), else ``date``, a wall clock's.
"""

import re
from collections.abc import Iterator
from typing import Any, ClassVar, Final

from conversations.events import (
    Clock,
    Conversation,
    ConversationKind,
    Event,
    Kind,
    Message,
    ReadWarning,
)
from conversations.pulling import BadRecords, Json
from conversations.readers import _telegram_actions as actions
from conversations.readers import _telegram_heads as heads
from conversations.readers import _telegram_message as message
from conversations.readers._base import Confidence, FileByFile, begins_json
from conversations.readers._values import (
    People,
    broken,
    moment_of,
    name_of,
    number_of,
    object_of,
    unreadable,
    whole,
)
from conversations.source import Record, Source

_SIGNATURES: Final = (
    re.compile(rb'"type"\s*:\s*"(?:%s)"' % "|".join([*heads.KINDS, "verification_codes"]).encode()),
    re.compile(rb'"about"\s*:\s*"Here is the data you requested'),
    re.compile(rb'"type"\s*:\s*"(?:message|service)",\s*"date'),
)


class Telegram(FileByFile):
    """Reads Telegram Desktop's JSON."""

    app: ClassVar[str] = "telegram"
    title: ClassVar[str] = "Telegram"
    version: ClassVar[int] = 3

    def sniff(self, name: str, head: bytes) -> Confidence:  # noqa: ARG002 - it may be renamed
        """A kind of chat, the first words of an account's export, or a message is in its head."""
        if not begins_json(head):
            return 0.0
        return 0.9 if any(signature.search(head) for signature in _SIGNATURES) else 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """Every chat, in the order of the file; what stands before a damage is kept."""
        export = _Export(source)
        try:
            with source.pulled() as json:
                yield from export.document(json)
        except (BadRecords, OSError) as error:
            yield broken(error)
            return
        if not source.seen:
            yield ReadWarning("no-messages", detail=export.why_none)


class _Export:
    """Walks to the lists of messages; those are in chats, and chats in lists of them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._self_key = ""
        self._heads: heads.Heads | None = None
        self._chats = 0
        self.why_none = "There is no list of messages in it."

    def document(self, json: Json) -> Iterator[Event]:
        if json.peek() != "[":
            yield from self._chat(json)
        elif heads.holds_chats(self._source):
            for _ in json.elements():
                yield from self._chat(json)
        else:
            yield from self._messages(json, {})

    def _chat(self, json: Json) -> Iterator[Event]:
        head: dict[str, Any] = {}
        for key in json.members():
            if key == "messages":
                yield from self._messages(json, head)
            elif key in heads.HEAD:
                head[key] = json.value()
            elif key == "personal_information":
                number = number_of(object_of(json.value()).get("user_id"))
                self._self_key = f"user{number}"
            elif key in {"chats", "left_chats"}:
                for inner in json.members():
                    if inner == "list":
                        for _ in json.elements():
                            yield from self._chat(json)

    def _messages(self, json: Json, head: dict[str, Any]) -> Iterator[Event]:
        if json.peek() != "[":
            self.why_none = "Its messages are not a list."
            return
        self._chats += 1
        if not heads.is_complete(head):
            self._heads = self._heads or heads.Heads(self._source)
            head = self._heads.get(self._chats - 1)
        self.why_none = "The list of messages is empty."
        chat = _Chat(self._source, head, self._self_key)
        for record in self._source.elements(json, self._source.seen):
            yield from chat.events(record)


class _Chat:
    """One chat while its messages are read."""

    def __init__(self, source: Source, head: dict[str, Any], self_key: str) -> None:
        self._source = source
        kind = head.get("type")
        self._space, self._kind = heads.KINDS.get(
            kind if isinstance(kind, str) else "", ("chat", ConversationKind.UNKNOWN)
        )
        self._id = number_of(head.get("id"))
        self._name, self._title = heads.name_in(head), heads.title_of(head, source)
        self.key = self._key()
        self._self_key, self._peer_key = self_key, ""
        if kind == heads.SAVED and self._id is not None:
            self._self_key = f"user{self._id}"
        elif self._kind is ConversationKind.DIRECT and self._id is not None:
            self._peer_key = f"user{self._id}"
        self._clock: Clock | None = None
        self._zone: dict[str, Any] = {}  # the last record that has both times
        self._people = People(self.key)

    def _key(self) -> str:
        """By id, which differs between kinds; else by name; else by the file, never too wide."""
        if self._id is not None:
            return f"{self._space}{self._id}"
        return f"name:{self._name}" if self._name else f"file:{self._source.files[0]}"

    def events(self, record: Record) -> Iterator[Event]:
        """What one record is."""
        value = record.value
        if self._clock is None:
            yield self._announced(value)
        if not isinstance(value, dict):
            yield unreadable(record, self.key)
            return
        is_service = value.get("type") == "service"
        name = "actor" if is_service else "from"
        sender = message.sender_key(value, name)
        said = name_of(value.get(name)) or actions.DELETED_ACCOUNT
        yield from self._people.met(sender, said, is_self=self._is_self(sender))
        if is_service:
            yield self._service(record, value, sender, said)
        else:
            yield from whole(self._said(record, value, sender))

    def _announced(self, value: object) -> Conversation:
        is_utc = self._moment(object_of(value))[1]
        self._clock = Clock.UTC if is_utc else Clock.WALL
        return Conversation(self.key, self._title, self._kind, self._clock)

    def _is_self(self, sender: str) -> bool:
        """The owner's id is told in an account's export; of two people it is the other one."""
        if self._peer_key:
            return sender != self._peer_key and sender.startswith("user")
        return sender == self._self_key

    def _service(self, record: Record, value: dict[str, Any], sender: str, said: str) -> Message:
        is_call = value.get("action") == "phone_call"
        return Message(
            conversation=self.key,
            time=self._time(value),
            sender=sender if is_call else None,
            kind=Kind.CALL if is_call else Kind.SYSTEM,
            text=actions.call(value) if is_call else actions.told(value, said),
            file=0,
            line=record.number,
            id=name_of(value.get("id")),
            reply_to=name_of(value.get("message_id")),
        )

    def _said(self, record: Record, value: dict[str, Any], sender: str) -> Message:
        words, attached = message.text(value), message.attachments(self._source, value)
        kind = Kind.MEDIA if attached else Kind.TEXT
        if (more := message.special(value)) is not None:
            kind, words = more[0], "\n".join(filter(None, (more[1], words)))
        if value.get("type") == "unsupported":
            kind = Kind.UNREADABLE
        return Message(
            conversation=self.key,
            time=self._time(value),
            sender=sender,
            kind=kind,
            text=words,
            file=0,
            line=record.number,
            id=name_of(value.get("id")),
            reply_to="" if "reply_to_peer_id" in value else _reply(value),
            attachments=attached,
            reactions=message.reactions(value) if "reactions" in value else (),
            edited=self._edited(value),
            forwarded_from=_forwarded(value),
        )

    def _moment(self, value: dict[str, Any], name: str = "date") -> tuple[int | None, bool]:
        seconds = number_of(value.get(f"{name}_unixtime"))
        if seconds is not None and abs(seconds) < 2**37:
            return seconds * 1000, True
        return moment_of(value.get(name))

    def _time(self, value: dict[str, Any], name: str = "date") -> int | None:
        """Of the conversation's clock, even where a record lacks that one."""
        time, is_utc = self._moment(value, name)
        if is_utc and "date_unixtime" in value:
            self._zone = value
        if is_utc == (self._clock is Clock.UTC) or time is None:
            return time
        wall = moment_of(value.get(name))[0]
        return wall if is_utc else self._from_wall(time)

    def _from_wall(self, wall: int) -> int:
        """UTC's, by how far the two clocks of an earlier message were apart."""
        seconds = number_of(self._zone.get("date_unixtime"))
        local = moment_of(self._zone.get("date"))[0]
        if seconds is None or local is None:
            return wall
        return wall - (local - seconds * 1000)

    def _edited(self, value: dict[str, Any]) -> int | None:
        """None where old exports write the year 1970: never."""
        if "edited" not in value and "edited_unixtime" not in value:
            return None
        return max(self._time(value, "edited") or 0, 0) or None


def _reply(value: dict[str, Any]) -> str:
    return name_of(value.get("reply_to_message_id")) if "reply_to_message_id" in value else ""


def _forwarded(value: dict[str, Any]) -> str:
    if "forwarded_from" not in value:
        return ""
    return name_of(value["forwarded_from"]) or actions.DELETED_ACCOUNT
