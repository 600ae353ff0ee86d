"""What chats are called that have no name in their export: never by a path."""

import json
import tracemalloc

import pytest

from conversations import limits
from conversations.readers._telegram_heads import Heads
from conversations.source import Source
from tests.reading_cast import MemoryTree, Read

FOLDER = "backup/DataExport_2024"


def telegram(*people: str | None, **head: object) -> dict:
    said = [
        {"id": at, "type": "message", "date_unixtime": "1", "from": name, "text": "x"}
        for at, name in enumerate(people)
    ]
    return {**head, "messages": said}


def titles(document: object, name: str) -> list[str]:
    return [each.title for each in Read({name: json.dumps(document)}).conversations]


@pytest.mark.parametrize(
    ("document", "title"),
    [
        (telegram("Me", type="saved_messages", id=1), "Saved Messages"),
        (telegram("X", type="verification_codes", id=2), "Verification Codes"),
        (telegram("X", type="replies", id=3), "Replies"),
        (telegram("Me", None, name=None, type="personal_chat", id=4), "Deleted Account"),
        (telegram("Me", None, name="", type="personal_chat", id=4), "Deleted Account"),
        (telegram("Ann", "Bob", "Ann", name=None, type="private_group", id=5), "Ann, Bob"),
        (telegram("Ann", "Bob", name="", type="private_supergroup", id=6), "Ann, Bob"),
        (telegram("Ann", "Bob", type="personal_chat", id=7), "Ann, Bob"),
        (telegram("Ann", "Bob"), "Ann, Bob"),
        (telegram("Ann", "Bob")["messages"], "Ann, Bob"),
        (telegram(None, name=None, type="private_group", id=5), "DataExport_2024"),
        (
            telegram(*map(str, range(20)), type="private_group", id=5),
            "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
        ),
    ],
)
def test_telegram(document, title) -> None:
    assert titles(document, f"{FOLDER}/result.json") == [title]


def test_chats_of_a_telegram_account_are_called_each_after_its_own_people() -> None:
    chats = [
        telegram("Ann", "Bob", type="private_group", id=1),
        telegram("Cem", type="private_group", id=2, name="Climbers"),
        telegram("Dan", "Eve", type="private_group", id=3),
    ]
    assert titles({"chats": {"list": chats}}, f"{FOLDER}/result.json") == [
        "Ann, Bob",
        "Climbers",
        "Dan, Eve",
    ]


def test_who_talks_in_all_chats_of_an_account_takes_little_memory() -> None:
    people = [f"Somebody of a long name {at % 99}" for at in range(200)]
    chats = [telegram(*people, type="private_group", id=at, name="x") for at in range(200)]
    tree = MemoryTree({"result.json": json.dumps({"chats": {"list": chats}})})
    source = Source(tree, ("result.json",))
    tracemalloc.start()
    heads = Heads(source)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert heads.get(199)["id"] == 199
    assert kept < 200 * 5 * limits.KIB


def test_a_telegram_export_that_is_cut_off_has_its_people_all_the_same() -> None:
    whole = json.dumps(telegram("Ann", "Bob", "Cem", type="private_group", id=1))
    read = Read({f"{FOLDER}/result.json": whole[:-40]})
    assert [each.title for each in read.conversations] == ["Ann, Bob"]
    assert [each.code for each in read.warnings] == ["bad-json"]


def thread(*people: str, **head: object) -> dict:
    said = [{"sender_name": name, "timestamp_ms": 1, "content": "x"} for name in people]
    return {**head, "messages": said}


@pytest.mark.parametrize("app", ["facebook", "instagram"])
@pytest.mark.parametrize(
    ("document", "title"),
    [
        (thread("Ann", title="Climbers"), "Climbers"),
        (thread("Ann", participants=[{"name": "Ann"}, {"name": "Zoë"}]), "Ann, Zoë"),
        (thread("Ann", "ZoÃ«", "Ann"), "Ann, Zoë"),
        (thread("", title=""), "bob"),
        (thread("", thread_path="inbox/climbers_99999"), "climbers"),
    ],
)
def test_messenger_and_instagram(app, document, title) -> None:
    assert titles(document, f"{app}/messages/inbox/bob_1234567/message_1.json") == [title]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("x/Home - Text - general [100].json", "Home - Text - general"),
        ("x/Home - Text - general [100] [part 2].json", "Home - Text - general"),
        ("general (1).json", "general"),
        ("a/b/export.json", "b"),
        ("export.json", "export"),
        ("a/My server.zip/messages.json", "My server"),
    ],
)
def test_discord(name, title) -> None:
    said = {"id": "1", "type": "Default", "timestamp": "2024-01-01T00:00:00Z", "content": "x"}
    document = {"guild": {"id": "0"}, "channel": {"id": "3"}, "messages": [said]}
    assert titles(document, name) == [title]


def test_a_room_without_a_name_is_called_after_the_others_in_it() -> None:
    said = [
        {"type": "m.room.message", "sender": f"@{who}:x", "content": {"body": "x"}, "event_id": who}
        for who in ("me", "ann", "bob")
    ]
    head = {"room_name": "", "room_creator": "", "export_date": "", "exported_by": "@me:x"}
    assert titles({**head, "messages": said}, "matrix/export.json") == ["@ann:x, @bob:x"]
    assert titles({**head, "messages": said[:1]}, "matrix/export.json") == ["matrix"]
