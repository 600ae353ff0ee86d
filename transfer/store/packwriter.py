"""Writing packs: several threads seal at once, finished packs are synced behind their backs.

A chunk's index and offset are given out under the lock; compressing, sealing and writing happen
outside it. A pack is sealed and put by whoever finds it closed with no write under way, on a
thread of its own, of which at most two run; past that ``add`` waits.
"""

import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from transfer.store import chunks, packformat
from transfer.store.backends._base import Backend, writing
from transfer.store.backends.posix import write_all
from transfer.store.chunks import OVERHEAD_BYTES, Content
from transfer.store.crypto import SALT_BYTES, VaultKeys
from transfer.store.packformat import FinishedPack, PackEntry
from wire.errors import StationFault, WireError
from wire.limits import MIB

TARGET_BYTES: Final = 16 * MIB
PENDING_MAX: Final = 2


class _GrowingPack:
    """A pack in the spool. Its salt is drawn with its file, which is never opened again."""

    def __init__(self, spool: Path, keys: VaultKeys) -> None:
        name = secrets.token_hex(16)
        self.name = f"{packformat.FOLDER}{name[:2]}/{name}"
        self.path = spool / name
        self.header = packformat.new_header(keys.vault_id, secrets.token_bytes(SALT_BYTES))
        self.key = packformat.pack_key(keys, self.header)
        self.entries: list[PackEntry] = []
        self.size = packformat.HEADER_BYTES
        self.writes = 0
        with writing("a new pack"):
            self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                write_all(self.file, [self.header], 0)
            except OSError:
                self.discard()
                raise

    def place(self, chunk_id: bytes, content_len: int, raw_len: int) -> tuple[int, PackEntry]:
        """Give the next index and offset to a chunk."""
        entry = PackEntry(chunk_id, self.size, content_len + OVERHEAD_BYTES, raw_len)
        index = len(self.entries)
        self.entries.append(entry)
        self.size += entry.sealed_len
        return index, entry

    def write(self, index: int, entry: PackEntry, content: Content) -> None:
        """Seal a chunk into its place."""
        associated = chunks.associated_data(
            self.header, entry.chunk_id, entry.sealed_len, entry.raw_len
        )
        sealed = self.key.encrypt(chunks.nonce(index), content, associated)
        with writing("a pack"):
            write_all(self.file, [index.to_bytes(chunks.INDEX_BYTES), sealed], entry.offset)

    def seal(self) -> None:
        """Write the directory behind the last chunk."""
        end = packformat.seal_directory(self.key, self.header, self.entries)
        with writing("a pack"):
            write_all(self.file, [end], self.size)
        self.size += len(end)

    def discard(self) -> None:
        """Remove the file, if it still lies in the spool."""
        os.close(self.file)
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108 - one spelling for all system calls here


class PackWriter:
    """Packs for one vault's new chunks. After the first error every call raises that same error."""

    def __init__(
        self,
        backend: Backend,
        keys: VaultKeys,
        *,
        target_bytes: int = TARGET_BYTES,
        max_pending: int = PENDING_MAX,
    ) -> None:
        self._backend = backend
        self._keys = keys
        self._target_bytes = target_bytes
        self._max_pending = max_pending
        self._changed = threading.Condition()
        self._growing: _GrowingPack | None = None
        # Closed packs that are not durable yet, and of those the ones with writes under way.
        self._pending: set[_GrowingPack] = set()
        self._finished: list[FinishedPack] = []
        self._fault: WireError | None = None

    def add(self, chunk_id: bytes, plaintext: Content) -> None:
        """Keep one chunk (<= 960 KiB); returns when it is written, which is not yet durable.

        Raises :class:`TooLarge`, :class:`StorageFull` or :class:`StationFault`.
        """
        content = chunks.compress(plaintext)
        with self._changed:
            pack = self._room_for(len(content) + OVERHEAD_BYTES)
            index, entry = pack.place(chunk_id, len(content), len(plaintext))
            pack.writes += 1
        try:
            pack.write(index, entry, content)
        except BaseException as error:
            self._poison(error)
            raise
        finally:
            self._written(pack)

    def finish(self) -> None:
        """Make every added chunk durable; the writer may be used again afterwards."""
        with self._changed:
            if self._fault is None:
                self._close_growing()
            self._changed.wait_for(lambda: not self._pending)
            self._raise_fault()

    def abort(self) -> None:
        """Throw away what is not finished. Packs that are durable stay with take_finished()."""
        self._poison(StationFault("this backup was aborted"))
        with self._changed:
            self._changed.wait_for(lambda: not self._pending and self._growing is None)

    def take_finished(self, *, at_least: int = 1) -> list[FinishedPack]:
        """The packs that became durable since they were last taken; none if fewer than asked."""
        with self._changed:
            if len(self._finished) < at_least:
                return []
            taken, self._finished = self._finished, []
        return taken

    def _room_for(self, sealed_len: int) -> _GrowingPack:
        while True:
            self._raise_fault()
            pack = self._growing
            if pack is not None:
                fits = pack.size + sealed_len <= self._target_bytes or not pack.entries
                if fits and len(pack.entries) < packformat.ENTRIES_MAX:
                    return pack
                self._close_growing()
            elif len(self._pending) < self._max_pending:
                self._growing = self._new_pack()
            else:
                self._changed.wait()

    def _new_pack(self) -> _GrowingPack:
        try:
            return _GrowingPack(self._backend.spool(), self._keys)
        except WireError as error:
            self._poison(error)
            raise

    def _close_growing(self) -> None:
        pack, self._growing = self._growing, None
        if pack is not None:
            self._pending.add(pack)
            if pack.writes == 0:
                self._start_publishing(pack)

    def _written(self, pack: _GrowingPack) -> None:
        with self._changed:
            pack.writes -= 1
            if pack.writes:
                return
            if pack in self._pending:
                self._start_publishing(pack)
            elif self._fault is not None:
                self._drop_growing()

    def _start_publishing(self, pack: _GrowingPack) -> None:
        thread = threading.Thread(target=self._publish, args=(pack,), name=f"sync {pack.name}")
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more threads
            self._poison(error)
            pack.discard()
            self._pending.discard(pack)

    def _publish(self, pack: _GrowingPack) -> None:
        try:
            with self._changed:
                self._raise_fault()
            pack.seal()
            # The file stays open across the put: the kernel reports a write that failed behind
            # our back to the next fsync only while the file is in its cache.
            self._backend.put(pack.name, pack.path)
        except BaseException as error:
            self._poison(error)
        else:
            finished = FinishedPack(pack.name, pack.size, pack.entries)
            with self._changed:
                self._finished.append(finished)
        finally:
            pack.discard()
            with self._changed:
                self._pending.discard(pack)
                self._changed.notify_all()

    def _poison(self, error: BaseException) -> None:
        with self._changed:
            if self._fault is None:
                named = StationFault(f"packing failed: {error!r}")
                self._fault = error if isinstance(error, WireError) else named
            self._drop_growing()
            self._changed.notify_all()

    def _drop_growing(self) -> None:
        # The file is closed by its last writer: a number that is closed too early may name
        # another file by the time it is written to.
        if self._growing is not None and self._growing.writes == 0:
            self._growing.discard()
            self._growing = None
            self._changed.notify_all()

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise type(self._fault)(*self._fault.args) from self._fault
