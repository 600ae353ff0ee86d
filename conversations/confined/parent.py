"""A tree, read by a process with limits.

Like this::

    with Confined(tree) as reader:
        sources, warnings = reader.recognise()
        for source in sources:
            for events in reader.read(source, date_orders):
                ...
            reader.counts

Whatever is in the files, the parent lives on: what goes wrong is a warning with a name. A
``Confined`` is made, used and left in one thread, and its child ends with that thread.
"""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, NamedTuple, Self

from conversations import limits
from conversations.confined.bounded import Bounds, told_of_tree
from conversations.confined.frames import (
    AskNames,
    AskRange,
    Batch,
    Begun,
    Done,
    Draw,
    Drawn,
    Found,
    Frame,
    Read,
    Recognise,
)
from conversations.confined.patience import seconds_to_read, seconds_to_recognise
from conversations.confined.process import Ended, Killed, Process
from conversations.confined.served import Served
from conversations.events import Counts, DateOrder, Event, ReadWarning
from conversations.recognising import Recognised
from conversations.tree import Tree, TreeWarning

_MODULE: Final = "conversations.confined"


class Recognition(NamedTuple):
    """What a tree holds, and what of it could not be looked into."""

    sources: list[Recognised]
    warnings: list[TreeWarning]


class Confined:
    """Reads ``tree`` in a child process, which is started when it is first needed.

    ``module`` is what the child runs.
    """

    def __init__(self, tree: Tree, *, module: str = _MODULE) -> None:
        self.counts = Counts()
        self._served = Served(tree)
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
        left_out: list[TreeWarning] = []
        kills = 0
        while len(left_out) <= limits.READER_DEATHS_MAX:
            self._served.latest = ""
            try:
                found = self._recognised(tuple(warning.name for warning in left_out))
            except Ended as ended:
                self._end()
                if isinstance(ended, Killed) and (kills := kills + 1) < limits.READER_KILLS_MAX:
                    continue
                left_out.append(TreeWarning(ended.code, self._served.latest, ended.detail))
                if not self._served.latest:
                    break  # no file is to blame, so leaving one out would not help
            else:
                warnings = found.warnings[: limits.TREE_WARNINGS_MAX]
                return Recognition(found.sources, [*left_out, *map(told_of_tree, warnings)])
        return Recognition([], left_out)

    def _recognised(self, without: tuple[str, ...]) -> Found:
        process = self._commanded(Recognise(without))
        names = size = 0
        while True:
            match process.told():
                case AskNames(is_first=is_first):
                    answer = self._served.names(is_first=is_first)
                    names += len(answer.page)
                    size += sum(each or 0 for _, each in answer.page)
                    process.allow(seconds_to_recognise(names, size))
                    process.tell(answer)
                case Found() as found:
                    return found
                case told:
                    self._answer(process, told)

    def read(
        self, source: Recognised, date_orders: Mapping[str, DateOrder] | None = None
    ) -> Iterator[list[Event]]:
        """Its events, in lists of some thousand; ``counts`` are those of what was yielded so far.

        A child that ends before its source does is told by a last warning. One that was killed is
        no word about the source: another one reads it, and goes on behind what was yielded.
        """
        self.counts = Counts()
        command = Read(source, dict(date_orders or {}))
        bounds = Bounds()
        given = kills = 0
        while True:
            try:
                for events in self._read(command, given):
                    given += len(events)
                    yield list(bounds.kept(events))
            except Ended as ended:
                self._end()
                if isinstance(ended, Killed) and (kills := kills + 1) < limits.READER_KILLS_MAX:
                    continue
                yield [self._stopped(ended)]
            except GeneratorExit:
                self._end()  # it is still reading
                raise
            return

    def _read(self, command: Read, given: int) -> Iterator[list[Event]]:
        """What comes behind the first ``given`` events."""
        process = self._commanded(command)
        most = limits.EVENTS_FLOOR
        while True:
            match process.told():
                case Batch(events=events, counts=counts):
                    most -= len(events)
                    if most < 0:
                        raise process.distrusted("more events than its source has bytes")
                    fresh, given = events[given:], max(0, given - len(events))
                    if fresh:
                        self.counts = counts
                        with process.paused():
                            yield list(fresh)
                case Begun(size=size):
                    size = min(size, self._size_at_most(command.source.files))
                    most = limits.EVENTS_FLOOR + limits.EVENTS_PER_BYTE * size
                    process.allow(seconds_to_read(size))
                case Done(counts=counts, is_spent=is_spent):
                    self.counts = counts
                    if is_spent:
                        self._end()
                    return
                case told:
                    self._answer(process, told)

    def draw(self, name: str, pixels: int) -> Drawn:
        """A thumbnail of a file of the tree. What ends the child is the refusal."""
        try:
            process = self._commanded(Draw(name, pixels))
            while not isinstance(told := process.told(), Drawn):
                self._answer(process, told)
        except Ended as ended:
            self._end()
            return Drawn(b"", ended.code)
        return told

    def _size_at_most(self, files: tuple[str, ...]) -> int:
        """As large as the files of a source can be when they come out of archives."""
        outside = sum(self._served.size_outside(name) for name in files)
        return limits.EXPANSION_FREE_BYTES + limits.EXPANSION_RATIO_MAX * outside

    def _stopped(self, ended: Ended) -> ReadWarning:
        """What was seen and not told is in this warning."""
        counts = self.counts
        done = counts.messages + counts.system + counts.continuations + counts.warned
        counts.seen = max(counts.seen, done)
        counts.warned += counts.seen - done
        return ReadWarning(ended.code, detail=ended.detail, records=counts.seen - done)

    def _commanded(self, command: Frame) -> Process:
        if self._process is None:
            self._process = Process(self._module)
        self._process.begin(limits.READER_SECONDS_FLOOR)
        self._process.tell(command)
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
                raise process.distrusted(f"it sent {type(told).__name__} out of turn")
