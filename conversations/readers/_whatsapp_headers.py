r"""The header that begins a message of a WhatsApp export, in the shape that one file has.

An export is written by one phone in one language, so all of its headers have one shape: the first
one is taken apart by a wide grammar, and from its pieces comes one narrow regular expression for
the rest of the file. What looks like a header but has another shape is text that somebody quoted.

The shapes: ``[date, time] ``, ``date, time - `` and, in exports before 2016, ``date time: ``; the
time may come first. No expression has a repetition inside a repetition, so each takes time in
proportion to the line.
"""

import re
from enum import StrEnum
from typing import Final

import msgspec

from conversations.readers._whatsapp_dates import ERAS, Written, is_possible
from conversations.readers._whatsapp_words import AFTERNOON, FORENOON, NOON

MARKS: Final = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff"
"""Marks of direction, which nobody sees: a part of a character class."""

_GAP: Final = rf"[\s{MARKS}]"
_HALF_WORDS: Final = "|".join(map(re.escape, sorted(FORENOON | AFTERNOON, key=len, reverse=True)))
_HALF: Final = rf"(?i:[ap]\.?{_GAP}?m\.?|(?:{_HALF_WORDS})\.?)"

_FIELD: Final = rf"(?:{ERAS})?(?:\d{{1,4}}|元)"
_BETWEEN: Final = rf"(?:{_GAP}*[./\-–年月년월]{_GAP}*|{_GAP}+)"
_LETTER: Final = r"[^\d\s\[\]<>(){}:;,!?#*/\\|=+@&%$_\-–—…~^]"
_WORDS: Final = rf"{_LETTER}(?:{_LETTER}|\s){{0,18}}?"
_DATE: Final = (
    rf"(?P<d1>{_FIELD}){_BETWEEN}(?P<d2>{_FIELD}){_BETWEEN}(?P<d3>{_FIELD})"
    rf"(?:{_GAP}*(?:日|일|BE|AP|AH|هـ|ه‍?\.ش|พ\.ศ\.|г\.))?\.?"
)
_COLON: Final = rf"(?:[:.٫]|{_GAP}?h{_GAP}?)"
_TIME: Final = rf"(?P<hour>\d{{1,2}}){_COLON}(?P<minute>\d\d)(?:{_COLON}(?P<second>\d\d))?"
_COMMA: Final = rf"(?:{_GAP}*[,،、])?"
_DATE_FIRST: Final = rf"{_DATE}{_COMMA}{_GAP}*(?:{_WORDS})?{_GAP}*{_TIME}{_GAP}*(?:{_WORDS})?"
_TIME_FIRST: Final = rf"{_TIME}{_GAP}*(?:{_WORDS})?{_COMMA}{_GAP}*{_DATE}"


class Family(StrEnum):
    """What stands around date and time."""

    BRACKETS = "brackets"
    DASH = "dash"
    COLON = "colon"


_AROUND: Final = {
    Family.BRACKETS: (rf"\[{_GAP}*", rf"{_GAP}*\](?:{_GAP}?[-–](?={_GAP}))?"),
    Family.DASH: ("", rf"{_GAP}+[-–—](?={_GAP}|$)"),
    Family.COLON: ("", rf":(?={_GAP})"),
}
_WIDE: Final = tuple(
    (family, re.compile(rf"[{MARKS}]*{opening}(?P<moment>{moment}){closing}"))
    for family, (opening, closing) in _AROUND.items()
    for moment in (_DATE_FIRST, _TIME_FIRST)
)
_HEADER_CHARS_MAX: Final = 120
_TIMES_KEPT_MAX: Final = 100_000
_WORDS_KEPT_MAX: Final = 3
_NUMBERS: Final = ("d1", "d2", "d3", "hour", "minute", "second")


Header = tuple[Written, int, int]
"""One header: its date as it is written, milliseconds since midnight, and where it ends."""


class Shape(msgspec.Struct, frozen=True):
    """The shape of one file's headers; ``first`` is the header that it was taken from."""

    family: Family
    pattern: str
    first: Written
    is_american: bool
    has_hyphens: bool

    @property
    def is_shared(self) -> bool:
        """``[2022-03-18, 14:56] ``: other programs write such headers as well."""
        is_iso = self.has_hyphens and len(self.first[0]) == 4
        return is_iso and self.family is Family.BRACKETS and "(?P<second>" not in self.pattern


class Matcher:
    """Finds the headers of one shape at the beginning of lines."""

    def __init__(self, shape: Shape) -> None:
        compiled = re.compile(shape.pattern)
        groups = compiled.groupindex
        self._match = compiled.match
        self._date = (groups["d1"], groups["d2"], groups["d3"])
        clock = ("hour", "minute", "second", "half", "word")
        self._clock = tuple(groups[name] for name in clock if name in groups)
        self._has_half, self._has_word = "half" in groups, "word" in groups
        self._times: dict[tuple[str, ...], int | None] = {}
        self._words: set[str] = set()
        self._latest_hour = 0

    def __call__(self, line: str) -> Header | None:
        """The header that the line begins with."""
        found = self._match(line)
        if found is None:
            return None
        clock: tuple[str, ...] = found.group(*self._clock)
        at = self._times.get(clock, -1)
        if at == -1:
            at = self._time_of_day(clock)
        if at is None:
            return None
        first, second, third = found.group(*self._date)
        return (first, second, third), at, found.end()

    def date_of(self, line: str) -> tuple[Written, int] | None:
        """The date of the header that the line begins with, and where the header ends."""
        found = self._match(line)
        if found is None:
            return None
        first, second, third = found.group(*self._date)
        return (first, second, third), found.end()

    @property
    def unknown_halves(self) -> tuple[str, ...]:
        """Two words beside times that are never past twelve: of a language that is missing."""
        is_half = len(self._words) == 2 and self._latest_hour <= 12
        return tuple(sorted(self._words)) if is_half else ()

    def _time_of_day(self, clock: tuple[str, ...]) -> int | None:
        """Milliseconds since midnight, remembered; None when there is no such time."""
        half = clock[-1] if self._has_half else ""
        numbers = clock[:-1] if half or self._has_word else clock
        hour, minute, second = (*map(int, numbers), 0)[:3]
        if self._has_word and len(self._words) < _WORDS_KEPT_MAX:
            self._words.add(_plain(clock[-1]))
            self._latest_hour = max(hour, self._latest_hour)
        if half:
            hour = _in_half(hour, half)
        elif hour == 24:  # where hours are counted from one, this is the first
            hour = 0
        at = ((hour * 60 + minute) * 60 + second) * 1000
        is_time = hour < 24 and minute < 60 and second < 60
        if len(self._times) > _TIMES_KEPT_MAX:
            self._times.clear()
        self._times[clock] = at if is_time else None
        return self._times[clock]


def _in_half(hour: int, word: str) -> int:
    """The hour of 24; what is beyond 12 is one already, whatever the word says."""
    half = _plain(word)
    if hour > 12 or (half == NOON and hour == 11):
        return hour
    return hour % 12 + (12 if half in _AFTERNOON else 0)


def _plain(word: str) -> str:
    """A word for a half of the day without gaps and dots."""
    return re.sub(rf"[\s.{MARKS}]", "", word).casefold()


_AFTERNOON: Final = {_plain(word) for word in AFTERNOON}


def shape_of(line: str) -> Shape | None:
    """The shape of the header that a line begins with, if it begins with one."""
    line = line[:_HEADER_CHARS_MAX]
    for family, wide in _WIDE:
        found = wide.match(line)
        if found is not None and _is_sound(found):
            return _narrowed(family, found)
    return None


def _is_sound(found: re.Match[str]) -> bool:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    is_time = hour < 25 and minute < 60 and second < 60
    return is_time and is_possible(_written(found))


def _written(found: re.Match[str]) -> Written:
    return found["d1"], found["d2"], found["d3"]


def _narrowed(family: Family, found: re.Match[str]) -> Shape:
    """The expression for headers that differ from this one in their numbers only."""
    opening, closing = _AROUND[family]
    numbers = sorted((found.span(name), name) for name in _NUMBERS if found[name] is not None)
    at, pieces = found.start("moment"), []
    for (start, end), name in numbers:
        pieces += [_words(found.string[at:start]), f"(?P<{name}>{_digits(name, found[name])})"]
        at = end
    pieces.append(_words(found.string[at : found.end("moment")]))
    pattern = "".join(pieces)
    if "(?P<half>" not in pattern:
        pattern = _with_word(pattern)
    written = _written(found)
    between = found.string[found.end("d1") : found.start("d2")]
    return Shape(
        family,
        rf"[{MARKS}]*{opening}{pattern}{closing}{_GAP}?",
        written,
        is_american=between == "/" and written[2].isdecimal() and _is_american(found),
        has_hyphens="-" in between,
    )


def _with_word(pattern: str) -> str:
    """Name the word beside the time, since it may be a half of the day that is not known."""
    before, hour, time = pattern.partition("(?P<hour>")
    named = f"(?P<word>{_WORDS})"
    if _WORDS in time and "(?P<d1>" not in time:
        return f"{before}{hour}{named.join(time.rsplit(_WORDS, 1))}"
    at = before.rfind(_WORDS)
    if at < 0 or at < max(before.rfind(f"(?P<{name}>") for name in ("d1", "d2", "d3")):
        return pattern
    return f"{before[:at]}{named}{before[at + len(_WORDS) :]}{hour}{time}"


def _is_american(found: re.Match[str]) -> bool:
    """``3/18/22, 2:56 PM``: no zeroes before the numbers, a short year, AM or PM in capitals."""
    is_short = len(found["d3"]) <= 2 and not found["d1"].startswith("0")
    return is_short and re.search(r"\d[\s\u202f\u00a0]?[AP]M\b", found[0]) is not None


def _digits(name: str, written: str) -> str:
    if name in ("minute", "second"):
        return r"\d\d"
    if name == "hour":
        return r"\d{1,2}"
    if re.match(ERAS, written) or "元" in written:
        return rf"(?:{ERAS})(?:\d{{1,3}}|元)"
    return {4: r"\d{4}", 3: r"\d{2,3}"}.get(len(written), r"\d{1,2}")


def _words(text: str) -> str:
    """What stands between two numbers: any word for any word, a half of the day for one."""
    half = re.search(rf"(?<![A-Za-z]){_HALF}(?={_GAP}*$|{_GAP}*[,،])", text)
    if half is None:
        return _gaps(text)
    return f"{_gaps(text[: half.start()])}(?P<half>{_HALF}){_gaps(text[half.end() :])}"


def _gaps(text: str) -> str:
    """Gaps may be wider and narrower, words may differ, the rest is as it is."""
    if text and not re.search(rf"[^\s{MARKS}]", text):
        return f"{_GAP}+" if re.search(r"\s", text) else f"{_GAP}*"
    piece = rf"(?P<gap>{_GAP}+)|(?P<words>{_LETTER}(?:{_LETTER}|\s)*{_LETTER}|[^\W\d_])|."
    return re.sub(piece, _loosened, text)


def _loosened(piece: re.Match[str]) -> str:
    if piece["gap"]:
        return f"{_GAP}*"
    return _WORDS if piece["words"] else re.escape(piece[0])
