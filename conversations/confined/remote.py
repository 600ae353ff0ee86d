"""The tree that the parent has, as the child sees it: names and bytes come by asking."""

import socket
from collections.abc import Iterator, Set
from functools import cached_property
from typing import Any, BinaryIO, Final

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
from conversations.placed import PlacedFile
from conversations.tree import MISSING, Damaged

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
            raise Damaged(MISSING, name)
        return size

    def open(self, name: str) -> BinaryIO:
        """The file; bytes are asked for as they are read."""
        return _RemoteFile(self, name).buffered(_BUFFER_BYTES)

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
            raise Damaged(MISSING, answer.detail)
        assert isinstance(answer, RangeAnswer)
        return answer.data

    def _asked(self, question: Frame) -> Any:  # noqa: ANN401 - one of frames.ANSWERS
        send(self._channel, packed(question))
        return answer_of(receive(self._channel))


class _RemoteFile(PlacedFile):
    """Asks for little where a file is only looked at, and for much where it is read on.

    And for little again before damaged bytes, so that everything up to them is read.
    """

    def __init__(self, tree: RemoteTree, name: str) -> None:
        super().__init__(tree.size(name))
        self._tree, self._name = tree, name
        self._next, self._window = 0, _FIRST_BYTES
        self._damaged_until = 0

    def read_at(self, at: int, most: int) -> memoryview | bytes:
        """Ask for the bytes."""
        if at != self._next or at < self._damaged_until:
            self._window = _FIRST_BYTES
        wanted = min(most, self._window, self._length - at)
        if wanted <= 0:
            return b""
        try:
            data = self._tree.bytes_of(self._name, at, wanted)
        except Damaged:
            if wanted <= _FIRST_BYTES:
                raise
            self._damaged_until = at + wanted
            return self.read_at(at, _FIRST_BYTES)
        self._next = at + len(data)
        self._window = min(self._window * 4, limits.RANGE_BYTES_MAX)
        return data
