"""``backupstation.chat/1``: what is written in it reads back to the same conversation."""

import json

from hypothesis import given
from hypothesis import strategies as st

from conversations.events import Kind
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
