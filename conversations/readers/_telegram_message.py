"""One message of a Telegram export: its text, what is attached to it, and who reacted."""

from typing import Any, Final

from conversations.events import Attachment, Kind, MediaKind, Reaction
from conversations.readers._telegram_actions import DELETED_ACCOUNT
from conversations.readers._values import (
    amount_of,
    media_kind,
    name_of,
    number_of,
    object_of,
    objects_of,
    text_of,
)
from conversations.source import Source

_MEDIA_KINDS: Final = {
    "animation": MediaKind.VIDEO,
    "audio_file": MediaKind.AUDIO,
    "sticker": MediaKind.STICKER,
    "video_file": MediaKind.VIDEO,
    "video_message": MediaKind.VIDEO,
    "voice_message": MediaKind.AUDIO,
}
_LEFT_OUT: Final = "(File "  # "(File not included. Change data exporting settings to download.)"
_SPECIAL: Final = frozenset(
    {
        "contact_information",
        "game_title",
        "giveaway_information",
        "giveaway_results",
        "invoice_information",
        "location_information",
        "paid_stars_amount",
        "place_name",
        "poll",
        "todo_list",
    }
)


def text(record: dict[str, Any]) -> str:
    """The formatted pieces as plain text; where a link leads stands behind its words."""
    found = record.get("text")
    if isinstance(found, str):
        return text_of(found)
    pieces = found if isinstance(found, list) else record.get("text_entities")
    if not isinstance(pieces, list):
        return text_of(found)
    return text_of("".join(map(_piece, pieces)))


def _piece(piece: object) -> str:
    if isinstance(piece, str):
        return piece
    words, link = text_of(object_of(piece).get("text")), text_of(object_of(piece).get("href"))
    return f"{words} ({link})" if link and link != words else words


def special(record: dict[str, Any]) -> tuple[Kind, str] | None:
    """What is more than text and files, in words."""
    if _SPECIAL.isdisjoint(record):
        return None
    if "poll" in record:
        return Kind.POLL, _poll(object_of(record["poll"]))
    if "todo_list" in record:
        return Kind.TEXT, _todo(object_of(record["todo_list"]))
    if "location_information" in record or "place_name" in record:
        return Kind.LOCATION, _location(record)
    if "contact_information" in record:
        return Kind.CONTACT, _contact(object_of(record["contact_information"]))
    if "game_title" in record:
        return Kind.TEXT, _lines(record, "game_title", "game_description", "game_link")
    if "invoice_information" in record:
        bill = object_of(record["invoice_information"])
        return Kind.TEXT, _lines(bill, "title", "description", "amount", "currency")
    return Kind.TEXT, "Paid media" if "paid_stars_amount" in record else "Giveaway"


def _lines(fields: dict[str, Any], *keys: str) -> str:
    return "\n".join(filter(None, (text_of(fields.get(key)) for key in keys)))


def _poll(poll: dict[str, Any]) -> str:
    answers = (
        f"• {_plain(answer.get('text'))} ({number_of(answer.get('voters')) or 0})"
        for answer in objects_of(poll.get("answers"))
    )
    return "\n".join((_plain(poll.get("question")), *answers))


def _todo(todo: dict[str, Any]) -> str:
    items = (f"• {_plain(item.get('text'))}" for item in objects_of(todo.get("answers")))
    return "\n".join((_plain(todo.get("title")), *items))


def _plain(value: object) -> str:
    return text({"text": value})


def _location(record: dict[str, Any]) -> str:
    point = object_of(record.get("location_information"))
    latitude, longitude = text_of(point.get("latitude")), text_of(point.get("longitude"))
    spot = f"{latitude}, {longitude}" if latitude and longitude else ""
    return "\n".join(filter(None, (_lines(record, "place_name", "address"), spot)))


def _contact(contact: dict[str, Any]) -> str:
    name = f"{name_of(contact.get('first_name'))} {name_of(contact.get('last_name'))}".strip()
    return "\n".join(filter(None, (name, text_of(contact.get("phone_number")))))


def attachments(source: Source, record: dict[str, Any]) -> tuple[Attachment, ...]:
    """Photo, file and visiting card; without a place when the export left them out."""
    found = []
    if "photo" in record:
        found.append(
            _attachment(source, MediaKind.IMAGE, record, "photo", record.get("photo_file_size"))
        )
    if "file" in record:
        name = text_of(record.get("file_name")) or text_of(record["file"])
        kind = _MEDIA_KINDS.get(name_of(record.get("media_type")))
        kind = kind or media_kind(name, text_of(record.get("mime_type")))
        found.append(_attachment(source, kind, record, "file", record.get("file_size")))
    if "contact_vcard" in record:
        found.append(
            _attachment(
                source,
                MediaKind.DOCUMENT,
                record,
                "contact_vcard",
                record.get("contact_vcard_file_size"),
            )
        )
    return tuple(found)


def _attachment(
    source: Source, kind: MediaKind, record: dict[str, Any], key: str, size: object
) -> Attachment:
    reference = text_of(record[key])
    is_file = key == "file"
    name = name_of(record.get("file_name")) if is_file else ""
    media_type = name_of(record.get("mime_type")) if is_file else ""
    if not reference or reference.startswith(_LEFT_OUT):
        return Attachment(kind, name, media_type, amount_of(size))
    found = source.attachment(kind, reference, media_type)
    return Attachment(
        kind,
        name or found.name,
        media_type,
        amount_of(size) if found.size is None else found.size,
        found.place,
    )


def reactions(record: dict[str, Any]) -> tuple[Reaction, ...]:
    """By emoji; those of your own making by the file that shows them."""
    return tuple(_reaction(each) for each in objects_of(record.get("reactions")))


def _reaction(reaction: dict[str, Any]) -> Reaction:
    emoji = name_of(reaction.get("emoji")) or name_of(reaction.get("document_id"))
    emoji = emoji or ("⭐" if reaction.get("type") == "paid" else "?")
    by = tuple(sender_key(each) for each in objects_of(reaction.get("recent")))
    return Reaction(emoji, by, max(number_of(reaction.get("count")) or 0, len(by), 1))


def sender_key(record: dict[str, Any], name: str = "from") -> str:
    """Whose it is: ids of old exports are bare numbers; without one the name is the key."""
    key = record.get(f"{name}_id")
    if isinstance(key, str) and key and not key.isdecimal():
        return name_of(key)
    if (number := number_of(key)) is not None:
        return f"user{number}"
    return name_of(record.get(name)) or DELETED_ACCOUNT
