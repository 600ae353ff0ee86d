"""Lists in JSON files, element by element, however long the list is."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

from conversations.pulling import BadRecords, Json, Unreadable

__all__ = ["BadRecords", "Unreadable", "records_of", "value_at"]


def records_of(file: BinaryIO, prefix: str) -> Iterator[Any]:
    """Each element of the list at ``prefix`` as Python values.

    A prefix is the names on the way joined with dots, "item" for each element of a list:
    "messages.item", say; "item" for a document that is a list. An element that is too large, too
    deep or no JSON comes as :class:`Unreadable`. Raises :class:`BadRecords`.
    """
    return _under(Json(file), prefix.split("."))


def value_at(file: BinaryIO, prefix: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON's
    """The value at ``prefix``; ``default`` when the file has none. Raises :class:`BadRecords`."""
    value = next(records_of(file, prefix), default)
    return default if isinstance(value, Unreadable) else value


def _under(json: Json, path: Sequence[str]) -> Iterator[Any]:
    first, rest = path[0], path[1:]
    if first == "item" and not rest:
        yield from json.values()
        return
    if first == "item":
        for _ in json.elements():
            yield from _under(json, rest)
        return
    for key in json.members():
        if key == first:
            yield from _under(json, rest) if rest else (json.value(),)
