"""Files by name: a folder, a snapshot, or what is inside an archive.

Names are relative with ``/``. They are looked up in what was listed, and never become a path of
the file system by themselves.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import msgspec

MISSING: Final = "bytes-missing"
"""The code of what cannot be read now, and may be when the store is sound again."""


class TreeWarning(msgspec.Struct, frozen=True, array_like=True):
    """What of a tree cannot be looked into: ``code`` is stable, ``name`` the file that is meant."""

    code: str
    name: str
    detail: str = ""


class Damaged(OSError):
    """The bytes of a file cannot be had, or not further, for a reason that has a name."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Tree(Protocol):
    """Named files that can be listed and read at any place."""

    def names(self) -> Iterator[str]:
        """Every file, sorted."""
        ...

    def __contains__(self, name: object) -> bool:
        """Whether there is such a file."""
        ...

    def size(self, name: str) -> int:
        """Its length in bytes; KeyError when there is none."""
        ...

    def open(self, name: str) -> BinaryIO:
        """The file, seekable and read-only; KeyError when there is none, OSError when damaged."""
        ...


def outermost(tree: Tree, name: str) -> str:
    """The file of ``tree`` that ``name`` is, or the archive it is in; "" when there is neither."""
    at = name.find("/")
    while at > 0 and name[:at] not in tree:
        at = name.find("/", at + 1)
    found = name[:at] if at > 0 else name
    return found if found in tree else ""


def as_text(name: str) -> str:
    """A name on a disk as text: bytes of it that are no UTF-8 are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


class FolderTree:
    """The regular files below some paths; symbolic links are not followed.

    Names begin with the name of the path that was given, as those of a backup do.
    """

    def __init__(self, *paths: Path) -> None:
        self._paths: dict[str, Path] = {}
        for path in paths:
            whole = path.absolute()
            self._paths |= dict(_files(whole, as_text(whole.name)))

    def names(self) -> Iterator[str]:
        """Every file, sorted."""
        return iter(sorted(self._paths))

    def __contains__(self, name: object) -> bool:
        """Whether there is such a file."""
        return name in self._paths

    def size(self, name: str) -> int:
        """Its length in bytes."""
        return self._paths[name].stat().st_size

    def open(self, name: str) -> BinaryIO:
        """The file itself."""
        return self._paths[name].open("rb")


def _files(path: Path, name: str) -> Iterator[tuple[str, Path]]:
    if not path.is_dir():
        if path.is_file():
            yield name, path
        return
    with os.scandir(path) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        below = f"{name}/{as_text(entry.name)}" if name else as_text(entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), below)
        elif entry.is_file(follow_symlinks=False):
            yield below, Path(entry.path)
