"""Restored items onto disk: never outside the target folder, never half, never over other files.

The manifest is not trusted with names: each is checked again, and folders are opened one by one,
below the target's own descriptor, refusing symbolic links (openat and O_NOFOLLOW). An item is
written beside its place under a temporary name, checked against its SHA-256, made durable, given
its modification time, and only then appears under its name. Temporary files of a restore that was
killed are removed by the next one that comes to the folder.
"""

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Final

from phone import durable, leftovers
from phone.checking import ItemCheck
from phone.errors import NotWritten, Obstacle, TargetUnusable
from phone.leftovers import NEW_FILE, READ
from wire.errors import WireError
from wire.manifest import Item, check_item

_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_NO_HARD_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)
_FOLDER_DEPTH_MAX: Final = 512


class Existing(Enum):
    """What to do where a file of an item's name is there already."""

    KEEP = "keep"
    REPLACE = "replace"


class Target:
    """A folder that items are restored into."""

    def __init__(self, folder: Path, existing: Existing = Existing.KEEP) -> None:
        if os.open not in os.supports_dir_fd:
            raise TargetUnusable("Restoring needs a system with openat (Linux, macOS, BSD).")
        self._existing = existing
        self._written: set[tuple[int, int]] = set()
        self._held: tuple[tuple[str, ...], int] | None = None
        self._named: set[tuple[str, ...]] = set()
        self._swept: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()
        try:
            self._above = durable.make(folder)
            self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise TargetUnusable(f"{folder} cannot be used: {error.strerror}.") from None

    def check(self, item: Item) -> bool:
        """Whether to fetch the item: not when the very same file is there and is to be kept.

        Raises :class:`NotWritten` when the item's name or place is already refused.
        """
        *parents, name = _parts(item)
        with _explained(item), suppress(FileNotFoundError):
            folder = self._folder(parents, make=False)
            if self._existing is Existing.KEEP and self._is_there(item, name, folder):
                return False
            self._check_free(item, name, folder)
        return True

    def _is_there(self, item: Item, name: str, folder: int) -> bool:
        """Whether this place has the item's very bytes, and no other item's."""
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        inode = (status.st_dev, status.st_ino)
        if inode in self._written or not _is_same(item, name, status, folder):
            return False
        # A file with several names may rightly be several items.
        if status.st_nlink == 1:
            self._written.add(inode)
        return True

    def begin(self, item: Item) -> "ItemFile":
        """Open a temporary file beside the item's place, making folders as needed."""
        *parents, name = _parts(item)
        with _explained(item):
            folder = self._folder(parents, make=True)
            self._check_free(item, name, folder)
            # The folders on the way may be new as well.
            self._named.update(tuple(parents[:depth]) for depth in range(len(parents) + 1))
            return ItemFile(self, item, name, os.dup(folder))

    def close(self) -> None:
        """Make the names of every item and of every new folder durable."""
        for parents in sorted(self._named):
            with suppress(OSError, NotWritten):
                os.fsync(self._folder(parents, make=False))
        for folder in self._above:
            with suppress(OSError):
                durable.sync(folder)
        self._let_go()
        os.close(self._root)

    def _folder(self, parents: Sequence[str], *, make: bool) -> int:
        """A descriptor of the folder ``parents`` below the target; links are refused.

        It stays open for the next item, which mostly lies in the same folder.
        """
        wanted = tuple(parents)
        if self._held is None or self._held[0] != wanted:
            self._let_go()
            self._held = (wanted, self._walk(wanted, make=make))
            if wanted not in self._swept:
                self._swept.add(wanted)
                leftovers.remove(self._held[1])
        return self._held[1]

    def _walk(self, parents: Sequence[str], *, make: bool) -> int:
        current = os.dup(self._root)
        try:
            for part in parents:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=current)
                current, previous = _enter(part, current), current
                os.close(previous)
        except BaseException:
            os.close(current)
            raise
        return current

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held[1])
            self._held = None

    def _check_free(self, item: Item, name: str, folder: int) -> None:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        if (status.st_dev, status.st_ino) in self._written:
            raise NotWritten(
                Obstacle.COLLISION,
                f"{item.name} and another item have the same name on this file system.",
            )
        if self._existing is Existing.KEEP:
            raise _there_already(item)

    def publish(self, item: Item, temporary: str, name: str, folder: int) -> None:
        """Give a finished file its name; raises :class:`NotWritten` where that is taken."""
        with self._lock:
            self._check_free(item, name, folder)
            if self._existing is Existing.REPLACE:
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            else:
                _rename_without_clobber(temporary, name, folder)
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            self._written.add((status.st_dev, status.st_ino))


class ItemFile(ItemCheck):
    """One item on its way to its place. ``folder`` is a descriptor that this object closes."""

    def __init__(self, target: Target, item: Item, name: str, folder: int) -> None:
        super().__init__(item)
        self._target, self._name, self._folder = target, name, folder
        try:
            self._temporary, self._file = leftovers.create(folder)
        except OSError:
            os.close(folder)
            raise
        self._open = [self._file, folder]

    def write(self, digest: bytes, data: memoryview) -> None:
        """Write the next chunk; raises :class:`TargetUnusable` when the disk is full."""
        super().write(digest, data)
        with _explained(self._item):
            left = data
            while left:
                left = left[os.write(self._file, left) :]

    def finish(self) -> None:
        """Check the item, make it durable, keep its modification time, and let it appear."""
        try:
            super().finish()
            with _explained(self._item):
                with suppress(OverflowError):
                    os.utime(self._file, ns=(self._item.mtime_ns, self._item.mtime_ns))
                os.fsync(self._file)
                self._target.publish(self._item, self._temporary, self._name, self._folder)
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the file; remove it unless it was published."""
        if self._open:
            with suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._folder)
            while self._open:
                os.close(self._open.pop())


def _is_same(item: Item, name: str, status: os.stat_result, folder: int) -> bool:
    if not stat.S_ISREG(status.st_mode) or status.st_size != item.size:
        return False
    with os.fdopen(os.open(name, READ, dir_fd=folder), "rb") as file:
        return hashlib.file_digest(file, "sha256").digest() == item.sha256


def _parts(item: Item) -> list[str]:
    try:
        check_item(item)
    except WireError as error:
        raise NotWritten(Obstacle.NAME, f"An item was refused: {error}.") from None
    parts = item.name.split("/")
    if len(parts) > _FOLDER_DEPTH_MAX:
        raise NotWritten(Obstacle.NAME, f"{item.name} lies too deep.")
    return parts


def _enter(part: str, folder: int) -> int:
    try:
        return os.open(part, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotWritten(
                Obstacle.IN_THE_WAY, f"{part} is a link or a file where a folder is needed."
            ) from None
        raise


def _there_already(item: Item) -> NotWritten:
    return NotWritten(Obstacle.EXISTS, f"{item.name} is there already, with other contents.")


@contextmanager
def _explained(item: Item) -> Iterator[None]:
    """Turn what the system refuses into this module's errors."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileExistsError):
            raise NotWritten(
                Obstacle.EXISTS, f"{item.name} is there already, with other contents."
            ) from None
        if error.errno in _FULL:
            raise TargetUnusable(f"The disk is full: {item.name} was not written.") from None
        why = os.strerror(error.errno or 0)
        raise NotWritten(Obstacle.UNWRITABLE, f"{item.name} could not be written: {why}.") from None


def _rename_without_clobber(temporary: str, name: str, folder: int) -> None:
    try:
        os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # No hard links here (FAT): claim the name first, then rename over what we claimed.
        os.close(os.open(name, NEW_FILE, 0o666, dir_fd=folder))
        try:
            os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise
