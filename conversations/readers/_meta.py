"""What Messenger's and Instagram's exports share: ``message_1.json`` … of each thread.

A file has at most 10,000 messages, newest first, and the title after them. Each byte of UTF-8 is
stored as if it were a Latin-1 character; a string where undoing that fails is kept as it is.
Downloads of end-to-end encrypted chats have files of their own, with other names and right text.
"""

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar, Final

from conversations import limits
from conversations.events import (
    Attachment,
    Clock,
    Conversation,
    ConversationKind,
    Event,
    Kind,
    Message,
    Reaction,
    ReadWarning,
)
from conversations.pulling import BadRecords
from conversations.readers._base import Confidence
from conversations.readers._meta_files import Files, repaired
from conversations.readers._values import (
    NO_MESSAGES,
    People,
    broken,
    called_after,
    duration,
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
from conversations.tree import Tree

_REVERSED_BYTES_MAX: Final = 8 * limits.MIB  # built, hostile ones take 25 times as much
_REVERSED_RECORDS_MAX: Final = 20_000  # an export has 10,000 in a file
_TAIL_BYTES: Final = 64 * limits.KIB
_LOOKED_AT: Final = 200  # messages of a thread without a name, for who talks in it
_NUMBER: Final = re.compile(r"message_(\d{1,6})")
_THREAD: Final = re.compile(rb'"thread_path"\s*:\s*"((?:[^"\\]|\\.){1,400})"')
_STABLE: Final = re.compile(r"_(\d{6,})$")
_HEAD: Final = frozenset(
    {"participants", "title", "thread_path", "thread_type", "joinable_mode", "threadName"}
)
_TIMES: Final = re.compile(rb'"timestamp(?:_ms)?"\s*:\s*\d')


class MetaReader:
    """Reads the threads of one of the two apps; they are told apart by the names of folders."""

    app: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int] = 3
    _is_instagram: ClassVar[bool]

    def sniff(self, name: str, head: bytes) -> Confidence:
        """Participants and messages, or a message, are in its head."""
        if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] != b"{":
            return 0.0
        if ("instagram" in name.lower()) != self._is_instagram:
            return 0.0
        if b'"sender_name"' in head and b'"timestamp_ms"' in head:
            return 0.9
        if b'"senderName"' in head and _TIMES.search(head):
            return 0.9
        is_named = _NUMBER.match(posixpath.basename(name)) is not None
        if b'"participants"' in head and (is_named or b'"threadName"' in head):
            return 0.9
        return 0.6 if is_named and b'"messages"' in head else 0.0

    def gather(self, tree: Tree, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The files of a thread together, over the parts of an export that came in several zips.

        Where two have the same number they are of two exports, and each folder is a source.
        """
        threads: dict[str, list[str]] = defaultdict(list)
        for name in names:
            threads[_thread(tree, name) or name].append(name)
        for files in threads.values():
            if len({_number(name) for name in files}) == len(files):
                yield tuple(sorted(files, key=_number))
                continue
            folders: dict[str, list[str]] = defaultdict(list)
            for name in files:
                folders[posixpath.dirname(name)].append(name)
            for inside in folders.values():
                yield tuple(sorted(inside, key=_number))

    def read(self, source: Source) -> Iterator[Event]:
        """The messages of a thread, oldest first."""
        thread = _Thread(source)
        yield thread.announced()
        yield from thread.participants()
        for number in reversed(range(len(source.files))):
            try:
                for record in _oldest_first(source, number):
                    yield from thread.events(record, number)
            except (BadRecords, OSError) as error:
                yield broken(error, thread.key, number)
        if not source.seen:
            yield ReadWarning("no-messages", detail=NO_MESSAGES, conversation=thread.key)


def _thread(tree: Tree, name: str) -> str:
    """The path of a file's thread, which stands near its end."""
    try:
        with tree.open(name) as file:
            file.seek(max(0, tree.size(name) - _TAIL_BYTES))
            found = _THREAD.findall(file.read(_TAIL_BYTES))
    except OSError:
        return ""
    return _last_part(found[-1].decode("utf-8", "replace")) if found else ""


def _number(name: str) -> int:
    match = _NUMBER.search(posixpath.basename(name))
    return int(match[1]) if match else 0


def _last_part(path: str) -> str:
    return path.replace("\\/", "/").rstrip("/").rpartition("/")[2]


def _oldest_first(source: Source, number: int) -> Iterator[Record]:
    """Its records turned round; those of a file far larger than any export's as they stand."""
    with source.pulled(number) as json:
        for key in json.members():
            if key != "messages":
                continue
            records = source.elements(json, 0, number)
            error, held = None, []
            if source.tree.size(source.files[number]) <= _REVERSED_BYTES_MAX:
                try:
                    for record in islice(records, _REVERSED_RECORDS_MAX):
                        held.append(record)  # noqa: PERF402 - extend would lose those before error
                except BadRecords as found:
                    error = found
            if len(held) < _REVERSED_RECORDS_MAX and _is_newest_first(held):
                held.reverse()
            yield from held
            if error is not None:
                raise error
            yield from records


def _is_newest_first(records: list[Record]) -> bool:
    times = [time for record in records if (time := _time(record.value)) is not None]
    return bool(times) and times[0] >= times[-1]


def _time(value: object) -> int | None:
    fields = object_of(value)
    return number_of(fields.get("timestamp_ms", fields.get("timestamp")))


class _Thread:
    """One thread while its messages are read."""

    def __init__(self, source: Source) -> None:
        self._source = source
        head: dict[str, Any] = {}
        for number in range(len(source.files)):
            head = head_of(source, number, _HEAD, len(_HEAD)) | head
            if "participants" in head and ("title" in head or "threadName" in head):
                break
        self._head = head
        self._names = [repaired(name) for name in _names(head.get("participants"))]
        self._title = repaired(head.get("title")) or re.sub(
            r"_\d+$", "", text_of(head.get("threadName"))
        )
        self._name = _last_part(text_of(head.get("thread_path")))
        self._files = Files(source, self._name)
        self.key = self._key()
        self._people = People(self.key)

    def _key(self) -> str:
        """The thread's number, which a change of its name leaves as it is."""
        folder = posixpath.basename(posixpath.dirname(self._source.files[0]))
        name = self._name or name_of(self._head.get("threadName"))
        if not name and _NUMBER.match(posixpath.basename(self._source.files[0])):
            name = folder
        match = _STABLE.search(name)
        return match[1] if match else name or f"file:{self._source.files[0]}"

    def announced(self) -> Conversation:
        title = name_of(self._title) or called_after(self._names or self._speakers())
        title = title or re.sub(r"_\d+$", "", self._name) or untitled(self._source)
        return Conversation(self.key, title[: limits.TITLE_CHARS_MAX], self._kind(), Clock.UTC)

    def _speakers(self) -> list[str]:
        """Who says something in the first file's first messages, when it lists nobody."""
        names: list[str] = []
        try:
            with self._source.pulled() as json:
                for key in json.members():
                    if key == "messages":
                        for _ in json.elements():
                            if len(names) < _LOOKED_AT:
                                names.append(_sender(object_of(json.value())))
        except (BadRecords, OSError):
            pass  # told where the messages themselves end
        return names

    def _kind(self) -> ConversationKind:
        kind = text_of(self._head.get("thread_type"))
        if "Group" in kind or "joinable_mode" in self._head or len(self._names) > 2:
            return ConversationKind.GROUP
        return ConversationKind.DIRECT if self._names else ConversationKind.UNKNOWN

    def participants(self) -> Iterator[Event]:
        """Of two people, the one that the thread is not named after is its owner."""
        is_pair = len(set(self._names)) == 2 and self._title in self._names
        for name in self._names:
            yield from self._people.met(
                name_of(name), name_of(name), is_self=is_pair and name != self._title
            )

    def events(self, record: Record, number: int) -> Iterator[Event]:
        """What one record is."""
        value = record.value
        if not isinstance(value, dict):
            yield unreadable(record, self.key, number)
            return
        if sender := _sender(value):
            yield from self._people.met(sender, sender)
        attached = tuple(self._files.of(value, number))
        text = _text(value)
        kind = _kind(value, text, attached)
        yield from whole(
            Message(
                conversation=self.key,
                time=_time(value),
                sender=None if kind is Kind.SYSTEM else sender or None,
                kind=kind,
                text=text,
                file=number,
                line=record.number,
                attachments=attached,
                reactions=_reactions(value),
            )
        )


def _sender(value: dict[str, Any]) -> str:
    return name_of(repaired(value.get("sender_name", value.get("senderName"))))


def _names(participants: object) -> Iterator[object]:
    if isinstance(participants, list):
        for each in participants:
            yield each.get("name") if isinstance(each, dict) else each


def _text(value: dict[str, Any]) -> str:
    """What was said; a link that was shared stands below."""
    parts = [repaired(value.get("content", value.get("text")))]
    if isinstance(share := value.get("share"), dict):
        for key in ("share_text", "link"):
            more = repaired(share.get(key))
            if more and more not in parts[0]:
                parts.append(more)
    if seconds := number_of(value.get("call_duration")):
        parts.append(duration(seconds))
    return "\n".join(filter(None, parts))


def _kind(value: dict[str, Any], text: str, attached: tuple[Attachment, ...]) -> Kind:
    if value.get("type") in ("Subscribe", "Unsubscribe"):
        return Kind.SYSTEM
    if "call_duration" in value or value.get("type") == "Call":
        return Kind.CALL
    if attached:
        return Kind.MEDIA
    if value.get("is_unsent") is True or value.get("isUnsent") is True:
        return Kind.DELETED
    return Kind.TEXT if text else Kind.UNREADABLE


def _reactions(value: dict[str, Any]) -> tuple[Reaction, ...]:
    found: dict[str, list[str]] = defaultdict(list)
    for each in objects_of(value.get("reactions")):
        found[name_of(repaired(each.get("reaction"))) or "?"].append(
            name_of(repaired(each.get("actor")))
        )
    return tuple(Reaction(emoji, tuple(filter(None, by)), len(by)) for emoji, by in found.items())
