"""The part of a text that shows why it was found, cut into segments: never markup."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from conversations.search.query import Phrase
from conversations.tokens import Span, is_dense, spans, tokens

SNIPPET_CHARS: Final = 280
LEAD_CHARS: Final = 60  # shown before the first match
ELLIPSIS: Final = "…"

# As in BM25: how soon more of the same counts no more, and how much longer texts count less
_SATURATION: Final = 1.2
_LENGTH_SHARE: Final = 0.5
_USUAL_TOKENS: Final = 16


class Segment(NamedTuple):
    """A piece of text, and whether it is what was searched for."""

    text: str
    is_match: bool = False


def matches(text: str, phrases: Sequence[Phrase]) -> list[tuple[int, int]]:
    """Where the phrases are in the text: ranges of characters in their order, none touching."""
    found = list(spans(text))
    ranges = sorted(
        (found[at].start, _end(found, at + len(phrase.tokens) - 1, phrase))
        for phrase in phrases
        for at in _places(found, phrase)
    )
    return list(_joined(ranges))


def snippet(text: str, ranges: Sequence[tuple[int, int]]) -> list[Segment]:
    """The text around the first range, with every range in it as a segment of its own."""
    begin = _begin(text, ranges[0][0]) if ranges else 0
    end = min(begin + SNIPPET_CHARS, len(text))
    segments = [Segment(ELLIPSIS)] if begin else []
    at = begin
    for first, last in ranges:
        if first >= end:
            break
        segments += [Segment(text[at:first]), Segment(text[first : min(last, end)], is_match=True)]
        at = min(last, end)
    segments.append(Segment(text[at:end]))
    if end < len(text):
        segments.append(Segment(ELLIPSIS))
    return [segment for segment in segments if segment.text]


def has_all(text: str, phrases: Sequence[Phrase]) -> bool:
    """Whether every phrase is in the text."""
    told = f" {' '.join(tokens(text))} "
    return all(_told(phrase) in told for phrase in phrases)


def weight(text: str, phrases: Sequence[Phrase]) -> float:
    """How much the text is about the phrases: more of them in fewer words weighs more."""
    found = tokens(text)
    told = f" {' '.join(found)} "
    length = 1 - _LENGTH_SHARE + _LENGTH_SHARE * len(found) / _USUAL_TOKENS
    counts = (told.count(_told(phrase)) for phrase in phrases)
    return sum(count / (count + _SATURATION * length) for count in counts)


def _told(phrase: Phrase) -> str:
    return f" {' '.join(phrase.tokens)}{'' if phrase.is_prefix else ' '}"


def _places(found: Sequence[Span], phrase: Phrase) -> Iterator[int]:
    size = len(phrase.tokens)
    *before, last = phrase.tokens
    for at in range(len(found) - size + 1):
        token = found[at + size - 1].token
        if (token.startswith(last) if phrase.is_prefix else token == last) and all(
            found[at + number].token == each for number, each in enumerate(before)
        ):
            yield at


def _end(found: Sequence[Span], at: int, phrase: Phrase) -> int:
    """Where the match ends whose last token is at ``at``: of a pair, perhaps after its first."""
    span = found[at]
    if len(span.token) == len(phrase.tokens[-1]) or not is_dense(span.token):
        return span.end
    following = found[at + 1].start
    return following if following > span.start else span.end


def _joined(ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    first = last = -1
    for start, end in ranges:
        if start > last:
            if last > 0:
                yield first, last
            first = start
        last = max(last, end)
    if last > 0:
        yield first, last


def _begin(text: str, match: int) -> int:
    """A little before the match, after a space where there is one."""
    if match <= LEAD_CHARS:
        return 0
    begin = match - LEAD_CHARS
    space = text.find(" ", begin, match)
    return begin if space < 0 else space + 1
