"""LINE's "export chat history": a text file with a title, date headings and tab-separated lines.

::

    [LINE] Chat history with Mia            [LINE] Miaとのトーク履歴      [LINE] 與Mia的聊天記錄
    Saved on: 1/30/2026, 09:15              保存日時：2026/01/30 09:15

    Fri, 1/30/2026                          2026/01/30(金)
    09:15⇥Mia⇥Hello                         午後3:02⇥Mia⇥"two
    09:16⇥⇥Ken joined the group.            lines"

Desktop and old exports have no title and separate by spaces. A body of several lines is quoted; a
quote that nothing closes is what somebody typed.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, Final

from conversations.decoding import head_text
from conversations.events import Conversation, ConversationKind, DateOrder, Dates, Event
from conversations.readers import _line_dates as dates
from conversations.readers._base import Confidence, FileByFile
from conversations.readers._clock import MERIDIEM, moment, time_ms
from conversations.readers._line_marks import meaning
from conversations.readers._names import stem
from conversations.readers._transcript import Ahead, Transcript
from conversations.source import Line, Source

_TIME: Final = rf"({MERIDIEM})?[ \u00a0\u202f]?(\d{{1,2}}):(\d\d)[ \u00a0\u202f]?({MERIDIEM})?"
_TABBED: Final = re.compile(rf"{_TIME}\t([^\t]*)(?:\t(.*))?", re.DOTALL)
_SPACED: Final = re.compile(rf"{_TIME} {{1,4}}(\S.*)", re.DOTALL)
_TITLE: Final = re.compile(r"\ufeff?\[LINE\] ?(.+)")
_SAVED: Final = re.compile(
    r"(?:Saved on|Saved time|保存日時|保存日期|保存时间|儲存日期|儲存時間|저장한 날짜|저장일|"
    r"บันทึกเมื่อ|บันทึกวันที่|Disimpan pada|Guardado el)\s*[:：]?\s*.*\d"
)
_WITH: Final = (
    re.compile(r"Chat history (?:with|in) (.+)"),
    re.compile(r"(.+?)とのトーク(?:履歴)?"),
    re.compile(r"(.+?)のトーク(?:履歴)?"),
    re.compile(r"[与與] ?(.+?) ?的(?:聊天|對話|对话)(?:记录|記錄|紀錄)?"),
    re.compile(r"(.+?) ?的(?:聊天|對話|对话)(?:记录|記錄|紀錄)?"),
    re.compile(r"(.+?)님?(?:과|와)의? 대화(?: ?내용)?"),
    re.compile(r"(?:ประวัติการ(?:แชท|แชต|สนทนา)|แชท)(?:กับ|ใน)? ?(.+)"),
    re.compile(r"Riwayat obrolan dengan (.+)"),
)
_GROUP: Final = re.compile(r"Chat history in |.+(?<!と)のトーク")
_QUOTED_LINES_MAX: Final = 2000
_TITLE_CHARS_MAX: Final = 300


class LineText(FileByFile):
    """Reads LINE's text exports."""

    app: ClassVar[str] = "line"
    title: ClassVar[str] = "LINE"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:
        """A title, or date headings with lines of times below."""
        if name.lower().endswith((".csv", ".json", ".xml", ".html")):
            return 0.0
        lines = head_text(head).split("\n")[:40]
        begins = [line for line in lines if line.strip()][:3]
        if begins and begins[0].startswith("[LINE]"):
            return 1.0
        times = sum(1 for line in lines if _TABBED.match(line))
        if any(dates.heading(line.strip()) for line in begins):
            return 0.9 if times else 0.6 * any(_SPACED.match(line) for line in lines)
        return 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """Titles, headings, messages."""
        return _Reading(source).events()


class _Reading:
    """One file. It has one conversation."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._told = Transcript(meaning)
        self._lines = Ahead(source.lines())
        self._day: int | None = None
        self.key = ""

    def events(self) -> Iterator[Event]:
        yield from self._begun()
        order, is_sure, is_question = self._order()
        if is_question:
            yield Dates(self.key, order, is_sure)
        tabbed = self._is_tabbed()
        for line in self._lines:
            day = dates.heading(line.text)
            if day is not None:
                self._day = day.ms(order)
                yield from self._told.heading(self.key)
            elif (found := _TABBED.match(line.text)) and self._day is not None:
                yield from self._tabbed(line, found)
            elif not tabbed and self._day is not None and (found := _SPACED.match(line.text)):
                yield from self._spaced(line, found)
            else:
                yield from self._told.more(self.key, line)
        yield from self._told.end()

    def _begun(self) -> Iterator[Event]:
        """The title and when it was saved, if the file has them."""
        first = next(self._lines, None)
        name = stem(self._source.files[0]).removeprefix("[LINE]").strip()
        kind = ConversationKind.UNKNOWN
        title = _TITLE.fullmatch(first.text[:_TITLE_CHARS_MAX].strip()) if first else None
        if title:
            name = titled(title[1].strip())
            kind = ConversationKind.GROUP if _GROUP.match(title[1]) else kind
        self.key = name
        yield Conversation(name, name, kind)
        if first and not title:
            self._lines.put_back([first])
            return
        taken = 1 if title else 0
        second = next(self._lines, None)
        if second and len(second.text) < _TITLE_CHARS_MAX and _SAVED.match(second.text):
            taken += 1
        elif second:
            self._lines.put_back([second])
        yield from self._told.heading(self.key, taken)

    def _order(self) -> tuple[DateOrder, bool, bool]:
        """How the headings are to be read; whether that is sure, and whether it was a question."""
        found = dates.order_of(self._source.skimmed())
        chosen = self._source.date_orders.get(self.key)
        return (chosen, True, found[2]) if chosen else found

    def _is_tabbed(self) -> bool:
        """Whether any of the first messages is separated by tabs: then all are."""
        return any(_TABBED.match(text) for text in islice(self._source.skimmed(), 1000))

    def _tabbed(self, line: Line, found: re.Match[str]) -> Iterator[Event]:
        before, hour, minute, after, name, text = found.groups()
        time = moment(self._day, time_ms(hour, minute, None, before or after))
        if not name or text is None:
            yield from self._told.noted(self.key, time, line, text or name)
            return
        quoted: list[Line] = []
        if text.startswith('"') and text.count('"') % 2:
            quoted = self._lines.until(_closes, _is_message, _QUOTED_LINES_MAX)
        if not quoted:
            yield from self._told.said(self.key, time, name, line, text)
            return
        last = quoted[-1]
        quoted[-1] = Line(last.number, last.text.rstrip()[:-1])
        yield from self._told.said(self.key, time, name, line, text[1:].replace('""', '"'))
        for each in quoted:
            again = Line(each.number, each.text.replace('""', '"'))
            yield from self._told.more(self.key, again)
        yield from self._told.pause()

    def _spaced(self, line: Line, found: re.Match[str]) -> Iterator[Event]:
        """Names may have spaces, too: the first word is taken, unless wider gaps part them."""
        before, hour, minute, after, rest = found.groups()
        time = moment(self._day, time_ms(hour, minute, None, before or after))
        name, _, text = rest.partition("    ") if "    " in rest else rest.partition(" ")
        if text:
            yield from self._told.said(self.key, time, name, line, text.strip())
        else:
            yield from self._told.noted(self.key, time, line, name)


def titled(title: str) -> str:
    """Whom a title names, in any language."""
    for pattern in _WITH:
        if found := pattern.fullmatch(title):
            return found[1]
    return title


def _closes(text: str) -> bool:
    return text.rstrip().endswith('"') and text.count('"') % 2 == 1


def _is_message(text: str) -> bool:
    return bool(_TABBED.match(text))
