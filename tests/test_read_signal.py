"""Signal: backup frames as JSON Lines, and the text of signal-export."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import Clock, ConversationKind, Kind, MediaKind
from tests.reading_cast import Read
from tests.transcripts import at, conversations, expected, found, ms, survives_damage

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "signal"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


PLAIN, KEY = hashlib.sha256(b"jpeg").digest(), b"k" * 32
STORED = hashlib.sha256(PLAIN + KEY).hexdigest()
CAT = {
    "pointer": {
        "contentType": "image/jpeg",
        "fileName": "cat.jpg",
        "locatorInfo": {"plaintextHash": b64(PLAIN), "localKey": b64(KEY), "size": 4},
    },
    "wasDownloaded": True,
}
BEGIN = [
    {"version": "1", "backupTimeMs": "1715636551000", "mediaRootBackupKey": b64(b"x" * 32)},
    {"account": {"profileKey": "YQ==", "givenName": "Boba", "familyName": "Fett"}},
    {"recipient": {"id": "1", "self": {}}},
    {"recipient": {"id": "2", "releaseNotes": {}}},
    {
        "recipient": {
            "id": "3",
            "contact": {
                "aci": b64(b"a" * 16),
                "e164": "15550001",
                "profileGivenName": "Mia",
                "profileFamilyName": "Wong",
            },
        }
    },
    {
        "recipient": {
            "id": "4",
            "group": {"masterKey": b64(b"g" * 32), "snapshot": {"title": {"title": "Hikers"}}},
        }
    },
    {"chat": {"id": "7", "recipientId": "3"}},
    {"chat": {"id": "8", "recipientId": "4"}},
]


def item(chat: str, author: str, sent: int, **what: object) -> dict:
    return {"chatItem": {"chatId": chat, "authorId": author, "dateSent": str(sent), **what}}


def text(body: str, **more: object) -> dict:
    return {"text": {"body": body}, **more}


ITEMS = [
    item("7", "3", 1000, incoming={"read": True}, standardMessage=text("Hi")),
    item(
        "7",
        "1",
        2000,
        outgoing={},
        standardMessage=text(
            "Hello",
            quote={"targetSentTimestamp": "1000", "authorId": "3"},
            reactions=[{"emoji": "👍", "authorId": "3"}, {"emoji": "👍", "authorId": "1"}],
        ),
    ),
    item("8", "3", 3000, standardMessage=text("Look", attachments=[CAT])),
    item(
        "7",
        "3",
        4500,
        standardMessage=text("third"),
        revisions=[
            item("7", "3", 4000, standardMessage=text("first"))["chatItem"],
            item("7", "3", 4200, standardMessage=text("second"))["chatItem"],
        ],
    ),
    item("7", "3", 5000, remoteDeletedMessage={}),
    item(
        "7", "3", 6000, updateMessage={"individualCall": {"type": "VIDEO_CALL", "state": "MISSED"}}
    ),
    item(
        "8",
        "3",
        7000,
        updateMessage={
            "groupChange": {
                "updates": [
                    {"groupNameUpdate": {"newGroupName": "Hikers"}},
                    {"groupMemberJoinedUpdate": {}},
                ]
            }
        },
    ),
    item("7", "3", 8000, stickerMessage={"sticker": {"emoji": "🎉", "data": {}}}),
    item("7", "3", 9000, viewOnceMessage={}),
    item(
        "7",
        "3",
        9100,
        contactMessage={"contact": {"name": {"givenName": "Al"}, "number": [{"value": "+1555"}]}},
    ),
    item("7", "3", 9200, poll={"question": "When?", "options": [{"option": "now"}]}),
    item("7", "3", 9300, directStoryReplyMessage={"emoji": "❤"}),
    item("7", "3", 9400, somethingNew={}),
]


def jsonl(*records: object) -> str:
    return "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records)


EXPORT = jsonl(*BEGIN, *ITEMS)


def test_the_official_export() -> None:
    folder = "signal-export-2026-01-30"
    read = Read(
        {
            f"{folder}/main.jsonl": EXPORT,
            f"{folder}/metadata.json": '{"version":1}',
            f"{folder}/files/{STORED[:2]}/{STORED}": b"jpeg",
        }
    )
    assert read.apps == ["signal"]
    direct, group = read.conversations
    assert (direct.title, direct.kind, direct.clock) == (
        "Mia Wong",
        ConversationKind.DIRECT,
        Clock.UTC,
    )
    assert (group.title, group.kind) == ("Hikers", ConversationKind.GROUP)
    assert [(p.name, p.is_self) for p in read.people if p.conversation == direct.key] == [
        ("Mia Wong", False),
        ("Boba Fett", True),
    ]
    assert [(m.time, m.kind, m.text) for m in read.messages] == [
        (1000, Kind.TEXT, "Hi"),
        (2000, Kind.TEXT, "Hello"),
        (3000, Kind.MEDIA, "Look"),
        (4000, Kind.TEXT, "third"),
        (5000, Kind.DELETED, ""),
        (6000, Kind.CALL, "Individual call: missed, video call"),
        (8000, Kind.MEDIA, ""),
        (9000, Kind.MEDIA, ""),
        (9100, Kind.CONTACT, "Al +1555"),
        (9200, Kind.POLL, "When?\n- now"),
        (9300, Kind.TEXT, "❤"),
        (9400, Kind.UNREADABLE, ""),
    ]
    hi, hello, look, edited = read.messages[:4]
    assert hello.reply_to == hi.id
    assert [(r.emoji, r.by, r.count) for r in hello.reactions] == [
        ("👍", ("Mia Wong", "Boba Fett"), 2)
    ]
    (cat,) = look.attachments
    assert (cat.name, cat.kind, cat.size) == ("cat.jpg", MediaKind.IMAGE, 4)
    assert cat.place
    assert cat.place.file.endswith(STORED)
    assert (edited.edited, edited.earlier) == (4500, ("first", "second"))
    assert [m.text for m in read.system] == ["Group name: Hikers, Group member joined"]
    assert not read.warnings


def test_media_that_were_left_out_keep_their_name_and_size() -> None:
    (message,) = Read({"main.jsonl": jsonl(*BEGIN, ITEMS[2])}).messages
    (cat,) = message.attachments
    assert (cat.name, cat.size, cat.place) == ("cat.jpg", 4, None)


def test_keys_last_from_one_export_to_the_next() -> None:
    later = json.loads(json.dumps(BEGIN).replace('"id": "3"', '"id": "30"'))
    later = json.loads(json.dumps(later).replace('"recipientId": "3"', '"recipientId": "30"'))
    keys = {
        tuple(c.key for c in Read({"main.jsonl": jsonl(*each, ITEMS[0])}).conversations)
        for each in (BEGIN, later)
    }
    assert len(keys) == 1
    assert b64(b"g" * 32) not in str(keys)  # the group's master key stays out


@pytest.mark.parametrize(
    "line",
    [
        "{not json",
        "[1]",
        '{"chatItem":{"chatId":"99","dateSent":"1"}}',
        '{"chatItem":[]}x',
        '{"chatItem":{"chatId":"7","dateSent":"x"}}',
        '{"chatItem":{"chatId":"7","revisions":[1]}}',
        '{"chatItem":{"chatId":"7","standardMessage":{"attachments":3}}}',
        '{"chat":{"id":1}}',
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_frame_is_named(line) -> None:
    read = Read({"main.jsonl": EXPORT + line + "\n" + jsonl(ITEMS[0])})
    assert [(w.line, w.records) for w in read.warnings] == [(len(BEGIN) + len(ITEMS) + 1, 1)]
    assert len(read.messages) == len(ITEMS)


TEXT = """[2019-05-29, 15:04] Me: How is everyone?
[2019-05-29, 15:10] Aya: We're great!  
> not a header
[2019-05-29, 15:20] Jim: Look ![cat.jpg](./media/cat%201.jpg)  
[2019-05-29, 15:21] Jim: Yes  
(- Aya: 👍, Me: ❤ -)
[2019-05-29, 15:22] Jim:   
(( 🎉 ))
[2019-05-29, 15:23] Aya: (This message was deleted)
[2019-05-29, 15:24] Me: Outgoing voice call (accepted, 2m 3s)  
[2019-05-29, 15:25] No-Sender:   
"""  # noqa: W291 - as it is written


def test_signal_export() -> None:
    read = Read({"out/Aya & Jim/chat.md": TEXT, "out/Aya & Jim/media/cat 1.jpg": b"jpeg"})
    assert read.apps == ["signal"]
    assert [c.title for c in read.conversations] == ["Aya & Jim"]
    assert [(m.sender, m.kind, m.text) for m in read.messages] == [
        ("Me", Kind.TEXT, "How is everyone?"),
        ("Aya", Kind.TEXT, "We're great!  \n> not a header"),
        ("Jim", Kind.MEDIA, "Look"),
        ("Jim", Kind.TEXT, "Yes"),
        ("Jim", Kind.MEDIA, ""),
        ("Aya", Kind.DELETED, ""),
        ("Me", Kind.CALL, "Outgoing voice call (accepted, 2m 3s)"),
    ]
    assert len(read.system) == 1
    assert [(p.key, p.is_self) for p in read.people] == [("Me", True)]
    assert [(r.emoji, r.by) for r in read.messages[3].reactions] == [
        ("👍", ("Aya",)),
        ("❤", ("Me",)),
    ]
    (cat,) = read.messages[2].attachments
    assert (cat.name, cat.size) == ("cat.jpg", 4)


def test_newer_versions_write_seconds() -> None:
    read = Read({"Aya/chat.md": "[2019-05-29 15:04:05] Me: Hi  \n"})
    assert [(m.time, m.text) for m in read.messages] == [(ms(2019, 5, 29, 15, 4, 5), "Hi")]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("_chat.txt", "[2024-01-05, 10:00:05] Mia: Hi"),
        ("_chat.txt", "[2024-01-05 10:00:05] Mia: Hi"),
        ("chat.txt", "[2024-01-05, 10:00:05] Mia: Hi"),
        ("chat.md", "[2024-01-05, 10:00:05] Mia: Hi"),
        ("WhatsApp Chat - Mia.txt", "[2024-01-05, 10:00] Mia: Hi"),
        ("chat.txt", "\u200e[2024-01-05, 10:00] Mia: Hi"),
        ("chat.txt", "[5/1/2024, 10:00] Mia: Hi"),
    ],
)
def test_whatsapp_is_not_signal(name, line) -> None:
    assert "signal" not in Read({name: line + "\n"}).apps


def test_the_sample() -> None:
    read = Read({"test_export.txt": (SAMPLES / "test_export.txt").read_bytes()})
    target = json.loads((SAMPLES / "target.json").read_text())
    assert read.apps == ["signal"]
    assert {(m.sender, m.text.replace("\n", " ")) for m in read.messages} == {
        (each["author"], each["message"]) for each in target
    }


def test_a_file_without_messages_says_so() -> None:
    assert [w.code for w in Read({"main.jsonl": jsonl(*BEGIN)}).warnings] == ["no-messages"]


def test_damage_is_counted() -> None:
    survives_damage("main.jsonl", EXPORT.encode(), "signal")
    survives_damage("chat.md", TEXT.encode(), "signal")


names = st.sampled_from(["Mia", "Ken", "李雷", "A B"])


@given(conversations(names=names), st.sampled_from(["%Y-%m-%d, %H:%M", "%Y-%m-%d %H:%M:%S"]))
def test_any_exported_text_reads_back(said, form) -> None:
    written = "".join(f"[{t.strftime(form)}] {name}: {text}  \n" for t, name, text in said)
    assert found(Read({"Mia/chat.md": written})) == expected(said)


@given(conversations(names=st.sampled_from(["1", "3"])))
def test_any_frames_read_back(said) -> None:
    records = [item("8", name, at(time), standardMessage=text(body)) for time, name, body in said]
    read = Read({"main.jsonl": jsonl(*BEGIN, *records)})
    keys = {"1": "self", "3": b64(b"a" * 16)}
    assert found(read) == [(at(time), keys[name], body) for time, name, body in said]
