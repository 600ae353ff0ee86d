"""DiscordChatExporter's JSON: one file for each channel, or several named ``… [part N].json``.

People are told apart by their ids: many may be called "Deleted User". Its ``messageCount`` is not
looked at, since an export that was interrupted has a wrong one.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import unquote, urlsplit

from conversations import limits
from conversations.events import (
    Attachment,
    Clock,
    Conversation,
    ConversationKind,
    Event,
    Kind,
    MediaKind,
    Message,
    Reaction,
    ReadWarning,
)
from conversations.pulling import BadRecords
from conversations.readers._base import Confidence
from conversations.readers._discord_words import Words, emoji_of
from conversations.readers._values import (
    NO_MESSAGES,
    People,
    amount_of,
    broken,
    duration,
    head_of,
    media_kind,
    moment_of,
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

_PART: Final = re.compile(r"\s*\[part (\d{1,6})\](?=\.json$)", re.IGNORECASE)
_HEAD: Final = frozenset({"guild", "channel"})
_DELETED: Final = "Deleted User"
_KINDS: Final = {
    "DirectTextChat": ConversationKind.DIRECT,
    "DirectGroupTextChat": ConversationKind.GROUP,
}
# Types as the exporter names them, or Discord's numbers of those that it has no name for
_SAID: Final = frozenset({"", "Default", "Reply", "ThreadStarterMessage", "19", "20", "21", "23"})
_HAPPENED: Final = {
    "ChannelIconChange": "changed the icon of the channel",
    "ChannelNameChange": "renamed the channel",
    "ChannelPinnedMessage": "pinned a message",
    "GuildMemberJoin": "joined the server",
    "RecipientAdd": "added somebody to the group",
    "RecipientRemove": "left, or removed somebody from, the group",
    "ThreadCreated": "started a thread",
}


class Discord:
    """Reads DiscordChatExporter's JSON."""

    app: ClassVar[str] = "discord"
    title: ClassVar[str] = "Discord"
    version: ClassVar[int] = 4

    def sniff(self, name: str, head: bytes) -> Confidence:  # noqa: ARG002 - it may be renamed
        """It begins with the server and the channel."""
        first = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if first[:1] != b"{" or b'"guild"' not in first[:100]:
            return 0.0
        return 0.9 if b'"channel"' in head else 0.0

    def gather(self, tree: Tree, names: Sequence[str]) -> Iterator[tuple[str, ...]]:  # noqa: ARG002
        """The parts of one channel together, in their order."""
        channels: dict[str, list[str]] = defaultdict(list)
        for name in names:
            channels[_PART.sub("", name)].append(name)
        for parts in channels.values():
            yield tuple(sorted(parts, key=_part))

    def read(self, source: Source) -> Iterator[Event]:
        """The channel's messages, part by part."""
        channel: _Channel | None = None
        for number in range(len(source.files)):
            head = head_of(source, number, _HEAD, len(_HEAD))
            if channel is None or ("channel" in head and _key(source, head) != channel.key):
                channel = _Channel(source, head)
                yield channel.announced()
            yield from channel.part(number)
        if not source.seen:
            yield ReadWarning("no-messages", detail=NO_MESSAGES)


def _part(name: str) -> int:
    match = _PART.search(name)
    return int(match[1]) if match else 1


def _key(source: Source, head: dict[str, Any]) -> str:
    return name_of(object_of(head.get("channel")).get("id")) or f"file:{source.files[0]}"


class _Channel:
    """One channel while its messages are read."""

    def __init__(self, source: Source, head: dict[str, Any]) -> None:
        self._source = source
        self._guild = object_of(head.get("guild"))
        self._channel = object_of(head.get("channel"))
        self.key = _key(source, head)
        self._people = People(self.key)
        self._words = Words(source, self._channel, self._people)

    def announced(self) -> Conversation:
        kind = _KINDS.get(name_of(self._channel.get("type")))
        name = name_of(self._channel.get("name")) or untitled(self._source)
        guild = name_of(self._guild.get("name"))
        title = name if kind or not guild else f"{guild} / {name}"
        return Conversation(
            self.key,
            title[: limits.TITLE_CHARS_MAX],
            kind or ConversationKind.CHANNEL,
            Clock.UTC,
        )

    def part(self, number: int) -> Iterator[Event]:
        """The messages of one file; what stands before a damage is kept."""
        try:
            with self._source.pulled(number) as json:
                for key in json.members():
                    if key != "messages":
                        continue
                    for record in self._source.elements(json, 0, number):
                        yield from self._events(record, number)
        except (BadRecords, OSError) as error:
            yield broken(error, self.key, number)

    def _events(self, record: Record, number: int) -> Iterator[Event]:
        value = record.value
        if not isinstance(value, dict):
            yield unreadable(record, self.key, number)
            return
        author = object_of(value.get("author"))
        sender, name = _person(author)
        yield from self._people.met(sender, name)
        self._words.meet(author)
        for each in objects_of(value.get("mentions")):
            yield from self._people.met(*_person(each))
        reactions = []
        for each in objects_of(value.get("reactions")):
            users = objects_of(each.get("users"))
            for user in users:
                yield from self._people.met(*_person(user))
            reactions.append(_reaction(each, users))
        yield from whole(self._message(record, number, sender, tuple(reactions)))

    def _message(
        self, record: Record, number: int, sender: str, reactions: tuple[Reaction, ...]
    ) -> Message:
        value = record.value
        attached = tuple(self._attachments(value, number))
        kind, text = self._content(value, sender, attached)
        return Message(
            conversation=self.key,
            time=moment_of(value.get("timestamp"))[0],
            sender=None if kind is Kind.SYSTEM else sender,
            kind=kind,
            text=text_of(text),
            file=number,
            line=record.number,
            id=name_of(value.get("id")),
            reply_to=self._reply(value),
            attachments=attached,
            reactions=reactions,
            edited=moment_of(value.get("timestampEdited"))[0],
            forwarded_from=_forwarded_from(value),
        )

    def _content(
        self, value: dict[str, Any], sender: str, attached: tuple[Attachment, ...]
    ) -> tuple[Kind, str]:
        forwarded = object_of(value.get("forwardedMessage"))
        said = self._words.said
        text = said(value.get("content")) or said(forwarded.get("content"))
        kind = name_of(value.get("type"))
        if kind == "Call":
            return Kind.CALL, _call(value, text)
        if kind not in _SAID:
            return Kind.SYSTEM, _happened(self._people.name(sender), kind, text)
        embeds = (said(_embed(each, text)) for each in objects_of(value.get("embeds")))
        text = "\n".join(filter(None, (text, *embeds)))
        return Kind.MEDIA if attached else Kind.TEXT, text

    def _reply(self, value: dict[str, Any]) -> str:
        reference = object_of(value.get("reference"))
        is_here = name_of(reference.get("channelId")) in {"", self.key}
        return name_of(reference.get("messageId")) if is_here else ""

    def _attachments(self, value: dict[str, Any], number: int) -> Iterator[Attachment]:
        forwarded = object_of(value.get("forwardedMessage"))
        for message in (value, forwarded):
            for each in objects_of(message.get("attachments")):
                name = name_of(each.get("fileName"))
                url = text_of(each.get("url"))
                found = self._found(media_kind(name or url), url, number)
                yield _named(found, name, amount_of(each.get("fileSizeBytes")))
            for each in objects_of(message.get("stickers")):
                url = text_of(each.get("sourceUrl"))
                found = self._found(MediaKind.STICKER, url, number)
                yield _named(found, name_of(each.get("name")), None)

    def _found(self, kind: MediaKind, url: str, number: int) -> Attachment:
        """A path beside the file, as it is or escaped; an address on the web leads to nothing."""
        if url.startswith(("http:", "https:")):
            return Attachment(kind, name_of(unquote(_path(url).rpartition("/")[2])))
        found = self._source.attachment(kind, url, number=number)
        if found.place is None and "%" in url:
            found = self._source.attachment(kind, unquote(url), number=number)
        return found


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _named(found: Attachment, name: str, size: int | None) -> Attachment:
    return Attachment(
        found.kind,
        name or found.name,
        found.media_type,
        size if found.size is None else found.size,
        found.place,
    )


def _person(user: dict[str, Any]) -> tuple[str, str]:
    """Key and name; the end of the id tells several deleted users apart."""
    name = name_of(user.get("nickname")) or name_of(user.get("name")) or _DELETED
    key = name_of(user.get("id")) or name
    if name == _DELETED and key != name:
        name = f"{_DELETED} {key[-4:]}"
    return key, name


def _reaction(value: dict[str, Any], users: list[dict[str, Any]]) -> Reaction:
    by = tuple(_person(user)[0] for user in users)
    return Reaction(emoji_of(value), by, max(number_of(value.get("count")) or 0, len(by), 1))


def _happened(name: str, kind: str, text: str) -> str:
    """As the exporter tells it ("Pinned a message."), with who did it before that."""
    if text and kind in _HAPPENED and kind != "GuildMemberJoin":
        return f"{name} {text[:1].lower()}{text[1:]}" if text[:1].isupper() else f"{name}: {text}"
    return f"{name} {_HAPPENED[kind]}" if kind in _HAPPENED else f"{name}: {text or kind}"


def _call(value: dict[str, Any], text: str) -> str:
    began = moment_of(value.get("timestamp"))[0]
    ended = moment_of(value.get("callEndedTimestamp"))[0]
    if text or began is None or ended is None:
        return text or "Call"
    return f"Call, {duration((ended - began) // 1000)}"


def _embed(embed: dict[str, Any], text: str) -> str:
    """What a bot wrote; the preview of a link that the text has says nothing more."""
    url = text_of(embed.get("url"))
    if url and url in text:
        return ""
    author = text_of(object_of(embed.get("author")).get("name"))
    parts = [author, text_of(embed.get("title")), url, text_of(embed.get("description"))]
    parts += [
        f"{text_of(field.get('name'))}: {text_of(field.get('value'))}"
        for field in objects_of(embed.get("fields"))
    ]
    parts.append(text_of(object_of(embed.get("footer")).get("text")))
    return "\n".join(filter(None, parts))


def _forwarded_from(value: dict[str, Any]) -> str:
    """The export does not say whose it was."""
    return "?" if isinstance(value.get("forwardedMessage"), dict) else ""
