"""A tree's names and bytes, as they are served to a child that is not believed."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import BinaryIO, Final

from conversations import limits
from conversations.confined.frames import FailureAnswer, Frame, NamesAnswer, RangeAnswer
from conversations.tree import Tree

_OPEN_FILES: Final = 4


class Served:
    """Answers what the child asks. ``latest`` is the file that it asked for last."""

    def __init__(self, tree: Tree) -> None:
        self.latest = ""
        self._tree = tree
        self._names: Iterator[str] = iter(())
        self._open: OrderedDict[str, BinaryIO] = OrderedDict()

    def names(self, *, is_first: bool) -> NamesAnswer:
        """The next page."""
        if is_first:
            self._names = self._tree.names()
        page: list[tuple[str, int | None]] = []
        for name in self._names:
            page.append((name, self._size(name)))
            if len(page) == limits.NAMES_PER_PAGE:
                break
        return NamesAnswer(page)

    def range(self, name: str, start: int, length: int) -> Frame:
        """The bytes, or why there are none."""
        if start < 0 or not 0 < length <= limits.RANGE_BYTES_MAX:
            return FailureAnswer(is_missing=False, detail="there is no such range")
        self.latest = name
        try:
            file = self._file(name)
            file.seek(start)
            return RangeAnswer(memoryview(file.read(length)))
        except KeyError:
            return FailureAnswer(is_missing=True, detail=name)
        except (OSError, ValueError) as error:
            self._forget(name)
            return FailureAnswer(is_missing=False, detail=str(error))

    def size_outside(self, name: str) -> int:
        """How large the file is, or the archive that it is in."""
        parts = name.split("/")
        for end in range(len(parts), 0, -1):
            outer = "/".join(parts[:end])
            if outer in self._tree:
                return self._size(outer) or 0
        return 0

    def close(self) -> None:
        """Close what is open."""
        for name in list(self._open):
            self._forget(name)

    def _size(self, name: str) -> int | None:
        try:
            return self._tree.size(name)
        except (OSError, KeyError):
            return None

    def _file(self, name: str) -> BinaryIO:
        if name not in self._open:
            self._open[name] = self._tree.open(name)
            if len(self._open) > _OPEN_FILES:
                self._forget(next(iter(self._open)))
        self._open.move_to_end(name)
        return self._open[name]

    def _forget(self, name: str) -> None:
        file = self._open.pop(name, None)
        if file is not None:
            file.close()
