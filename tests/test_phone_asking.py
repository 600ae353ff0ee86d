"""What the station is asked, and what follows from its answers; no sockets needed."""

import hashlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from phone.asking import QUESTION_BYTES, Asking, Lot
from wire import limits, messages
from wire.errors import MalformedMessage


def digest_of(name) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()


class Bytes:
    """A lot that notes whether its bytes were given back."""

    def __init__(self, pieces: int = 1):
        self.released = 0
        self.lot = Lot(pieces, 10, self._release)

    def _release(self, size: int) -> None:
        self.released += size


def offer(asking: Asking, name, lot: Lot | None = None, size: int = 10) -> bytes:
    digest = digest_of(name)
    asking.offer(digest, memoryview(bytes(size)), lot or Bytes().lot)
    return digest


def ask(asking: Asking) -> messages.ChunksHave:
    question = asking.next_question(eager=True)
    assert question is not None
    return question


def test_only_what_the_station_lacks_becomes_ready_under_the_asked_reference():
    asking = Asking()
    lots = [Bytes(), Bytes(), Bytes()]
    for name, lot in enumerate(lots):
        offer(asking, name, lot.lot)
    question = ask(asking)
    assert messages.split_digests(question.digests) == [digest_of(name) for name in range(3)]
    assert asking.answer(messages.ChunksLack(question.start, [question.start + 1])) == set()
    assert [chunk.ref for chunk in asking.ready] == [question.start + 1]
    assert [lot.released for lot in lots] == [10, 0, 10]


def test_a_digest_is_asked_once_per_connection():
    asking = Asking()
    offer(asking, "a")
    again = Bytes()
    offer(asking, "a", again.lot)
    assert len(ask(asking).digests) == limits.DIGEST_BYTES
    asking.answer(messages.ChunksLack(0, []))
    offer(asking, "a")
    assert asking.next_question(eager=True) is None
    assert again.released == 10
    assert asking.idle


def test_short_questions_wait_for_more_unless_eager():
    asking = Asking()
    offer(asking, "small")
    assert asking.next_question(eager=False) is None
    offer(asking, "large", size=QUESTION_BYTES)
    assert asking.next_question(eager=False) is not None


def test_a_lacking_chunk_of_a_remembered_file_asks_for_its_reading():
    asking = Asking()
    asking.expect(digest_of("a"), 7)
    asking.expect(digest_of("b"), 8)
    question = ask(asking)
    assert asking.answer(messages.ChunksLack(question.start, [question.start])) == {7}
    assert not asking.idle
    offer(asking, "a")
    assert [chunk.ref for chunk in asking.ready] == [question.start]
    assert asking.abandon(7) == set()


def test_what_a_changed_file_no_longer_has_is_abandoned_and_may_be_found_elsewhere():
    asking = Asking()
    asking.expect(digest_of("a"), 7)
    asking.answer(messages.ChunksLack(ask(asking).start, [0]))
    assert asking.abandon(7) == {digest_of("a")}
    assert asking.idle
    asking.reassign(digest_of("a"), 9)
    assert not asking.idle
    offer(asking, "a")
    assert [chunk.ref for chunk in asking.ready] == [0]
    assert asking.abandon(9) == set()


def test_bytes_that_come_while_the_question_is_open_are_kept_for_the_answer():
    asking = Asking()
    asking.expect(digest_of("a"), 7)
    question = ask(asking)
    offer(asking, "a")
    assert asking.answer(messages.ChunksLack(question.start, [question.start])) == set()
    assert len(asking.ready) == 1


def test_outstanding_digests_stay_under_the_stations_limit():
    asking = Asking()
    for number in range(3 * limits.OUTSTANDING_DIGESTS_MAX):
        asking.expect(digest_of(number), number)
        offer(asking, -1 - number)
    asked = 0
    while question := asking.next_question(eager=True):
        asked += len(question.digests) // limits.DIGEST_BYTES
        assert len(question.digests) <= limits.HAVE_DIGESTS_MAX * limits.DIGEST_BYTES
    assert asked == limits.OUTSTANDING_DIGESTS_MAX


@pytest.mark.parametrize(
    "answer",
    [
        messages.ChunksLack(5, []),
        messages.ChunksLack(0, [1]),
        messages.ChunksLack(0, [-1]),
    ],
)
def test_answers_to_no_question_are_refused(answer):
    asking = Asking()
    offer(asking, "a")
    ask(asking)
    with pytest.raises(MalformedMessage):
        asking.answer(answer)


def test_an_answer_counts_once():
    asking = Asking()
    offer(asking, "a")
    ask(asking)
    asking.answer(messages.ChunksLack(0, []))
    with pytest.raises(MalformedMessage):
        asking.answer(messages.ChunksLack(0, []))


NAMES = st.integers(0, 12)
OWNERS = st.integers(100, 103)


class Conversation(RuleBasedStateMachine):
    """Any order of offers, expectations, questions, answers and readings ends well.

    The station holds the even names. In the end it must have been sent every odd one whose bytes
    were in hand, each once, and every byte must have been given back or sent.
    """

    def __init__(self):
        super().__init__()
        self.asking = Asking()
        self.lots: list[Bytes] = []
        self.questions: list[messages.ChunksHave] = []
        self.names = {digest_of(name): name for name in range(13)}
        self.files: dict[int, set[int]] = {}
        self.offered: set[int] = set()
        self.sent: list[int] = []

    def give(self, name: int) -> None:
        lot = Bytes()
        self.lots.append(lot)
        self.offered.add(name)
        self.asking.offer(digest_of(name), memoryview(name.to_bytes(1)), lot.lot)

    @rule(name=NAMES)
    def offer(self, name):
        self.give(name)

    @rule(name=NAMES, owner=OWNERS)
    def expect(self, name, owner):
        self.files.setdefault(owner, set()).add(name)
        self.asking.expect(digest_of(name), owner)

    @rule(eager=st.booleans())
    def ask(self, eager):
        question = self.asking.next_question(eager=eager)
        if question is not None:
            self.questions.append(question)

    @rule()
    def answer(self):
        if not self.questions:
            return
        question = self.questions.pop(0)
        digests = messages.split_digests(question.digests)
        refs = [
            question.start + at for at, digest in enumerate(digests) if self.names[digest] % 2 == 1
        ]
        for owner in self.asking.answer(messages.ChunksLack(question.start, refs)):
            for name in self.files[owner]:
                self.give(name)
            assert self.asking.abandon(owner) == set()

    @rule()
    def send(self):
        while self.asking.ready:
            chunk = self.asking.ready.popleft()
            chunk.lot.settle()
            self.sent.append(chunk.data[0])

    @invariant()
    def nothing_is_sent_twice_or_needlessly(self):
        assert len(self.sent) == len(set(self.sent))
        assert all(name % 2 == 1 for name in self.sent)

    def teardown(self):
        for name in range(13):
            self.give(name)
        for _ in range(50):
            self.ask(eager=True)
            self.answer()
            self.send()
        assert self.asking.idle
        expected = set().union(self.offered, *self.files.values())
        assert set(self.sent) == {name for name in expected if name % 2 == 1}
        self.nothing_is_sent_twice_or_needlessly()
        assert all(lot.released == 10 for lot in self.lots)


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
