"""The search index: one behaviour on SQLite and on PostgreSQL."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations import search
from conversations.databases import INDEX
from conversations.search import Entry, Phrase, Scope, parse, postgresql, sqlite
from conversations.search.asking import Asked
from conversations.tokens import tokens
from tests.search_engines import engine, postgres_index  # noqa: F401 - fixtures

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("engine"),
]
SAME_DATABASE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
DENSE = st.text("我们去吃饭吧的一日本語ですカタカナ한국어ไทย", min_size=1, max_size=10)
TEXT = st.lists(
    st.one_of(DENSE, st.sampled_from(["hello", "Café", "b2", "👍", ", ", " ", "’"]))
).map("".join)
_ids = itertools.count(1)


def entry(text: str, **fields: object) -> Entry:
    known = {"vault": "v", "conversation": 1, "sender": 2, "kind": "text", "has_media": False}
    return Entry(**{"id": next(_ids), "text": text} | known | fields)  # type: ignore[arg-type]


def keep(text: str, **fields: object) -> int:
    made = entry(text, **fields)
    search.add(INDEX, [made])
    return made.id


def found(typed: str, vault: str = "v", **scope: object) -> list[int]:
    return search.find(parse(typed), Scope(vault, **scope), 1000)  # type: ignore[arg-type]


def test_finds_words_newest_first() -> None:
    older, newer = keep("Hello world"), keep("oh HELLO")
    assert found("hello") == [newer, older]
    assert found("hello world") == [older]
    assert found("absent") == []


def test_adds_messages_in_whatever_order_they_come() -> None:
    made = [entry("together") for _each in range(5)]
    search.add(INDEX, [made[3], made[0], made[4], made[1], made[2]])
    assert found("together") == [each.id for each in reversed(made)]


def test_finds_without_accents_and_width() -> None:
    kept = keep("Das Café in der Ｓｔｒａße")
    assert found("CAFE") == found("café") == found("strasse") == [kept]


@pytest.mark.parametrize("typed", ["吃饭", "我们去吃饭", "饭", "去", "吧", "我", "去吃饭吧"])
def test_finds_every_part_of_a_chinese_sentence(typed: str) -> None:
    kept = keep("我们去吃饭吧")
    keep("我门吃反")
    assert kept in found(typed)


def test_finds_no_chinese_characters_that_are_apart() -> None:
    keep("我去吃晚饭")
    assert found("吃饭") == []
    assert found("我吃") == []


def test_finds_emoji_with_any_skin() -> None:
    kept = keep("ok 👍🏽")
    assert found("👍") == found("👍🏿") == [kept]
    assert found("👎") == []


def test_finds_where_scripts_meet() -> None:
    kept = keep("买iPhone手机")
    for typed in ("买iphone", "iphone手", "iphone手机", "买iphone手机", "iPhone", "机"):
        assert found(typed) == [kept], typed


def test_a_quoted_phrase_is_found_in_its_order_alone() -> None:
    kept = keep("the cat sat")
    keep("sat the cat")
    assert found('"cat sat"') == [kept]
    assert found("“cat sat”") == [kept]
    assert len(found("cat sat")) == 2


def test_leaves_out_what_is_excluded() -> None:
    kept = keep("tea please")
    other = keep("tea with milk")
    assert found("tea -milk") == [kept]
    assert found('tea -"with milk"') == [kept]
    assert found("-milk") == [kept]
    assert found("tea - milk") == [other]


def test_the_last_word_may_go_on_unless_it_is_quoted_or_short() -> None:
    kept = keep("Barcelona")
    assert found("barc") == [kept]
    assert found('"barc"') == []
    assert found("ba") == []
    assert found("barc tickets") == []


def test_names_of_files_are_found_and_no_phrase_reaches_into_them() -> None:
    kept = keep("see this", has_media=True, names=("Contract 2024.pdf", "b.jpg"))
    assert found("contract") == found('"2024 pdf"') == [kept]
    assert found('"this contract"') == found('"pdf b"') == []


def test_terms_of_the_index_cannot_be_typed() -> None:
    keep("hello", has_media=True, kind="call")
    for typed in ("=m", "m", "=vv", "vv", "=c1", "c1", "s2", "kcall", "call", '"=v v"'):
        assert found(typed) == [], typed


def test_sees_one_vault_alone() -> None:
    keep("secret 秘密", vault="w")
    for typed in ("secret", "秘密", "秘", "sec", "-other", ""):
        assert found(typed) == []


def test_scopes_by_conversation_sender_media_and_kind() -> None:
    one = keep("hi", conversation=7)
    two = keep("hi", sender=8)
    three = keep("hi", has_media=True, sender=9)
    four = keep("hi", kind="call", sender=None)
    assert found("hi", conversation=7) == [one]
    assert found("hi", senders=(8, 9)) == [three, two]
    assert found("hi", senders=()) == []
    assert found("hi", has_media=True) == [three]
    assert found("hi", kind="call") == [four]
    assert found("", senders=(8, 9), has_media=True) == [three]


def test_scopes_by_ids() -> None:
    ids = [keep("again") for _each in range(5)]
    assert found("again", first=ids[1], before=ids[4]) == [ids[3], ids[2], ids[1]]


def test_gives_no_more_than_were_asked_for() -> None:
    ids = [keep("again") for _each in range(5)]
    assert search.find(parse("again"), Scope("v"), 2) == [ids[4], ids[3]]


def test_forgets_what_is_removed() -> None:
    gone, stays = entry("hello 我们", names=("a.pdf",)), entry("hello 我们")
    search.add(INDEX, [gone, stays])
    search.remove(INDEX, [gone])
    for typed in ("hello", "我们", "我", "-absent"):
        assert found(typed) == [stays.id]
    assert found("pdf") == []


def test_forgets_names_that_the_row_keeps_in_part() -> None:
    name = "x " * 99 + "cut here.pdf"
    made = entry("hello", names=(name,))
    search.add(INDEX, [made])
    search.remove(INDEX, [made._replace(names=(name[:200],))])
    search.add(INDEX, [made._replace(names=())])
    for word in ("x", "cu", "here", "pdf"):
        assert found(word) == [], word


def test_finds_a_changed_message_by_its_new_words() -> None:
    before = entry("hello")
    search.add(INDEX, [before])
    search.remove(INDEX, [before])
    search.add(INDEX, [before._replace(text="goodbye")])
    assert found("goodbye") == [before.id]
    assert found("hello") == []


def test_forgets_everything_when_cleared() -> None:
    keep("hello")
    search.clear(INDEX)
    assert found("hello") == []
    kept = keep("hello")
    assert found("hello") == [kept]


def test_finds_the_same_after_tidying() -> None:
    ids = [keep(f"hello {number}") for number in range(50)]
    search.tidy(INDEX)
    assert found("hello") == ids[::-1]


def test_very_long_texts_and_words_are_found() -> None:
    kept = keep(" ".join(f"word{number}" for number in range(20_000)) + "我们去吃饭" + "x" * 5000)
    assert found("word1 word19999") == [kept]
    assert found("x" * 3000) == found("吃饭") == [kept]


SYNTAX = [
    *[
        "'",
        '"',
        '""',
        '"""',
        "\\",
        "\\'",
        "' | 'x",
        "x' OR '1'='1",
        '"a" * "b" *',
        "; DROP TABLE x",
    ],
    *[
        "tokens : hello",
        "hello*",
        "^hello",
        "hello AND",
        "OR",
        "NOT",
        "NEAR(hello world)",
        "NEAR/2",
    ],
    *["(", ")", "{a b}:x", "-", "--", '-"', "+", "hello & !world", "hello:*", "hello:A", "<->"],
    *["a <2> b", "!", "%", "_", "\0", "hello\0world", "\ud800", "𝒽ello", "\u202ehello", "="],
    *["=v", "*", "**", "col:", "rank"],
]


@pytest.mark.parametrize("typed", SYNTAX)
def test_no_syntax_of_an_engine_is_obeyed(typed: str) -> None:
    kept = keep("hello world")
    wanted = set(tokens(typed))
    assert found(typed) == ([kept] if wanted <= {"hello", "world"} else [])


def test_every_token_is_quoted_though_none_has_a_sign() -> None:
    asked = Asked((Phrase(('a" OR "b', "it's \\")),), (), (Phrase(("x",), is_prefix=True),))
    assert sqlite.expression(asked) == """("a"" OR ""b it's \\") NOT ("x" *)"""
    assert postgresql.expression(asked) == r"""('a" OR "b' <-> 'it''s \\') & !('x':*)"""


@given(typed=st.text(max_size=60))
@SAME_DATABASE
def test_whatever_is_typed_is_answered(typed: str) -> None:
    found(typed)


@given(text=TEXT, data=st.data())
@SAME_DATABASE
def test_every_part_of_a_run_of_characters_is_found(text: str, data: st.DataObject) -> None:
    kept = keep(text)
    runs = [run for run in _dense_runs(text) if run]
    if not runs:
        return
    run = data.draw(st.sampled_from(runs))
    start = data.draw(st.integers(0, len(run) - 1))
    end = data.draw(st.integers(start + 1, len(run)))
    assert kept in found(run[start:end])
    assert kept in found(f'"{run[start:end]}"')


@given(text=TEXT)
@SAME_DATABASE
def test_every_text_is_found_by_itself_and_by_its_words(text: str) -> None:
    kept = keep(text)
    for token in tokens(text):
        assert kept in found(token)
    quoted = f'"{text}"'
    if tokens(text) and len(quoted) <= 200:
        assert kept in found(quoted)


def _dense_runs(text: str) -> list[str]:
    return "".join(
        char if char in "我们去吃饭吧的一日本語ですカタカナ한국어" else " " for char in text
    ).split()
