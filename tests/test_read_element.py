"""Element's JSON. All files are made here."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import ConversationKind, Kind, MediaKind
from tests.json_cast import LONG, layouts, read_cut, read_long, read_wrong, reading, said, texts_of
from tests.reading_cast import Read

ALICE, BOB = "@alice:example.org", "@bob:example.org"
FILE = "matrix/export.json"
RECORD = {
    "type": "m.room.message",
    "sender": ALICE,
    "content": {
        "msgtype": "m.image",
        "body": "Sea",
        "filename": "image.png",
        "url": "mxc://example.org/abc",
        "info": {"mimetype": "image/png", "size": 9},
        "m.relates_to": {"m.in_reply_to": {"event_id": "$0"}},
    },
    "origin_server_ts": 1704466561123,
    "unsigned": {"age": 1},
    "event_id": "$1",
    "room_id": "!r:example.org",
}


def room(messages: object, **more: object) -> dict[str, object]:
    return {
        "room_name": "Home",
        "room_creator": "Alice",
        "topic": "",
        "export_date": "1/5/2024",
        "exported_by": "Alice",
        "messages": messages,
    } | more


def event(key: str, text: str = "", sender: str = ALICE, **fields: object) -> dict[str, object]:
    content = {"msgtype": "m.text", "body": text}
    base = {"type": "m.room.message", "event_id": key, "sender": sender, "content": content}
    return base | {"origin_server_ts": 1000 * len(key), "room_id": "!r:example.org"} | fields


def edit(key: str, target: str, text: str, sender: str = ALICE, **fields: object):
    content = {
        "body": f"* {text}",
        "msgtype": "m.text",
        "m.new_content": {"body": text, "msgtype": "m.text"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": target},
    }
    return event(key, sender=sender, content=content, **fields)


def reaction(key: str, target: str, emoji: str, sender: str = BOB) -> dict[str, object]:
    relates = {"rel_type": "m.annotation", "event_id": target, "key": emoji}
    return event(key, sender=sender, type="m.reaction", content={"m.relates_to": relates})


def redaction(key: str, target: str) -> dict[str, object]:
    return event(key, type="m.room.redaction", redacts=target, content={})


def member(sender: str, name: str, **content: object) -> dict[str, object]:
    content = {"membership": "join", "displayname": name} | content
    return event("$m", sender=sender, type="m.room.member", state_key=sender, content=content)


def read(*events: object, files=()) -> Read:
    return reading("element", {FILE: json.dumps(room(list(events))), **dict(files)})


def one(**fields: object):
    found = read(event("$1", **fields))
    return (found.messages or found.system)[0]


@given(said, layouts, st.data())
def test_any_conversation_reads_back(conversation, layout, data) -> None:
    """With edits and reactions anywhere, even before the message that they are about."""
    events = [
        event(f"$m{at}", text, sender=f"@{name}:x", origin_server_ts=time * 1000)
        for at, (name, time, text) in enumerate(conversation)
    ]
    edited = data.draw(st.lists(st.sampled_from(range(len(events))), unique=True))
    for at in edited:
        name = conversation[at][0]
        place = data.draw(st.integers(0, len(events)))
        change = edit(f"$e{at}", f"$m{at}", f"{at} edited", f"@{name}:x", origin_server_ts=at)
        events[place:place] = [change, reaction(f"$r{at}", f"$m{at}", "👍")]
    found = reading("element", {FILE: json.dumps(room(events), **layout)})
    assert texts_of(found) == [
        (f"@{name}:x", time, f"{at} edited" if at in edited else text)
        for at, (name, time, text) in enumerate(conversation)
    ]
    for at, message in enumerate(found.messages):
        assert message.earlier == ((conversation[at][2],) if at in edited else ())
        assert [each.emoji for each in message.reactions] == (["👍"] if at in edited else [])
    assert not found.warnings


def test_the_newest_edit_is_the_text_and_those_before_are_kept() -> None:
    found = read(
        event("$1", "one"),
        edit("$3", "$1", "three", origin_server_ts=3000),
        edit("$2", "$1", "two", origin_server_ts=2000),
    )
    (message,) = found.messages
    assert (message.text, message.earlier, message.edited) == ("three", ("one", "two"), 3000)
    assert found.counts[0].continuations == 2


def test_an_edit_whose_message_is_not_there_is_a_message() -> None:
    (message,) = read(edit("$2", "$1", "new")).messages
    assert (message.id, message.text, message.edited) == ("$2", "new", 0)


def test_an_edit_by_somebody_else_changes_nothing() -> None:
    found = read(
        event("$1", "mine"), edit("$2", "$1", "mine too"), edit("$3", "$1", "forged", sender=BOB)
    )
    assert [(each.text, each.sender) for each in found.messages] == [
        ("mine too", ALICE),
        ("forged", BOB),
    ]


def test_what_was_redacted_is_marked_as_deleted() -> None:
    emptied = event("$2", content={}, unsigned={"redacted_because": {"type": "m.room.redaction"}})
    found = read(event("$1", "secret"), emptied, redaction("$9", "$1"))
    assert [(each.kind, each.text) for each in found.messages] == [(Kind.DELETED, "")] * 2


def test_redacted_reactions_and_edits_are_left_out() -> None:
    found = read(
        event("$1", "one"),
        reaction("$2", "$1", "👍"),
        reaction("$3", "$1", "👎"),
        redaction("$4", "$3"),
        edit("$5", "$1", "no"),
        redaction("$6", "$5"),
    )
    assert [each.emoji for each in found.messages[0].reactions] == ["👍"]
    assert found.messages[0].text == "one"


def test_what_could_not_be_decrypted_stays_in_its_place() -> None:
    encrypted = event("$2", type="m.room.encrypted", content={"algorithm": "m.megolm"})
    bad = event("$3", content={"msgtype": "m.bad.encrypted", "body": "** Unable to decrypt **"})
    found = read(event("$1", "a"), encrypted, bad)
    assert [each.kind for each in found.messages] == [Kind.TEXT, Kind.UNREADABLE, Kind.UNREADABLE]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("> <@bob:x> one\n> two\n\nanswer", "answer"),
        ("> <@bob:x> one\n\n> mine\n\nmore", "> mine\n\nmore"),
        ("answer", "answer"),
    ],
)
def test_the_quotation_of_a_reply_is_left_out(body: str, text: str) -> None:
    relates = {"m.in_reply_to": {"event_id": "$0"}}
    message = one(content={"msgtype": "m.text", "body": body, "m.relates_to": relates})
    assert (message.text, message.reply_to) == (text, "$0")
    assert one(content={"msgtype": "m.text", "body": body}).text == body


def test_a_message_of_a_thread_answers_its_root() -> None:
    relates = {"rel_type": "m.thread", "event_id": "$r", "is_falling_back": True}
    relates["m.in_reply_to"] = {"event_id": "$last"}
    content = {"msgtype": "m.text", "body": "x", "m.relates_to": relates}
    assert one(content=content).reply_to == "$r"


def test_names_come_from_the_members() -> None:
    found = read(event("$1", "x"), member(ALICE, "Alice"), event("$2", "y", sender=BOB))
    people = {person.key: (person.name, person.is_self) for person in found.people}
    assert people == {ALICE: ("Alice", True), BOB: (BOB, False)}
    assert [each.text for each in found.system] == ["Alice joined"]


def test_kinds_of_rooms() -> None:
    direct = read(member(ALICE, "Alice", is_direct=True), event("$1", "x"))
    group = read(*(event(f"${at}", "x", sender=f"@{at}:x") for at in range(3)))
    assert [each.conversations[0].kind for each in (direct, group)] == [
        ConversationKind.DIRECT,
        ConversationKind.GROUP,
    ]
    assert direct.conversations[0].key == "!r:example.org"


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({"content": {"msgtype": "m.emote", "body": "waves"}}, Kind.TEXT, f"* {ALICE} waves"),
        ({"content": {"msgtype": "m.notice", "body": "bot"}}, Kind.TEXT, "bot"),
        (
            {"content": {"msgtype": "m.location", "body": "Pub", "geo_uri": "geo:1,2"}},
            Kind.LOCATION,
            "Pub\ngeo:1,2",
        ),
        ({"content": {"msgtype": "m.file", "body": "a.pdf", "url": "mxc://a/b"}}, Kind.MEDIA, ""),
        (
            {"content": {"msgtype": "m.image", "body": "Sea", "filename": "a.png"}},
            Kind.MEDIA,
            "Sea",
        ),
        ({"type": "m.sticker", "content": {"body": "Cat"}}, Kind.MEDIA, ""),
        ({"type": "m.call.invite", "content": {"call_id": "1"}}, Kind.CALL, "Call"),
        (
            {
                "type": "org.matrix.msc3381.poll.start",
                "content": {
                    "org.matrix.msc3381.poll.start": {
                        "question": {"org.matrix.msc1767.text": "Tea?"},
                        "answers": [{"id": "1", "org.matrix.msc1767.text": "Yes"}],
                    }
                },
            },
            Kind.POLL,
            "Tea?\n• Yes",
        ),
        (
            {"type": "m.room.name", "content": {"name": "{sender}"}},
            Kind.SYSTEM,
            f"{ALICE} named the room “{{sender}}”",
        ),
        (
            {"type": "m.room.topic", "content": {"topic": "Tea"}},
            Kind.SYSTEM,
            f"{ALICE} set the topic “Tea”",
        ),
        ({"type": "org.new.event", "content": {}}, Kind.SYSTEM, f"{ALICE}: org.new.event"),
        (
            {"type": "m.room.member", "state_key": BOB, "content": {"membership": "invite"}},
            Kind.SYSTEM,
            f"{ALICE} invited {BOB}",
        ),
        (
            {"type": "m.room.member", "state_key": BOB, "content": {"membership": "leave"}},
            Kind.SYSTEM,
            f"{ALICE} removed {BOB}",
        ),
    ],
)
def test_kinds_of_events(fields, kind, text) -> None:
    message = one(**fields)
    assert (message.kind, message.text) == (kind, text)
    assert (message.sender is None) == (kind is Kind.SYSTEM)


def test_files_are_found_by_name_and_time() -> None:
    later = RECORD | {"event_id": "$2", "origin_server_ts": 1704466562123}
    files = {
        "matrix/images/image-1-5-2024 at 3-56-01 PM.png": b"one",
        "matrix/images/image-1-5-2024 at 3-56-02 PM.png": b"second",
    }
    first, second = read(RECORD, later, RECORD | {"origin_server_ts": 5}, files=files).messages[:2]
    assert (first.attachments[0].size, second.attachments[0].size) == (3, 6)
    assert (first.attachments[0].kind, first.attachments[0].name) == (MediaKind.IMAGE, "image.png")
    assert (first.text, first.reply_to) == ("Sea", "$0")
    (missing,) = read(RECORD).messages[0].attachments
    assert (missing.place, missing.size) == (None, 9)


def test_relations_beyond_the_bounds_are_told(monkeypatch) -> None:
    monkeypatch.setattr("conversations.readers._element_relations._RELATIONS_MAX", 1)
    found = read(event("$1", "one"), edit("$2", "$1", "two"), edit("$3", "$1", "three"))
    assert [(each.text, each.edited) for each in found.messages] == [("two", 2000), ("three", 0)]
    assert [each.code for each in found.warnings] == ["relations-not-merged"]


def test_where_there_is_no_message_the_reason_is_told() -> None:
    for messages in ([], {}, None):
        (warning,) = reading("element", {FILE: json.dumps(room(messages))}).warnings
        assert warning.code == "no-messages"


def test_wrong_types_are_counted_and_never_raised() -> None:
    for record in (RECORD, edit("$2", "$1", "x"), reaction("$3", "$1", "x"), member(BOB, "Bob")):
        read_wrong("element", FILE, room, record)
    relates = {"m.relates_to": {"rel_type": [], "event_id": {}, "m.in_reply_to": 3}}
    assert one(content=relates | {"body": [], "msgtype": {}, "m.new_content": 1}).text == ""


def test_a_text_that_is_cut_is_told() -> None:
    read_long("element", FILE, room, event("$1", LONG))


def test_a_cut_file_keeps_what_stood_before_the_cut() -> None:
    records = [RECORD | {"event_id": f"${at}"} for at in range(5)]
    read_cut("element", FILE, json.dumps(room(records), indent=1).encode(), 5)
