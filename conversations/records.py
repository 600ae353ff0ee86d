"""Lists in JSON files, element by element, however long the list is."""

import codecs
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import ijson

from conversations import limits

_OPENING: Final = ("start_map", "start_array")
_CLOSING: Final = ("end_map", "end_array")


class BadRecords(Exception):
    """The file is no JSON from here on; the message says why, in the parser's words."""


def records_of(file: BinaryIO, prefix: str) -> Iterator[Any]:
    """Each element of the list at ``prefix`` ("messages.item", say), as Python values.

    Elements are bounded in depth. Raises :class:`BadRecords`.
    """
    skip_mark(file)
    try:
        yield from _bounded(file, prefix)
    except ijson.JSONError as error:
        raise BadRecords(_told(error)) from None


def _bounded(file: BinaryIO, prefix: str) -> Iterator[Any]:
    builder: Any = None
    depth = 0
    for path, kind, value in ijson.parse(file, use_float=True):
        if builder is None:
            if path != prefix or kind in _CLOSING:
                continue
            builder = ijson.ObjectBuilder()
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth > limits.RECORD_DEPTH_MAX:
            raise BadRecords(f"nested deeper than {limits.RECORD_DEPTH_MAX}")
        builder.event(kind, value)
        if depth == 0:
            yield builder.value
            builder = None


def value_at(file: BinaryIO, prefix: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON's
    """The value at ``prefix``; ``default`` when the file has none. Raises :class:`BadRecords`."""
    skip_mark(file)
    try:
        return next(_bounded(file, prefix), default)
    except ijson.JSONError as error:
        raise BadRecords(_told(error)) from None


def skip_mark(file: BinaryIO) -> None:
    """Go to the first byte after a byte order mark."""
    file.seek(0)
    if file.read(3) != codecs.BOM_UTF8:
        file.seek(0)


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[: limits.DETAIL_CHARS_MAX]
