"""Files in memory, read by the real readers, for tests of readers."""

import io
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from conversations.confined.frames import told_in
from conversations.confined.sendable import packed_batches
from conversations.events import (
    Conversation,
    Counts,
    DateOrder,
    Event,
    Kind,
    Message,
    Person,
    ReadWarning,
)
from conversations.reading import Reading
from conversations.recognising import recognise


class MemoryTree:
    """A tree of files given as bytes or text."""

    def __init__(self, files: Mapping[str, bytes | str]) -> None:
        self.files = {
            name: data.encode() if isinstance(data, str) else data for name, data in files.items()
        }

    def names(self) -> Iterator[str]:
        return iter(sorted(self.files))

    def __contains__(self, name: object) -> bool:
        return name in self.files

    def size(self, name: str) -> int:
        return len(self.files[name])

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self.files[name])


class Read:
    """Everything that was read from a tree; counts of all sources together."""

    def __init__(
        self,
        files: Mapping[str, bytes | str],
        date_orders: Mapping[str, DateOrder] | None = None,
    ) -> None:
        tree = MemoryTree(files)
        self.apps: list[str] = []
        self.events: list[Event] = []
        self.counts: list[Counts] = []
        for recognised in recognise(tree):
            reading = Reading(tree, recognised, date_orders)
            self.apps.append(recognised.app)
            events = list(reading)
            for body in packed_batches(events, reading.counts):
                told_in(body)  # the parent of the process believes it
            self.events += events
            self.counts.append(reading.counts)
        assert all(counts.reconciles for counts in self.counts), self.counts

    @property
    def messages(self) -> list[Message]:
        """Of people."""
        return [each for each in self._all(Message) if each.kind is not Kind.SYSTEM]

    @property
    def system(self) -> list[Message]:
        """Of nobody."""
        return [each for each in self._all(Message) if each.kind is Kind.SYSTEM]

    @property
    def conversations(self) -> list[Conversation]:
        return self._all(Conversation)

    @property
    def people(self) -> list[Person]:
        return self._all(Person)

    @property
    def warnings(self) -> list[ReadWarning]:
        return self._all(ReadWarning)

    def _all(self, kind):
        return [event for event in self.events if isinstance(event, kind)]
