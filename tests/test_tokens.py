"""Tokens of texts."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from conversations import tokens as tokens_module
from conversations.tokens import WORD_CHARS_MAX, characters, fold, spans, tokens

DENSE = st.text("我们去吃饭吧的一二三日本語ですカタカナ한국어ไทย", min_size=1, max_size=12)
MIXED = st.one_of(
    st.text(max_size=40), DENSE, st.text("aé我们が゙\u200b\u200d ,ﾞｶ👍🏽_1ß", max_size=20)
)


def test_words_are_folded_and_marks_are_dropped() -> None:
    assert tokens("Café CAFE\u0301 Straße ﬁn Ｆｕｌｌ") == [
        "cafe",
        "cafe",
        "strasse",
        "fin",
        "full",
    ]


def test_underscores_and_signs_part_words() -> None:
    assert tokens("_bold_ foo@bar.com don't") == ["bold", "foo", "bar", "com", "don", "t"]


def test_scripts_without_spaces_become_pairs_and_a_last_character() -> None:
    assert tokens("我们吃饭，好ok") == ["我们", "们吃", "吃饭", "饭", "好", "ok"]
    assert tokens("ｶﾞｷﾞ") == ["ガギ", "ギ"]
    assert tokens("การ") == ["กา", "าร", "ร"]


def test_emoji_are_tokens_without_skin_colour() -> None:
    assert tokens("ok👍🏽👨‍👩‍👧❤️") == ["ok", "👍", "👨", "👩", "👧", "❤"]


def test_marks_of_other_scripts_stay_in_their_words() -> None:
    assert tokens("हिन्दी भाषा") == ["हिन्दी", "भाषा"]


def test_what_shows_nothing_parts_nothing() -> None:
    assert tokens("\u200ehel\u00adlo\u200b 我\u2060们") == ["hello", "我们", "们"]


def test_long_words_are_cut() -> None:
    assert tokens("x" * 1000) == ["x" * WORD_CHARS_MAX]
    assert tokens("é" * 1000) == ["e" * WORD_CHARS_MAX]


def test_characters_are_those_of_scripts_without_spaces() -> None:
    assert characters(tokens("我们 ok 👍 1 ｶ")) == ["我", "们", "カ"]


def test_joining_letters_are_those_of_unicode() -> None:
    """Whatever NFC composes with a character before it either is a mark, or is in the list."""
    seconds = set()
    for code in range(0x110000):
        parts = unicodedata.decomposition(chr(code)).split()
        is_composed = len(parts) == 2 and unicodedata.normalize("NFC", chr(code)) == chr(code)
        if is_composed and not parts[0].startswith("<"):
            seconds.add(chr(int(parts[1], 16)))
    starters = {char for char in seconds if not unicodedata.combining(char)}
    assert all(tokens_module._JOINING.match(char) for char in starters)


@given(MIXED)
def test_spans_are_the_tokens_with_their_places(text: str) -> None:
    found = list(spans(text))
    assert [span.token for span in found] == tokens(text)
    for span in found:
        assert 0 <= span.start < span.end <= len(text)
        assert fold(span.token) in fold(text[span.start : span.end])


@given(MIXED)
def test_tokens_are_stable_under_folding(text: str) -> None:
    assert tokens(fold(text)) == tokens(text)


@given(MIXED)
def test_tokens_hold_no_space_and_no_sign(text: str) -> None:
    for token in tokens(text):
        assert not set(token) & set(" =\"'*:^(){}<>&|!\\\x00")
