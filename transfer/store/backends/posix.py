"""Objects as files: written beside their place, synced, named, and the folder synced.

Works on every file system with rename: ext4, APFS, NTFS, exFAT. Where there are hard links they
give the names, since a link never replaces, whoever else is writing. A failed fsync is an error for
good; it is never tried again as if it had not happened, since the kernel may have dropped the
pages that it could not write.
"""

import errno
import fcntl
import os
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from transfer.store.backends._base import ObjectExists, check_name, is_name, reading, writing
from transfer.store.backends.spool import Spool
from wire.errors import Damaged, NotFound

SPOOL: Final = "spool"
# What file systems without hard links (exFAT, some network mounts) answer.
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})

# Whoever made a copy of a store may have put a named pipe in it, which must not be waited for.
_LOOKING: Final = os.O_RDONLY | os.O_NONBLOCK


class PosixBackend:
    """Objects under the folder ``root``, on this machine or a mounted disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._spool = Spool(root / SPOOL)
        # Without links, looking and renaming must be one step among our threads at least.
        self._naming = threading.Lock()
        # A folder that is there may still be missing after a power cut, until someone synced it.
        self._durable_folders: set[Path] = set()

    def put(self, name: str, source: Path | bytes) -> None:
        """Keep ``source`` under ``name``; see :class:`~transfer.store.backends._base.Backend`."""
        place = self._place(name)
        temporary = source if isinstance(source, Path) else self._spool_bytes(source)
        try:
            self.spool()
            with writing(name):
                sync_file(temporary)
                with self._naming:
                    self._make_folder(place.parent)
                    self._name(temporary, place)
        except BaseException:
            _discard(temporary)
            raise
        with writing(name):
            self._sync_name(place)

    def _spool_bytes(self, content: bytes) -> Path:
        temporary = self.spool() / secrets.token_hex(16)
        try:
            with writing("a temporary file"):
                handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                try:
                    write_all(handle, [content], 0)
                finally:
                    os.close(handle)
        except BaseException:
            _discard(temporary)
            raise
        return temporary

    def _make_folder(self, folder: Path) -> None:
        if folder in self._durable_folders:
            return
        if folder != self._root:  # which the spool made, if anyone had to
            self._make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
        self._durable_folders.add(folder)

    def _name(self, temporary: Path, place: Path) -> None:
        try:
            os.link(temporary, place)
        except FileExistsError:
            self._refuse(place)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if place.exists():
                self._refuse(place)
            os.rename(temporary, place)  # noqa: PTH104 - one spelling for all system calls here
        else:
            _discard(temporary)

    def _refuse(self, place: Path) -> NoReturn:
        sync_file(place)
        sync_folder(place.parent)
        raise ObjectExists(f"{place.relative_to(self._root)} is kept already") from None

    def _sync_name(self, place: Path) -> None:
        # Nobody may count on a name that was not synced, so it must not stay behind either.
        try:
            sync_folder(place.parent)
        except BaseException:
            _discard(place)
            raise

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes of the object from ``offset``."""
        with reading(name):
            handle = self._opened(name)
            try:
                _require_file(os.fstat(handle), name)
                content = os.pread(handle, length, offset)
            finally:
                os.close(handle)
        if len(content) != length:
            raise Damaged(f"{name} ends before byte {offset + length}")
        return content

    def _opened(self, name: str) -> int:
        try:
            return os.open(self._place(name), _LOOKING)
        except FileNotFoundError:
            raise NotFound(f"{name} is not in the store") from None
        except OSError as error:
            if error.errno == errno.ENXIO:  # a socket
                raise Damaged(f"the object {name!r} is not a file") from None
            raise

    def stat(self, name: str) -> int:
        """The size of the object in bytes."""
        with reading(name):
            try:
                found = self._place(name).stat()
            except FileNotFoundError:
                raise NotFound(f"{name} is not in the store") from None
        _require_file(found, name)
        return found.st_size

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and size of every object under the folder ``prefix`` ("" for all)."""
        folder = self._place(prefix.rstrip("/")) if prefix else self._root
        yield from self._walk(folder, prefix.rstrip("/"))

    def _walk(self, folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
        with reading(prefix or "the store"):
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                return
        for entry in entries:
            name = f"{prefix}/{entry.name}" if prefix else entry.name
            if not is_name(name):  # what file managers leave behind
                continue
            if entry.is_dir(follow_symlinks=False):
                if name != SPOOL:
                    yield from self._walk(folder / entry.name, name)
            elif entry.is_file(follow_symlinks=False):
                try:
                    size = self.stat(name)
                except NotFound:  # deleted while we walk
                    continue
                yield name, size

    def delete(self, name: str) -> None:
        """Remove the object, durably."""
        place = self._place(name)
        with writing(f"the removal of {name}"):
            try:
                os.unlink(place)  # noqa: PTH108
            except FileNotFoundError:
                raise NotFound(f"{name} is not in the store") from None
            sync_folder(place.parent)

    def spool(self) -> Path:
        """This process's folder for files that are not objects yet."""
        return self._spool.folder()

    def sweep_spool(self) -> int:
        """Remove what dead processes left in the spool; how many files that were."""
        return self._spool.sweep()

    def forget_copies(self) -> None:
        """Nothing to do: there are no copies."""

    def free_bytes(self) -> int | None:
        """Bytes that an ordinary user may still write here."""
        with reading("the store"):
            state = os.statvfs(self._root)
        return state.f_bavail * state.f_frsize

    def _place(self, name: str) -> Path:
        return self._root / check_name(name)


def write_all(handle: int, buffers: Sequence[bytes | memoryview], offset: int) -> None:
    """Write every byte of ``buffers`` at ``offset``; a short write is continued, not believed."""
    written = os.pwritev(handle, buffers, offset)
    if written == sum(map(len, buffers)):
        return
    rest = memoryview(b"".join(buffers))
    while written < len(rest):
        written += os.pwrite(handle, rest[written:], offset + written)


def sync_file(path: Path) -> None:
    """Make the file's content durable (fsync(2); on macOS F_FULLFSYNC, which reaches the disk)."""
    handle = os.open(path, _LOOKING)
    try:
        _sync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _sync(handle)
    finally:
        os.close(handle)


def _sync(handle: int) -> None:
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)
    if full_sync is None:
        os.fsync(handle)
    else:
        fcntl.fcntl(handle, full_sync)


def _require_file(found: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Damaged(f"the object {name!r} is not a file")


def _discard(path: Path) -> None:
    # On the way out of another error: that one is the one to report.
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108
