"""Values of foreign JSON, which may be of any type: what is of the wrong one counts as absent."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from conversations import limits
from conversations.events import Event, MediaKind, Message, Person, ReadWarning
from conversations.pulling import BadRecords, Unreadable
from conversations.source import Record, Source
from conversations.tree import Damaged

NO_MESSAGES: Final = "No message could be read: its list is empty, damaged or not there."
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_TIME_MAX: Final = 253_402_300_799_999  # the last millisecond of the year 9999
_ENDINGS: Final = {
    MediaKind.IMAGE: ("jpg", "jpeg", "png", "gif", "webp", "heic", "heif", "bmp", "avif", "tiff"),
    MediaKind.VIDEO: ("mp4", "mov", "3gp", "mkv", "webm", "avi", "m4v"),
    MediaKind.AUDIO: ("mp3", "m4a", "aac", "ogg", "oga", "opus", "wav", "flac", "amr"),
    MediaKind.STICKER: ("tgs",),
}
TITLE_NAMES_MAX: Final = 10
_ENDING: Final = re.compile(r"\.(?:json|zip)$", re.IGNORECASE)
_NUMBERS: Final = re.compile(r"(?:_\d{5,}|\s*\[(?:part )?\d+\]|\s*\(\d+\))+$")
_TELLS_NOTHING: Final = re.compile(
    r"(?:result|message|chat|export|main|index)s?(?:_\d+)?", re.IGNORECASE
)
_KINDS: Final = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings}


def text_of(value: object) -> str:
    """A string, or a number as one; bounded."""
    if isinstance(value, str):
        return value if len(value) <= limits.TEXT_CHARS_MAX else value[: limits.TEXT_CHARS_MAX]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def name_of(value: object) -> str:
    """A string or number of one line that names somebody or something; bounded."""
    return " ".join(text_of(value).split())[: limits.NAME_CHARS_MAX]


def number_of(value: object) -> int | None:
    """A whole number, perhaps written as a string."""
    if isinstance(value, str):
        value = int(value) if value.isdecimal() and len(value) < 20 else None
    if isinstance(value, float):
        value = int(value) if abs(value) < _TIME_MAX else None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _TIME_MAX:
        return value
    return None


def amount_of(value: object) -> int | None:
    """A number of bytes."""
    number = number_of(value)
    return number if number is not None and number >= 0 else None


def object_of(value: object) -> dict[str, Any]:
    """An object."""
    return value if isinstance(value, dict) else {}


def objects_of(value: object) -> list[dict[str, Any]]:
    """The objects in a list, of which there are at most :data:`limits.ATTACHMENTS_MAX`."""
    if not isinstance(value, list):
        return []
    return [each for each in value[: limits.ATTACHMENTS_MAX] if isinstance(each, dict)]


def moment_of(value: object) -> tuple[int | None, bool]:
    """Milliseconds of an ISO 8601 time, and whether they are UTC's: it has a zone."""
    if not isinstance(value, str):
        return None, False
    try:
        moment = datetime.fromisoformat(value)
        is_utc = moment.tzinfo is not None
        return ((moment if is_utc else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND, is_utc
    except (ValueError, OverflowError):
        return None, False


def media_kind(name: str, media_type: str = "") -> MediaKind:
    """What an export's media type, or else the ending of a name, says; a document otherwise."""
    major = media_type.split("/", 1)[0]
    if major in {"image", "video", "audio"}:
        return MediaKind(major)
    path = name.split("?", 1)[0]
    return _KINDS.get(path.rpartition(".")[2].lower(), MediaKind.DOCUMENT)


def called_after(names: Iterable[str]) -> str:
    """A title for what has no name of its own: the people in it, in their order; "" for nobody."""
    people = islice(dict.fromkeys(filter(None, names)), TITLE_NAMES_MAX)
    return ", ".join(people)[: limits.TITLE_CHARS_MAX]


def untitled(source: Source) -> str:
    """A title where nobody is known either: the file's name, or the folder's where that says more.

    Without the numbers that exporters and copies add: ``bob_1234567/message_1.json`` is "bob".
    """
    stems = [_stem(part) for part in source.files[0].split("/")[-2:]]
    telling = [stem for stem in reversed(stems) if not _TELLS_NOTHING.fullmatch(stem)]
    return (telling[0] if telling else stems[-1])[: limits.TITLE_CHARS_MAX]


def _stem(part: str) -> str:
    stem = _ENDING.sub("", part)
    return _NUMBERS.sub("", stem) or stem


def duration(seconds: int) -> str:
    """For people: "1 h 2 min 3 s"."""
    hours, rest = divmod(max(0, seconds), 3600)
    minutes, left = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def whole(message: Message) -> Iterator[Event]:
    """A message, and a remark when it had more text than is kept."""
    yield message
    if len(message.text) >= limits.TEXT_CHARS_MAX:
        detail = f"at {limits.TEXT_CHARS_MAX} characters"
        yield ReadWarning("text-cut", message.file, message.line, detail, 0, message.conversation)


def unreadable(record: Record, conversation: str, file: int = 0) -> ReadWarning:
    """For a record that is no object."""
    value = record.value
    why = value.why if isinstance(value, Unreadable) else f"a {type(value).__name__}, not an object"
    return ReadWarning("not-a-record", file, record.number, why, 1, conversation)


def broken(error: BadRecords | OSError, conversation: str = "", file: int = 0) -> ReadWarning:
    """For a file that ends to be JSON, or to be there, after what was read of it."""
    detail = str(error)[: limits.DETAIL_CHARS_MAX]
    match error:
        case BadRecords(line=line):
            return ReadWarning("bad-json", file, line, detail, 0, conversation)
        case Damaged(code=code):
            return ReadWarning(code, file, 0, detail, 0, conversation)
    return ReadWarning("bytes-missing", file, 0, detail, 0, conversation)


def head_of(source: Source, number: int, wanted: frozenset[str], most: int) -> dict[str, Any]:
    """The ``wanted`` members of a document that is an object, those after its lists included.

    It is gone through to its end, unless ``most`` of them were found before; what a damaged one
    still has is given.
    """
    found: dict[str, Any] = {}
    try:
        with source.pulled(number) as json:
            for key in json.members():
                if key in wanted:
                    found[key] = json.value()
                    if len(found) >= most:
                        break
    except (BadRecords, OSError):
        pass  # told where the records end
    return found


class People:
    """Who was announced in one conversation, and under which name."""

    def __init__(self, conversation: str) -> None:
        self._conversation = conversation
        self._names: dict[str, str] = {}

    def met(self, key: str, name: str, *, is_self: bool = False) -> Iterator[Person]:
        """Announces somebody once, and again with a new name."""
        if self._names.get(key) != name:
            self._names[key] = name
            yield Person(self._conversation, key, name, is_self)

    def name(self, key: str) -> str:
        """The last known one; the key when there is none."""
        return self._names.get(key, key)
