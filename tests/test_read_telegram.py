"""Telegram Desktop's JSON. All files are made here but for those of the samples."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import Clock, ConversationKind, Kind, MediaKind
from tests.json_cast import (
    LONG,
    layouts,
    read_cut,
    read_long,
    read_wrong,
    reading,
    said,
    texts,
    texts_of,
)
from tests.reading_cast import Read

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "telegram"
RECORD = {
    "id": 7,
    "type": "message",
    "date": "2024-01-05T15:56:01",
    "date_unixtime": "1704466561",
    "edited": "2024-01-05T16:00:00",
    "edited_unixtime": "1704466800",
    "from": "Bob",
    "from_id": "user22",
    "reply_to_message_id": 6,
    "forwarded_from": "Carol",
    "text": [{"type": "bold", "text": "Hello"}, " world"],
    "text_entities": [{"type": "plain", "text": "Hello world"}],
    "reactions": [{"type": "emoji", "count": 2, "emoji": "👍", "recent": [{"from_id": "user1"}]}],
    "photo": "photos/1.jpg",
    "photo_file_size": 4,
    "file": "files/a.pdf",
    "file_name": "a.pdf",
    "mime_type": "application/pdf",
    "poll": {"question": "Tea?", "answers": [{"text": "Yes", "voters": 2}]},
    "contact_vcard": "contacts/1.vcf",
}


def chat(messages: object, **head: object) -> dict[str, object]:
    return {"name": "Bob", "type": "personal_chat", "id": 22, **head, "messages": messages}


def read(messages: list[object], files=(), **head: object) -> Read:
    return reading("telegram", {"x/result.json": json.dumps(chat(messages, **head)), **dict(files)})


def one(**fields: object):
    base = {key: RECORD[key] for key in ("id", "type", "date", "date_unixtime", "from", "from_id")}
    (message,) = (found := read([base | {"text": ""} | fields])).messages or found.system
    return message


def pieces(text: str, cuts: list[int]) -> object:
    """The same text as a list of strings and formatted pieces."""
    at = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    parts = [text[a:b] for a, b in pairwise(at)]
    return [part if i % 2 else {"type": "bold", "text": part} for i, part in enumerate(parts)]


@given(said, layouts, st.lists(st.integers(0, 40), max_size=3), st.sampled_from("slbc"))
def test_any_conversation_reads_back(conversation, layout, cuts, shape) -> None:
    messages = [
        {
            "id": at,
            "type": "message",
            "date_unixtime": str(time),
            "from": name,
            "from_id": f"user{sum(map(ord, name))}",
            "text": pieces(text, cuts) if cuts else text,
        }
        for at, (name, time, text) in enumerate(conversation)
    ]
    document = {
        "s": chat(messages),
        "l": {"about": "x", "chats": {"about": "y", "list": [chat(messages)]}},
        "b": messages,
        "c": [chat(messages)],
    }[shape]
    found = reading("telegram", {"result.json": json.dumps(document, **layout)})
    assert texts_of(found) == conversation
    assert [message.line for message in found.messages] == list(range(1, len(conversation) + 1))
    assert not found.warnings


@given(texts)
def test_pieces_and_plain_text_are_the_same(text: str) -> None:
    assert one(text=pieces(text, [3, 5])).text == text
    assert one(text_entities=[{"type": "plain", "text": text}], text=None).text == text


def test_a_whole_account_has_its_chats_and_those_that_were_left() -> None:
    mine = {"date_unixtime": "1", "type": "message", "from": "Me", "from_id": "user1", "text": "x"}
    document = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 1, "first_name": "Me"},
        "contacts": {"list": [{"first_name": "Bob"}]},
        "chats": {
            "list": [
                chat([mine]),
                {"type": "saved_messages", "id": 1, "messages": [mine, mine]},
                chat([mine], type="private_supergroup", id=5, name="Group"),
            ]
        },
        "left_chats": {"list": [chat([mine], type="public_channel", id=6, name="News")]},
    }
    found = reading("telegram", {"result.json": json.dumps(document)})
    assert [(each.key, each.title, each.kind) for each in found.conversations] == [
        ("user22", "Bob", ConversationKind.DIRECT),
        ("user1", "Saved Messages", ConversationKind.DIRECT),
        ("channel5", "Group", ConversationKind.GROUP),
        ("channel6", "News", ConversationKind.CHANNEL),
    ]
    assert [message.line for message in found.messages] == [1, 2, 3, 4, 5]
    assert all(person.is_self for person in found.people)


@pytest.mark.parametrize(
    "wrap", [lambda c: c, lambda c: {"chats": {"list": [{}, c]}}, lambda c: [c]]
)
def test_names_that_stand_after_the_messages_are_found(wrap) -> None:
    late = {"messages": [RECORD], "id": 22, "type": "personal_chat", "name": "Bob"}
    found = reading("telegram", {"result.json": json.dumps(wrap(late))})
    assert [(each.key, each.title) for each in found.conversations] == [("user22", "Bob")]


def test_of_two_people_the_other_one_is_the_owner() -> None:
    other = RECORD | {"from": "Me", "from_id": "user1"}
    people = read([RECORD, other]).people
    assert [(each.name, each.is_self) for each in people] == [("Bob", False), ("Me", True)]


def test_a_message_has_everything_that_the_export_tells() -> None:
    tree = {"x/photos/1.jpg": b"jpeg", "x/files/a.pdf": b"%PDF"}
    message = read([RECORD], tree).messages[0]
    assert (message.time, message.id, message.reply_to) == (1704466561000, "7", "6")
    assert (message.edited, message.forwarded_from) == (1704466800000, "Carol")
    assert (message.kind, message.text) == (Kind.POLL, "Tea?\n• Yes (2)\nHello world")
    photo, file, card = message.attachments
    assert (photo.kind, photo.size, photo.place.file) == (MediaKind.IMAGE, 4, "x/photos/1.jpg")
    assert (file.kind, file.name, file.place.file) == (MediaKind.DOCUMENT, "a.pdf", "x/files/a.pdf")
    assert card.place is None
    (reaction,) = message.reactions
    assert (reaction.emoji, reaction.by, reaction.count) == ("👍", ("user1",), 2)


LEFT_OUT = "(File not included. Change data exporting settings to download.)"


@pytest.mark.parametrize(
    ("fields", "kind", "text", "media"),
    [
        ({"file": LEFT_OUT, "media_type": "sticker"}, Kind.MEDIA, "", MediaKind.STICKER),
        ({"photo": LEFT_OUT, "text": "Sea"}, Kind.MEDIA, "Sea", MediaKind.IMAGE),
        ({"file": "v/1.ogg", "media_type": "voice_message"}, Kind.MEDIA, "", MediaKind.AUDIO),
        ({"file": "v/1.mp4", "media_type": "video_message"}, Kind.MEDIA, "", MediaKind.VIDEO),
        ({"file": "v/1.mp4", "media_type": "animation"}, Kind.MEDIA, "", MediaKind.VIDEO),
        ({"file": "f/1", "mime_type": "image/png"}, Kind.MEDIA, "", MediaKind.IMAGE),
        (
            {"location_information": {"latitude": 51.5, "longitude": -0.1}, "place_name": "Pub"},
            Kind.LOCATION,
            "Pub\n51.5, -0.1",
            None,
        ),
        (
            {"contact_information": {"first_name": "Eve", "last_name": "", "phone_number": "+1"}},
            Kind.CONTACT,
            "Eve\n+1",
            None,
        ),
        (
            {"game_title": "Chess", "game_link": "https://t.me/x"},
            Kind.TEXT,
            "Chess\nhttps://t.me/x",
            None,
        ),
        (
            {"text": [{"type": "text_link", "text": "here", "href": "https://a.b/"}]},
            Kind.TEXT,
            "here (https://a.b/)",
            None,
        ),
        ({"type": "unsupported"}, Kind.UNREADABLE, "", None),
    ],
)
def test_kinds_of_messages(fields, kind, text, media) -> None:
    message = one(**fields)
    assert (message.kind, message.text) == (kind, text)
    assert [each.kind for each in message.attachments] == ([media] if media else [])
    assert all(each.place is None for each in message.attachments)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"action": "create_group", "title": "Us", "members": ["Al", None]},
            "Bob created the group “Us” with Al, Deleted Account",
        ),
        ({"action": "invite_members", "members": ["Al"]}, "Bob invited Al"),
        ({"action": "pin_message", "message_id": 3}, "Bob pinned a message"),
        ({"action": "edit_group_title", "title": "{actor}"}, "Bob renamed the group to “{actor}”"),
        ({"action": "join_group_by_link"}, "Bob joined by an invite link of —"),
        ({"action": "of_tomorrow"}, "Bob: of tomorrow"),
        ({"action": None}, "Bob: unknown event"),
        ({"action": "create_group", "actor": None}, "Deleted Account created the group “—” with —"),
    ],
)
def test_what_happened_is_told_in_words(fields, text) -> None:
    message = one(type="service", **{"actor": "Bob", "actor_id": "user22", **fields})
    assert (message.kind, message.sender, message.text) == (Kind.SYSTEM, None, text)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"duration_seconds": 3723, "discard_reason": "hangup"}, "Call, 1 h 2 min 3 s"),
        ({"discard_reason": "missed"}, "Missed call"),
        ({}, "Call"),
    ],
)
def test_calls(fields, text) -> None:
    message = one(type="service", action="phone_call", actor="Bob", actor_id="user22", **fields)
    assert (message.kind, message.sender, message.text) == (Kind.CALL, "user22", text)


def test_deleted_accounts_are_told_apart_by_id() -> None:
    gone = [RECORD | {"from": None, "from_id": f"user{number}"} for number in (1, 2)]
    found = read(gone)
    assert [message.sender for message in found.messages] == ["user1", "user2"]
    assert {person.name for person in found.people} == {"Deleted Account"}
    assert one(forwarded_from=None).forwarded_from == "Deleted Account"


@pytest.mark.parametrize("sender", [123, "123", "user123"])
def test_ids_of_people_are_the_same_in_old_and_new_exports(sender) -> None:
    assert one(from_id=sender).sender == "user123"


def test_a_reply_to_another_chat_leads_nowhere() -> None:
    assert one(reply_to_message_id=3).reply_to == "3"
    assert one(reply_to_message_id=3, reply_to_peer_id="channel9").reply_to == ""


def test_times_without_a_zone_are_a_wall_clock_s() -> None:
    old = {"id": 1, "type": "message", "date": "2018-01-05T14:56:01", "from": "B", "text": "x"}
    found = read([old | {"edited": "1970-01-01T01:00:00"}])
    assert found.conversations[0].clock is Clock.WALL
    assert found.messages[0].time == 1515164161000
    zoned = old | {"date": "2018-01-05T14:56:01+01:00"}
    found = read([zoned])
    assert (found.conversations[0].clock, found.messages[0].time) == (Clock.UTC, 1515160561000)


def test_a_time_that_lacks_its_zone_is_understood_by_an_earlier_one() -> None:
    later = {key: RECORD[key] for key in ("id", "type", "from")} | {"date": "2024-01-05T15:57:01"}
    found = read([RECORD, later])
    assert [message.time for message in found.messages] == [1704466561000, 1704466621000]


def test_where_there_is_no_message_the_reason_is_told() -> None:
    for messages, why in (([], "is empty"), ({}, "not a list"), (None, "not a list")):
        (warning,) = reading("telegram", {"r.json": json.dumps(chat(messages))}).warnings
        assert warning.code == "no-messages"
        assert why in warning.detail
    (warning,) = reading(
        "telegram", {"r.json": '{"about":"Here is the data you requested"}'}
    ).warnings
    assert warning.code == "no-messages"


def test_wrong_types_are_counted_and_never_raised() -> None:
    read_wrong("telegram", "result.json", chat, RECORD, ["actor", "location_information"])
    service = {"type": "service", "action": "invite_members", "members": ["a"], "actor": "b"}
    read_wrong("telegram", "result.json", chat, service | {"date": "2024-01-01T00:00:00"})
    head = chat([RECORD])
    for wrong in (None, 1, 1.5, True, [], {}, "x"):
        for key in ("name", "type", "id"):
            assert len(Read({"r.json": json.dumps(head | {key: wrong})}).messages) == 1


def test_a_text_that_is_cut_is_told() -> None:
    read_long(
        "telegram",
        "result.json",
        chat,
        {"type": "message", "date": "2024-01-05T14:56:01", "from": "B", "text": [LONG]},
    )


def test_a_cut_file_keeps_what_stood_before_the_cut() -> None:
    read_cut("telegram", "result.json", json.dumps(chat([RECORD] * 5), indent=1).encode(), 5)
    data = json.dumps(chat([RECORD] * 5), indent=1)
    found = Read({"result.json": data[: data.index('"id": 7', len(data) // 2)]})
    assert len(found.messages) >= 2
    assert [each.line for each in found.warnings] == [len(found.messages) + 1]


def test_a_record_nested_too_deep_is_skipped_and_named() -> None:
    data = json.dumps(chat([RECORD, "DEEP", RECORD])).replace('"DEEP"', "[" * 10**6 + "]" * 10**6)
    found = reading("telegram", {"result.json": data})
    assert len(found.messages) == 2
    assert [(each.code, each.line, each.records) for each in found.warnings] == [
        ("not-a-record", 2, 1)
    ]


@pytest.mark.parametrize(("folder", "counts"), [("bubbly", [15_000]), ("chat-miner", [2, 2])])
def test_samples(folder: str, counts: list[int]) -> None:
    files = {path.name: path.read_bytes() for path in (SAMPLES / folder).glob("*.json")}
    files.pop("target.json", None)
    found = reading("telegram", files)
    assert [each.messages for each in found.counts] == counts
    assert not found.warnings
