"""Threads that read files ahead of the network, within a budget of bytes.

Reading, cutting and hashing release the interpreter lock, so two of these keep two cores busy.
"""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, NamedTuple

from phone.chunking import Block, Reading, read_item
from phone.sources import Entry, Problem, problem_for
from wire import limits
from wire.memory import keep_large_buffers

BUDGET_BYTES: Final = 32 * limits.MIB


class Read(NamedTuple):
    """Something of file ``number`` was read: chunks, and with the last its whole reading.

    ``problem`` is set instead of ``reading`` when the file cannot be read to its end.
    """

    number: int
    block: Block | None
    reading: Reading | None = None
    problem: Problem | None = None


class _Stopped(Exception):
    """Nobody wants what is being read."""


class Readers:
    """Reads what is submitted, in that order, and delivers from several threads."""

    def __init__(
        self, deliver: Callable[[Read | Exception], None], budget_bytes: int = BUDGET_BYTES
    ) -> None:
        self._deliver = deliver
        self._tasks: SimpleQueue[tuple[int, Entry] | None] = SimpleQueue()
        self._available = budget_bytes
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name="phone-reader", daemon=True)
            for _ in range(max(2, min(4, os.cpu_count() or 2)))
        ]
        self._started = False

    def submit(self, number: int, entry: Entry) -> None:
        """Read this file when its turn comes. The threads start with the first."""
        self._tasks.put((number, entry))
        if not self._started:
            self._started = True
            keep_large_buffers()
            for thread in self._threads:
                thread.start()

    def release(self, size: int) -> None:
        """Give ``size`` bytes of the budget back."""
        with self._changed:
            self._available += size
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop reading at once; what is under way is dropped."""
        self._stopping.set()
        for _ in self._threads:
            self._tasks.put(None)
        self.release(0)
        if self._started:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set() and (task := self._tasks.get()) is not None:
            try:
                self._read(*task)
            except _Stopped:
                return
            except Exception as error:
                self._deliver(error)

    def _read(self, number: int, entry: Entry) -> None:
        reader = read_item(entry)
        block: Block | None = None
        while True:
            try:
                following = next(reader)
            except StopIteration as end:
                self._deliver(Read(number, block, end.value))
                return
            except OSError as error:
                self._deliver(Read(number, block, problem=problem_for(entry, error)))
                return
            self._take(following.size)
            if block is not None:
                self._deliver(Read(number, block))
            block = following

    def _take(self, size: int) -> None:
        """Wait until the budget is not overdrawn, then take from it."""
        with self._changed:
            while self._available <= 0 and not self._stopping.is_set():
                self._changed.wait()
            if self._stopping.is_set():
                raise _Stopped
            self._available -= size
