"""Chunks into items: what was asked for arrives in order, is checked, and goes to the sink.

The position survives a lost connection, in the middle of an item too. Finished items are checked,
made durable and published by other threads meanwhile.
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from phone.checking import ItemSink, Sink
from phone.choosing import Chosen
from phone.errors import NotWritten, Obstacle
from phone.events import Progress, Tell
from phone.fetching import Fetching, Piece, Wanted
from wire.manifest import ChunkRef, Item

_FINISHERS: Final = 4
_FINISHING_MAX: Final = 16
_TELL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Failure:
    """An item that was not restored, and why."""

    name: str
    reason: Obstacle
    message: str


class Delivery:
    """The chosen items on their way to the sink. Close it at the end, whatever happened."""

    def __init__(self, chosen: Chosen, sink: Sink, tell: Tell) -> None:
        self.failures: list[Failure] = []
        self.verified = self.verified_bytes = self.received = self.kept = 0
        self._sink, self._tell = sink, tell
        self._total, self._count = chosen.size, len(chosen.items)
        self._unasked_bytes = 0
        self._told = 0.0
        self._items = deque(self._acceptable(chosen.items))
        self._chunks_done = 0
        self._current: ItemSink | None = None
        self._refusal: NotWritten | None = None
        self._finishers = ThreadPoolExecutor(_FINISHERS, "phone-finish")
        self._finishing: deque[tuple[Item, Future[None]]] = deque()

    def _acceptable(self, items: list[tuple[int, Item]]) -> Iterator[tuple[int, Item]]:
        """Those that the sink lacks and can take: the others are not even asked for.

        Looking at what is there already takes its time, so progress is told.
        """
        for number, item in items:
            if self._is_wanted(item):
                yield number, item
            else:
                self._unasked_bytes += item.size
            self._tell_progress(at_once=False)

    def _is_wanted(self, item: Item) -> bool:
        try:
            if self._sink.check(item):
                return True
        except NotWritten as refusal:
            self._fail(item, refusal)
        else:
            self.kept += 1
            self._have(item)
        return False

    def fetch(self, fetching: Fetching, snapshot_id: str) -> None:
        """Go on until every item is delivered or failed; raises what ended the connection."""
        pieces = fetching.chunks(snapshot_id, self._wanted())
        while self._items:
            _, item = self._items[0]
            self._deliver(item, pieces)
            self._items.popleft()
            self._chunks_done = 0
            self._current = self._refusal = None
        self._collect(_FINISHING_MAX)
        self._tell_progress(at_once=True)

    def _wanted(self) -> Iterator[Wanted]:
        """What is still to come, from the middle of an item if need be."""
        first = self._chunks_done
        for number, item in list(self._items):
            refs = list(item.refs())[first:]
            if refs:
                yield Wanted(number, first, refs)
            first = 0

    def _deliver(self, item: Item, pieces: Iterator[Piece]) -> None:
        try:
            if self._current is None and self._refusal is None:
                self._current = self._sink.begin(item)
        except NotWritten as refusal:
            self._refusal = refusal
        for expected in list(item.refs())[self._chunks_done :]:
            self._take(item, expected, next(pieces))
            self._chunks_done += 1
            self._tell_progress(at_once=False)
        if self._refusal is not None or self._current is None:
            self._fail(item, self._refusal)
            return
        self._finishing.append((item, self._finishers.submit(self._current.finish)))
        self._collect(0)

    def _take(self, item: Item, expected: ChunkRef, piece: Piece) -> None:
        self.received += len(piece.data or b"")
        if self._current is None:
            return
        try:
            if piece.data is None or piece.digest != expected.digest:
                why = piece.why or "a chunk is not what the manifest says"
                raise NotWritten(Obstacle.DAMAGED, f"{item.name} is damaged: {why}.")
            self._current.write(piece.digest, piece.data)
        except NotWritten as refusal:
            self._current.abort()
            self._current, self._refusal = None, refusal

    def _collect(self, pace: int) -> None:
        """Note what the finishers did; wait for them when they fall behind, or for all of them."""
        while self._finishing:
            item, finished = self._finishing[0]
            if pace == 0 and len(self._finishing) <= _FINISHING_MAX and not finished.done():
                return
            try:
                finished.result()
            except NotWritten as refusal:
                self._fail(item, refusal)
            else:
                self._have(item)
            self._finishing.popleft()

    def _have(self, item: Item) -> None:
        self.verified += 1
        self.verified_bytes += item.size

    def _fail(self, item: Item, refusal: NotWritten | None) -> None:
        obstacle = refusal.obstacle if refusal else Obstacle.UNWRITABLE
        self.failures.append(Failure(item.name, obstacle, str(refusal)))

    def close(self) -> None:
        """Leave no half item behind; wait for those being finished."""
        if self._current is not None:
            self._current.abort()
        self._finishers.shutdown()

    def _tell_progress(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or now - self._told > _TELL_SECONDS:
            self._told = now
            done = min(self._unasked_bytes + self.received, self._total)
            self._tell(Progress(done, self._total, self.received, self.verified, self._count))
