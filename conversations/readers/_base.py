"""What every reader is: one file for one format, with three functions behind a small interface.

A reader knows the grammar of its format and nothing else: no Django, no store, no processes. It
runs in a process with limits, so what it raises ends in a named warning; it keeps no more than it
must, since a source may have a gigabyte.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, Protocol

from conversations.events import Event
from conversations.source import Source
from conversations.tree import Tree

_JSON: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*\{)")
Confidence = float
"""From 0 (not this format) to 1 (its signature is there). Above 0.5 means: no other reader's."""


class Reader(Protocol):
    """Reads one format."""

    app: ClassVar[str]
    """Stable and lower-case: conversations of one app are merged by their keys."""
    title: ClassVar[str]
    """The format's name for people."""
    version: ClassVar[int]
    """Raised with every change of what is read, so that sources are read again."""

    def sniff(self, name: str, head: bytes) -> Confidence:
        """Whether a file called so, that begins so (at most 4 KiB), is of this format."""
        ...

    def gather(self, tree: Tree, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Group ``names`` (the files that were recognised as this format's) into sources.

        Each group is the files of one source, the main one first. Files of the tree that were not
        recognised by themselves may join a group.
        """
        ...

    def read(self, source: Source) -> Iterator[Event]:
        """What is in it, in its order. Raises :class:`NotReadable`, naming the place."""
        ...


def begins_json(head: bytes) -> bool:
    """Whether it begins as an object or a list of objects does: what is said in it is no sign."""
    return _JSON.match(head) is not None


class NotReadable(Exception):
    """A source cannot be read, or not further; ``line`` is 0 when that is about the whole file."""

    def __init__(self, code: str, detail: str = "", *, file: int = 0, line: int = 0) -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail
        self.file = file
        self.line = line


class FileByFile:
    """For formats where each file is a source by itself."""

    def gather(self, tree: Tree, names: Sequence[str]) -> Iterator[tuple[str, ...]]:  # noqa: ARG002
        """Each file alone."""
        for name in names:
            yield (name,)
