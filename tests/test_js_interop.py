"""A thousand random connections between the station in Python and the phone in JavaScript."""

import random
from collections import Counter

import pytest

from tests import node
from tests.js_session import Session

SESSIONS = 1000
PARTS = 8
HARM = ["flip", "cut", "lengthen", "token", "key"]


@pytest.fixture(scope="module")
def peer():
    with node.peer() as running:
        yield running


@pytest.mark.parametrize("part", range(PARTS))
def test_random_connections_of_both_languages(peer, part):
    seen: Counter[str] = Counter()
    for number in range(part, SESSIONS, PARTS):
        session = Session(peer, random.Random(number))
        way = session.rng.choices(["enrol", "open", "harm"], [20, 50, 30])[0]
        if way == "enrol":
            session.enrol()
        elif way == "open":
            session.open()
            session.talk()
        else:
            way = session.rng.choice(HARM)
            session.harm(way)
        seen[way] += 1
    assert set(seen) == {"enrol", "open", *HARM}


def test_harm_after_open_is_noticed_at_that_message(peer):
    for number in range(40):
        session = Session(peer, random.Random(-1 - number))
        session.open()
        session.talk()
        message = session.station.channel.seal(session.plaintext())
        kind = session.rng.choice(["flip", "cut", "lengthen"])
        refusal, _ = peer.ask("open", session.harmed(message, kind))
        assert isinstance(refusal, node.Refusal)
        assert refusal.refused in session.names_for(kind)


@pytest.mark.parametrize("way", ["replayed", "overtaking", "reflected", "of another connection"])
def test_a_message_out_of_its_place_is_refused(peer, way):
    other = Session(peer, random.Random(6))
    other.open()
    session = Session(peer, random.Random(7))
    session.open()
    first, _ = (session.station.channel.seal(session.plaintext()) for _ in range(2))
    wrong = {
        "replayed": first,
        "overtaking": session.station.channel.seal(session.plaintext()),
        "reflected": peer.ask("seal", session.plaintext())[1],
        "of another connection": other.station.channel.seal(session.plaintext()),
    }
    assert peer.ask("open", first)[0]
    refusal, _ = peer.ask("open", wrong[way])
    assert isinstance(refusal, node.Refusal)
    assert (refusal.refused, refusal.code) == ("VerificationFailed", 4401)
