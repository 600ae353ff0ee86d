"""Messenger's and Instagram's JSON. All files are made here but for that of the samples."""

import codecs
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import ConversationKind, Kind, MediaKind
from tests.json_cast import LONG, layouts, read_cut, read_long, read_wrong, reading, said, texts_of
from tests.reading_cast import Read

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "instagram"
FOLDER = "your_facebook_activity/messages/inbox/bob_123456789"
FILE = f"{FOLDER}/message_1.json"
RECORD = {
    "sender_name": "Bob",
    "timestamp_ms": 1704466561123,
    "content": "Look",
    "photos": [{"uri": f"{FOLDER}/photos/1.jpg", "creation_timestamp": 1704466561}],
    "sticker": {"uri": "your_facebook_activity/messages/stickers_used/9.png"},
    "share": {"link": "https://a.b/", "share_text": "A page"},
    "reactions": [{"reaction": "\u00f0\u009f\u0091\u008d", "actor": "Me"}],
    "call_duration": 0,
    "is_unsent": False,
    "type": "Generic",
}


def garbled(value):
    """As the export writes it: every byte of UTF-8 as if it were a Latin-1 character."""
    match value:
        case str():
            return value.encode().decode("latin-1")
        case list():
            return [garbled(each) for each in value]
        case dict():
            return {key: garbled(each) for key, each in value.items()}
    return value


def thread(messages: object, *names: str, **more: object) -> dict[str, object]:
    return {
        "participants": [{"name": name} for name in names or ("Bob", "Me")],
        "messages": messages,
        "title": "Bob",
        "is_still_participant": True,
        "thread_path": "inbox/bob_123456789",
        "magic_words": [],
    } | more


def record(name: str, seconds: int, text: str) -> dict[str, object]:
    return {"sender_name": name, "timestamp_ms": seconds * 1000, "content": text}


def one(**fields: object):
    base = {"sender_name": "Bob", "timestamp_ms": 1704466561123}
    found = reading("messenger", {FILE: json.dumps(thread([base | fields]))})
    return (found.messages or found.system)[0]


@given(said, layouts, st.integers(1, 4), st.booleans(), st.sampled_from(["facebook", "instagram"]))
def test_any_conversation_reads_back(conversation, layout, size, mark, app) -> None:
    """Written newest first over several files, garbled, it reads oldest first and right."""
    conversation = sorted(conversation, key=lambda each: each[1])
    newest = [record(*each) for each in reversed(conversation)]
    files = {}
    for at in range(0, len(newest), size):
        text = json.dumps(garbled(thread(newest[at : at + size])), **layout)
        name = f"your_{app}_activity/messages/inbox/bob_123456789/message_{at // size + 1}.json"
        files[name] = codecs.BOM_UTF8 * mark + text.encode()
    found = reading({"facebook": "messenger"}.get(app, app), files)
    assert [(name, time, text) for name, time, text in texts_of(found) if time is not None] == (
        texts_of(found)
    )
    assert sorted(texts_of(found), key=lambda each: each[1]) == texts_of(found)
    assert sorted(texts_of(found)) == sorted(conversation)
    assert [each.key for each in found.conversations] == ["123456789"]
    assert not found.warnings


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("caf\u00c3\u00a9", "café"),
        ("café", "café"),
        ("\u00f0\u009f\u0098\u0080", "😀"),
        ("already 你好", "already 你好"),
        ("\u00e2\u0080", "\u00e2\u0080"),
        ("plain", "plain"),
    ],
)
def test_each_string_is_repaired_or_kept(written: str, right: str) -> None:
    assert one(content=written).text == right


def test_a_message_has_everything_that_the_export_tells() -> None:
    files = {
        FILE: json.dumps(thread([RECORD])),
        f"{FOLDER}/photos/1.jpg": b"jpeg",
        "your_facebook_activity/messages/inbox/eve_1/photos/1.jpg": b"another's",
        "your_facebook_activity/messages/stickers_used/9.png": b"png",
    }
    (message,) = (found := reading("messenger", files)).messages
    assert (message.time, message.sender, message.line) == (1704466561123, "Bob", 1)
    assert message.text == "Look\nA page\nhttps://a.b/"
    photo, sticker = message.attachments
    assert (photo.kind, photo.size, photo.place.file) == (
        MediaKind.IMAGE,
        4,
        f"{FOLDER}/photos/1.jpg",
    )
    assert (sticker.kind, sticker.size) == (MediaKind.STICKER, 3)
    assert [(each.emoji, each.by) for each in message.reactions] == [("👍", ("Me",))]
    assert [(each.name, each.is_self) for each in found.people] == [("Bob", False), ("Me", True)]
    assert found.conversations[0].kind is ConversationKind.DIRECT


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        (
            {"content": "Bob called you.", "call_duration": 65},
            Kind.CALL,
            "Bob called you.\n1 min 5 s",
        ),
        ({"type": "Call", "content": "Missed"}, Kind.CALL, "Missed"),
        ({"is_unsent": True}, Kind.DELETED, ""),
        ({"type": "Subscribe", "content": "Bob added Eve."}, Kind.SYSTEM, "Bob added Eve."),
        ({"videos": [{"uri": "a/videos/1.mp4"}]}, Kind.MEDIA, ""),
        ({"audio_files": [{"uri": "a/audio/1.mp4"}]}, Kind.MEDIA, ""),
        ({"files": [{"uri": "a/files/1.pdf"}], "content": "x"}, Kind.MEDIA, "x"),
        ({"gifs": [{"uri": "https://a.b/c.gif?x=1"}]}, Kind.MEDIA, ""),
        (
            {"share": {"link": "https://a.b/"}, "content": "see https://a.b/"},
            Kind.TEXT,
            "see https://a.b/",
        ),
        ({}, Kind.UNREADABLE, ""),
    ],
)
def test_kinds_of_messages(fields, kind, text) -> None:
    message = one(**fields)
    assert (message.kind, message.text) == (kind, text)


@pytest.mark.parametrize(
    ("key", "uri", "kind"),
    [
        ("audio_files", "a/audio/1.mp4", MediaKind.AUDIO),
        ("videos", "a/videos/1.mp4", MediaKind.VIDEO),
        ("files", "a/files/1.pdf", MediaKind.DOCUMENT),
        ("gifs", "https://a.b/c.gif?x=1", MediaKind.IMAGE),
    ],
)
def test_kinds_of_files(key: str, uri: str, kind: MediaKind) -> None:
    (attachment,) = one(**{key: [{"uri": uri}]}).attachments
    assert (attachment.kind, attachment.place) == (kind, None)
    assert attachment.name == uri.rsplit("/", maxsplit=1)[-1].split("?", maxsplit=1)[0]


def test_encrypted_chats_have_files_of_their_own() -> None:
    message = {
        "isUnsent": False,
        "media": [{"uri": "./media/1.jpeg"}],
        "reactions": [{"actor": "Me", "reaction": "❤"}],
        "senderName": "Zoë",
        "text": "Ã©t",
        "timestamp": 1704466561123,
        "type": "media",
    }
    unsent = message | {"isUnsent": True, "media": [], "text": "", "timestamp": 1704466561000}
    document = {"participants": ["Zoë", "Me"], "threadName": "Zoë_7", "messages": [message, unsent]}
    files = {"m/Zoë_7.json": json.dumps(document, ensure_ascii=False), "m/media/1.jpeg": b"x"}
    found = reading("messenger", files)
    assert found.conversations[0].title == "Zoë"
    assert [each.kind for each in found.messages] == [Kind.DELETED, Kind.MEDIA]
    assert found.messages[1].attachments[0].place.file == "m/media/1.jpeg"
    assert found.messages[1].reactions[0].emoji == "❤"


def test_a_thread_spread_over_several_downloads_is_one_source() -> None:
    first, second = (json.dumps(thread([record("Bob", at, "x")])) for at in (2, 1))
    found = reading(
        "messenger",
        {
            "part1/inbox/bob_123456789/message_1.json": first,
            "part2/inbox/bob_123456789/message_2.json": second,
        },
    )
    assert (len(found.counts), [each.time for each in found.messages]) == (1, [1000, 2000])


def test_two_exports_of_a_thread_are_two_sources() -> None:
    text = json.dumps(thread([record("Bob", 1, "x")]))
    found = reading(
        "messenger", {"a/inbox/bob_1/message_1.json": text, "b/inbox/bob_1/message_1.json": text}
    )
    assert len(found.counts) == 2
    assert len({each.key for each in found.conversations}) == 1


def test_files_are_taken_in_the_order_of_their_numbers() -> None:
    files = {
        f"{FOLDER}/message_{number}.json": json.dumps(thread([record("Bob", 20 - number, "x")]))
        for number in range(1, 13)
    }
    assert [each.time for each in reading("messenger", files).messages] == [
        at * 1000 for at in range(8, 20)
    ]


def test_a_group_has_more_than_two() -> None:
    found = reading("messenger", {FILE: json.dumps(thread([RECORD], "Bob", "Me", "Eve"))})
    assert found.conversations[0].kind is ConversationKind.GROUP
    assert not any(person.is_self for person in found.people)


def test_a_file_larger_than_any_export_s_is_read_as_it_stands(monkeypatch) -> None:
    monkeypatch.setattr("conversations.readers._meta._REVERSED_RECORDS_MAX", 3)
    newest = [record("Bob", at, "x") for at in (5, 4, 3, 2, 1)]
    found = reading("messenger", {FILE: json.dumps(thread(newest))})
    assert [each.time for each in found.messages] == [5000, 4000, 3000, 2000, 1000]


def test_where_there_is_no_message_the_reason_is_told() -> None:
    for messages in ([], {}, None):
        (warning,) = reading("messenger", {FILE: json.dumps(thread(messages))}).warnings
        assert warning.code == "no-messages"


def test_wrong_types_are_counted_and_never_raised() -> None:
    read_wrong("messenger", FILE, thread, RECORD, ["text", "media", "users"])
    for wrong in (None, 1, 1.5, True, [], {}, "x", [1, None, {"name": 3}, [], "x"]):
        for key in ("participants", "title", "thread_path", "thread_type", "threadName"):
            document = thread([RECORD]) | {key: wrong}
            assert len(Read({FILE: json.dumps(document)}).messages) == 1


def test_a_text_that_is_cut_is_told() -> None:
    read_long("messenger", FILE, thread, record("Bob", 1, LONG))


def test_a_cut_file_keeps_what_stood_before_the_cut() -> None:
    read_cut("messenger", FILE, json.dumps(thread([RECORD] * 5), indent=1).encode(), 5)


def test_a_damaged_file_does_not_hide_the_others() -> None:
    good = json.dumps(thread([record("Bob", 1, "x")]))
    bad = json.dumps(thread([record("Bob", at, "x") for at in (3, 2)]))
    found = reading(
        "messenger", {f"{FOLDER}/message_2.json": good, FILE: bad[: bad.index("]", 60)]}
    )
    assert len(found.messages) == 3
    assert [(each.code, each.file, each.line) for each in found.warnings] == [("bad-json", 0, 3)]


def test_sample() -> None:
    found = reading("instagram", {"instagram/x.json": (SAMPLES / "test_export.json").read_bytes()})
    assert texts_of(found) == [
        ("Jane Doe", 1577186580, "Hello John!"),
        ("John Doe", 1579294140, "Hello Jane!"),
    ]
