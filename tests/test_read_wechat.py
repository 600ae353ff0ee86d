"""WeChat CSV: types, talkers, the XML inside, and what a hostile file may have in it."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import Clock, ConversationKind, Kind, MediaKind
from conversations.reading import Reading
from conversations.recognising import Recognised
from tests.reading_cast import MemoryTree, Read
from tests.transcripts import at, conversations, found, survives_damage

COLUMNS = [
    *("localId", "TalkerId", "Type", "SubType", "IsSender", "CreateTime"),
    *("Status", "StrContent", "StrTime", "Remark", "NickName", "Sender"),
]
HI = 1628863886


def row(content: str = "你好", **changed: object) -> list[str]:
    """Of a chat with 宋悦."""
    fields = dict(
        zip(COLUMNS, (1, 217, 1, 0, 0, HI, "", content, "", "宋悦", "Viζa.", "wxid_s"), strict=True)
    )
    return [str((fields | changed)[column]) for column in COLUMNS]


def written(*rows: list[str], end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows([COLUMNS, *rows])
    return "\ufeff" + out.getvalue()


def one(kind: int, content: str, sub_type: int = 0) -> tuple:
    read = Read({"宋悦.csv": written(row(content, Type=kind, SubType=sub_type))})
    (message,) = read.messages + read.system
    return message, [w.code for w in read.warnings]


def test_a_conversation() -> None:
    read = Read({"x.csv": written(row(), row('多行\n\n"引号", 逗号', IsSender=1))})
    assert read.apps == ["wechat"]
    (conversation,) = read.conversations
    assert (conversation.key, conversation.title) == ("wxid_s", "宋悦")
    assert (conversation.kind, conversation.clock) == (ConversationKind.DIRECT, Clock.UTC)
    assert [(p.key, p.name, p.is_self) for p in read.people] == [
        ("wxid_s", "宋悦", False),
        ("self", "我", True),
    ]
    assert [(m.time, m.sender, m.text, m.line, m.span) for m in read.messages] == [
        (HI * 1000, "wxid_s", "你好", 2, 1),
        (HI * 1000, "self", '多行\n\n"引号", 逗号', 3, 3),
    ]
    assert datetime.fromtimestamp(HI, UTC).year == 2021


def test_several_talkers_in_one_file() -> None:
    read = Read(
        {
            "messages.csv": written(
                row(),
                row(TalkerId=5, Sender="wxid_a", Remark="", NickName="甲"),
                row(TalkerId=5, Sender="wxid_b", Remark="", NickName="乙"),
                row(IsSender=1),
                row(TalkerId=6, Sender="123@chatroom", Remark="", NickName="登山"),
            )
        }
    )
    assert [(c.title, c.kind) for c in read.conversations] == [
        ("宋悦", ConversationKind.DIRECT),
        ("TalkerId 5", ConversationKind.GROUP),
        ("登山", ConversationKind.GROUP),
    ]
    assert [m.sender for m in read.messages] == [
        "wxid_s",
        "wxid_a",
        "wxid_b",
        "self",
        "123@chatroom",
    ]


def test_a_table_without_names_is_called_after_its_file() -> None:
    text = "localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime\n"
    read = Read({"小明.csv": text + f"1,3,1,0,1,{HI},,你好,\n2,3,1,0,0,{HI},,嗨,\n"})
    assert [c.title for c in read.conversations] == ["小明"]
    assert [(m.sender, m.text) for m in read.messages] == [("self", "你好"), ("小明", "嗨")]


@pytest.mark.parametrize(
    ("kind", "media"),
    [
        (3, MediaKind.IMAGE),
        (34, MediaKind.AUDIO),
        (43, MediaKind.VIDEO),
        (62, MediaKind.VIDEO),
        (47, MediaKind.STICKER),
    ],
)
def test_media(kind, media) -> None:
    message, warned = one(kind, '<msg><emoji fromusername="a" md5="x"/></msg>')
    assert (message.kind, [each.kind for each in message.attachments]) == (Kind.MEDIA, [media])
    assert not warned


APP = "<msg><appmsg><title>{}</title><des>{}</des><type>{}</type><url>{}</url>{}</appmsg></msg>"


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (
            48,
            '<msg><location x="1" y="2" label="Road 1" poiname="Park"/></msg>',
            (Kind.LOCATION, "Park\nRoad 1"),
        ),
        (
            49,
            APP.format("Page", "about", 5, "https://e.example/", ""),
            (Kind.TEXT, "Page\nabout\nhttps://e.example/"),
        ),
        (
            49,
            "wxid_a:\n" + APP.format("Reply", "", 57, "", "<refermsg><svrid>77</svrid></refermsg>"),
            (Kind.TEXT, "Reply"),
        ),
        (49, "", (Kind.UNREADABLE, "")),
        (
            50,
            "<voipmsg><VoIPBubbleMsg><msg>通话时长 01:23</msg></VoIPBubbleMsg></voipmsg>",
            (Kind.CALL, "通话时长 01:23"),
        ),
        (50, "", (Kind.CALL, "")),
        (42, '<msg username="a" nickname="甲"/>', (Kind.CONTACT, "甲")),
        (10000, "你已添加了宋悦", (Kind.SYSTEM, "你已添加了宋悦")),
        (10000, '"宋悦" 撤回了一条消息', (Kind.DELETED, '"宋悦" 撤回了一条消息')),
        (
            10002,
            (
                "<sysmsg type='revokemsg'><revokemsg><replacemsg>宋悦 撤回了一条消息</replacemsg>"
                "</revokemsg></sysmsg>"
            ),
            (Kind.DELETED, "宋悦 撤回了一条消息"),
        ),
        (12345, "", (Kind.UNREADABLE, "")),
    ],
)
def test_types(kind, content, expected) -> None:
    message, warned = one(kind, content)
    assert (message.kind, message.text) == expected
    assert not warned


def test_files_and_quotes() -> None:
    message, _ = one(49, APP.format("报告.pdf", "", 6, "", ""))
    assert [(a.kind, a.name) for a in message.attachments] == [(MediaKind.DOCUMENT, "报告.pdf")]
    quote = APP.format("Reply", "", 57, "", "<refermsg><type>1</type><svrid>77</svrid></refermsg>")
    message, _ = one(49, quote)
    assert (message.kind, message.reply_to) == (Kind.TEXT, "77")


BOMBS = [
    '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]><msg>&b;</msg>',
    '<!DOCTYPE x SYSTEM "http://e.example/x.dtd"><msg/>',
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><msg><title>&a;</title></msg>',
    "<a>" * 1000 + "</a>" * 1000,
    "<a>" * 100_000,
    "<msg><title>&undefined;</title></msg>",
    "<msg>" + "x" * 400_000 + "</msg>",
    "no xml at all",
    "<msg>\x00\ud800</msg>".encode("utf-8", "replace").decode(),
]


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("kind", [49, 48, 10002])
def test_hostile_xml_ends_in_a_remark(bomb, kind) -> None:
    if kind == 10002 and not bomb.startswith("<"):
        return
    message, warned = one(kind, bomb)
    assert message.kind in (Kind.UNREADABLE, Kind.SYSTEM)
    assert message.text == ""
    assert warned == ["not-understood"] or not bomb.startswith("<")


def test_an_open_quote_costs_its_own_line_only() -> None:
    text = written(row("one"), row("two"))
    text = text.replace(",two,", ',"two,') + ",".join(row("three")) + "\n"
    read = Read({"x.csv": text})
    assert [m.text for m in read.messages] == ["one", "three"]
    assert [(w.code, w.line) for w in read.warnings] == [("not-a-record", 3)]


@pytest.mark.parametrize("time", ["", "x", "-5", "9" * 30, "²"])
def test_a_time_that_is_none(time) -> None:
    (message,) = Read({"x.csv": written(row(CreateTime=time))}).messages
    assert message.time is None


def test_a_table_that_lost_its_first_line_is_not_guessed_at() -> None:
    for data in (b"", b"1,2,3\n"):
        tree = MemoryTree({"x.csv": data})
        reading = Reading(tree, Recognised("wechat", ("x.csv",)))
        assert [event.code for event in reading] == ["no-message-header"]
        assert reading.counts.reconciles


def test_a_file_without_messages_says_so() -> None:
    assert [w.code for w in Read({"x.csv": written()}).warnings] == ["no-messages"]


def test_damage_is_counted() -> None:
    text = written(row(), row('a\n"b"\nc'), row(APP.format("a", "b", 5, "", ""), Type=49))
    survives_damage("x.csv", text.encode(), "wechat")
    survives_damage("x.csv", text.lstrip("\ufeff").encode("gb18030"), "wechat")


@given(
    conversations(names=st.sampled_from(["self", "wxid_s"])),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_any_conversation_reads_back(said, end, encoding) -> None:
    rows = [
        row(text, IsSender=int(name == "self"), CreateTime=at(time) // 1000)
        for time, name, text in said
    ]
    data = written(*rows, end=end).lstrip("\ufeff")
    read = Read({"x.csv": data.encode(encoding)})
    assert found(read) == [(at(time), name, text) for time, name, text in said]
