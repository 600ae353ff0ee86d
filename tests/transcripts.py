"""What the tests of text exports share: random conversations, and damage to their files."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from tests.reading_cast import Read


class Said(NamedTuple):
    """One message of a random conversation."""

    time: datetime
    sender: str
    text: str


def ms(*parts: int) -> int:
    """A wall-clock time as readers give it."""
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)


def at(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() * 1000)


_LETTERS = st.characters(
    categories=["L", "N", "S", "Po", "Pd"], exclude_characters="\x85\u2028\u2029"
)
names = st.text(_LETTERS, min_size=1, max_size=12).filter(lambda name: name.strip() == name)
lines = st.text(_LETTERS | st.sampled_from(' "\t,[]()'), max_size=30).map(str.strip)
texts = st.lists(lines, min_size=1, max_size=4).map("\n".join).map(str.strip)
_FIRST = datetime(2001, 1, 1, tzinfo=UTC).replace(tzinfo=None)
times = st.integers(0, 20_000_000).map(lambda minutes: _FIRST + timedelta(minutes=minutes))


def conversations(names=names, texts=texts, times=times):
    """Lists of messages in the order of time."""
    message = st.builds(Said, times, names, texts)
    return st.lists(message, min_size=1, max_size=12).map(
        lambda said: sorted(said, key=lambda each: each.time)
    )


def found(read: Read) -> list[tuple]:
    """Every message that was read, as the random conversation has them."""
    everything = sorted(read.messages + read.system, key=lambda message: message.line)
    return [(each.time, each.sender, each.text) for each in everything]


def expected(said: list[Said]) -> list[tuple]:
    return [(at(each.time), each.sender, each.text) for each in said]


def survives_damage(name: str, data: bytes, app: str) -> None:
    """Cut or broken anywhere, it is read as far as it goes and every line is accounted for."""
    step = max(1, len(data) // 60)
    damaged = [data[:cut] for cut in range(0, len(data), step)]
    damaged += [data[:cut] + b"\xff\x00\xfe" + data[cut + 2 :] for cut in range(0, len(data), step)]
    damaged += [data + b"x" * 5_000_000, data + b'"' * 100_001, data + b"\n" * 1000]
    for each in damaged:
        read = Read({name: each})  # counts reconcile, or this fails
        assert set(read.apps) <= {app}
        assert not [w for w in read.warnings if w.code in ("reader-failed", "counts-differ")]
    assert Read({name: data}).messages
