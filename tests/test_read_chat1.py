"""``backupstation.chat/1``: what is written in it reads back to the same conversation."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import limits
from conversations.events import Clock, Kind, MediaKind, Message
from tests.reading_cast import Read

HEADER = {"format": "backupstation.chat/1", "key": "c", "title": "Us", "clock": "utc"}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
said = st.fixed_dictionaries(
    {
        "time": st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
        "sender": st.sampled_from(["a", "b", None]),
        "kind": st.sampled_from([kind.value for kind in Kind]),
        "text": texts,
        "id": st.uuids().map(str),
    }
)


def written(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@given(st.lists(said))
def test_any_conversation_reads_back(messages) -> None:
    read = Read({"us.jsonl": written(HEADER, *messages)})
    assert [conversation.title for conversation in read.conversations] == ["Us"]
    found = sorted(read.messages + read.system, key=lambda message: message.line)
    assert [(each.sender, each.kind, each.text, each.id) for each in found] == [
        (each["sender"], each["kind"], each["text"], each["id"]) for each in messages
    ]
    assert not read.warnings


def test_a_line_that_is_no_record_is_named() -> None:
    read = Read({"us.jsonl": written(HEADER) + "what?\n" + written({"kind": "text", "text": "x"})})
    assert [(each.code, each.line, each.records) for each in read.warnings] == [
        ("not-a-record", 2, 1)
    ]
    assert len(read.messages) == 1


def test_attachments_are_found_beside_the_file() -> None:
    message = {
        "kind": "media",
        "attachments": [
            {"kind": "image", "name": "Cat", "path": "media/cat.jpg"},
            {"kind": "image", "path": "../../etc/passwd"},
        ],
    }
    read = Read({"x/us.jsonl": written(HEADER, message), "x/media/cat.jpg": b"jpeg"})
    there, missing = read.messages[0].attachments
    assert (there.name, there.size, there.place and there.place.file) == (
        "Cat",
        4,
        "x/media/cat.jpg",
    )
    assert missing.place is None


whole = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([kind.value for kind in Kind]),
        "text": texts | st.just("format"),
        "sender": texts | st.just("format"),
    },
    optional={
        "id": texts,
        "reply_to": texts,
        "forwarded_from": texts,
        "earlier": st.lists(texts, max_size=3),
        "deleted": st.just(True),
        "edited": st.just(True) | st.just("2024-01-05T15:00:00.250Z"),
        "reactions": st.lists(
            st.fixed_dictionaries(
                {
                    "emoji": texts,
                    "by": st.lists(texts, max_size=2),
                    "count": st.integers(0, 2**53 - 1),
                }
            ),
            max_size=2,
        ),
        "attachments": st.lists(
            st.fixed_dictionaries(
                {"kind": st.sampled_from([kind.value for kind in MediaKind]), "name": texts},
                optional={"media_type": st.just("image/png"), "size": st.integers(0, 2**53 - 1)},
            ),
            max_size=2,
        ),
    },
)


@given(st.lists(whole, max_size=5))
def test_every_field_reads_back(messages) -> None:
    read = Read({"us.jsonl": written(HEADER, *messages)})
    found = sorted(read.messages + read.system, key=lambda message: message.line)
    assert [fields_of(each) for each in found] == [
        {field: value for field, value in each.items() if value} for each in messages
    ]
    assert not read.warnings


def fields_of(message: Message) -> dict[str, object]:
    """A message as a line of the format has it, without what is empty."""
    edited = {None: None, 0: True, 1704466800250: "2024-01-05T15:00:00.250Z"}[message.edited]
    told = {
        "kind": message.kind.value,
        "text": message.text,
        "sender": message.sender,
        "id": message.id,
        "reply_to": message.reply_to,
        "forwarded_from": message.forwarded_from,
        "earlier": list(message.earlier),
        "deleted": message.deleted,
        "edited": edited,
        "reactions": [
            {"emoji": each.emoji, "by": list(each.by), "count": each.count}
            for each in message.reactions
        ],
        "attachments": [
            {"kind": each.kind.value, "name": each.name}
            | ({"media_type": each.media_type} if each.media_type else {})
            | ({} if each.size is None else {"size": each.size})
            for each in message.attachments
        ],
    }
    return {field: value for field, value in told.items() if value}


def test_several_conversations_of_a_file_keep_their_own_messages() -> None:
    other = HEADER | {"key": "d", "title": "They", "people": [{"key": "a", "is_self": True}]}
    said = {"kind": "text", "text": "Hello"}
    read = Read({"us.jsonl": written(HEADER, said, other, said, said, HEADER, said)})
    assert [each.conversation for each in read.messages] == ["c", "d", "d", "c"]
    assert [(each.conversation, each.name, each.is_self) for each in read.people] == [
        ("d", "a", True)
    ]


def test_what_follows_a_heading_that_is_none_is_of_no_other_conversation() -> None:
    said = {"kind": "text", "text": "Hello"}
    read = Read({"us.jsonl": written(HEADER, said, {"format": "backupstation.chat/2"}, said)})
    assert len(read.messages) == 1
    assert [(each.line, each.records) for each in read.warnings] == [(3, 1), (4, 1)]


@pytest.mark.parametrize("start", ["\ufeff", "\ufeff\r\n", ""])
def test_marks_and_line_ends_do_not_matter(start) -> None:
    text = start.rstrip() + written(HEADER, {"kind": "text", "text": "a\u2028b"})
    read = Read({"us.jsonl": text.replace("\n", "\r\n")})
    assert [each.text for each in read.messages] == ["a\u2028b"]
    assert not read.warnings


@pytest.mark.parametrize(
    "line",
    [
        "null",
        "[]",
        '{"kind":"speech"}',
        '{"kind":"text","text":5}',
        '{"kind":"text","time":"yesterday"}',
        '{"kind":"text","text":"\\ud83d"}',
        '{"kind":"media","attachments":[{"kind":"image","size":-1}]}',
        '{"kind":"text","reactions":[{"emoji":"x","count":1e99}]}',
        '{"kind":"text","x":' + "[" * 1_000_000 + "}",
        '{"kind":"text","text":"' + "x" * (limits.LINE_BYTES_MAX + 5) + '"}',
    ],
    ids=range(10),
)
def test_a_line_of_wrong_values_is_told_and_the_others_are_read(line) -> None:
    read = Read(
        {"us.jsonl": written(HEADER) + line + "\n" + written({"kind": "text", "text": "x"})}
    )
    assert [each.text for each in read.messages] == ["x"]
    assert {each.code for each in read.warnings} == {"not-a-record"}


def test_a_wall_clock_has_no_zone() -> None:
    said = {"kind": "text", "time": "2024-01-05T14:56:01.250"}
    read = Read({"us.jsonl": written(HEADER | {"clock": "wall"}, said)})
    assert (read.conversations[0].clock, read.messages[0].time) == (Clock.WALL, 1704466561250)
