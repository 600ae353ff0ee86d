"""Addresses in texts become links, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.linking import Segment, cut, segments


def links(text: str) -> list[str]:
    return [each.href for each in segments(text) if each.href]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://a.example", "https://a.example"),
        ("see http://a.example/x?y=1&z=%20#top now", "http://a.example/x?y=1&z=%20#top"),
        ("HTTPS://A.example/B", "HTTPS://A.example/B"),
        ("(https://a.example/x)", "https://a.example/x"),
        ("https://a.example/x_(y)", "https://a.example/x_(y)"),
        ("[https://a.example/x_(y)]", "https://a.example/x_(y)"),
        ("https://a.example/x.", "https://a.example/x"),
        ("https://a.example/x?!", "https://a.example/x"),
        ("*https://a.example/x*", "https://a.example/x"),
        ('"https://a.example/x"', "https://a.example/x"),
        ("<https://a.example/x>", "https://a.example/x"),
        ("看https://a.example/路径，好吗", "https://a.example/路径"),
        ("看 https://a.example/x。好", "https://a.example/x"),
        ("https://münchen.example/ü", "https://münchen.example/ü"),
        ("https://[::1]:8765/x", "https://[::1]:8765/x"),
        ("http://192.168.1.7:8765/", "http://192.168.1.7:8765/"),
        ("line\nhttps://a.example\nline", "https://a.example"),
    ],
)
def test_an_address_ends_where_a_person_would_say(text: str, found: str) -> None:
    assert links(text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,<b>",
        "ftp://a.example",
        "www.a.example",
        "https://",
        "https://.",
        "xhttps://a.example",
        "https://bank.example@evil.example/",
        "https://user:secret@evil.example/",
        "https://[::1",
        "https://a.example:99999999/",
        "http:/a.example",
        "https://a.example/" + "x" * 3000,
        "",
    ],
)
def test_nothing_else_is_a_link(text: str) -> None:
    assert links(text) == []
    assert "".join(each.text for each in segments(text)) == text


def test_texts_between_links_stay() -> None:
    assert segments("a https://b.example, c http://d.example") == [
        Segment("a "),
        Segment("https://b.example", "https://b.example"),
        Segment(", c "),
        Segment("http://d.example", "http://d.example"),
    ]


_PIECES = st.sampled_from(
    [
        "https://",
        "http://",
        "a.example",
        "/",
        ")",
        "(",
        "]",
        "[",
        ".",
        " ",
        "\n",
        "<",
        '"',
        "@",
        ":",
        "，",
        "é",
        "x",
    ]
)


@given(st.lists(_PIECES | st.text(max_size=5), max_size=30).map("".join))
def test_the_pieces_are_the_text_and_links_are_what_they_show(text: str) -> None:
    found = segments(text)
    assert "".join(each.text for each in found) == text
    for each in found:
        assert each.text
        if each.href:
            assert each.href == each.text
            assert each.href.lower().startswith(("http://", "https://"))
            assert not set(each.href) & set(" \n<>\"'`")


@given(st.lists(_PIECES | st.text(max_size=5), max_size=30).map("".join), st.integers(0, 60))
def test_a_long_text_is_cut_where_it_is_asked_but_no_link(text: str, chars: int) -> None:
    whole = segments(text)
    shown, rest = cut(whole, chars)
    assert "".join(each.text for each in (*shown, *rest)) == text
    assert [each for each in (*shown, *rest) if each.href] == [each for each in whole if each.href]
    length = sum(len(each.text) for each in shown)
    assert length <= chars
    assert length == min(chars, len(text)) or rest[0].href


@pytest.mark.timeout(10)
def test_a_long_text_takes_no_long_time() -> None:
    for text in ("https://" * 40_000, "https://a" + ")" * 250_000, "(" * 250_000, "h" * 250_000):
        segments(text)
