"""QQ's text exports: many conversations in one file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import ConversationKind, Kind, MediaKind
from tests.reading_cast import Read
from tests.transcripts import at, conversations, found, ms, names, survives_damage

BAR = "=" * 64
EXPORT = f"""消息记录（此消息记录为文本格式，不支持重新导入）\r
\r
{BAR}\r
消息分组:我的QQ群\r
{BAR}\r
消息对象:同学\r
{BAR}\r
\r
2023-11-29 9:25:07 【管理员】小明(12345)\r
你好\r
\r
再见\r
\r
2023-11-29 19:26:00 小红<hong@example.com>\r
[图片]\r
\r
2023-11-29 19:27:00 系统消息(10000)\r
小刚加入了本群。\r
\r
{BAR}\r
消息分组:最近联系人\r
{BAR}\r
消息对象:小红\r
{BAR}\r
\r
2023-11-30 20:00:00 小红\r
小红撤回了一条消息\r
\r
2023-11-30 20:01:00 我\r
[语音]\r
"""


def test_conversations_people_and_kinds() -> None:
    read = Read({"全部消息记录.txt": EXPORT})
    assert read.apps == ["qq"]
    assert [(c.title, c.kind) for c in read.conversations] == [
        ("同学", ConversationKind.GROUP),
        ("小红", ConversationKind.DIRECT),
    ]
    assert [(p.key, p.name) for p in read.people] == [
        ("12345", "小明"),
        ("hong@example.com", "小红"),
    ]
    group, direct = (c.key for c in read.conversations)
    assert [(m.conversation, m.sender, m.kind, m.text) for m in read.messages] == [
        (group, "12345", Kind.TEXT, "你好\n\n再见"),
        (group, "hong@example.com", Kind.MEDIA, ""),
        (direct, "小红", Kind.DELETED, "小红撤回了一条消息"),
        (direct, "我", Kind.MEDIA, ""),
    ]
    assert [(m.time, m.text) for m in read.system] == [
        (ms(2023, 11, 29, 19, 27), "小刚加入了本群。")
    ]
    assert read.messages[0].time == ms(2023, 11, 29, 9, 25, 7)
    assert not read.warnings


@pytest.mark.parametrize(
    ("header", "hour"),
    [
        ("2012-01-05 9:05:01 小明(12345)", 9),
        ("2012-1-5 下午 9:05:01 小明(12345)", 21),
        ("2012/01/05 上午9:05:01 小明(12345)", 9),
        ("2012-01-05 21:05:01 【传说】小明（12345）", 21),
    ],
)
def test_header_variants(header, hour) -> None:
    read = Read({"qq.txt": f"消息记录\n\n消息对象:小明\n\n{header}\n你好\n"})
    assert [(m.time, m.sender, m.text) for m in read.messages] == [
        (ms(2012, 1, 5, hour, 5, 1), "12345", "你好")
    ]


def test_a_piece_without_its_beginning_is_recognised() -> None:
    read = Read({"同学.txt": "2012-01-05 9:05:01 小明(12345)\n你好\n"})
    assert (read.apps, [c.title for c in read.conversations]) == (["qq"], ["同学"])


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("[图片]", MediaKind.IMAGE),
        ("[表情]", MediaKind.STICKER),
        ("[视频]", MediaKind.VIDEO),
        ("[语音]", MediaKind.AUDIO),
        ("[文件] a.pdf", MediaKind.DOCUMENT),
    ],
)
def test_media_that_were_left_out(mark, kind) -> None:
    read = Read({"qq.txt": f"消息记录\n消息对象:小明\n2012-01-05 9:05:01 小明(12345)\n{mark}\n"})
    assert [each.kind for each in read.messages[0].attachments] == [kind]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
def test_chinese_encodings(encoding) -> None:
    read = Read({"qq.txt": EXPORT.encode(encoding)})
    assert read.apps == ["qq"]
    assert found(read) == found(Read({"qq.txt": EXPORT}))


def test_a_file_without_messages_says_so() -> None:
    read = Read({"qq.txt": EXPORT.partition("2023")[0]})
    assert [w.code for w in read.warnings] == ["no-messages"]


def test_damage_is_counted() -> None:
    survives_damage("qq.txt", EXPORT.encode(), "qq")
    survives_damage("qq.txt", EXPORT.encode("gb18030"), "qq")


numbers = st.integers(10_000_000, 999_999_999).map(str)


@given(
    conversations(names=st.tuples(names, numbers)),
    st.sampled_from(["{0}({1})", "{0}<{1}@qq.com>", "【群主】{0}({1})"]),
    st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_any_conversation_reads_back(said, who, encoding) -> None:
    written = ["消息记录（此消息记录为文本格式，不支持重新导入）", BAR, "消息分组:我的QQ群", BAR]
    written += ["消息对象:同学", BAR, ""]
    for time, sender, text in said:
        hour = f"{time.hour}:{time:%M:%S}"
        written += [f"{time:%Y-%m-%d} {hour} {who.format(*sender)}", text, ""]
    read = Read({"qq.txt": "\n".join(written).encode(encoding)})
    suffix = "@qq.com" if "@" in who else ""
    assert found(read) == [(at(time), sender[1] + suffix, text) for time, sender, text in said]
    last = {sender[1] + suffix for _, sender, _ in said}
    assert {person.key for person in read.people} == last
