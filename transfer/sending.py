"""An open connection with a restore ticket: requests in, manifest pages and chunks out, in order.

The phone grants credit; without it nothing is read from the disk, so a slow phone costs nothing.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Iterator
from typing import Final

from transfer import trail
from transfer.models import Step
from transfer.restore import FAILURE_CHARS_MAX, Piece, Recovery, in_messages
from transfer.session import Session, check_talk
from transfer.workers import in_database, in_worker
from wire import limits, messages
from wire.channel import FrameType, Sealed, control_frame, data_frame_header, frames
from wire.errors import Damaged, NotAllowed, TooMany, WireError

_REQUESTS_MAX: Final = 64
_PROGRESS_SECONDS: Final = 0.5
# Between two follow-ups for a snapshot that the phone left for another one and came back to.
_RETURN_SECONDS: Final = 5.0
# Decoded, a request takes several times its bytes; a phone has a few kilobytes waiting.
_REQUEST_BYTES_MAX: Final = 2 * limits.CONTROL_BYTES_MAX
# Opening and decoding this much takes less than a millisecond of the event loop.
_SMALL_BYTES: Final = 64 * limits.KIB


class Sending:
    """The sending side of recovery (patent claims 5 and 10)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._recovery = Recovery(session.vault, session.terms.binding)
        self._requests: asyncio.Queue[tuple[int, messages.PhoneMessage]] = asyncio.Queue()
        self._waiting_bytes = 0
        self._credit = session.terms.window
        self._granted = asyncio.Event()
        self._next_bytes = 0
        self._sent = 0
        self._snapshot_id = ""
        self._working = False
        self._renewed: dict[str, float] = {}
        self._followed = ""
        self._told = 0.0
        self._is_done = False

    @property
    def busy(self) -> bool:
        """Whether a request is being worked on and does not wait for the phone's credit."""
        return self._working and self._credit >= self._next_bytes

    @property
    def is_unfinished(self) -> bool:
        """Whether chunks were asked for, and the phone has not said that it restored them."""
        return bool(self._snapshot_id) and not self._is_done

    async def receive(self, message: bytes) -> None:
        """Take in one WebSocket message. Credit counts at once, requests wait their turn."""
        sealed = self._session.channel.reserve(message)
        if len(message) > _SMALL_BYTES:
            requests = await in_worker(self._open, sealed)
        else:
            requests = self._open(sealed)
        for size, request in requests:
            if isinstance(request, messages.Ack):
                self._grant(request.bytes)
            else:
                self._put(size, request)

    def _open(self, sealed: Sealed) -> list[tuple[int, messages.PhoneMessage]]:
        """On a data thread when it is large: the requests of one message, and their bytes."""
        found = frames(self._session.channel.decrypt(sealed))
        check_talk(len(found))
        if any(frame.type is not FrameType.CONTROL for frame in found):
            raise NotAllowed("a restore ticket permits no data")
        return [
            (len(frame.payload), messages.decode_from_phone(bytes(frame.payload)))
            for frame in found
        ]

    def _put(self, size: int, request: messages.PhoneMessage) -> None:
        """Let a request of ``size`` bytes wait its turn."""
        self._waiting_bytes += size
        if self._requests.qsize() >= _REQUESTS_MAX or self._waiting_bytes > _REQUEST_BYTES_MAX:
            raise TooMany("too many requests are waiting")
        self._requests.put_nowait((size, request))

    def _grant(self, length: int) -> None:
        if length < 0:
            raise NotAllowed("negative credit")
        self._credit = min(self._credit + length, limits.WINDOW_BYTES_MAX)
        self._granted.set()

    async def run(self) -> None:
        """Serve requests in order until the connection ends."""
        while True:
            size, request = await self._requests.get()
            self._waiting_bytes -= size
            self._working = True
            try:
                await self._serve(request)
            except WireError as error:
                if error.fatal:
                    raise
                ref = request.start if isinstance(request, messages.ChunksGet) else None
                await self._session.outbox.say(messages.Failure(error.code, str(error), ref))
            self._working = False

    async def _serve(self, request: messages.PhoneMessage) -> None:
        say = self._session.outbox.say
        match request:
            case messages.SnapshotsList():
                await say(await in_database(self._recovery.listing, request))
            case messages.SnapshotGet():
                reply, pieces = await in_database(self._recovery.manifest, request)
                await self._renew_follow_up(request.snapshot_id)
                await say(reply)
                await self._send(pieces)
            case messages.ChunksGet():
                await self._send_chunks(request)
            case messages.RestoreDone():
                self._is_done = True
                await in_database(self._recovery.done, self._session.session_id, request)
            case _:
                await self._session.obey_common(request)

    async def _send_chunks(self, request: messages.ChunksGet) -> None:
        """Nothing is made or noted for a snapshot before its first chunks were found."""
        plan = self._recovery.chunks(request)
        pieces = await in_database(_next, plan)
        await self._tell_progress(request.snapshot_id)
        await self._renew_follow_up(request.snapshot_id)
        while pieces:
            await self._send(pieces)
            pieces = await in_database(_next, plan)

    async def _renew_follow_up(self, snapshot_id: str) -> None:
        """Give the phone what it needs to go on after a cut, before the last one grows old.

        One that goes back and forth between snapshots gets each one's again only now and then.
        """
        now = time.monotonic()
        followed = snapshot_id == self._followed
        pause = limits.FOLLOW_UP_RENEWAL_SECONDS if followed else _RETURN_SECONDS
        if now - self._renewed.get(snapshot_id, -math.inf) > pause:
            self._renewed[snapshot_id], self._followed = now, snapshot_id
            renewed = await self._session.new_follow_up(snapshot_id)
            await self._session.outbox.say(messages.FollowUp(renewed))

    async def _send(self, pieces: Iterable[Piece]) -> None:
        for group in in_messages(list(pieces)):
            await self._wait_for_credit(sum(piece.length for piece in group))
            await self._session.outbox.put(in_worker(self._frames, group))

    async def _wait_for_credit(self, length: int) -> None:
        self._next_bytes = length
        while self._credit < length:
            self._granted.clear()
            await self._granted.wait()
        self._next_bytes = 0
        self._credit -= length
        self._sent += length

    def _frames(self, group: list[Piece]) -> bytes:
        """On a data thread: read the chunks of one message. Damage is reported in its place."""
        parts: list[bytes] = []
        for piece in group:
            try:
                chunk = self._recovery.read(piece)
            except Damaged as error:
                reason = str(error)[:FAILURE_CHARS_MAX]
                failure = messages.Failure(error.code, reason, piece.ref)
                parts.append(control_frame(messages.encode(failure)))
            else:
                parts += [data_frame_header(piece.ref, len(chunk)), chunk]
        return b"".join(parts)

    async def end(self, _error: WireError | None) -> None:
        """The connection is over."""
        if self._snapshot_id:
            await in_database(self._save_progress)

    async def _tell_progress(self, snapshot_id: str) -> None:
        """Twice a second; who only looks at what is kept gets nothing back."""
        self._snapshot_id, now = snapshot_id, time.monotonic()
        if now - self._told > _PROGRESS_SECONDS:
            self._told = now
            await in_database(self._save_progress)

    def _save_progress(self) -> None:
        detail = {"snapshot": self._snapshot_id, "sent": self._sent}
        trail.update_progress(self._session.session_id, Step.SENDING, detail)


def _next(plan: Iterator[list[Piece]]) -> list[Piece]:
    """The next pieces of a plan, none at its end: StopIteration cannot pass through a future."""
    return next(plan, [])
