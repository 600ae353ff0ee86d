"""An open connection with a backup ticket: messages in, chunks to the ingest, credit out.

Each WebSocket message is decrypted and its chunks are stored on a data thread; results are looked
at in the order in which messages came, so a control message acts after everything before it.
"""

import asyncio
import threading
import time
from typing import Any, Final, NamedTuple, TypeVar

from transfer import ingest, trail, verification
from transfer.ingest import Ingest
from transfer.models import Step
from transfer.session import Session, check_talk
from transfer.workers import in_database, in_worker
from wire import limits, messages
from wire.channel import FrameType, Sealed, frames, split_data
from wire.errors import (
    DigestMismatch,
    NotAllowed,
    StationFault,
    StorageFull,
    WindowOverrun,
    WireError,
)

# Room for twice a full window: within one that is just full, an overrun would only be slowed down.
_MESSAGES_IN_FLIGHT: Final = 2 * limits.WINDOW_BYTES // limits.WEBSOCKET_MESSAGE_BYTES_MAX
_ACK_BYTES: Final = limits.WINDOW_BYTES // 4
_PROGRESS_SECONDS: Final = 0.5
# Decoding this much takes less than two milliseconds of the event loop.
_SMALL_BYTES: Final = 64 * limits.KIB
_T = TypeVar("_T")
# By vault and snapshot id: the uploads of this process.
_under_way: Final[dict[tuple[str, str], "Receiving"]] = {}


class _Taken(NamedTuple):
    """What came of one WebSocket message."""

    acknowledge: int
    refused: list[messages.Failure]
    control: list[bytes]


class Receiving:
    """The receiving module (patent claims 6 and 10)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ingest: Ingest | None = None
        self._slots = asyncio.Semaphore(_MESSAGES_IN_FLIGHT)
        self._order: asyncio.Queue[asyncio.Future[_Taken]] = asyncio.Queue()
        self._lock = threading.Lock()
        self._unacknowledged = 0
        self._owed = 0
        self._told = 0.0
        self._renewed = time.monotonic()
        self._follow_up = b""
        self._key = (session.vault.pk, "")
        self._at_work: asyncio.Future[Any] | None = None
        self._fault: Exception | None = None
        self._ended = asyncio.Event()

    async def receive(self, message: bytes) -> None:
        """Take in one WebSocket message; waits while enough of them are under way."""
        await self._slots.acquire()
        if self._ended.is_set():
            return
        sealed = self._session.channel.reserve(message)
        self._order.put_nowait(in_worker(self._take, sealed))

    @property
    def busy(self) -> bool:
        """Whether messages are being worked on."""
        return self._slots.locked() or not self._order.empty()

    def _take(self, sealed: Sealed) -> _Taken:
        """On a data thread: work on one message, unless one before it ended the connection."""
        if self._fault is not None:
            raise self._fault
        try:
            return self._work(sealed)
        except Exception as fault:
            self._fault = fault
            raise

    def _work(self, sealed: Sealed) -> _Taken:
        """Decrypt, and store every chunk of the message."""
        data, refused, control = 0, [], []
        for frame in frames(self._session.channel.decrypt(sealed)):
            if frame.type is FrameType.CONTROL:
                control.append(bytes(frame.payload))
                check_talk(len(control))
                continue
            ref, chunk = split_data(frame.payload)
            data += len(chunk)
            self._count(len(chunk))
            if self._ingest is None:
                raise NotAllowed("a chunk before backup.begin")
            try:
                self._ingest.take(ref, chunk)
            except DigestMismatch as error:
                refused.append(messages.Failure(error.code, str(error), ref))
        return _Taken(data, refused, control)

    def _count(self, length: int) -> None:
        with self._lock:
            self._unacknowledged += length
            if self._unacknowledged > limits.WINDOW_BYTES:
                raise WindowOverrun("more unacknowledged bytes than the window")

    @property
    def is_unfinished(self) -> bool:
        """Whether chunks were announced whose backup is not stored."""
        return self._ingest is not None and self._ingest.is_unfinished

    async def run(self) -> None:
        """Look at results in order until the connection ends."""
        while True:
            taken = await self._done(await self._order.get())
            await self._acknowledge(taken.acknowledge)
            for failure in taken.refused:
                await self._session.outbox.say(failure)
            for payload in taken.control:
                await self._obey(await self._decoded(payload))
            await self._tell_progress()
            self._slots.release()

    async def _acknowledge(self, length: int) -> None:
        """Give credit in large pieces while more is on its way, at once when nothing is."""
        self._owed += length
        if not self._owed or (self._owed < _ACK_BYTES and not self._order.empty()):
            return
        owed, self._owed = self._owed, 0
        with self._lock:
            self._unacknowledged -= owed
        await self._session.outbox.say(messages.Ack(owed))

    async def _decoded(self, payload: bytes) -> messages.PhoneMessage:
        """A large one costs the loop too much; one at a time, since decoded it is larger still."""
        if len(payload) <= _SMALL_BYTES:
            return messages.decode_from_phone(payload)
        return await self._done(in_worker(messages.decode_from_phone, payload))

    async def _obey(self, message: messages.PhoneMessage) -> None:
        say = self._session.outbox.say
        match message:
            case messages.BackupBegin():
                await self._begin(message)
            case messages.ChunksHave():
                await say(await self._done(in_database(self._open_ingest().lack, message)))
            case messages.BackupCommit():
                await self._commit(message)
            case _:
                await self._session.obey_common(message)

    def _open_ingest(self) -> Ingest:
        if self._ingest is None:
            raise NotAllowed("backup.begin comes first")
        return self._ingest

    async def _begin(self, message: messages.BackupBegin) -> None:
        """Open the upload; said again with the same id, correct what is told of it."""
        session = self._session
        if self._ingest is None:
            verification.check_binding(session.invitation, message.snapshot_id)
            await self._take_over(message.snapshot_id)
            await self._done(in_database(self._begin_ingest, message))
        else:
            await self._done(in_database(self._ingest.restate, message))
        if not self._follow_up:
            self._follow_up = await self._done(session.new_follow_up(message.snapshot_id))
        await session.outbox.say(messages.BackupReady(message.snapshot_id, self._follow_up))

    async def _take_over(self, snapshot_id: str) -> None:
        """The phone may be back before its older connection was seen to be lost.

        What that one received must be sealed before anything is said to be lacking.
        """
        self._key = (self._session.vault.pk, snapshot_id)
        while (older := _under_way.get(self._key)) is not None:
            if older._session.phone_key != self._session.phone_key:
                return  # the upload itself refuses another phone
            await older._session.give_way()
        # Nothing is awaited between the last look and this: of several newcomers one gets here.
        _under_way[self._key] = self

    def _begin_ingest(self, message: messages.BackupBegin) -> None:
        session = self._session
        self._ingest = ingest.begin(
            session.vault, session.invitation, session.phone_key, message, session.terms.free
        )
        trail.record(session.session_id, Step.RECEIVING, self._progress(self._ingest))

    async def _commit(self, message: messages.BackupCommit) -> None:
        upload = self._open_ingest()
        try:
            stored = await self._done(in_database(upload.commit, message))
        except WireError as error:
            if error.fatal:
                raise
            await self._session.refuse(error)
            return
        await self._session.outbox.say(stored)
        detail = {
            "snapshot": upload.upload.snapshot_id,
            "received": stored.received,
            "held": stored.held,
        }
        await in_database(trail.record, self._session.session_id, Step.STORED, detail)

    async def _tell_progress(self) -> None:
        """Twice a second: the index of finished packs, the page's progress, a fresh follow-up."""
        now = time.monotonic()
        if self._ingest is None or now - self._told < _PROGRESS_SECONDS:
            return
        self._told = now
        await self._done(in_database(self._keep_up, self._ingest))
        if now - self._renewed > limits.FOLLOW_UP_RENEWAL_SECONDS:
            self._renewed = now
            renewed = self._session.new_follow_up(self._ingest.upload.snapshot_id)
            self._follow_up = await self._done(renewed)
            await self._session.outbox.say(messages.FollowUp(self._follow_up))

    def _keep_up(self, upload: Ingest) -> None:
        upload.index_finished()
        upload.save_progress()
        trail.update_progress(self._session.session_id, Step.RECEIVING, self._progress(upload))

    @staticmethod
    def _progress(upload: Ingest) -> dict[str, object]:
        known = upload.upload
        return {
            "snapshot": known.snapshot_id,
            "items": known.items,
            "bytes": known.total_bytes,
            "label": known.label,
            "source": known.source,
            "received": upload.received,
            "held": upload.held,
        }

    async def _done(self, work: asyncio.Future[_T]) -> _T:
        """Wait for what a thread does. It cannot be stopped, so the end waits for it as well."""
        self._at_work = work
        return await asyncio.shield(work)

    async def end(self, error: WireError | None) -> None:
        """The connection is over: what was received stays usable, unless storing it failed."""
        self._ended.set()
        for _ in range(_MESSAGES_IN_FLIGHT):
            self._slots.release()
        try:
            await self._stop_working()
            if self._ingest is not None:
                failed = isinstance(error, StationFault | StorageFull)
                await in_database(self._ingest.abort if failed else self._ingest.cut)
        finally:
            if _under_way.get(self._key) is self:
                del _under_way[self._key]

    async def _stop_working(self) -> None:
        while not self._order.empty():
            await asyncio.gather(self._order.get_nowait(), return_exceptions=True)
        if self._at_work is not None:
            await asyncio.gather(self._at_work, return_exceptions=True)
