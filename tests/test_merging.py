"""Tellings of one message, put together: the same comes out whichever was read first."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from conversations import merging
from conversations.events import Kind, Reaction
from conversations.more import More, Telling, decode, encode

TEXTS = st.sampled_from(("", "one", "two", "three"))
MORE = st.builds(
    More,
    reactions=st.sampled_from(((), (Reaction("👍"),), (Reaction("👎"),))),
    edited=st.sampled_from((None, 0, 5)),
    forwarded_from=st.sampled_from(("", "Ann")),
    earlier=st.sampled_from(((), ("zero",), ("zero", "one"))),
    deleted=st.booleans(),
)
KINDS = st.sampled_from((Kind.TEXT, Kind.MEDIA, Kind.DELETED, Kind.UNREADABLE))
TELLINGS = st.lists(st.builds(Telling, KINDS, TEXTS, MORE), min_size=1, max_size=5)


def put_together(tellings: list[Telling]) -> Telling:
    """As the index does: a source is called by its place in time, which is its age as well."""
    whole = tellings[0]
    for youngest, each in zip(
        accumulate((each.source for each in tellings), max), tellings[1:], strict=False
    ):
        stored = replace(whole, more=decode(encode(whole.more)), source=youngest)
        whole = merging.with_another(stored, each, age=str)
    return whole


@given(TELLINGS, st.randoms(use_true_random=False))
def test_the_order_of_reading_changes_nothing(tellings, chance) -> None:
    dated = [replace(each, source=str(at)) for at, each in enumerate(tellings)]
    mixed = chance.sample(dated, len(dated))
    assert seen(put_together(mixed)) == seen(put_together(dated))


def seen(telling: Telling) -> tuple:
    """What people see of it, and what it was made of."""
    return telling.kind, telling.text, telling.more


@pytest.mark.parametrize("times", [2, 300])
def test_what_nobody_could_need_any_more_is_not_kept(times: int) -> None:
    """An export a day, with other reactions each time."""
    daily = [
        Telling(Kind.TEXT, "hello", More((Reaction("👍", count=at + 1),)), f"{at:03}")
        for at in range(times)
    ]
    assert put_together(daily).more == daily[-1].more


def test_of_what_the_youngest_is_silent_about_the_next_one_is_right() -> None:
    said = [
        Telling(Kind.TEXT, "frist", More((Reaction("👍"),)), "0"),
        Telling(Kind.TEXT, "first", More((Reaction("👎"),)), "1"),
        Telling(Kind.DELETED, "", More(), "2"),
    ]
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)):
        whole = put_together([said[at] for at in order])
        assert (whole.kind, whole.text) == (Kind.TEXT, "first")
        assert (whole.more.earlier, whole.more.deleted) == (("frist",), True)
        assert whole.more.reactions == (Reaction("👎"),)
