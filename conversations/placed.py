"""A read-only file that is nothing but its length and how to read at a place."""

import io
from abc import abstractmethod
from typing import BinaryIO, cast


class PlacedFile(io.RawIOBase):
    """Base of files that are made of others, or of questions. ``length`` is in bytes."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length
        self._at = 0

    @abstractmethod
    def read_at(self, at: int, most: int) -> bytes | memoryview:
        """At least one byte from ``at`` on and at most ``most``; none at the end."""

    def buffered(self, buffer_bytes: int) -> BinaryIO:
        """This file, read ahead by so much."""
        return cast(BinaryIO, _ReadAhead(self, buffer_bytes))

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place that is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, which may be behind the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what io passes
        """Fill a part of the buffer."""
        data = self.read_at(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


class _ReadAhead(io.BufferedReader):
    def read1(self, size: int = -1, /) -> bytes:
        """As texts are read: with an empty buffer, io's own would ask for ``size`` and no more."""
        self.peek(1)
        return super().read1(size)
