"""Which files a backup consists of: folders are walked, every name is judged, nothing is read.

What cannot become an item is never dropped silently: it is a :class:`Problem` with a reason.
Names are relative with ``/`` and begin with the name of the folder or file that was asked for, so
that several folders fit in one snapshot. The result is sorted and the same for the same files.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import msgspec

from phone.errors import SourceMissing
from wire import limits
from wire.errors import ManifestRefused
from wire.manifest import check_item_name


class Reason(StrEnum):
    """Why a file is not in the snapshot, or not as it should be."""

    SYMLINK = "symlink"
    SPECIAL = "special"
    UNREADABLE = "unreadable"
    UNNAMEABLE = "unnameable"
    VANISHED = "vanished"
    CHANGED = "changed"
    TOO_LARGE = "too_large"


_SENTENCES = {
    Reason.SYMLINK: "is a symbolic link; links are not followed",
    Reason.SPECIAL: "is not a regular file (a device, pipe or socket)",
    Reason.UNREADABLE: "cannot be read",
    Reason.UNNAMEABLE: "has a name that cannot be kept",
    Reason.VANISHED: "disappeared before it was read",
    Reason.CHANGED: "changed each time it was read; the last reading was kept",
    Reason.TOO_LARGE: "is larger than one item may be",
}


class Problem(msgspec.Struct, frozen=True):
    """One file or folder that was left out (or, for CHANGED, kept as it was last read).

    ``path`` is printable: bytes that are no text appear escaped.
    """

    path: str
    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        more = f" ({self.detail})" if self.detail else ""
        return f"{self.path} {_SENTENCES[self.reason]}{more}"


class Stamp(NamedTuple):
    """What tells one state of a file from another without reading it. Times in nanoseconds."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> "Stamp":
        """The stamp in what ``stat`` says."""
        return cls(
            status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
        )


class Entry(NamedTuple):
    """A regular file that becomes the item called ``name``."""

    name: str
    path: str
    stamp: Stamp


class Scan(msgspec.Struct):
    """What was found: entries sorted by name, and what was left out."""

    entries: list[Entry] = []
    problems: list[Problem] = []

    @property
    def size(self) -> int:
        """Bytes of all entries together."""
        return sum(entry.stamp.size for entry in self.entries)


def printable(path: str) -> str:
    """``path`` for people and JSON: what is no text, and control characters, escaped."""
    text = path.encode("utf-8", "backslashreplace").decode()
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def scan(paths: Iterable[str | os.PathLike[str]]) -> Scan:
    """Find every file under ``paths``; raises :class:`SourceMissing` when one is not there.

    A symbolic link named as a path itself is followed; links found below are not.
    """
    found = Scan()
    for prefix, root in _roots(paths):
        if root.is_dir():
            _walk(str(root), prefix, found)
        else:
            _judge_file(prefix, str(root), root.stat(), found)
    found.entries.sort()
    found.problems.sort(key=lambda problem: problem.path)
    return found


def _roots(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[str, Path]]:
    """Each path once, with the first part of its items' names, which no other path has."""
    seen: set[Path] = set()
    taken: set[str] = set()
    for path in paths:
        # abspath, not resolve(): a link that was named keeps its own name.
        root = Path(os.path.abspath(path))  # noqa: PTH100
        try:
            real = root.resolve(strict=True)
        except OSError as error:
            why = os.strerror(error.errno or errno.ENOENT)
            raise SourceMissing(f"{printable(os.fspath(path))} cannot be opened: {why}.") from None
        if real not in seen:
            seen.add(real)
            name = _free_name(root, taken)
            taken.add(name)
            yield name, real


def _free_name(root: Path, taken: set[str]) -> str:
    """The last part of ``root``, or "that (2)" and so on, keeping a file's ending."""
    name, number = root.name or "root", 1
    while name in taken:
        number += 1
        name = f"{root.stem} ({number}){root.suffix}"
    return name


def _walk(root: str, prefix: str, found: Scan) -> None:
    waiting = [(root, prefix)]
    while waiting:
        folder, name = waiting.pop()
        try:
            with os.scandir(folder) as listing:
                children = list(listing)
        except OSError as error:
            found.problems.append(_unreadable(folder, error))
            continue
        for child in children:
            child_name = f"{name}/{child.name}"
            if _judge(child, child_name, found):
                waiting.append((child.path, child_name))


def _judge(child: os.DirEntry[str], name: str, found: Scan) -> bool:
    """Note a file or a problem; whether ``child`` is a folder to go into."""
    try:
        if child.is_symlink():
            found.problems.append(Problem(printable(child.path), Reason.SYMLINK))
        elif child.is_dir(follow_symlinks=False):
            return _nameable(name, child.path, found)
        else:
            _judge_file(name, child.path, child.stat(follow_symlinks=False), found)
    except OSError as error:
        found.problems.append(_unreadable(child.path, error))
    return False


def _judge_file(name: str, path: str, status: os.stat_result, found: Scan) -> None:
    if not stat.S_ISREG(status.st_mode):
        found.problems.append(Problem(printable(path), Reason.SPECIAL))
    elif status.st_size > limits.ITEM_CHUNKS_MAX * limits.CHUNK_BYTES_MAX:
        found.problems.append(Problem(printable(path), Reason.TOO_LARGE))
    elif _nameable(name, path, found):
        found.entries.append(Entry(name, path, Stamp.of(status)))


def _nameable(name: str, path: str, found: Scan) -> bool:
    try:
        check_item_name(name)
    except ManifestRefused as error:
        found.problems.append(Problem(printable(path), Reason.UNNAMEABLE, printable(str(error))))
        return False
    return True


def _unreadable(path: str, error: OSError) -> Problem:
    gone = isinstance(error, FileNotFoundError)
    reason = Reason.VANISHED if gone else Reason.UNREADABLE
    return Problem(printable(path), reason, "" if gone else os.strerror(error.errno or 0))


def problem_for(entry: Entry, error: OSError) -> Problem:
    """Why ``entry`` could not be read after all."""
    return _unreadable(entry.path, error)
