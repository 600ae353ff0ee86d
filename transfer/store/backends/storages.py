"""Objects in any place that Django's storage API speaks: S3 and compatible, SFTP, GCS, Azure.

Such a place may lose a put and say nothing, so every put is read back and compared before it
counts. Packs are read through whole local copies, bounded in bytes: each range would be a request.
"""

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage

from transfer.store.backends._base import ObjectExists, check_name, is_name, writing
from transfer.store.backends.copies import Copies
from transfer.store.backends.spool import Spool
from transfer.store.packformat import FOLDER as PACKS
from wire.errors import Damaged, NotFound, StationFault, StorageFull, WireError
from wire.limits import MIB

COPIES_BYTES_MAX: Final = 256 * MIB
_PIECE_BYTES: Final = MIB
_DOWNLOADS: Final = 8


class StorageBackend:
    """Objects in ``storage``; temporary files and copies of packs in the folder ``local``."""

    def __init__(
        self, storage: Storage, local: Path, *, copies_bytes_max: int = COPIES_BYTES_MAX
    ) -> None:
        self._storage = storage
        self._spool = Spool(local)
        self._copies = Copies(copies_bytes_max)
        self._naming = threading.Lock()
        self._downloading = [threading.Lock() for _ in range(_DOWNLOADS)]

    def put(self, name: str, source: Path | bytes) -> None:
        """Keep ``source``, read it back, and only then return."""
        check_name(name)
        try:
            self._put(name, source)
        finally:
            if isinstance(source, Path):
                with suppress(OSError):
                    source.unlink()

    def _put(self, name: str, source: Path | bytes) -> None:
        with _calling(f"keep {name}"), self._naming:
            if self._storage.exists(name):
                raise ObjectExists(f"{name} is kept already")
            try:
                self._save(name, source)
            except ObjectExists:
                raise
            except Exception:
                # Nobody may count on it, so it must not stay behind under its name.
                with suppress(Exception):
                    self._storage.delete(name)
                raise

    def _save(self, name: str, source: Path | bytes) -> None:
        wanted = _hand_over(self._storage, name, source)
        kept = hashlib.sha256()
        try:
            for piece in self._pieces(name):
                kept.update(piece)
        except NotFound as lost:
            raise StationFault(f"the storage lost {name}") from lost
        if kept.digest() != wanted:
            raise StationFault(f"the storage did not keep {name} as it was given")

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes of the object from ``offset``."""
        check_name(name)
        content = self._range(name, offset, length)
        if len(content) != length:
            raise Damaged(f"{name} ends before byte {offset + length}")
        return content

    def _range(self, name: str, offset: int, length: int) -> bytes:
        if name.startswith(PACKS):
            with _file(self._copy(name)) as handle:
                return os.pread(handle, length, offset)
        with self._reading(name), self._storage.open(name, "rb") as opened:
            opened.seek(offset)
            content: bytes = opened.read(length)
        return content

    def _copy(self, name: str) -> int:
        """An open handle on a whole local copy of ``name``."""
        with self._downloading[hash(name) % _DOWNLOADS]:
            handle = self._copies.open(name)
            return self._download(name) if handle is None else handle

    def _download(self, name: str) -> int:
        path = self._spool.folder() / secrets.token_hex(16)
        try:
            with writing(f"a local copy of {name}"), path.open("xb") as copy:
                for piece in self._pieces(name):
                    copy.write(piece)
            handle = os.open(path, os.O_RDONLY)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        self._copies.add(name, path, os.fstat(handle).st_size)
        return handle

    def _pieces(self, name: str) -> Iterator[bytes]:
        with self._reading(name), self._storage.open(name, "rb") as opened:
            while piece := opened.read(_PIECE_BYTES):
                yield piece

    def stat(self, name: str) -> int:
        """The size of the object in bytes."""
        with self._reading(check_name(name)):
            size: int = self._storage.size(name)
        return size

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Name and size of every object under the folder ``prefix`` ("" for all)."""
        folder = prefix.rstrip("/")
        with _calling(f"list {folder or 'the store'}"):
            try:
                folders, files = self._storage.listdir(folder)
            except FileNotFoundError:
                return
        at = f"{folder}/" if folder else ""
        for name in sorted(at + file for file in files):
            if is_name(name):
                yield name, self.stat(name)
        for below in sorted(folders):
            yield from self.list(at + below)

    def delete(self, name: str) -> None:
        """Remove the object. A place that keeps old versions may still have it."""
        with _calling(f"delete {check_name(name)}"):
            if not self._storage.exists(name):
                raise NotFound(f"{name} is not in the store")
            self._storage.delete(name)
        self._copies.forget(name)

    def spool(self) -> Path:
        """This process's folder for files that are not objects yet."""
        return self._spool.folder()

    def sweep_spool(self) -> int:
        """Remove what dead processes left in the spool; how many files that were."""
        return self._spool.sweep()

    def free_bytes(self) -> int | None:
        """None: such a place does not tell."""
        return None

    def forget_copies(self) -> None:
        """What is read next comes from the storage itself."""
        self._copies.clear()

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        # Each kind of storage has its own exception for what is not there; all have exists().
        try:
            yield
        except WireError:
            raise
        except Exception as error:
            with _calling(f"read {name}"):
                if not self._storage.exists(name):
                    raise NotFound(f"{name} is not in the store") from None
            raise StationFault(f"the storage cannot read {name}: {error}") from error


def _hand_over(storage: Storage, name: str, source: Path | bytes) -> bytes:
    """Hand ``source`` over under exactly this name; the SHA-256 of what was handed over."""
    if isinstance(source, bytes):
        wanted, kept = hashlib.sha256(source).digest(), storage.save(name, ContentFile(source))
    else:
        with source.open("rb") as opened:
            wanted = hashlib.file_digest(opened, "sha256").digest()
            opened.seek(0)
            kept = storage.save(name, File(opened))
    if kept != name:  # Django's storages choose another name rather than refuse
        storage.delete(kept)
        raise ObjectExists(f"{name} is kept already")
    return wanted


@contextmanager
def _file(handle: int) -> Iterator[int]:
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _calling(what: str) -> Iterator[None]:
    """Turn whatever a kind of storage raises into this project's errors."""
    try:
        yield
    except WireError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"no room left to {what}") from error
        raise StationFault(f"the storage cannot {what}: {error}") from error
