"""Signal's own plain-text export: backup frames as JSON Lines, with media in ``files/``.

The folder ``signal-export-…`` has ``main.jsonl`` (one frame a line, as libsignal's JSON exporter
writes its Backup.proto: 64-bit numbers as text, bytes as base64), ``metadata.json`` (a version),
and the media, each named by the SHA-256 of its hash and local key::

    {"version":"1","backupTimeMs":"1715636551000","mediaRootBackupKey":"…"}
    {"recipient":{"id":"1","self":{}}}
    {"chat":{"id":"1","recipientId":"2"}}
    {"chatItem":{"chatId":"1","authorId":"1","dateSent":"…","standardMessage":{"text":{"body":"…"}}}}

Ids of recipients and chats are good inside one file only; keys are made of what lasts.
"""

import binascii
import hashlib
import posixpath
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from conversations import limits
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
from conversations.readers._base import Confidence
from conversations.readers._media import kind_of
from conversations.readers._signal_updates import update_text
from conversations.readers._values import amount_of
from conversations.source import Line, Source

_decoder: Final = msgspec.json.Decoder()
_FRAMES: Final = ("account", "recipient", "chat", "stickerPack", "adHocCall")


def sniff(head: bytes) -> Confidence:
    """The first line is the backup's info; also alone, a file may begin with the account."""
    first = head.lstrip(b"\xef\xbb\xbf \r\n").split(b"\n", 1)[0]
    if first.startswith(b"{") and b'"backupTimeMs"' in first:
        return 1.0
    return 0.8 if first.startswith((b'{"account":{"profileKey"', b'{"recipient":{"id":')) else 0.0


def read(source: Source) -> Iterator[Event]:
    """All chats of a file."""
    source.widen([posixpath.join(posixpath.dirname(source.files[0]), "files")])
    return _Frames(source).events()


class _Recipient(msgspec.Struct):
    key: str
    name: str
    kind: ConversationKind = ConversationKind.DIRECT
    is_self: bool = False


class _Frames:
    """One file: what its frames have said so far."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._recipients: dict[str, _Recipient] = {}
        self._chats: dict[str, str] = {}
        self._announced: set[tuple[str, str]] = set()
        self._own_name = ""
        self._told = 0

    def events(self) -> Iterator[Event]:
        for line in self._source.lines():
            if not line.text.strip("\ufeff \t"):
                yield Continuation(1)
                continue
            try:
                frame = _decoder.decode(line.text.lstrip("\ufeff"))
                events = list(self._frame(line, frame))
            except (msgspec.DecodeError, RecursionError) as error:
                events = [ReadWarning("not-a-record", 0, line.number, str(error)[:100], 1)]
            except (TypeError, ValueError, AttributeError, KeyError) as error:
                detail = f"{type(error).__name__} in a frame"
                events = [ReadWarning("not-understood", 0, line.number, detail, 1)]
            yield from events
        if not self._told:
            yield ReadWarning("no-messages")

    def _frame(self, line: Line, frame: dict[str, Any]) -> Iterator[Event]:
        if (item := frame.get("chatItem")) is not None:
            yield from self._item(line, item)
            return
        if (account := frame.get("account")) is not None:
            self._own_name = _joined(account.get("givenName"), account.get("familyName"))
        elif (recipient := frame.get("recipient")) is not None:
            self._recipients[str(recipient["id"])] = self._recipient(recipient)
        elif (chat := frame.get("chat")) is not None:
            yield from self._chat(chat)
        yield Continuation(1)

    def _recipient(self, said: dict[str, Any]) -> _Recipient:
        if (contact := said.get("contact")) is not None:
            lasting = (contact.get(key) for key in ("aci", "e164", "pni", "username"))
            name = _contact_name(contact)
            return _Recipient(str(next(filter(None, lasting), name)), name)
        if (group := said.get("group")) is not None:
            title = ((group.get("snapshot") or {}).get("title") or {}).get("title") or ""
            key = hashlib.sha256(f"group {group.get('masterKey')}".encode()).hexdigest()[:32]
            return _Recipient(key, title or "Group", ConversationKind.GROUP)
        if "self" in said:
            return _Recipient("self", self._own_name or "Me", is_self=True)
        if "releaseNotes" in said:
            return _Recipient("release-notes", "Signal", ConversationKind.CHANNEL)
        if (link := said.get("callLink")) is not None:
            return _Recipient(f"call-link {said['id']}", str(link.get("name") or "Call link"))
        return _Recipient(f"recipient {said['id']}", "?", ConversationKind.UNKNOWN)

    def _chat(self, chat: dict[str, Any]) -> Iterator[Event]:
        with_whom = self._recipients.get(str(chat["recipientId"]))
        if with_whom is None:
            with_whom = _Recipient(f"chat {chat['id']}", "?", ConversationKind.UNKNOWN)
        self._chats[str(chat["id"])] = with_whom.key
        name = with_whom.name[: limits.TITLE_CHARS_MAX]
        yield Conversation(with_whom.key, name, with_whom.kind, Clock.UTC)

    def _item(self, line: Line, item: dict[str, Any]) -> Iterator[Event]:
        chat = self._chats.get(str(item["chatId"]))
        if chat is None:
            yield ReadWarning("unknown-chat", 0, line.number, "", 1)
            return
        author = self._recipients.get(str(item.get("authorId")))
        if author is not None and (chat, author.key) not in self._announced:
            self._announced.add((chat, author.key))
            yield Person(chat, author.key, author.name, author.is_self)
        self._told += 1
        message = self._message(line, chat, author.key if author else None, item)
        if len(message.text) > limits.TEXT_CHARS_MAX:
            text = message.text[: limits.TEXT_CHARS_MAX]
            message = msgspec.structs.replace(message, text=text)
            yield ReadWarning("text-cut", 0, line.number, conversation=chat)
        yield message

    def _message(self, line: Line, chat: str, author: str | None, item: dict[str, Any]) -> Message:
        revisions = item.get("revisions") or []
        sent = _number(item.get("dateSent"))
        first = _number(revisions[0].get("dateSent")) if revisions else sent
        kind, text, attachments, said = self._body(item)
        is_said = kind is not Kind.SYSTEM
        return Message(
            chat, first, author if is_said else None, kind, text, 0, line.number,
            id=_id(first, author) if is_said and "updateMessage" not in item else "",
            reply_to=self._reply(said),
            attachments=attachments,
            reactions=tuple(self._reactions(said.get("reactions") or [])),
            edited=sent if revisions else None,
            earlier=tuple(_text(each.get("standardMessage") or {}) for each in revisions),
        )  # fmt: skip

    def _body(
        self, item: dict[str, Any]
    ) -> tuple[Kind, str, tuple[Attachment, ...], dict[str, Any]]:
        if (said := item.get("standardMessage")) is not None:
            attachments = tuple(map(self._attachment, said.get("attachments") or []))
            return (Kind.MEDIA if attachments else Kind.TEXT), _text(said), attachments, said
        if (said := item.get("stickerMessage")) is not None:
            sticker = said.get("sticker") or {}
            pointer = {"pointer": sticker.get("data") or {}}
            found = self._attachment(pointer, MediaKind.STICKER, sticker.get("emoji") or "")
            return Kind.MEDIA, "", (found,), said
        if (said := item.get("viewOnceMessage")) is not None:
            return Kind.MEDIA, "", (Attachment(MediaKind.IMAGE),), said
        if "remoteDeletedMessage" in item or "adminDeletedMessage" in item:
            return Kind.DELETED, "", (), {}
        return *_other(item), (), _inner(item)

    def _attachment(
        self, said: dict[str, Any], kind: MediaKind | None = None, name: str = ""
    ) -> Attachment:
        pointer = said.get("pointer") or {}
        media_type = str(pointer.get("contentType") or "")
        name = str(pointer.get("fileName") or name)[: limits.NAME_CHARS_MAX]
        if said.get("flag") == "VOICE_MESSAGE":
            kind = MediaKind.AUDIO
        kind = kind or kind_of(name, media_type)
        where = pointer.get("locatorInfo") or {}
        size = amount_of(where.get("size"))
        for stored in _stored_names(where):
            ending = name.rpartition(".")[2] if "." in name else media_type.rpartition("/")[2]
            for reference in (f"files/{stored[:2]}/{stored}", f"{stored}.{ending}", stored):
                found = self._source.attachment(kind, reference, media_type)
                if found.place is not None:
                    return msgspec.structs.replace(found, name=name)
        return Attachment(kind, name, media_type, size)

    def _reply(self, said: dict[str, Any]) -> str:
        quote = said.get("quote") or {}
        author = self._recipients.get(str(quote.get("authorId")))
        sent = _number(quote.get("targetSentTimestamp"))
        return _id(sent, author.key) if author and sent is not None else ""

    def _reactions(self, said: list[dict[str, Any]]) -> Iterator[Reaction]:
        by_emoji: dict[str, list[str]] = {}
        for each in said:
            author = self._recipients.get(str(each.get("authorId")))
            by_emoji.setdefault(str(each["emoji"]), []).append(author.name if author else "?")
        for emoji, names in by_emoji.items():
            yield Reaction(emoji, tuple(names), len(names))


def _other(item: dict[str, Any]) -> tuple[Kind, str]:
    """Kinds that are a few words."""
    if update := item.get("updateMessage"):
        return (Kind.CALL if "Call" in next(iter(update), "") else Kind.SYSTEM), update_text(update)
    if (said := item.get("contactMessage")) is not None:
        contact = said.get("contact") or {}
        numbers = (str(each.get("value", "")) for each in contact.get("number") or [])
        return Kind.CONTACT, _joined(_joined(*(contact.get("name") or {}).values()), *numbers)
    if (said := item.get("poll")) is not None:
        options = (f"- {each.get('option', '')}" for each in said.get("options") or [])
        return Kind.POLL, "\n".join((str(said.get("question", "")), *options))
    if (said := item.get("directStoryReplyMessage")) is not None:
        return Kind.TEXT, str(said.get("emoji") or "") or _text(said.get("textReply") or {})
    if (said := item.get("paymentNotification")) is not None:
        return Kind.TEXT, _joined(said.get("amountMob"), "MOB", said.get("note"))
    return (Kind.TEXT, "Gift badge") if "giftBadge" in item else (Kind.UNREADABLE, "")


def _inner(item: dict[str, Any]) -> dict[str, Any]:
    """The part of an item that may have reactions."""
    names = ("contactMessage", "poll", "directStoryReplyMessage")
    return next((item[name] for name in names if item.get(name)), {})


def _text(said: dict[str, Any]) -> str:
    return str((said.get("text") or {}).get("body") or "")


def _contact_name(contact: dict[str, Any]) -> str:
    nickname = contact.get("nickname") or {}
    names = (
        _joined(nickname.get("given"), nickname.get("family")),
        _joined(contact.get("systemGivenName"), contact.get("systemFamilyName")),
        _joined(contact.get("profileGivenName"), contact.get("profileFamilyName")),
        str(contact.get("username") or ""),
        f"+{contact['e164']}" if contact.get("e164") else "",
    )
    return next(filter(None, names), "?")


def _joined(*parts: Any) -> str:  # noqa: ANN401 - JSON's
    return " ".join(str(part) for part in parts if part)


def _number(said: Any) -> int | None:  # noqa: ANN401 - JSON's
    """A 64-bit number is text in JSON; what is out of range is none."""
    if said is None or len(str(said)) > 19:
        return None
    return int(said)


def _id(sent: int | None, author: str | None) -> str:
    """Signal names a message by its author and the time it was sent."""
    return f"{sent} {author}" if sent is not None else ""


def _stored_names(where: dict[str, Any]) -> Iterator[str]:
    """How a file of ``files/`` may be called."""
    try:
        plain = binascii.a2b_base64(str(where.get("plaintextHash") or ""))
        key = binascii.a2b_base64(str(where.get("localKey") or ""))
    except (binascii.Error, ValueError):
        return
    if plain and key:
        yield hashlib.sha256(plain + key).hexdigest()
    if plain:
        yield plain.hex()
