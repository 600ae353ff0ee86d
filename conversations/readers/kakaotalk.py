"""KakaoTalk's exports: the text files of Windows, Android and iOS, and the CSV of the Mac.

::

    --------------- 2020년 6월 28일 일요일 ---------------      Windows
    [이름] [오후 2:15] 본문
    2020년 6월 28일 오전 1:01, 이름 : 본문                      Android
    June 28, 2020, 1:01 AM, name : text                        Android, English
    2015. 7. 9. 오후 8:34, 이름 : 본문                          iOS
    2020-06-28 01:01:00,"이름","본문"                           Mac (Date,User,Message)

Nobody's lines (joined, left) have no name; on Windows they have no time either, and are known by
their wording. A body goes on over the next lines, in the CSV with or without quotes.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from conversations.decoding import head_text
from conversations.events import Conversation, Event
from conversations.readers import _kakaotalk_marks as marks
from conversations.readers._base import Confidence, FileByFile, begins_json
from conversations.readers._clock import MERIDIEM, day_ms, moment, time_ms
from conversations.readers._names import stem
from conversations.readers._transcript import Events, Transcript
from conversations.source import Line, Source

_OLD: Final = ("cp949",)
_SPACE: Final = r"[ \u00a0\u202f]"
_MONTHS: Final = [
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
]
_DATE: Final = (
    r"(?:(\d{4})(?:년 |\. ?|-|/)(\d{1,2})(?:월 |\. ?|-|/)(\d{1,2})(?:일|\.)?"
    r"|([A-Z][a-z]{2,8})\.? (\d{1,2}), (\d{4})"
    r"|(\d{1,2}) ([A-Z][a-z]{2,8})\.? (\d{4}))"
)
_TIME: Final = rf"(?:({MERIDIEM}){_SPACE})?(\d{{1,2}}):(\d\d)(?:{_SPACE}({MERIDIEM}))?"
_PHONE: Final = re.compile(
    rf"\ufeff?{_DATE}(?:,| at)?{_SPACE}{_TIME}(?:[,:] ?(.*))?", re.DOTALL | re.ASCII
)
_WINDOWS: Final = re.compile(rf"\[(.+?)\] \[{_TIME}\](?: (.*))?", re.DOTALL)
_BAR: Final = re.compile(
    rf"-{{5,}} (?:[A-Z][a-z]+day, )?{_DATE}(?: ?[월화수목금토일]요일)? -{{5,}}"
)
_DAY: Final = re.compile(rf"(?:[A-Z][a-z]+day, )?{_DATE} ?(?:[월화수목금토일]요일)?")
_SAVED: Final = re.compile(r"(?:저장한 날짜|Date Saved|Saved Date|保存日時) ?: ?.*")
_TITLES: Final = (
    re.compile(r"(.+?)(?: (\d+))?\s*님(?:과|과의|과 나눈) ?카카오톡 대화"),
    re.compile(r"(.+?)(?: (\d+))? 카카오톡 대화"),
    re.compile(r"(?:.+ saved )?KakaoTalk Chats with (.+?)(?: (\d+))?"),
    re.compile(r"(.+?)(?: (\d+))? with KakaoTalk Chats"),
    re.compile(r"Chat with (.+?)(?: (\d+))?"),
)
_CSV_HEAD: Final = re.compile(r"\ufeff?\"?Date\"?,\"?User\"?,\"?Message\"?\s*")
_CSV: Final = re.compile(
    r"\"?(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\"?,"
    r"(?:\"((?:[^\"]|\"\"){0,200})\"|([^,\"]{0,200})),(.*)",
    re.DOTALL,
)
_CSV_NAME: Final = re.compile(r"KakaoTalk_Chats?_(.+?)(?:_\d{4}-\d\d-\d\d.*)?")


class KakaoTalk(FileByFile):
    """Reads KakaoTalk's text files and CSV."""

    app: ClassVar[str] = "kakaotalk"
    title: ClassVar[str] = "KakaoTalk"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:  # noqa: ARG002 - the text says it
        """A title, a first line of the CSV, or lines that no other app writes."""
        if begins_json(head):
            return 0.0
        lines = head_text(head, (*_OLD, "gb18030")).split("\n")[:60]
        first = lines[0].strip()
        if _CSV_HEAD.fullmatch(first):
            return 0.95
        if "카카오톡 대화" in first or "KakaoTalk Chats" in first:
            return 1.0
        if any(_BAR.match(line) for line in lines):
            return 0.9 if any(_WINDOWS.match(line) for line in lines) else 0.5
        messages = (_PHONE.match(line.rstrip("\r")) for line in lines)
        said = sum(1 for found in messages if found and " : " in (found[14] or ""))
        return min(0.9, 0.6 + said / 10) if said else 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """Titles, headings, messages."""
        return _Reading(source).events()


class _Reading:
    """One file. It has one conversation."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._told = Transcript(marks.meaning)
        self._day: int | None = None
        self._time: int | None = None
        self.key = ""

    def events(self) -> Iterator[Event]:
        lines = self._source.lines(encodings=(*_OLD, "gb18030"))
        first = next(lines, None)
        if first is not None:
            yield from self._begun(first)
            take = self._text
            if _CSV_HEAD.fullmatch(first.text):
                take, self._told = self._csv, Transcript(marks.csv_meaning)
                yield from self._told.heading(self.key)
            else:
                yield from take(first)
            for line in lines:
                yield from take(line)
        yield from self._told.end()

    def _begun(self, first: Line) -> Iterator[Event]:
        name = stem(self._source.files[0])
        if found := _CSV_NAME.fullmatch(name):
            name = found[1]
        self.key = titled(first.text) or name
        yield Conversation(self.key, self.key)

    def _text(self, line: Line) -> Events:
        text = line.text
        if found := _WINDOWS.fullmatch(text) if text[:1] == "[" else None:
            self._time = moment(self._day, _time(found, 2))
            return self._told.said(self.key, self._time, found[1], line, found[6] or "")
        if found := _PHONE.fullmatch(text) if text[:1].isalnum() else None:
            return self._phone(line, found)
        if (found := _heading(text)) and (day := _day(found)) is not None:
            self._day = self._time = day
            return self._told.heading(self.key)
        if line.number <= 4 and self._time is None and (titled(text) or _SAVED.match(text)):
            return self._told.heading(self.key)
        if self._time is not None and marks.is_notice(text):
            return self._told.noted(self.key, self._time, line, text)
        return self._told.more(self.key, line)

    def _phone(self, line: Line, found: re.Match[str]) -> Events:
        day, rest = _day(found), found[14]
        if day is None:
            return self._told.more(self.key, line)
        self._time = moment(day, _time(found, 10))
        if rest is None:
            return self._told.heading(self.key)
        name, colon, text = rest.partition(" : ")
        if not colon and rest.endswith(" :"):
            name, colon = rest[:-2], ":"
        if colon and name:
            return self._told.said(self.key, self._time, name, line, text)
        return self._told.noted(self.key, self._time, line, rest)

    def _csv(self, line: Line) -> Events:
        found = _CSV.fullmatch(line.text) if line.text[:2].lstrip('"').isdigit() else None
        day = day_ms(int(found[1]), int(found[2]), int(found[3])) if found else None
        if found is None or day is None:
            return self._told.more(self.key, line)
        self._time = moment(day, time_ms(found[4], found[5], found[6]))
        name, text = (found[7] or "").replace('""', '"') or found[8] or "", found[9]
        if name and not marks.is_notice(text.strip('"')):
            return self._told.said(self.key, self._time, name, line, text)
        return self._told.noted(self.key, self._time, line, marks.unquoted(text))


def titled(text: str) -> str:
    """Whom the first line names; groups show how many they are, which changes and is left out."""
    text = text.strip("\ufeff\r\n ")
    if len(text) > 300:
        return ""
    for pattern in _TITLES:
        if found := pattern.fullmatch(text):
            name, many = found.groups()
            return name if many is None or int(many) > 2 else f"{name} {many}"
    return ""


def _heading(text: str) -> re.Match[str] | None:
    if text[:5] == "-----":
        return _BAR.fullmatch(text.rstrip())
    return _DAY.fullmatch(text.strip()) if 8 < len(text) < 40 else None


def _day(found: re.Match[str]) -> int | None:
    year, month, day, name, day2, year2, day3, name3, year3 = found.groups()[:9]
    if year:
        return day_ms(int(year), int(month), int(day))
    said = (name or name3)[:3].lower()
    if said not in _MONTHS:
        return None
    return day_ms(int(year2 or year3), _MONTHS.index(said) + 1, int(day2 or day3))


def _time(found: re.Match[str], at: int) -> int:
    return time_ms(found[at + 1], found[at + 2], None, found[at] or found[at + 3])
