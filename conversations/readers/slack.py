"""Slack: a workspace's export, as a zip or unpacked; one folder a channel, one file a day.

One export is one source. ``ts`` is an id as well as a time and is kept as text; a thread's
replies name their root by it.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from conversations import limits
from conversations.events import (
    Attachment,
    Clock,
    Continuation,
    Conversation,
    Event,
    Kind,
    Message,
    Place,
    ReadWarning,
)
from conversations.readers._base import Confidence
from conversations.readers._slack_export import DAY, LISTS, USERS, Export, Room, files_of, root_of
from conversations.readers._slack_fields import (
    called,
    edited_of,
    forwarded_of,
    id_of,
    is_size,
    kind_of,
    milliseconds,
    reactions_of,
    sender_of,
)
from conversations.readers._slack_words import Words, list_in, text_in
from conversations.readers._values import People, broken, media_kind, unreadable
from conversations.records import BadRecords
from conversations.source import Record, Source
from conversations.tree import Tree

_SAYS: Final = re.compile(rb'"(?:ts|subtype|client_msg_id)"\s*:')
_LISTED: Final = re.compile(rb'"id"\s*:\s*"[A-Z][A-Z0-9]{7,}"')
_SAID_MAX: Final = 200_000
_MENTION: Final = "<@"


class Slack:
    """Reads exports of Slack."""

    app: ClassVar[str] = "slack"
    title: ClassVar[str] = "Slack"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:
        """A list of messages in a file called as a day, or of what has Slack's ids."""
        if not _begins_list(head):
            return 0.0
        if DAY.search(name):
            return 0.95 if _SAYS.search(head) else 0.3
        is_list = posixpath.basename(name) in (*LISTS, USERS)
        return 0.9 if is_list and _LISTED.search(head) else 0.0

    def gather(self, tree: Tree, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """One source for each folder that has channels in it."""
        roots = defaultdict[str, list[str]](list)
        for name in names:
            roots[root_of(name)] += [name] if DAY.search(name) else []
        for root, days in sorted(roots.items()):
            yield files_of(tree, root, days)

    def read(self, source: Source) -> Iterator[Event]:
        """Channel by channel, day by day."""
        export = Export(source)
        yield from export.warnings
        channel, folder = None, None
        for number, name in enumerate(source.files):
            if not DAY.search(name):
                continue
            if channel is None or posixpath.dirname(name) != folder:
                folder = posixpath.dirname(name)
                channel = _Channel(source, export, export.room(posixpath.basename(folder)))
                yield from channel.announced()
            yield from channel.day(number)
        if not source.seen:
            yield ReadWarning("no-messages")


class _Channel:
    """One conversation while its days are read."""

    def __init__(self, source: Source, export: Export, room: Room) -> None:
        self._source = source
        self._people = export.people
        self._room = room
        self._words = Words(export.people, export.channels)
        self._named = People(room.key)
        self._said: set[str] = set()

    def announced(self) -> Iterator[Event]:
        """The conversation; people are announced when they first say something."""
        yield Conversation(self._room.key, self._room.title, self._room.kind, Clock.UTC)

    def day(self, number: int) -> Iterator[Event]:
        """The messages of one file; one that is no JSON further on leaves the others."""
        at = 0
        self._said.clear()
        try:
            for record in self._source.records("item", number):
                at = record.number
                yield from self._record(record, number)
        except (BadRecords, OSError) as error:
            yield broken(error, self._room.key, number)
            return
        if not at and not _is_list(self._source, number):
            yield self._warning("not-a-list", number, 0)

    def _record(self, record: Record, number: int) -> Iterator[Event]:
        said = record.value
        if not isinstance(said, dict) or not (said.get("ts") or said.get("type") == "message"):
            yield unreadable(record, self._room.key, number)
            return
        key = id_of(said)
        if key and key in self._said:
            # A reply that was sent to the channel as well stands there a second time.
            yield Continuation(1, self._room.key)
            return
        if len(self._said) < _SAID_MAX:
            self._said.add(key)
        time = milliseconds(key)
        if time is None:
            yield self._warning("no-time", number, record.number)
        message = self._message(said, record.number, number, key, time)
        yield from self._introduced(message, said)
        yield message

    def _message(
        self, said: dict[str, Any], line: int, number: int, key: str, time: int | None
    ) -> Message:
        files = self._files(said, number)
        kind = kind_of(said, files)
        thread = text_in(said, "thread_ts")
        return Message(
            self._room.key,
            time,
            None if kind is Kind.SYSTEM else sender_of(said),
            kind,
            self._text(said, kind),
            number,
            line,
            id=key,
            reply_to="" if thread == key else thread,
            attachments=files,
            reactions=reactions_of(said),
            edited=edited_of(said),
            forwarded_from=forwarded_of(said),
        )

    def _text(self, said: dict[str, Any], kind: Kind) -> str:
        text = self._words.said(said)
        if kind is not Kind.SYSTEM or text_in(said, "text").startswith(_MENTION):
            return text
        who = sender_of(said)
        return f"{self._people.get(who, who)} {text}" if who else text

    def _files(self, said: dict[str, Any], number: int) -> tuple[Attachment, ...]:
        files = list_in(said, "files") or [said.get("file")]
        found = [self._file(each, number) for each in files if isinstance(each, dict)]
        return tuple(found[: limits.ATTACHMENTS_MAX])

    def _file(self, file: dict[str, Any], number: int) -> Attachment:
        """An export has links only; tools that fetch the files put them beside the days."""
        name = (text_in(file, "name") or text_in(file, "title"))[: limits.NAME_CHARS_MAX]
        media_type, size = text_in(file, "mimetype"), file.get("size")
        kind = media_kind(name, media_type)
        folder = posixpath.dirname(self._source.files[number])
        root, key = posixpath.dirname(folder), text_in(file, "id")
        for at in (
            f"{folder}/attachments/{key}-{name}",
            posixpath.join(root, "__uploads", key, name),
        ):
            if at in self._source.tree:
                return Attachment(kind, name, media_type, self._source.tree.size(at), Place(at))
        return Attachment(kind, name, media_type, size if is_size(size) else None)

    def _introduced(self, message: Message, said: dict[str, Any]) -> Iterator[Event]:
        """The sender and who reacted, when this is the first time."""
        if message.sender:
            name = self._people.get(message.sender) or called(said) or message.sender
            yield from self._named.met(message.sender, name)
        for by in {by for reaction in message.reactions for by in reaction.by}:
            yield from self._named.met(by, self._people.get(by, by))

    def _warning(self, code: str, number: int, line: int) -> ReadWarning:
        return ReadWarning(code, number, line, conversation=self._room.key)


def _is_list(source: Source, number: int) -> bool:
    with source.open(number) as file:
        return _begins_list(file.read(limits.HEAD_BYTES))


def _begins_list(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")
