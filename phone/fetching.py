"""One connection's share of a restore: chunks are asked for ahead and arrive in order.

A thread receives and takes nonces in order, a few threads decrypt and hash, and the caller gets
verified pieces one after the other. Credit is granted as they are used up, so what waits in memory
is bounded by the window however slow the disk is.
"""

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from phone.session import GOODBYE_SECONDS, Session
from wire import limits, messages
from wire.channel import FrameType, Sealed, frames, split_data
from wire.errors import Damaged, MalformedMessage, WindowOverrun, error_for
from wire.manifest import ChunkRef
from wire.memory import keep_large_buffers

_REQUEST_BYTES: Final = 16 * limits.MIB
_REQUEST_WANTS: Final = 512
_REQUESTS_AHEAD: Final = 3
_ACK_BYTES: Final = limits.MIB
# What waits is encrypted and framed: tiny chunks take up to four times their credit.
_WAITING_PER_CREDIT: Final = 4


class Wanted(NamedTuple):
    """Chunks ``first`` … of item ``number`` in the manifest, in order, to the item's end."""

    number: int
    first: int
    refs: list[ChunkRef]


class Piece(NamedTuple):
    """A chunk as it arrived: ``data`` is None when the station reports that it is damaged."""

    digest: bytes
    data: memoryview | None
    why: str = ""


class _Arrived(NamedTuple):
    ref: int
    piece: Piece


_Decrypted = tuple[int, list[_Arrived | memoryview]]


class Fetching:
    """Reads what was asked for, on an open session. Close it at the end."""

    def __init__(self, session: Session) -> None:
        keep_large_buffers()
        self._session = session
        self._arrivals: SimpleQueue[Future[_Decrypted] | Exception] = SimpleQueue()
        self._pool = ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 2)), "phone-decrypt")
        self._waiting: list[_Arrived | memoryview] = []
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._next_ref = 0
        self._used = 0
        self._receiver = threading.Thread(target=self._receive, name="phone-receiver", daemon=True)
        self._receiver.start()

    # What arrives

    def _receive(self) -> None:
        session = self._session
        try:
            while True:
                message = session.connection.receive_or_ping(lambda: session.reply(messages.Ping()))
                self._count(len(message))
                sealed = session.channel.reserve(message)
                self._arrivals.put(self._pool.submit(self._decrypt, sealed))
        except Exception as error:
            self._arrivals.put(error)

    def _count(self, length: int) -> None:
        """Note that this many received bytes wait more (or fewer); a flood ends the connection."""
        with self._lock:
            self._waiting_bytes += length
            if self._waiting_bytes > _WAITING_PER_CREDIT * self._session.window:
                raise WindowOverrun("the station sends more than it was granted")

    def _decrypt(self, sealed: Sealed) -> _Decrypted:
        """On a pool's thread: a message's size, and its frames with every chunk hashed."""
        found: list[_Arrived | memoryview] = []
        for frame in frames(self._session.channel.decrypt(sealed)):
            if frame.type is FrameType.CONTROL:
                found.append(frame.payload)
                continue
            ref, data = split_data(frame.payload)
            found.append(_Arrived(ref, Piece(hashlib.sha256(data).digest(), data)))
        return len(sealed.message), found

    def _next(self) -> _Arrived | messages.StationMessage:
        """The next chunk or control message that concerns the caller."""
        while True:
            while not self._waiting:
                arrival = self._arrivals.get()
                if isinstance(arrival, Exception):
                    raise arrival
                length, self._waiting = arrival.result()
                self._count(-length)
                self._waiting.reverse()
            first = self._waiting.pop()
            if isinstance(first, _Arrived):
                return first
            message = self._session.control(first)
            if isinstance(message, messages.Failure):
                if message.code != Damaged.code or message.ref is None:
                    raise error_for(message.code, message.message)
                return _Arrived(message.ref, Piece(b"", None, message.message))
            if message is not None:
                return message

    def _take(self, ref: int, expected: ChunkRef) -> Piece:
        """The chunk with this reference, which must come now; grants credit for it."""
        arrived = self._next()
        if not isinstance(arrived, _Arrived) or arrived.ref != ref:
            raise MalformedMessage("the station sent something else than was asked for")
        self._session.note_progress()
        self._used += expected.length
        if self._used >= _ACK_BYTES:
            self._session.send(messages.Ack(self._used))
            self._used = 0
        return arrived.piece

    # Requests

    def manifest(
        self, snapshot_id: str, selection: messages.Selection | None
    ) -> messages.SnapshotManifest:
        """The signed header of a snapshot; its pages follow, see :meth:`page`."""
        self._session.note_progress()
        self._session.send(messages.SnapshotGet(snapshot_id, selection))
        answer = self._next()
        if not isinstance(answer, messages.SnapshotManifest):
            raise MalformedMessage("no manifest")
        return answer

    def page(self, number: int, expected: ChunkRef) -> Piece:
        """The next page, which must be this one."""
        return self._take(number, expected)

    def chunks(self, snapshot_id: str, wanted: Iterable[Wanted]) -> Iterator[Piece]:
        """Every wanted chunk in order, asked for a few requests ahead."""
        requests = _requests(wanted)
        under_way: list[list[Wanted]] = []
        starts: list[int] = []
        while True:
            for request in islice(requests, _REQUESTS_AHEAD - len(under_way)):
                starts.append(self._ask(snapshot_id, request))
                under_way.append(request)
            if not under_way:
                return
            ref = starts.pop(0)
            for each in under_way.pop(0):
                for expected in each.refs:
                    yield self._take(ref, expected)
                    ref += 1

    def _ask(self, snapshot_id: str, request: list[Wanted]) -> int:
        start = self._next_ref
        wants = [messages.Want(each.number, each.first, len(each.refs)) for each in request]
        self._session.note_progress()
        self._session.send(messages.ChunksGet(snapshot_id, start, wants))
        self._next_ref += sum(want.count for want in wants)
        return start

    def close(self) -> None:
        """End the connection in order."""
        self._session.send(messages.Bye())
        self._receiver.join(GOODBYE_SECONDS)
        self._end()

    def abort(self) -> None:
        """End it at once."""
        self._session.connection.abort()
        self._end()

    def _end(self) -> None:
        self._session.connection.close()
        self._receiver.join()
        self._pool.shutdown(cancel_futures=True)
        try:
            while True:
                self._arrivals.get_nowait()
        except Empty:
            return


def _requests(wanted: Iterable[Wanted]) -> Iterator[list[Wanted]]:
    """Wants in groups of some megabytes, long items split."""
    group: list[Wanted] = []
    size = 0
    for each in wanted:
        for part in _split(each):
            group.append(part)
            size += sum(ref.length for ref in part.refs)
            if size >= _REQUEST_BYTES or len(group) >= _REQUEST_WANTS:
                yield group
                group, size = [], 0
    if group:
        yield group


def _split(wanted: Wanted) -> Iterator[Wanted]:
    refs: list[ChunkRef] = []
    size, first = 0, wanted.first
    for ref in wanted.refs:
        refs.append(ref)
        size += ref.length
        if size >= _REQUEST_BYTES:
            yield Wanted(wanted.number, first, refs)
            first += len(refs)
            refs, size = [], 0
    if refs:
        yield Wanted(wanted.number, first, refs)
