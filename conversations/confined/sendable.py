"""Events as they may be sent: text that is text, integers of 64 bits, messages of bounded size."""

from collections.abc import Iterator
from typing import Any, Final, cast

import msgspec

from conversations import limits
from conversations.confined.frames import Batch, packed
from conversations.events import EVENTS, Counts, Event, Message, ReadWarning

_UNSENDABLE: Final = (UnicodeEncodeError, OverflowError, msgspec.MsgspecError)
_SMALL: Final = (1000, 100)
_FIELDS_MAX: Final = 20  # an event is a list of its fields, which must not be cut
_INTEGER_MAX: Final = 2**63 - 1


def packed_batches(events: list[Event], counts: Counts) -> Iterator[bytes]:
    """Events as one frame, or as several where one would not do."""
    try:
        body = _packed(events, counts)
    except _UNSENDABLE:
        body = b""
    if 0 < len(body) <= limits.FRAME_BYTES_MAX:
        yield body
    elif len(events) > 1:
        half = len(events) // 2
        yield from packed_batches(events[:half], counts)
        yield from packed_batches(events[half:], counts)
    else:
        yield _packed([_mended(events[0])], counts)


def _packed(events: list[Event], counts: Counts) -> bytes:
    return packed(Batch(cast(list[EVENTS], events), counts))


def shortened(message: Message) -> tuple[Message, ReadWarning]:
    """A message with the first of its text, and a remark on it."""
    said = msgspec.structs.replace(message, text=message.text[: limits.TEXT_CHARS_MAX])
    detail = f"{len(message.text)} characters"
    return said, ReadWarning(
        "shortened", message.file, message.line, detail, conversation=message.conversation
    )


def _mended(event: Event) -> Event:
    """The same with what cannot be sent replaced or cut off; a message stays a message."""
    for chars, items in ((limits.TEXT_CHARS_MAX, limits.ATTACHMENTS_MAX), _SMALL):
        said = msgspec.to_builtins(event)
        mended: Event = msgspec.convert(_clean(said, chars, items), EVENTS)
        if len(_packed([mended], Counts())) <= limits.FRAME_BYTES_MAX:
            break
    return mended


def _clean(value: Any, chars: int, items: int) -> Any:  # noqa: ANN401 - whatever events are made of
    match value:
        case str():
            return value[:chars].encode("utf-8", "replace").decode()
        case list() | tuple():
            return [_clean(each, chars, items) for each in value[: items + _FIELDS_MAX]]
        case int() if not isinstance(value, bool):
            return max(-_INTEGER_MAX, min(value, _INTEGER_MAX))
        case _:
            return value
