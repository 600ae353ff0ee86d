"""Which chunks the station must be sent: a state machine without I/O.

Every digest is asked about once per connection. Chunks whose bytes are in hand are *offered*;
chunks of remembered files are *expected*, and when the station lacks one its file must be read.
What is to be sent comes out of :attr:`Asking.ready` in order.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from itertools import islice
from typing import Final, NamedTuple

from wire import limits, messages
from wire.errors import MalformedMessage

QUESTION_BYTES: Final = 8 * limits.MIB
# Each kind has half of what may be outstanding, so that neither can starve the other.
_OUTSTANDING_MAX: Final = limits.OUTSTANDING_DIGESTS_MAX // 2
ABANDONED_MAX: Final = limits.OUTSTANDING_DIGESTS_MAX // 4


class Lot:
    """Bytes that were read together; ``release`` is called with their size once none is needed."""

    def __init__(self, pieces: int, size: int, release: Callable[[int], None]) -> None:
        self._pieces, self._size, self._release = pieces, size, release

    def settle(self) -> None:
        """One piece is needed no longer."""
        self._pieces -= 1
        if self._pieces == 0:
            self._release(self._size)


class Chunk(NamedTuple):
    """A chunk that must be sent under this reference."""

    ref: int
    data: memoryview
    lot: Lot


class Asking:
    """What one connection asked the station, what it answered, and what follows from that."""

    def __init__(self) -> None:
        self.ready: deque[Chunk] = deque()
        self._next_ref = 0
        self._settled: set[bytes] = set()
        self._in_hand: dict[bytes, tuple[memoryview, Lot]] = {}
        self._owners: dict[bytes, int] = {}
        self._lacking: dict[bytes, int] = {}
        self._lacking_of: defaultdict[int, set[bytes]] = defaultdict(set)
        self._abandoned: dict[bytes, int] = {}
        self._new_offered: deque[bytes] = deque()
        self._new_offered_bytes = 0
        self._new_expected: deque[bytes] = deque()
        self._questions: dict[int, list[bytes]] = {}
        self._asked_offered = 0
        self._asked_expected = 0

    def offer(self, digest: bytes, data: memoryview, lot: Lot) -> None:
        """This chunk's bytes are here; they are sent if the station lacks them."""
        if digest in self._settled or digest in self._in_hand:
            lot.settle()
        elif (ref := self._take_lacking(digest)) is not None:
            self._lacking_of[self._owners.pop(digest)].discard(digest)
            self._settled.add(digest)
            self.ready.append(Chunk(ref, data, lot))
        else:
            self._in_hand[digest] = (data, lot)
            if digest not in self._owners:
                self._new_offered.append(digest)
                self._new_offered_bytes += len(data)

    def _take_lacking(self, digest: bytes) -> int | None:
        ref = self._lacking.pop(digest, None)
        return self._abandoned.pop(digest, None) if ref is None else ref

    def expect(self, digest: bytes, owner: int) -> None:
        """A remembered file, number ``owner``, consists of this chunk among others."""
        known = digest in self._settled or digest in self._in_hand
        if not known and digest not in self._owners:
            self._owners[digest] = owner
            self._new_expected.append(digest)

    def next_question(self, *, eager: bool) -> messages.ChunksHave | None:
        """What to ask now. Short questions wait for more unless ``eager``."""
        room = _OUTSTANDING_MAX - self._asked_expected - len(self._lacking)
        if self._new_expected and room > 0 and (eager or room >= limits.HAVE_DIGESTS_MAX):
            question = self._ask(self._new_expected, room)
            self._asked_expected += len(question.digests) // limits.DIGEST_BYTES
            return question
        room = _OUTSTANDING_MAX - self._asked_offered - len(self.ready)
        enough = (
            self._new_offered_bytes >= QUESTION_BYTES
            or len(self._new_offered) >= limits.HAVE_DIGESTS_MAX
        )
        if self._new_offered and room > 0 and (eager or enough):
            question = self._ask(self._new_offered, room)
            self._asked_offered += len(question.digests) // limits.DIGEST_BYTES
            batch = self._questions[question.start]
            self._new_offered_bytes -= sum(len(self._in_hand[digest][0]) for digest in batch)
            return question
        return None

    def _ask(self, waiting: deque[bytes], room: int) -> messages.ChunksHave:
        count = min(len(waiting), room, limits.HAVE_DIGESTS_MAX)
        batch = list(islice(waiting, count))
        for _ in batch:
            waiting.popleft()
        start, self._next_ref = self._next_ref, self._next_ref + count
        self._questions[start] = batch
        return messages.ChunksHave(start, b"".join(batch))

    @property
    def awaiting(self) -> int:
        """How many questions are not answered yet."""
        return len(self._questions)

    def answer(self, lack: messages.ChunksLack) -> set[int]:
        """Take in an answer; returns the numbers of the remembered files that must be read."""
        batch = self._questions.pop(lack.start, None)
        refs = set(lack.refs)
        if batch is None or not refs <= set(range(lack.start, lack.start + len(batch))):
            raise MalformedMessage("an answer to no question")
        must_read = set()
        for ref, digest in enumerate(batch, lack.start):
            owner = self._owners.get(digest)
            if owner is None:
                self._asked_offered -= 1
            else:
                self._asked_expected -= 1
            if self._settle(digest, ref if ref in refs else None) and owner is not None:
                self._lacking_of[owner].add(digest)
                must_read.add(owner)
        return must_read

    def _settle(self, digest: bytes, lacking_ref: int | None) -> bool:
        """Whether the chunk must still be read before it can be sent."""
        data, lot = self._in_hand.pop(digest, (None, None))
        if lacking_ref is not None and (data is None or lot is None):
            self._lacking[digest] = lacking_ref
            return True
        self._owners.pop(digest, None)
        self._settled.add(digest)
        if lot is not None and data is not None:
            if lacking_ref is None:
                lot.settle()
            else:
                self.ready.append(Chunk(lacking_ref, data, lot))
        return False

    def abandon(self, owner: int) -> set[bytes]:
        """File ``owner`` was read again: what it no longer contains is not waited for.

        Returns those digests; another remembered file may still need them.
        """
        gone = self._lacking_of.pop(owner, set())
        for digest in gone:
            self._abandoned[digest] = self._lacking.pop(digest)
        return gone

    def reassign(self, digest: bytes, owner: int) -> None:
        """Wait for an abandoned chunk again: remembered file ``owner`` has it too."""
        self._lacking[digest] = self._abandoned.pop(digest)
        self._owners[digest] = owner
        self._lacking_of[owner].add(digest)

    @property
    def overburdened(self) -> bool:
        """Whether so many announced chunks will never come that a new connection is better."""
        return len(self._abandoned) > ABANDONED_MAX

    @property
    def idle(self) -> bool:
        """Whether everything offered or expected has been settled and taken."""
        return not (
            self.ready
            or self._questions
            or self._lacking
            or self._new_offered
            or self._new_expected
        )
