"""Searching a vault: pages, filters, counts and what is shown of a hit, on both engines."""

import datetime as dt

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from conversations import search
from conversations.databases import INDEX
from conversations.search import Entry, parse
from conversations.searching import PAGE_HITS, Filters, Found, Order, look
from tests.search_cast import Chat, forget, ms
from tests.search_engines import engine, postgres_index  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]
ALICE, MALLORY = "a" * 32, "e" * 32
EVERYTHING = Filters()


def hits(
    typed: str, filters: Filters = EVERYTHING, vault: str = ALICE, order: Order = Order.NEWEST
) -> list[int]:
    return [hit.id for hit in look(vault, parse(typed), filters, order).hits]


def shown(found: Found) -> list[str]:
    """Texts with what matches in brackets."""
    return [
        "".join(f"[{each.text}]" if each.is_match else each.text for each in hit.text)
        for hit in found.hits
    ]


def test_a_hit_says_who_when_and_where() -> None:
    message = Chat(ALICE, "Family").say("lunch at noon", "李明", ms(2024, 5, 1, 12, 30))
    hit = look(ALICE, parse("lunch")).hits[0]
    assert (hit.title, hit.sender) == ("Family", "李明")
    assert str(hit.time) == "2024-05-01 12:30:00"
    assert hit.at == f"{message.digest.hex()}-0"
    assert hit.slug == message.conversation.slug


def test_highlights_are_of_the_text_as_it_was_written() -> None:
    chat = Chat(ALICE, "Family")
    chat.say("Ｃａｆé & <b>CAFE\u0301</b> 我们去吃饭吧")
    assert shown(look(ALICE, parse("cafe 吃饭"))) == [
        "[Ｃａｆé] & <b>[CAFE\u0301]</b> 我们去[吃饭]吧"
    ]
    assert shown(look(ALICE, parse("吃"))) == ["Ｃａｆé & <b>CAFE\u0301</b> 我们去[吃]饭吧"]
    assert shown(look(ALICE, parse("我们去 caf"))) == [
        "[Ｃａｆé] & <b>[CAFE\u0301]</b> [我们去]吃饭吧"
    ]


def test_a_long_text_is_shown_around_the_first_match() -> None:
    Chat(ALICE, "Family").say("before " * 50 + "needle " + "after " * 100)
    (text,) = shown(look(ALICE, parse("needle")))
    assert text.startswith("…before ")
    assert "[needle] after" in text
    assert text.endswith("…")
    assert len(text) < 300


def test_says_when_the_words_are_further_on_than_is_looked() -> None:
    Chat(ALICE, "Family").say("filler " * 2000 + "needle")
    hit = look(ALICE, parse("needle")).hits[0]
    assert hit.is_further_on


def test_names_of_files_that_match_are_shown() -> None:
    Chat(ALICE, "Family").say("", kind="media", files=("a.jpg", "Contract.pdf"))
    hit = look(ALICE, parse("contract")).hits[0]
    assert [[each.text for each in name if each.is_match] for name in hit.names] == [["Contract"]]


def test_a_message_without_a_time_is_shown_without_one() -> None:
    Chat(ALICE, "Family").say("whenever", is_timed=False)
    found = look(ALICE, parse("whenever"))
    assert found.hits[0].time is None
    assert not found.facets.years


def test_another_vault_is_never_seen() -> None:
    family = Chat(ALICE, "Family")
    family.say("secret 秘密", "Alice")
    Chat(MALLORY, "Mine").say("mine")
    for typed in ("secret", "秘密", "秘", "-mine"):
        assert hits(typed, vault=MALLORY) == []
    assert hits("", Filters(conversation=family.row.slug), MALLORY) == []
    assert hits("", Filters(sender="Alice"), MALLORY) == []


def test_rows_of_another_vault_are_not_shown_though_the_index_has_them() -> None:
    message = Chat(ALICE, "Family").say("secret")
    search.remove(INDEX, search.entries([message], ALICE))
    wrong = Entry(message.id, MALLORY, message.conversation_id, None, "text", False, "wrong")
    search.add(INDEX, [wrong])
    found = look(MALLORY, parse("wrong"))
    assert (found.hits, found.total, found.facets.conversations) == ([], 0, [])


def test_filters_narrow() -> None:
    family, work = Chat(ALICE, "Family"), Chat(ALICE, "Work")
    one = family.say("plan", "Bob")
    two = work.say("plan", "Bob", files=("plan.pdf",))
    three = work.say("plan", "Carol")
    assert hits("plan") == [three.id, two.id, one.id]
    assert hits("plan", Filters(conversation=work.row.slug)) == [three.id, two.id]
    assert hits("plan", Filters(sender="Bob")) == [two.id, one.id]
    assert hits("plan", Filters(sender="bob", conversation=family.row.slug)) == [one.id]
    assert hits("plan", Filters(sender="Nobody")) == []
    assert hits("plan", Filters(conversation="0" * 15)) == []
    assert hits("plan", Filters(has_media=True)) == [two.id]
    assert hits("", Filters(has_media=True)) == [two.id]


def test_days_begin_by_the_clock_of_each_conversation() -> None:
    wall, utc = Chat(ALICE, "Wall", "wall"), Chat(ALICE, "Utc", "utc")
    late_wall = wall.say("x1 day", at=ms(2024, 5, 1, 23, 0))
    next_wall = wall.say("x2 day", at=ms(2024, 5, 2, 0, 30))
    late_utc = utc.say("x3 day", at=ms(2024, 5, 1, 21, 59))  # 23:59 in Berlin
    next_utc = utc.say("x4 day", at=ms(2024, 5, 1, 22, 0))  # midnight in Berlin
    first, second = dt.date(2024, 5, 1), dt.date(2024, 5, 2)
    with timezone.override("Europe/Berlin"):
        assert set(hits("day", Filters(until=first))) == {late_wall.id, late_utc.id}
        assert set(hits("day", Filters(since=second))) == {next_wall.id, next_utc.id}
        assert hits("day", Filters(since=first, until=first)) == [late_wall.id, late_utc.id]
        assert str(look(ALICE, parse("x4")).hits[0].time) == "2024-05-02 00:00:00"


@pytest.mark.parametrize("day", [dt.date.min, dt.date(1, 1, 2), dt.date(9999, 12, 30), dt.date.max])
def test_any_day_may_be_given(day: dt.date) -> None:
    kept = Chat(ALICE, "Family").say("hello")
    assert hits("hello", Filters(since=day)) == ([kept.id] if day.year == 1 else [])
    assert hits("hello", Filters(until=day)) == ([kept.id] if day.year == 9999 else [])


def test_pages_show_every_hit_once_and_newest_first() -> None:
    chat = Chat(ALICE, "Family")
    kept = [chat.say("again").id for _each in range(2 * PAGE_HITS + 1)]
    seen: list[int] = []
    after = None
    for _page in range(3):
        found = look(ALICE, parse("again"), after=after)
        assert (found.total, found.is_bounded) == (len(kept), False)
        seen += [hit.id for hit in found.hits]
        after = found.following
    assert seen == kept[::-1]
    assert after is None


def test_counts_up_to_the_bound_and_pages_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.searching.BOUND_HITS", 60)
    chat = Chat(ALICE, "Family")
    kept = [chat.say("again").id for _each in range(120)]
    seen: list[int] = []
    after = None
    for _page in range(3):
        found = look(ALICE, parse("again"), after=after)
        assert (found.total, found.is_bounded) == (60, True)
        seen += [hit.id for hit in found.hits]
        after = found.following
    assert seen == kept[::-1]
    assert after is None


def test_tells_hits_apart_by_conversation_sender_and_year() -> None:
    family, work = Chat(ALICE, "Family"), Chat(ALICE, "Work")
    family.say("plan", "Bob", ms(2023, 5, 1))
    work.say("plan", "Bob", ms(2024, 5, 1))
    work.say("plan", "Carol", ms(2024, 6, 1))
    facets = look(ALICE, parse("plan")).facets
    assert [(each.label, each.hits) for each in facets.conversations] == [
        ("Work", 2),
        ("Family", 1),
    ]
    assert [(each.label, each.hits) for each in facets.senders] == [("Bob", 2), ("Carol", 1)]
    assert [(each.label, each.hits) for each in facets.years] == [("2024", 2), ("2023", 1)]


def test_the_best_come_first_when_asked_for() -> None:
    chat = Chat(ALICE, "Family")
    best = chat.say("tea tea 茶")
    long = chat.say("tea " + "and many other words " * 20)
    short = chat.say("some tea")
    assert hits("tea", order=Order.BEST) == [best.id, short.id, long.id]
    assert hits("tea") == [short.id, long.id, best.id]


def test_the_best_are_paged_too() -> None:
    chat = Chat(ALICE, "Family")
    kept = {chat.say("again " * (1 + number % 3)).id for number in range(PAGE_HITS + 10)}
    first = look(ALICE, parse("again"), order=Order.BEST)
    second = look(ALICE, parse("again"), order=Order.BEST, after=first.following)
    assert {hit.id for hit in (*first.hits, *second.hits)} == kept
    assert (len(second.hits), second.following) == (10, None)


def test_a_removed_message_is_not_found() -> None:
    chat = Chat(ALICE, "Family")
    forget(chat.say("hello", files=("a.pdf",)), ALICE)
    assert hits("hello") == hits("pdf") == []


def test_makes_few_queries_however_much_is_found() -> None:
    counts = []
    for number in (1, 60):
        chat = Chat(ALICE, f"Chat {number}")
        for _each in range(number):
            chat.say("again", f"Person {_each}", files=("a.jpg",))
        with CaptureQueriesContext(connections[INDEX]) as made:
            look(ALICE, parse("again"), Filters(since=dt.date(2000, 1, 1)), after=2**62)
        counts.append(len(made))
    assert counts[0] == counts[1] <= 6
