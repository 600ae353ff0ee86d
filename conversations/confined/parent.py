"""``Confined``: a tree, read by a process with limits::

    with Confined(tree) as reader:
        sources, warnings = reader.recognise()
        for source in sources:
            for events in reader.read(source, date_orders):
                ...
            reader.counts

Whatever is in the files, the parent lives on: what goes wrong is a warning with a name. A
``Confined`` is made, used and left in one thread, and its child ends with that thread.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

from conversations import limits
from conversations.confined.frames import (
    AskNames,
    AskRange,
    Batch,
    Begun,
    Done,
    FailureAnswer,
    Found,
    Frame,
    NamesAnswer,
    RangeAnswer,
    Read,
    Recognise,
)
from conversations.confined.process import Ended, Process
from conversations.events import Counts, DateOrder, Event, ReadWarning
from conversations.recognising import Recognised
from conversations.tree import Tree, TreeWarning

_MODULE: Final = "conversations.confined"
_OPEN_FILES: Final = 4


class Recognition(NamedTuple):
    """What a tree holds, and what of it could not be looked into."""

    sources: list[Recognised]
    warnings: list[TreeWarning]


class Confined:
    """Reads ``tree`` in a child process, which is started when it is first needed."""

    def __init__(self, tree: Tree, *, module: str = _MODULE) -> None:
        self.counts = Counts()
        self._served = _Served(tree)
        self._module = module
        self._process: Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        self._served.close()

    def recognise(self) -> Recognition:
        """Which sources there are. Files that end the child are left out, and named."""
        seconds = limits.READER_SECONDS_FLOOR
        try:
            process = self._begun(seconds)
            process.tell(Recognise((), seconds))
            while not isinstance(told := process.told(), Found):
                self._answer(process, told)
        except Ended as ended:
            self._end()
            return Recognition([], [TreeWarning(ended.code, "", ended.detail)])
        return Recognition(told.sources, told.warnings)

    def read(
        self, source: Recognised, date_orders: Mapping[str, DateOrder] | None = None
    ) -> Iterator[list[Event]]:
        """Its events, in lists of some thousand; ``counts`` hold for what was yielded so far."""
        self.counts = Counts()
        seconds = limits.READER_SECONDS_FLOOR
        try:
            process = self._begun(seconds)
            process.tell(Read(source, dict(date_orders or {}), (), seconds))
            while not isinstance(told := process.told(), Done):
                if isinstance(told, Batch):
                    self.counts = told.counts
                    yield list(told.events)
                elif isinstance(told, Begun):
                    process.extend(0)
                else:
                    self._answer(process, told)
            self.counts = told.counts
        except Ended as ended:
            self._end()
            yield [self._stopped(ended)]

    def _stopped(self, ended: Ended) -> ReadWarning:
        counts = self.counts
        done = counts.messages + counts.system + counts.continuations + counts.warned
        counts.seen = max(counts.seen, done)
        counts.warned += counts.seen - done
        return ReadWarning(ended.code, detail=ended.detail, records=counts.seen - done)

    def _begun(self, seconds: float) -> Process:
        if self._process is None:
            self._process = Process(self._module)
        self._process.allow(seconds)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    def _answer(self, process: Process, told: object) -> None:
        match told:
            case AskNames(is_first=is_first):
                process.tell(self._served.names(is_first=is_first))
            case AskRange(name=name, start=start, length=length):
                process.tell(self._served.range(name, start, length))
            case _:
                process.end()
                raise Ended("reader-died", f"it sent {type(told).__name__} out of turn")


class _Served:
    """The tree's names and bytes, for a child that is not believed."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._names: Iterator[str] = iter(())
        self._open: OrderedDict[str, BinaryIO] = OrderedDict()

    def names(self, *, is_first: bool) -> NamesAnswer:
        """The next page."""
        if is_first:
            self._names = self._tree.names()
        page = []
        for name in self._names:
            page.append((name, self._size(name)))
            if len(page) == limits.NAMES_PER_PAGE:
                break
        return NamesAnswer(page)

    def _size(self, name: str) -> int | None:
        try:
            return self._tree.size(name)
        except (OSError, KeyError):
            return None

    def range(self, name: str, start: int, length: int) -> Frame:
        """The bytes, or why there are none."""
        if start < 0 or not 0 < length <= limits.RANGE_BYTES_MAX:
            return FailureAnswer(False, "no such range")
        try:
            file = self._file(name)
            file.seek(start)
            return RangeAnswer(memoryview(file.read(length)))
        except KeyError:
            return FailureAnswer(True, name)
        except (OSError, ValueError) as error:
            return FailureAnswer(False, str(error))

    def _file(self, name: str) -> BinaryIO:
        if name not in self._open:
            self._open[name] = self._tree.open(name)
            if len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(name)
        return self._open[name]

    def close(self) -> None:
        """Close what is open."""
        while self._open:
            self._open.popitem()[1].close()
