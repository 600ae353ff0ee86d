"""The Markdown that signal-export writes from Signal Desktop, one ``chat.md`` in a folder per chat.

::

    [2019-05-29, 15:04] Me: How is everyone?                    older, also as .txt
    [2019-05-29 15:10:07] Aya: We're great!                     newer
    (- Jim: 👍 -)                                               reactions of the message above
    ![cat.jpg](./media/cat.jpg)

iOS WhatsApp writes ``[2019-05-29, 15:10:07]``, with a comma and seconds: those are not read here.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

import msgspec

from conversations.decoding import head_text
from conversations.events import (
    Attachment,
    Conversation,
    Event,
    Kind,
    MediaKind,
    Message,
    Person,
    Reaction,
)
from conversations.readers._base import Confidence
from conversations.readers._clock import day_ms, moment, time_ms
from conversations.readers._media import kind_of
from conversations.readers._names import folder, stem
from conversations.readers._transcript import Meaning, Transcript
from conversations.source import Source

_HEADER: Final = re.compile(
    r"\ufeff?\[(\d{4})-(\d\d)-(\d\d)(,? )(\d\d):(\d\d)(?::(\d\d))?\] (.*?):(?: (.*))?",
    re.DOTALL | re.ASCII,
)
_REACTIONS: Final = re.compile(r"\(- (.+) -\)")
_STICKER: Final = re.compile(r"\(\( (.+) \)\)")
_LINK: Final = re.compile(
    r"!?\[([^\]\n]{0,300})\]\((?:\./)?((?:media|\.\./exported_stickers)/[^)\n]{1,400})\)"
)
_CALL: Final = re.compile(r"(?:Incoming|Outgoing|Missed) (?:voice |video |group )?call(?: \(.*\))?")
_STICKERS: Final = "exported_stickers"  # beside the folders of all chats
_FILE_NAMES: Final = ("chat", "index")
_DELETED: Final = "(This message was deleted)"


def sniff(name: str, head: bytes) -> Confidence:
    """The dates tell; without a comma but with seconds the file's name has to help."""
    if "whatsapp" in name.lower() or name.lower().endswith("_chat.txt"):
        return 0.0
    text = head_text(head)
    found = next((m for m in map(_HEADER.match, text.split("\n")[:20]) if m), None)
    if found is None or "\u200e" in text:
        return 0.0
    has_comma, has_seconds = found[4] == ", ", found[7] is not None
    if has_comma and has_seconds:
        return 0.0
    if name.lower().endswith(".md"):
        return 0.95
    return 0.3 if has_seconds else 0.8


def read(source: Source) -> Iterator[Event]:
    """One conversation, named after its folder or the file."""
    name = stem(source.files[0])
    if name.lower() in _FILE_NAMES:
        name = folder(source.files[0]) or name
    above = posixpath.dirname(posixpath.dirname(source.files[0]))
    source.widen([posixpath.join(above, _STICKERS)])
    yield Conversation(name, name)
    for event in _told(source, name):
        yield _dressed(source, event) if isinstance(event, Message) else event


def _told(source: Source, key: str) -> Iterator[Event]:
    told = Transcript(_meaning)
    for line in source.lines():
        found = _HEADER.fullmatch(line.text) if "[" in line.text[:2] else None
        day = day_ms(int(found[1]), int(found[2]), int(found[3])) if found else None
        if found is None or day is None:
            yield from told.more(key, line)
            continue
        time = moment(day, time_ms(found[5], found[6], found[7]))
        name, text = found[8], found[9] or ""
        if name in ("", "No-Sender"):
            yield from told.noted(key, time, line, text.rstrip())
            continue
        if name == "Me":
            yield from told.person(Person(key, name, name, is_self=True))
        yield from told.said(key, time, name, line, text)
    yield from told.end()


def _meaning(text: str) -> Meaning | None:
    plain = text.rstrip()
    if plain == _DELETED:
        return Meaning(Kind.DELETED, "")
    if plain.endswith(("call", ")")) and _CALL.fullmatch(plain):
        return Meaning(Kind.CALL, plain)
    return Meaning(Kind.TEXT, plain) if plain != text else None


def _dressed(source: Source, message: Message) -> Message:
    """Reactions, stickers and files stand in the text; they are taken out of it."""
    text = message.text
    if message.kind is not Kind.TEXT or not text.endswith((")", "  ")) or "(" not in text:
        return message
    attachments: list[Attachment] = []
    reactions: tuple[Reaction, ...] = ()
    lines = text.split("\n")
    if found := _REACTIONS.match(lines[-1]):
        reactions = tuple(_reactions(found[1]))
        lines[-1] = lines[-1][found.end() :]
    if found := _STICKER.match(lines[-1]):
        attachments.append(Attachment(MediaKind.STICKER, found[1][:40]))
        lines[-1] = lines[-1][found.end() :]
    links = _LINK.finditer(lines[-1])
    attachments += [_attachment(source, link[1], link[2]) for link in links]
    text = "\n".join([*lines[:-1], _LINK.sub("", lines[-1])]).rstrip()
    return msgspec.structs.replace(
        message,
        kind=Kind.MEDIA if attachments else message.kind,
        text=text,
        attachments=tuple(attachments),
        reactions=reactions,
    )


def _attachment(source: Source, name: str, path: str) -> Attachment:
    kind = MediaKind.STICKER if _STICKERS in path else kind_of(path)
    found = source.attachment(kind, unquote(path))
    return msgspec.structs.replace(found, name=name or found.name)


def _reactions(text: str) -> Iterator[Reaction]:
    by_emoji: dict[str, list[str]] = {}
    for each in text.split(", "):
        name, colon, emoji = each.rpartition(": ")
        if colon:
            by_emoji.setdefault(emoji, []).append(name)
    for emoji, names in by_emoji.items():
        yield Reaction(emoji, tuple(names), len(names))
