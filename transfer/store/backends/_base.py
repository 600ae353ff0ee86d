"""What the store asks of a place that keeps objects.

A backend keeps named, write-once byte strings and sees ciphertext only. Names are plain relative
paths of letters, digits, ``-`` and ``_``. Five calls touch objects: put, get_range, stat, list
and delete.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from wire.errors import Conflict, Damaged, StationFault, StorageFull

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,100}(/[A-Za-z0-9_-]{1,100}){0,4}")
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class ObjectExists(Conflict):
    """A put under a name that is taken: objects are write-once, the old one stays as it was."""


class StoreAway(StationFault):
    """The place where the objects lie is not there, or is another: its disk is not mounted."""

    def __init__(self, sentence: str = "the store is not there: mount its disk") -> None:
        super().__init__(sentence)


class Backend(Protocol):
    """A place that keeps objects. Every method may be called from several threads at once."""

    def put(self, name: str, source: Path | bytes) -> None:
        """Keep ``source`` under ``name``; durable when this returns.

        A path must be a file inside :meth:`spool`; it is consumed. Raises :class:`ObjectExists`
        (what has the name is durable by then), :class:`StorageFull` or :class:`StationFault`.
        """

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``.

        Raises :class:`NotFound` when there is no such object, :class:`Damaged` when it is too
        short or cannot be read.
        """

    def stat(self, name: str) -> int:
        """The size of the object in bytes; raises :class:`NotFound`."""

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and size in bytes of every object under the folder ``prefix``, in no order."""

    def delete(self, name: str) -> None:
        """Remove the object, durably; raises :class:`NotFound`."""

    def spool(self) -> Path:
        """This process's folder for files that are not objects yet.

        It is made at the first call, and never again: raises :class:`StoreAway` when it has gone.
        """

    def sweep_spool(self) -> int:
        """Remove what dead processes left in the spool; how many files that were."""

    def forget_copies(self) -> None:
        """Let what is read next come from the place itself, not from a copy nearer by."""

    def free_bytes(self) -> int | None:
        """How many bytes may still be put, or None when the place does not tell."""


def is_name(name: str) -> bool:
    """Whether ``name`` can be the name of an object, or of a folder of objects."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str) -> str:
    """Return ``name``; raises :class:`StationFault` unless it can be an object's name."""
    if not is_name(name):
        raise StationFault(f"{name!r} cannot be the name of an object")
    return name


@contextmanager
def writing(what: str) -> Iterator[None]:
    """Turn the operating system's refusal to write ``what`` into this project's errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(f"no room left for {what}") from error
        raise StationFault(f"cannot write {what}: {error.strerror or error}") from error


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn the operating system's failure to read ``name`` into this project's errors."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EIO:
            raise Damaged(f"{name} cannot be read: {error.strerror}") from error
        raise StationFault(f"cannot read {name}: {error.strerror or error}") from error
