"""One connection's share of a backup: everything in the catalogue gets to the station.

Files are read ahead by threads, the station is asked what it lacks, and that is sent in WebSocket
messages filled to the brim, never more unacknowledged than the station granted. One thread
coordinates; it holds no bytes of its own, so memory is the readers' budget and the window.
"""

import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Final

from cryptography.utils import Buffer

from phone.asking import Asking, Chunk, Lot
from phone.catalogue import Catalogue
from phone.chunking import Reading
from phone.errors import CutOff
from phone.events import Progress, Tell
from phone.line import Line
from phone.reading import Read, Readers
from phone.session import Session
from phone.sources import Problem, Reason, printable
from wire import limits, messages
from wire.channel import DATA_FRAME_OVERHEAD, MAX_PLAINTEXT, data_frame_header
from wire.errors import MalformedMessage, error_for

_LARGE_BYTES: Final = 16 * limits.MIB
_PAGES_AHEAD_BYTES: Final = 8 * limits.MIB
_TELL_SECONDS: Final = 0.1


Arrival = Read | messages.StationMessage | Exception


class Uploading:
    """Sends what the station lacks; then takes the commit. Close or abort it at the end."""

    def __init__(self, session: Session, catalogue: Catalogue, tell: Tell) -> None:
        self._catalogue = catalogue
        self._tell = tell
        self._inbox: SimpleQueue[Arrival] = SimpleQueue()
        self._session = session
        self._line = Line(session, self._inbox.put)
        self._readers = Readers(self._inbox.put)
        self._asking = Asking()
        self._credit = session.window
        self._window = session.window
        self._reading: set[int] = set()
        self._total = sum(entry.stamp.size for entry in catalogue.entries)
        self._done = sum(item.size for item in catalogue.items.values())
        self._told = 0.0
        self._sending_pages = False

    def send_items(self) -> None:
        """Bring every item's chunks to the station; raises what ended the connection."""
        catalogue = self._catalogue
        for index, item in catalogue.items.items():
            for ref in item.refs():
                self._asking.expect(ref.digest, index)
        unread = set(range(len(catalogue.entries))) - catalogue.items.keys() - catalogue.failed
        # The largest first, so that no thread is left alone with one at the end.
        for index in sorted(unread, key=lambda index: (-self._size(index) // _LARGE_BYTES, index)):
            self._read(index)
        self._run()

    def send_pages(self, pages: Iterator[tuple[bytes, bytes]]) -> None:
        """Bring the manifest's pages, (SHA-256, bytes) each, to the station."""
        self._sending_pages = True
        ahead = 0

        def release(size: int) -> None:
            nonlocal ahead
            ahead -= size

        for digest, page in pages:
            ahead += len(page)
            self._asking.offer(digest, memoryview(page), Lot(1, len(page), release))
            while ahead > _PAGES_AHEAD_BYTES:
                self._pump()
                self._step()
        self._run()

    def commit(self, header: bytes, signature: bytes) -> messages.BackupStored:
        """Commit the manifest; returns when the station says that everything is durable."""
        self._session.note_progress()
        self._line.say(messages.BackupCommit(header, signature))
        while True:
            arrival = self._inbox.get()
            if isinstance(arrival, messages.BackupStored):
                return arrival
            self._take(arrival)

    def close(self) -> None:
        """End the connection in order."""
        self._readers.stop()
        self._line.close()

    def abort(self) -> None:
        """End everything at once."""
        self._line.abort()
        self._readers.stop()

    def _size(self, index: int) -> int:
        return self._catalogue.entries[index].stamp.size

    def _read(self, index: int) -> None:
        self._reading.add(index)
        self._readers.submit(index, self._catalogue.entries[index])

    # The loop

    def _run(self) -> None:
        self._pump()
        while self._reading or not self._asking.idle:
            self._step()
        self._tell_progress(at_once=True)

    def _step(self) -> None:
        self._take(self._inbox.get())
        while not self._inbox.empty():
            self._take(self._inbox.get())
        self._pump()
        self._tell_progress(at_once=False)

    def _take(self, arrival: Arrival) -> None:
        match arrival:
            case Read():
                self._session.note_progress()
                self._take_read(arrival)
            case messages.Ack(bytes=length) if length >= 0:
                self._take_credit(length)
            case messages.ChunksLack():
                self._session.note_progress()
                for index in self._asking.answer(arrival):
                    self._read_again(index)
            case messages.Failure(code=code, message=text):
                raise error_for(code, text)
            case Exception():
                raise arrival
            case _:
                raise MalformedMessage(f"{type(arrival).__name__} during a backup")

    def _take_credit(self, length: int) -> None:
        """Credit that nothing sent is owed takes the work no further."""
        credit = min(self._credit + length, self._window)
        if credit > self._credit:
            self._session.note_progress()
        self._credit = credit

    def _take_read(self, read: Read) -> None:
        if read.block is not None:
            lot = Lot(len(read.block.pieces), read.block.size, self._readers.release)
            self._done += read.block.size
            for piece in read.block.pieces:
                self._asking.offer(piece.digest, piece.data, lot)
        if read.reading is not None:
            self._keep(read.number, read.reading)
        elif read.problem is not None:
            self._reading.discard(read.number)
            self._catalogue.failed.add(read.number)
            self._catalogue.problems.append(read.problem)
            self._abandon(read.number)

    def _keep(self, index: int, reading: Reading) -> None:
        catalogue = self._catalogue
        self._reading.discard(index)
        catalogue.items[index] = reading.item
        catalogue.readings[index] = reading
        if not reading.steady:
            path = printable(catalogue.entries[index].path)
            catalogue.problems.append(Problem(path, Reason.CHANGED))
        self._abandon(index)

    # Remembered files of which the station lacks something

    def _read_again(self, index: int) -> None:
        item = self._catalogue.items.pop(index, None)
        if item is not None:
            self._done -= item.size
            self._read(index)

    def _abandon(self, index: int) -> None:
        """What this file turned out not to contain may be in another remembered one."""
        gone = set(self._asking.abandon(index))
        if not gone:
            return
        for other, item in list(self._catalogue.items.items()):
            shared = {ref.digest for ref in item.refs()} & gone if other != index else set()
            for digest in shared:
                self._asking.reassign(digest, other)
            if shared:
                gone -= shared
                self._read_again(other)
        if self._asking.overburdened:
            raise CutOff("Too many files changed since they were last read.")

    # What goes out

    def _pump(self) -> None:
        while question := self._asking.next_question(eager=not self._asking.awaiting):
            self._line.say(question)
        while parts := self._next_message():
            self._line.send_frames(parts)

    def _next_message(self) -> list[Buffer]:
        """Frames that fill one message; empty when it is better, or necessary, to wait."""
        ready = self._asking.ready
        chunks: list[Chunk] = []
        size = carried = 0
        for chunk in ready:
            if size + len(chunk.data) + DATA_FRAME_OVERHEAD > MAX_PLAINTEXT:
                break
            size += len(chunk.data) + DATA_FRAME_OVERHEAD
            carried += len(chunk.data)
            chunks.append(chunk)
        if carried > self._credit or (len(chunks) == len(ready) and self._more_is_coming):
            return []
        parts: list[Buffer] = []
        for chunk in chunks:
            ready.popleft()
            parts += [data_frame_header(chunk.ref, len(chunk.data)), chunk.data]
            chunk.lot.settle()
        self._credit -= carried
        self._catalogue.sent += carried
        self._catalogue.sent_items += 0 if self._sending_pages else carried
        return parts

    @property
    def _more_is_coming(self) -> bool:
        """Whether a message that is not full should wait: something is on its way to fill it."""
        unacknowledged = self._credit < self._window
        return self._asking.awaiting > 0 or (unacknowledged and bool(self._reading))

    def _tell_progress(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or now - self._told > _TELL_SECONDS:
            self._told = now
            catalogue = self._catalogue
            self._tell(
                Progress(
                    min(self._done, self._total),
                    self._total,
                    catalogue.sent,
                    len(catalogue.items),
                    len(catalogue.entries),
                )
            )
