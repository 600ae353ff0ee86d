"""What can be searched for in a text: its tokens, the same for every engine.

Text is folded: NFKC, case folded, without the marks U+0300 to U+036F (café = cafe) and without
characters that show nothing. Then

- a word is a run of letters, digits and the marks between them, cut after 64 characters;
- scripts that put no spaces between words (Han, kana, Hangul, bopomofo, Thai, Lao, Khmer, Myanmar)
  become overlapping pairs of characters, and at the end of the run its last character alone;
- an emoji is a token of its own, without its skin colour.

So whatever is a part of a run of two characters or more is a phrase of its pairs, and what is next
to each other in the text is next to each other in the tokens.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from operator import add
from typing import Final, NamedTuple

# What an index was made with: when tokens change, the index is made anew (see conversations.search)
TOKENS_VERSION: Final = 1

WORD_CHARS_MAX: Final = 64

_HAN: Final = "\u3005-\u3007\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA: Final = "\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_OLD_KANA: Final = "\U0001aff0-\U0001afff\U0001b000-\U0001b16f"
_HANGUL: Final = "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7a3\ud7b0-\ud7ff"
_BOPOMOFO: Final = "\u3105-\u312f\u31a0-\u31bf"
_THAI_LAO: Final = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
_KHMER: Final = "\u1780-\u17d3\u17d7\u17dc\u17dd"
_MYANMAR: Final = "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"
DENSE: Final = f"{_HAN}{_KANA}{_OLD_KANA}{_HANGUL}{_BOPOMOFO}{_THAI_LAO}{_KHMER}{_MYANMAR}"
_EMOJI: Final = (
    "\u203c\u2049\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u2bff\U0001f000-\U0001faff"
)
_DENSE: Final = re.compile(f"[{DENSE}]")
_MARKS: Final = "".join(
    mark
    for code in range(0x0370, 0x3000)
    if unicodedata.category(mark := chr(code))[0] == "M" and not _DENSE.match(mark)
)
_LETTER: Final = f"[^\\W_{DENSE}{_EMOJI}]"
_DROPPED: Final = re.compile(
    "[\u00ad\u0300-\u036f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
    "\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]+"
)
_RUNS: Final = re.compile(f"([{DENSE}]+)|[{_EMOJI}]|{_LETTER}+(?:[{_MARKS}]+{_LETTER}*)*")
_PLAIN_RUNS: Final = re.compile("[a-z0-9]+")

# Letters that join the one before them though they are no marks: vowels and finals that NFKC
# composes. tests/test_tokens.py compares the list with the Unicode data.
_JOINING: Final = re.compile(
    "[\u09be\u09d7\u0b3e\u0b56\u0b57\u0bbe\u0bd7\u0cc2\u0cd5\u0cd6\u0d3e\u0d57\u0dcf\u0ddf\u102e"
    "\u1161-\u1175\u11a8-\u11c2\u1b35\U00011127\U0001133e\U00011357\U000114b0\U000114ba\U000114bd"
    "\U000115af\U00011930]"
)

# NFKC does the same, and takes twice as long over a whole text for one of these.
_COMMON_WIDE: Final = tuple(zip("，！？：；（）", ",!?:;()", strict=True))


class Span(NamedTuple):
    """A token and the characters of the text, from ``start`` up to ``end``, that it stands for."""

    token: str
    start: int
    end: int


def fold(text: str) -> str:
    """The text as it is compared."""
    if text.isascii():
        return text.lower()
    for wide, narrow in _COMMON_WIDE:
        text = text.replace(wide, narrow)
    plain = unicodedata.normalize("NFKC", text).casefold()
    bare = _DROPPED.sub("", unicodedata.normalize("NFKD", plain))
    return plain if bare == plain else unicodedata.normalize("NFKC", bare)


def tokens(text: str) -> list[str]:
    """The tokens of a text in their order."""
    folded = fold(text)
    if folded.isascii():
        return [word[:WORD_CHARS_MAX] for word in _PLAIN_RUNS.findall(folded)]
    found: list[str] = []
    for run in _RUNS.finditer(folded):
        word = run[0]
        if run[1] is None:
            found.append(word[:WORD_CHARS_MAX])
        else:
            found += map(add, word, word[1:])
            found.append(word[-1])
    return found


def characters(found: Iterable[str]) -> list[str]:
    """The characters of these tokens that can be searched for alone: of scripts without spaces."""
    joined = "".join(found)
    return [] if joined.isascii() else list(dict.fromkeys(_DENSE.findall(joined)))


def is_dense(token: str) -> bool:
    """Whether the token is of a script without spaces."""
    return _DENSE.match(token) is not None


def spans(text: str) -> Iterator[Span]:
    """The tokens with their places in the text before it was folded."""
    if text.isascii():
        for run in _PLAIN_RUNS.finditer(text.lower()):
            yield Span(run[0][:WORD_CHARS_MAX], *run.span())
        return
    pieces = [(fold(text[start:end]), start, end) for start, end in _pieces(text)]
    folded = "".join(piece for piece, _start, _end in pieces)
    starts = [start for piece, start, _end in pieces for _char in piece]
    ends = [end for piece, _start, end in pieces for _char in piece]
    for run in _RUNS.finditer(folded):
        first, last = run.span()
        if run[1] is None:
            yield Span(run[0][:WORD_CHARS_MAX], starts[first], ends[last - 1])
            continue
        for at in range(first, last):
            end = min(at + 2, last)
            yield Span(folded[at:end], starts[at], ends[end - 1])


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """The text cut where folding the parts gives the same as folding the whole."""
    start = 0
    for at, char in enumerate(text):
        if at and not _joins(char):
            yield start, at
            start = at
    if text:
        yield start, len(text)


def _joins(char: str) -> bool:
    if char.isascii():
        return False
    first = unicodedata.normalize("NFKD", char)[0]
    if unicodedata.combining(first):
        return True
    return _JOINING.match(first) is not None or _DROPPED.match(first) is not None
