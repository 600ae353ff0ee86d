"""WeChat's messages as CSV, as tools write it for people who export their own chats.

The columns are named in the first line, in any order and number of them::

    localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime,Remark,NickName,Sender
    1,217,1,0,1,1628863886,,你好,2021-08-13 22:11:26,宋悦,Viζa.,wxid_h6cb

``CreateTime`` is seconds of UTC. One file may have several talkers; their numbers are good in that
file only, so that a conversation is known by the other's wxid. Counted are lines, since fields
have line ends in them.
"""

from collections.abc import Iterator
from typing import ClassVar, Final, NamedTuple

from conversations import limits
from conversations.decoding import head_text
from conversations.events import (
    Clock,
    Continuation,
    Conversation,
    Event,
    Message,
    Person,
    ReadWarning,
)
from conversations.readers._base import Confidence, FileByFile, NotReadable, begins_json
from conversations.readers._csv_rows import Row, rows
from conversations.readers._wechat_content import content_of
from conversations.readers._wechat_talkers import SELF, Talker, talkers
from conversations.source import Line, Source

_OLD: Final = ("gb18030",)
_NEEDED: Final = ("TalkerId", "Type", "CreateTime", "StrContent")
_PEOPLE_MAX: Final = 20_000
_SECONDS_MAX: Final = 32_503_680_000  # the year 3000


class WeChat(FileByFile):
    """Reads WeChat CSV."""

    app: ClassVar[str] = "wechat"
    title: ClassVar[str] = "WeChat"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:  # noqa: ARG002 - the first line says it
        """The columns are named in the first line."""
        if begins_json(head):
            return 0.0
        return 1.0 if _is_table(head_text(head, _OLD).split("\n", 1)[0]) else 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """Row by row, after a first look at who is whom."""
        return _Reading(source).events()


class Columns(NamedTuple):
    """Where each column is; -1 when there is none."""

    width: int
    talker: int
    type: int
    sub_type: int
    is_sender: int
    time: int
    content: int
    remark: int
    nickname: int
    sender: int
    server_id: int

    @classmethod
    def named(cls, first: str) -> "Columns":
        """By the first line."""
        names = _fields(first)
        at = {name: number for number, name in enumerate(names)}
        wanted = ("TalkerId", "Type", "SubType", "IsSender", "CreateTime", "StrContent",
                  "Remark", "NickName", "Sender", "MsgSvrID")  # fmt: skip
        return cls(len(names), *(at.get(name, -1) for name in wanted))


class _Reading:
    """One file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._announced: set[str] = set()
        self._known: set[tuple[str, str]] = set()
        self._told = 0

    def events(self) -> Iterator[Event]:
        lines = self._source.lines(encodings=_OLD)
        first = next(lines, None)
        if first is None or not _is_table(first.text):
            raise NotReadable("no-message-header", line=1)
        columns = Columns.named(first.text)
        self._talkers = self._look(columns)
        yield Continuation(1)
        for row in rows(lines, columns.width):
            yield from self._row(columns, row)
        if not self._told:
            yield ReadWarning("no-messages")

    def _look(self, columns: Columns) -> dict[str, Talker]:
        """Who the talkers are shows in all their rows only."""
        numbered = enumerate(self._source.skimmed(encodings=_OLD), 1)
        lines = (Line(number, text) for number, text in numbered if number > 1)
        return talkers(columns, rows(lines, columns.width), self._source.files[0])

    def _row(self, columns: Columns, row: Row) -> Iterator[Event]:
        fields = row.fields
        if not fields:
            if row.is_blank:
                yield Continuation(row.span)
            else:
                yield ReadWarning("not-a-record", 0, row.line, "", row.span)
            return
        talker = self._talkers.get(fields[columns.talker])
        if talker is None:
            yield ReadWarning("too-many-talkers", 0, row.line, "", row.span)
            return
        if talker.key not in self._announced:
            self._announced.add(talker.key)
            yield Conversation(talker.key, talker.title, talker.kind, Clock.UTC)
        yield from self._said(columns, row, talker)

    def _said(self, columns: Columns, row: Row, talker: Talker) -> Iterator[Event]:
        fields = row.fields
        sender, name = talker.sender(columns, fields)
        if (talker.key, sender) not in self._known and len(self._known) < _PEOPLE_MAX:
            self._known.add((talker.key, sender))
            yield Person(talker.key, sender, name, sender == SELF)
        sub_type = fields[columns.sub_type] if columns.sub_type >= 0 else ""
        content = content_of(fields[columns.type], sub_type, fields[columns.content])
        if content.remark:
            yield ReadWarning(content.remark, 0, row.line, conversation=talker.key)
        if len(content.text) > limits.TEXT_CHARS_MAX:
            yield ReadWarning("text-cut", 0, row.line, conversation=talker.key)
        self._told += 1
        own_id = fields[columns.server_id] if columns.server_id >= 0 else ""
        yield Message(
            talker.key,
            _milliseconds(fields[columns.time]),
            sender if content.is_said else None,
            content.kind,
            content.text[: limits.TEXT_CHARS_MAX],
            0,
            row.line,
            row.span,
            id=own_id if own_id.strip("0") else "",
            reply_to=content.reply_to,
            attachments=content.attachments,
        )


def _is_table(first: str) -> bool:
    named = _fields(first)
    return all(each in named for each in _NEEDED)


def _fields(first: str) -> list[str]:
    return [name.strip('" \r') for name in first[: limits.HEAD_BYTES].lstrip("\ufeff").split(",")]


def _milliseconds(said: str) -> int | None:
    """Seconds; some tools write milliseconds."""
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        return None
    seconds = int(said)
    return seconds * 1000 if seconds < _SECONDS_MAX else seconds
