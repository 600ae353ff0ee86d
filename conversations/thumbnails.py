"""Thumbnails of attachments, made in a process with limits: a picture is foreign code's food."""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from conversations.confined.parent import Confined
from conversations.limits import MIB
from conversations.media_types import HEAD_BYTES, media_type_of
from conversations.placed import PlacedFile

_DRAWABLE: Final = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"}
)
_NAME: Final = "picture"


class NoThumbnail(Exception):
    """There is none of this file; ``code`` says why, stable and lower-case."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def thumbnail(file: BinaryIO | bytes, pixels: int) -> bytes:
    """A WebP of a picture, upright, at most ``pixels`` wide and high, without any metadata.

    ``file`` is read from its start. Raises :class:`NoThumbnail` for what is no picture, a broken
    one, or one that takes more memory or time than it should.
    """
    opened = io.BytesIO(file) if isinstance(file, bytes) else file
    opened.seek(0)
    if media_type_of(opened.read(HEAD_BYTES)) not in _DRAWABLE:
        raise NoThumbnail("not-a-picture")
    with Confined(_OneFile(opened)) as reader:
        drawn = reader.draw(_NAME, pixels)
    if media_type_of(drawn.picture) != "image/webp":
        raise NoThumbnail(drawn.refusal or "reader-died")
    return drawn.picture


class _OneFile:
    """A tree of one open file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def names(self) -> Iterator[str]:
        return iter((_NAME,))

    def __contains__(self, name: object) -> bool:
        return name == _NAME

    def size(self, name: str) -> int:  # noqa: ARG002 - there is one
        return self._file.seek(0, io.SEEK_END)

    def open(self, name: str) -> BinaryIO:
        if name != _NAME:
            raise KeyError(name)
        return _Lent(self._file).buffered(MIB)


class _Lent(PlacedFile):
    """The file of somebody who will close it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file.seek(0, io.SEEK_END))
        self._file = file

    def read_at(self, at: int, most: int) -> bytes:
        self._file.seek(at)
        return self._file.read(most)
