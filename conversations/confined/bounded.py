"""What the child tells, cut to what the index and a page can carry. It is done in the parent.

A message has as many reactions, reactors and earlier texts as whoever made the export likes; one of
megabytes would make every page that shows it as large. What is cut is told by a remark, and events
of one source are always cut alike, so that reading can go on where it stopped.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeVar

import msgspec

from conversations import limits
from conversations.events import (
    Attachment,
    Continuation,
    Conversation,
    Dates,
    Event,
    Message,
    Person,
    Reaction,
    ReadWarning,
)
from conversations.tree import TreeWarning

_CUT: Final = "cut-short"
_NO_TIME: Final = "time-impossible"
_TIMES: Final = ("time", "edited")
_DIGEST_BYTES: Final = 16
_NO_CHARACTER: Final = "\ufffd"
_Said = TypeVar("_Said", bound=msgspec.Struct)


class Bounds:
    """Bounds the events of one source."""

    def __init__(self) -> None:
        self._told = Counter[str]()

    def kept(self, events: Iterable[Event]) -> Iterator[Event]:
        """Each event as it is kept, and after it remarks on what it had more."""
        for event in events:
            if isinstance(event, Message) and _is_plain(event):
                yield event
                continue
            kept, changed = _bounded(_without_nul(event))
            yield kept
            if not changed:
                continue
            times = [f"{getattr(event, name)} ms" for name in changed if name in _TIMES]
            cut = [name for name in changed if name not in _TIMES]
            yield from self._remark(_NO_TIME, kept, times)
            yield from self._remark(_CUT, kept, cut)

    def _remark(self, code: str, event: Event, about: list[str]) -> Iterator[Event]:
        """A remark on an event, which has its place when it is a message; not on too many."""
        self._told[code] += bool(about)
        if not about or self._told[code] > limits.WARNINGS_TOLD_MAX:
            return
        key = event.key if isinstance(event, Conversation) else getattr(event, "conversation", "")
        file, line = getattr(event, "file", 0), getattr(event, "line", 0)
        yield ReadWarning(code, file, line, ", ".join(about), conversation=key)


def told_of_tree(said: TreeWarning) -> TreeWarning:
    """A warning of recognition, as it is kept."""
    said = _without_nul(said)
    return TreeWarning(
        said.code[: limits.CODE_CHARS_MAX],
        said.name[: limits.PLACE_CHARS_MAX],
        said.detail[: limits.DETAIL_CHARS_MAX],
    )


def short_key(key: str) -> str:
    """A key that is no longer than keys may be: the same wherever it stands, and still distinct."""
    if len(key) <= limits.KEY_CHARS_MAX:
        return key
    digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{key[: limits.KEY_CHARS_MAX - 1 - len(digest)]}…{digest}"


def _without_nul(said: _Said) -> _Said:
    """The same without U+0000, which PostgreSQL keeps in no text."""
    changed: dict[str, object] = {}
    for name in said.__struct_fields__:
        value = getattr(said, name)
        if type(value) is str:
            if "\0" in value:
                changed[name] = value.replace("\0", _NO_CHARACTER)
        elif type(value) is tuple and value:
            changed[name] = tuple(map(_plain, value))
        elif isinstance(value, msgspec.Struct):
            changed[name] = _without_nul(value)
    return msgspec.structs.replace(said, **changed) if changed else said


def _plain(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\0", _NO_CHARACTER)
    return _without_nul(value) if isinstance(value, msgspec.Struct) else value


def _bounded(event: Event) -> tuple[Event, list[str]]:
    """The event as it is kept, and the names of the fields that had more."""
    match event:
        case Message():
            return _message(event)
        case Conversation(key=key, title=title):
            fields = {"key": short_key(key), "title": title[: limits.TITLE_CHARS_MAX]}
        case Person(conversation=conversation, key=key, name=name):
            fields = {"conversation": short_key(conversation), "key": short_key(key)}
            fields["name"] = name[: limits.NAME_CHARS_MAX]
        case Dates(conversation=conversation):
            fields = {"conversation": short_key(conversation)}
        case Continuation(conversation=conversation, records=records):
            return Continuation(records, short_key(conversation)), []
        case ReadWarning():
            return _warning(event), []
        case _:
            return event, []
    return _changed(event, fields)


def _is_plain(message: Message) -> bool:
    """Whether it needs no closer look, as most do not: this is asked of every message."""
    key, sender, named = message.conversation, message.sender or "", message.id + message.reply_to
    return not (
        message.attachments
        or message.reactions
        or message.earlier
        or message.forwarded_from
        or message.edited
        or len(message.text) > limits.TEXT_CHARS_MAX
        or len(key) + len(sender) + len(named) > limits.KEY_CHARS_MAX
        or "\0" in message.text
        or "\0" in key
        or "\0" in sender
        or "\0" in named
        or not _is_time(message.time)
    )


def _message(message: Message) -> tuple[Event, list[str]]:
    fields: dict[str, Any] = {
        "conversation": short_key(message.conversation),
        "sender": None if message.sender is None else short_key(message.sender),
        "text": message.text[: limits.TEXT_CHARS_MAX],
        "id": short_key(message.id),
        "reply_to": short_key(message.reply_to),
        "forwarded_from": message.forwarded_from[: limits.NAME_CHARS_MAX],
    }
    if message.attachments:
        kept = message.attachments[: limits.MESSAGE_ATTACHMENTS_MAX]
        fields["attachments"] = tuple(map(_attachment, kept))
    if message.reactions:
        fields["reactions"] = tuple(_reactions(message.reactions))
    if message.earlier:
        fields["earlier"] = tuple(_first(message.earlier, limits.TEXT_CHARS_MAX))
    if not _is_time(message.time):
        fields["time"] = None
    if not _is_time(message.edited):
        fields["edited"] = 0
    return _changed(message, fields)


def _reactions(said: tuple[Reaction, ...]) -> Iterator[Reaction]:
    """As many as a message may have, with as many people in all."""
    left = limits.REACTORS_MAX
    for each in said[: limits.REACTIONS_MAX]:
        by = tuple(map(short_key, each.by[:left]))
        left -= len(by)
        yield Reaction(each.emoji[: limits.EMOJI_CHARS_MAX], by, each.count)


def _first(texts: tuple[str, ...], left: int) -> Iterator[str]:
    """As many as a message may have, with ``left`` characters in all."""
    for text in texts[: limits.EARLIER_MAX]:
        if not left:
            break
        yield text[:left]
        left -= len(text[:left])


def _attachment(said: Attachment) -> Attachment:
    place = said.place
    if place is not None and len(place.file) > limits.PLACE_CHARS_MAX:
        place = None
    name, media_type = said.name[: limits.NAME_CHARS_MAX], said.media_type[: limits.TYPE_CHARS_MAX]
    return Attachment(said.kind, name, media_type, said.size, place)


def _warning(said: ReadWarning) -> ReadWarning:
    return ReadWarning(
        said.code[: limits.CODE_CHARS_MAX],
        said.file,
        said.line,
        said.detail[: limits.DETAIL_CHARS_MAX],
        said.records,
        short_key(said.conversation),
    )


def _changed(event: Event, fields: dict[str, Any]) -> tuple[Event, list[str]]:
    """The event with what of ``fields`` is not as it was, and the names of those."""
    cut = [name for name, value in fields.items() if getattr(event, name) != value]
    if not cut:
        return event, cut
    return msgspec.structs.replace(event, **{name: fields[name] for name in cut}), cut


def _is_time(milliseconds: int | None) -> bool:
    return milliseconds is None or abs(milliseconds) <= limits.TIME_MS_MAX
