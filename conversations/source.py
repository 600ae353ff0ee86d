"""One source: the files that one reader reads together, and the tree where attachments are.

It hands out lines and records, and counts them: what a reader says it made of them is compared
with that (:class:`conversations.events.Counts`).
"""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

from conversations import limits
from conversations.decoding import OLD, decoded_lines
from conversations.events import Attachment, DateOrder, MediaKind, Place
from conversations.pulling import BadRecords, Json
from conversations.reach import by_path, names_below
from conversations.records import records_of
from conversations.tree import Tree


class Line(NamedTuple):
    """One line without its end; ``number`` counts from 1."""

    number: int
    text: str


class Record(NamedTuple):
    """One element of a list in a JSON file; ``number`` counts from 1.

    ``value`` is :class:`conversations.pulling.Unreadable` for what is too large, too deep or no
    JSON.
    """

    number: int
    value: Any


class Source:
    """What one reader reads at once: mostly one file, sometimes a folder of them.

    ``date_orders`` are the owner's choices, by conversation key.
    """

    def __init__(
        self,
        tree: Tree,
        files: tuple[str, ...],
        date_orders: Mapping[str, DateOrder] | None = None,
    ) -> None:
        self.tree = tree
        self.files = files
        self.date_orders = date_orders or {}
        self._places: tuple[str, ...] = ()
        self._in_places: dict[str, str] | None = None
        self.seen = 0

    def open(self, number: int = 0) -> BinaryIO:
        """File ``number`` from its start."""
        return self.tree.open(self.files[number])

    def lines(
        self, number: int = 0, encodings: tuple[str, ...] = OLD, *, keeps_returns: bool = False
    ) -> Iterator[Line]:
        """Its lines, decoded as their byte order mark or content says; each one is counted.

        Lines end with LF or CRLF only: U+2028 and the like stay inside. A line over
        :data:`limits.LINE_BYTES_MAX` is handed out in pieces, each a line of its own. ``encodings``
        are what the format is written in when it is not Unicode. With ``keeps_returns`` the CR of a
        CRLF stays.
        """
        with self.open(number) as file:
            lines = decoded_lines(file, others=encodings, keeps_returns=keeps_returns)
            for at, text in enumerate(lines, 1):
                self.seen += 1
                yield Line(at, text)

    def skimmed(
        self, number: int = 0, encodings: tuple[str, ...] = OLD, *, keeps_returns: bool = False
    ) -> Iterator[str]:
        """Its lines as :meth:`lines` has them, for a look ahead: they are not counted.

        They end where bytes are damaged, which is told when the lines themselves are read.
        """
        with suppress(OSError), self.open(number) as file:
            yield from decoded_lines(file, others=encodings, keeps_returns=keeps_returns)

    def records(self, prefix: str, number: int = 0) -> Iterator[Record]:
        """The elements of the list at ``prefix`` of file ``number``; each one is counted.

        Prefixes are those of :func:`conversations.records.records_of`. Raises
        :class:`conversations.records.BadRecords`, naming the place, where the JSON ends to be any.
        """
        with self.open(number) as file:
            yield from self._numbered(records_of(file, prefix), 0, number)

    @contextmanager
    def pulled(self, number: int = 0) -> Iterator[Json]:
        """File ``number`` as JSON that is pulled; its records are counted by :meth:`elements`."""
        with self.open(number) as file:
            yield Json(file)

    def elements(self, json: Json, after: int = 0, number: int = 0) -> Iterator[Record]:
        """The elements of the list that is next in ``json``; each one is counted.

        Numbers go on from ``after``. Raises as :meth:`records` does.
        """
        return self._numbered(json.values(), after, number)

    def _numbered(self, values: Iterator[Any], after: int, number: int) -> Iterator[Record]:
        at = after
        try:
            for at, value in enumerate(values, after + 1):
                self.seen += 1
                yield Record(at, value)
        except BadRecords as error:
            error.file, error.line = number, at + 1
            raise

    def counted(self, values: Iterable[Any]) -> Iterator[Record]:
        """Values that a reader takes from a file in its own way; each one is counted."""
        for at, value in enumerate(values, 1):
            self.seen += 1
            yield Record(at, value)

    def widen(self, places: Iterable[str]) -> None:
        """Let it name files in these folders as well: its reader knows that they belong to it."""
        self._places = tuple(places)
        self._in_places = None

    def find(self, reference: str, number: int = 0) -> str | None:
        """The name of the file that an export means by ``reference``, if it may and is there.

        A path is followed from the folder of file ``number``, then from the places that it was
        widened to. Of one that leads nowhere the last part counts: a file of that very folder, or
        the only one of its name in those places. Nothing else of the tree can be named
        (:mod:`conversations.reach`).
        """
        reference = reference.replace("\\", "/").strip()
        if not reference or len(reference) > limits.LINE_BYTES_MAX:
            return None
        folder, last = posixpath.dirname(self.files[number]), posixpath.basename(reference)
        for start in (folder, *self._places):
            if found := by_path(self.tree, start, reference):
                return found
        return by_path(self.tree, folder, last) or self._named(last)

    def _named(self, last: str) -> str | None:
        if self._in_places is None:
            self._in_places = names_below(self.tree, self._places) if self._places else {}
        return self._in_places.get(last)

    def attachment(
        self, kind: MediaKind, reference: str, media_type: str = "", number: int = 0
    ) -> Attachment:
        """What ``reference`` names, with its place when the tree has it."""
        name = posixpath.basename(reference.replace("\\", "/")) or reference
        name = name[: limits.NAME_CHARS_MAX]
        found = self.find(reference, number)
        if found is None:
            return Attachment(kind, name, media_type)
        return Attachment(kind, name, media_type, self.tree.size(found), Place(found))
