"""QQ's text export: one file, in it one or many conversations, each below its group and name.

::

    消息记录（此消息记录为文本格式，不支持重新导入）

    ================================================================
    消息分组:我的QQ群
    ================================================================
    消息对象:同学
    ================================================================

    2023-11-29 9:25:07 【管理员】小明(12345)
    你好
    再见

    2023-11-29 9:26:00 小红<hong@example.com>
    [图片]
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from conversations import limits
from conversations.decoding import head_text
from conversations.events import Conversation, ConversationKind, Event, Kind, MediaKind, Person
from conversations.readers._base import Confidence, FileByFile
from conversations.readers._clock import MERIDIEM, day_ms, moment, time_ms
from conversations.readers._names import stem
from conversations.readers._transcript import Meaning, Transcript, media
from conversations.source import Line, Source

_OLD: Final = ("gb18030",)
_FIRST: Final = "消息记录"
_HEADER: Final = re.compile(
    rf"(\d{{4}})[-/](\d{{1,2}})[-/](\d{{1,2}}) (?:({MERIDIEM}) ?)?"
    r"(\d{1,2}):(\d\d):(\d\d)(?: (.*))?",
    re.DOTALL | re.ASCII,
)
_WHO: Final = re.compile(r"(.*?) ?(?:[(（](\d{4,12})[)）]|<([^<>\s]{3,100})>)", re.DOTALL)
_RANK: Final = re.compile(r"【[^】]{1,20}】(?=.)")
_BAR: Final = re.compile(r"={20,}\s*")
_GROUP: Final = re.compile(r"\ufeff?消息分组[:：](.*)")
_OBJECT: Final = re.compile(r"\ufeff?消息对象[:：](.*)")
_NOBODY: Final = ("10000", "1000000", "系统消息", "系统提示")
_MARKS: Final = {
    "[图片]": media(MediaKind.IMAGE),
    "[闪照]": media(MediaKind.IMAGE),
    "[表情]": media(MediaKind.STICKER),
    "[动画表情]": media(MediaKind.STICKER),
    "[视频]": media(MediaKind.VIDEO),
    "[短视频]": media(MediaKind.VIDEO),
    "[语音]": media(MediaKind.AUDIO),
    "[文件]": media(MediaKind.DOCUMENT),
    "[位置]": Meaning(Kind.LOCATION, "[位置]"),
    "[名片]": Meaning(Kind.CONTACT, "[名片]"),
    "[视频通话]": Meaning(Kind.CALL, "[视频通话]"),
    "[语音通话]": Meaning(Kind.CALL, "[语音通话]"),
}
_FILE: Final = re.compile(r"\[文件\][:：]? ?(\S.{0,300})")
_RECALLED: Final = re.compile(r".{0,100}撤回了(?:一条|成员的)?(?:一条)?消息。?")


class QQ(FileByFile):
    """Reads QQ's text exports."""

    app: ClassVar[str] = "qq"
    title: ClassVar[str] = "QQ"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:
        """The first line says what it is; a cut one shows by its headers."""
        if name.lower().endswith((".html", ".htm", ".mht")):
            return 0.0
        lines = head_text(head, (*_OLD, "cp949")).split("\n")[:30]
        if lines[0].startswith(_FIRST):
            return 1.0
        if any(_OBJECT.match(line) for line in lines):
            return 0.9
        found = (_HEADER.fullmatch(line.rstrip("\r")) for line in lines)
        return 0.7 if any(m and _WHO.fullmatch(m[8] or "") for m in found) else 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """All conversations of the file."""
        return _Reading(source).events()


class _Reading:
    """One file; ``key`` is that of the conversation in which it is."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._told = Transcript(_meaning)
        self._group = ""
        self.key = ""

    def events(self) -> Iterator[Event]:
        for line in self._source.lines(encodings=(*_OLD, "cp949")):
            text = line.text
            if text[:4].isdigit() and (found := _HEADER.fullmatch(text)):
                yield from self._header(line, found)
            elif text[:1] == "=" and _BAR.fullmatch(text):
                yield from self._told.heading(self.key)
            elif found := _GROUP.fullmatch(text):
                self._group = found[1].strip()
                yield from self._told.heading(self.key)
            elif found := _OBJECT.fullmatch(text):
                yield from self._told.pause()
                yield from self._named(found[1].strip())
                yield from self._told.heading(self.key)
            elif line.number == 1 and text.lstrip("\ufeff").startswith(_FIRST):
                yield from self._told.heading(self.key)
            else:
                yield from self._told.more(self.key, line)
        yield from self._told.end()

    def _named(self, name: str) -> Iterator[Event]:
        """Groups and friends may have the same name."""
        is_group = self._group.endswith("群")
        kind = ConversationKind.GROUP if is_group else ConversationKind.DIRECT
        name = name[: limits.TITLE_CHARS_MAX]
        self.key = f"{kind.value} {name}"
        yield Conversation(self.key, name, kind)

    def _header(self, line: Line, found: re.Match[str]) -> Iterator[Event]:
        year, month, day, half, hour, minute, second, who = found.groups()
        start = day_ms(int(year), int(month), int(day))
        if start is None:
            yield from self._told.more(self.key, line)
            return
        if not self.key:
            yield from self._told.pause()
            self.key = stem(self._source.files[0])
            yield Conversation(self.key, self.key)
        time = moment(start, time_ms(hour, minute, second, half))
        key, name = _who(who or "")
        if key in _NOBODY or not key:
            yield from self._told.noted(self.key, time, line, None)
            return
        if key != name:
            yield from self._told.person(Person(self.key, key, name))
        yield from self._told.said(self.key, time, key, line, None)


def _who(said: str) -> tuple[str, str]:
    """A number or an address is who they are, whatever their name is at the time."""
    found = _WHO.fullmatch(said) if len(said) < 2 * limits.NAME_CHARS_MAX else None
    name = (found[1] if found else said).strip()
    if rank := _RANK.match(name):
        name = name[rank.end() :]
    key = (found[2] or found[3]) if found else name
    return key[: limits.NAME_CHARS_MAX], (name or key)[: limits.NAME_CHARS_MAX]


def _meaning(text: str) -> Meaning | None:
    if text[:1] == "[":
        if mark := _MARKS.get(text.strip()):
            return mark
        if named := _FILE.fullmatch(text):
            return media(MediaKind.DOCUMENT, named[1])
    if "撤回" in text and _RECALLED.fullmatch(text):
        return Meaning(Kind.DELETED, text)
    return None
