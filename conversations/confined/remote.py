"""The tree that the parent has, as the child sees it: names and bytes come by asking."""

import io
import socket
from collections.abc import Iterator, Set
from functools import cached_property
from typing import BinaryIO, Final, cast

from conversations import limits
from conversations.confined.frames import (
    AskNames,
    AskRange,
    FailureAnswer,
    Frame,
    NamesAnswer,
    RangeAnswer,
    answer_of,
    packed,
    receive,
    send,
)
from conversations.tree import Damaged

_FIRST_BYTES: Final = limits.HEAD_BYTES
_BUFFER_BYTES: Final = limits.RANGE_BYTES_MAX


class RemoteTree:
    """Files by name, served over ``channel``; those of ``without`` are not there."""

    def __init__(self, channel: socket.socket, without: Set[str] = frozenset()) -> None:
        self._channel = channel
        self._without = without

    def names(self) -> Iterator[str]:
        """Every file, sorted."""
        return iter(self._sizes)

    def __contains__(self, name: object) -> bool:
        """Whether there is such a file."""
        return name in self._sizes

    def size(self, name: str) -> int:
        """Its length in bytes."""
        size = self._sizes[name]
        if size is None:
            raise Damaged("bytes-missing", name)
        return size

    def open(self, name: str) -> BinaryIO:
        """The file; bytes are asked for as they are read."""
        return cast(BinaryIO, io.BufferedReader(_RemoteFile(self, name), _BUFFER_BYTES))

    def amount(self) -> tuple[int, int]:
        """How many files there are, and their bytes in all."""
        return len(self._sizes), sum(size or 0 for size in self._sizes.values())

    @cached_property
    def _sizes(self) -> dict[str, int | None]:
        sizes: dict[str, int | None] = {}
        page = self._page(is_first=True)
        while page:
            sizes.update(each for each in page if each[0] not in self._without)
            page = self._page(is_first=False)
        return sizes

    def _page(self, *, is_first: bool) -> list[tuple[str, int | None]]:
        answer = self._asked(AskNames(is_first))
        assert isinstance(answer, NamesAnswer)
        return answer.page

    def bytes_of(self, name: str, start: int, length: int) -> memoryview:
        """At most ``length`` bytes; fewer at the end."""
        answer = self._asked(AskRange(name, start, length))
        if isinstance(answer, FailureAnswer):
            if answer.is_missing:
                raise KeyError(answer.detail)
            raise Damaged("bytes-missing", answer.detail)
        assert isinstance(answer, RangeAnswer)
        return answer.data

    def _asked(self, question: Frame) -> Frame:
        send(self._channel, packed(question))
        return answer_of(receive(self._channel))


class _RemoteFile(io.RawIOBase):
    """Asks for little where a file is only looked at, and for much where it is read on."""

    def __init__(self, tree: RemoteTree, name: str) -> None:
        self._tree, self._name = tree, name
        self._size = tree.size(name)
        self._at = 0
        self._next, self._window = 0, _FIRST_BYTES

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # what io passes
        if self._at != self._next:
            self._window = _FIRST_BYTES
        wanted = min(len(buffer), self._window, max(0, self._size - self._at))
        if wanted == 0:
            return 0
        data = self._tree.bytes_of(self._name, self._at, wanted)
        buffer[: len(data)] = data
        self._at = self._next = self._at + len(data)
        self._window = min(self._window * 4, limits.RANGE_BYTES_MAX)
        return len(data)
