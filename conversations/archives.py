"""A tree in which zips are folders as well: "export.zip" is a file, "export.zip/inner/name" too.

The same code lists the files of a source inside the confined process and finds the bytes of an
attachment outside of it, by the same names. The directory of a zip is read when it is first needed,
and once; members are inflated as they are read (:mod:`conversations.inflating`). A hostile zip ends
in a warning of the tree, or in :class:`conversations.tree.Damaged` when its bytes are read.

Codes: ``archive-damaged`` (what can be read is read), ``archive-overlap``, ``archive-encrypted``,
``archive-method``, ``archive-bad-name``, ``archive-duplicate``, ``archive-too-deep``,
``archive-too-many``, ``expands-too-much``.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from conversations import limits
from conversations.directory import Directory
from conversations.inflating import opened
from conversations.placed import PlacedFile
from conversations.tree import MISSING, Damaged, Tree, TreeWarning
from conversations.zipped import BadZip, data_start, is_zip

_MAGIC_BYTES: Final = 4


class ArchiveTree:
    """``tree`` with what is in its zips. Not for two threads at once.

    ``warnings`` are about the archives that were looked into until now.
    """

    def __init__(self, tree: Tree, *, depth: int = 0) -> None:
        self._tree = tree
        self._depth = depth
        self._archives: dict[str, ArchiveTree | None] = {}
        self._warnings: list[TreeWarning] = []

    @property
    def warnings(self) -> list[TreeWarning]:
        """What of the archives cannot be had, by the names of this tree."""
        inner = [
            TreeWarning(warning.code, _joined(name, warning.name), warning.detail)
            for name, archive in self._archives.items()
            if archive is not None
            for warning in archive.warnings
        ]
        return self._warnings + inner

    def names(self) -> Iterator[str]:
        """Every file, sorted; an archive comes as a file, and as all that is in it."""
        return iter(sorted(self._all()))

    def _all(self) -> Iterator[str]:
        for name in self._tree.names():
            yield name
            if _may_be_zip(name) and (archive := self._archive(name)) is not None:
                for inner in archive._all():
                    if (joined := f"{name}/{inner}") not in self._tree:
                        yield joined

    def __contains__(self, name: object) -> bool:
        """Whether there is such a file."""
        if name in self._tree:
            return True
        if not isinstance(name, str):
            return False
        archive, inner = self._inside(name)
        return archive is not None and inner in archive

    def size(self, name: str) -> int:
        """Its length in bytes, as the archive says when it is in one."""
        if name in self._tree:
            return self._tree.size(name)
        archive, inner = self._inside(name)
        if archive is None:
            raise KeyError(name)
        return archive.size(inner)

    def open(self, name: str) -> BinaryIO:
        """The file. Reading it raises :class:`Damaged` where its bytes end to be right."""
        if name in self._tree:
            return self._tree.open(name)
        archive, inner = self._inside(name)
        if archive is None:
            raise KeyError(name)
        return archive.open(inner)

    def _inside(self, name: str) -> tuple["ArchiveTree | None", str]:
        """The outermost archive that the name leads into, and the rest of the name."""
        at = name.find("/")
        while at > 0:
            outer = name[:at]
            if outer in self._tree and _may_be_zip(outer):
                return self._archive(outer), name[at + 1 :]
            at = name.find("/", at + 1)
        return None, ""

    def _archive(self, name: str) -> "ArchiveTree | None":
        if name not in self._archives:
            self._archives[name] = self._looked_into(name)
        return self._archives[name]

    def _looked_into(self, name: str) -> "ArchiveTree | None":
        try:
            with self._tree.open(name) as file:
                if not _begins_as_zip(name, file.read(_MAGIC_BYTES)):
                    return None
                if self._depth == limits.ARCHIVE_DEPTH_MAX:
                    self._warnings.append(TreeWarning("archive-too-deep", name))
                    return None
                directory = Directory(file)
        except (OSError, KeyError) as error:
            code = error.code if isinstance(error, Damaged) else MISSING
            self._warnings.append(TreeWarning(code, name, str(error)[: limits.DETAIL_CHARS_MAX]))
            return None
        if directory.is_document:
            return None
        members = _Members(self._tree, name, directory, is_nested=self._depth > 0)
        archive = ArchiveTree(members, depth=self._depth + 1)
        archive._warnings += directory.warnings
        return archive


class _Members:
    """The members of one zip, as a tree. A nested zip is inflated once for all its members."""

    def __init__(self, tree: Tree, archive: str, directory: Directory, *, is_nested: bool) -> None:
        self._tree, self._archive, self._directory = tree, archive, directory
        self._is_nested = is_nested
        self._shared: BinaryIO | None = None

    def names(self) -> Iterator[str]:
        return iter(self._directory.names())

    def __contains__(self, name: object) -> bool:
        return name in self._directory

    def size(self, name: str) -> int:
        return self._directory.member(name).size

    def open(self, name: str) -> BinaryIO:
        member = self._directory.member(name)
        file = self._opened()
        try:
            start = data_start(file, member)
        except BadZip as error:
            file.close()
            raise Damaged("archive-damaged", f"{name}: {error}") from None
        return opened(file, start, member)

    def _opened(self) -> BinaryIO:
        if not self._is_nested:
            return self._tree.open(self._archive)
        if self._shared is None:
            self._shared = self._tree.open(self._archive)
        return _View(self._shared).buffered(64 * limits.KIB)


class _View(PlacedFile):
    """A place of its own in a file that others read as well."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file.seek(0, io.SEEK_END))
        self._file = file

    def read_at(self, at: int, most: int) -> bytes:
        self._file.seek(at)
        return self._file.read(most)


def _may_be_zip(name: str) -> bool:
    """By its ending, or without any: phones give files that were shared names without."""
    lower = name.lower()
    return lower.endswith(".zip") or "." not in name.rpartition("/")[2]


def _begins_as_zip(name: str, head: bytes) -> bool:
    """A name that says zip may have something put before the zip, or begin damaged."""
    return is_zip(head) or name.lower().endswith(".zip")


def _joined(name: str, inner: str) -> str:
    return f"{name}/{inner}" if inner else name
