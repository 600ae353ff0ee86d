"""DiscordChatExporter's JSON. All files are made here but for that of the samples."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import Clock, ConversationKind, Kind, MediaKind
from tests.json_cast import LONG, layouts, read_cut, read_long, read_wrong, reading, said, texts_of
from tests.reading_cast import Read

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "discord"
FILE = "Home - general [100].json"
ALICE = {"id": "1", "name": "alice", "discriminator": "0", "nickname": "Alice", "isBot": False}
BOB = {"id": "2", "name": "bob", "nickname": "Bob"}
RECORD = {
    "id": "11",
    "type": "Reply",
    "timestamp": "2024-01-05T14:56:01.1234567+01:00",
    "timestampEdited": "2024-01-05T14:57:01+01:00",
    "callEndedTimestamp": None,
    "isPinned": False,
    "content": "Hi <@2>, <@!9> <:wave:77>",
    "author": ALICE,
    "attachments": [
        {"id": "5", "url": "g_Files\\a b.png", "fileName": "a b.png", "fileSizeBytes": 9}
    ],
    "embeds": [{"title": "News", "url": "https://a.b/", "description": "All of it"}],
    "stickers": [{"id": "6", "name": "Cat", "format": "Png", "sourceUrl": "https://a.b/6.png"}],
    "reactions": [{"emoji": {"id": "77", "name": "wave"}, "count": 3, "users": [BOB]}],
    "mentions": [BOB],
    "reference": {"messageId": "10", "channelId": "100", "guildId": "1"},
    "forwardedMessage": None,
}


def channel(messages: object, **more: object) -> dict[str, object]:
    return {
        "guild": {"id": "1", "name": "Home", "iconUrl": "x"},
        "channel": {"id": "100", "type": "GuildTextChat", "category": "Text", "name": "general"},
        "dateRange": {"after": None, "before": None},
        "messages": messages,
        "messageCount": 0,
    } | more


def one(**fields: object):
    base = {"id": "1", "type": "Default", "timestamp": "2024-01-05T14:00:00+00:00", "author": ALICE}
    found = reading("discord", {FILE: json.dumps(channel([base | {"content": ""} | fields]))})
    return (found.messages or found.system)[0]


@given(said, layouts, st.integers(1, 8), st.integers(-12, 12))
def test_any_conversation_reads_back(conversation, layout, size, hours) -> None:
    """In any number of parts, and any zone."""
    zone = timezone(timedelta(hours=hours))
    records = [
        {
            "id": str(at),
            "type": "Default",
            "timestamp": datetime.fromtimestamp(time, UTC).astimezone(zone).isoformat(),
            "content": text.replace("<", ""),
            "author": {"id": f"u{name}", "name": "x", "nickname": name},
        }
        for at, (name, time, text) in enumerate(conversation)
    ]
    files = {}
    for part, at in enumerate(range(0, len(records), size), 1):
        name = FILE if part == 1 else FILE.replace(".json", f" [part {part}].json")
        files[name] = json.dumps(channel(records[at : at + size]), **layout)
    found = reading("discord", files)
    assert texts_of(found) == [(n, time, text.replace("<", "")) for n, time, text in conversation]
    assert len(found.conversations) == len(found.counts) == 1
    assert not found.warnings


def test_a_message_has_everything_that_the_export_tells() -> None:
    files = {f"x/{FILE}": json.dumps(channel([RECORD])), "x/g_Files/a b.png": b"png"}
    (message,) = (found := reading("discord", files)).messages
    (conversation,) = found.conversations
    assert (conversation.key, conversation.title) == ("100", "Home / general")
    assert (conversation.kind, conversation.clock) == (ConversationKind.CHANNEL, Clock.UTC)
    assert (message.time, message.edited) == (1704462961123, 1704463021000)
    assert (message.id, message.reply_to, message.sender) == ("11", "10", "1")
    assert message.text == "Hi @Bob, <@!9> :wave:\nNews\nhttps://a.b/\nAll of it"
    image, sticker = message.attachments
    assert (image.kind, image.name, image.size) == (MediaKind.IMAGE, "a b.png", 3)
    assert image.place.file == "x/g_Files/a b.png"
    assert (sticker.kind, sticker.name, sticker.place) == (MediaKind.STICKER, "Cat", None)
    assert [(each.emoji, each.by, each.count) for each in message.reactions] == [
        (":wave:", ("2",), 3)
    ]


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({"type": "GuildMemberJoin", "content": ""}, Kind.SYSTEM, "Alice joined the server"),
        (
            {"type": "ChannelPinnedMessage", "content": "Pinned a message."},
            Kind.SYSTEM,
            "Alice pinned a message.",
        ),
        (
            {"type": "RecipientAdd", "content": "Added Bob to the group."},
            Kind.SYSTEM,
            "Alice added Bob to the group.",
        ),
        ({"type": "8", "content": ""}, Kind.SYSTEM, "Alice: 8"),
        (
            {"type": "Call", "callEndedTimestamp": "2024-01-05T14:05:10+00:00"},
            Kind.CALL,
            "Call, 5 min 10 s",
        ),
        ({"type": "Call", "content": "Started a call"}, Kind.CALL, "Started a call"),
        ({"type": "20", "content": "/roll"}, Kind.TEXT, "/roll"),
        (
            {"content": "see https://a.b/", "embeds": [{"title": "A", "url": "https://a.b/"}]},
            Kind.TEXT,
            "see https://a.b/",
        ),
        (
            {"embeds": [{"fields": [{"name": "Build", "value": "ok"}], "footer": {"text": "CI"}}]},
            Kind.TEXT,
            "Build: ok\nCI",
        ),
        ({"forwardedMessage": {"content": "Old news", "attachments": []}}, Kind.TEXT, "Old news"),
    ],
)
def test_kinds_of_messages(fields, kind, text) -> None:
    message = one(**fields)
    assert (message.kind, message.text) == (kind, text)
    assert (message.sender is None) == (kind is Kind.SYSTEM)


@pytest.mark.parametrize("url", ["g_Files/a b.png", "g_Files/a%20b.png", "g_Files\\a b.png"])
def test_paths_are_found_however_they_are_written(url: str) -> None:
    record = RECORD | {"attachments": [{"url": url, "fileName": "a b.png"}], "stickers": []}
    found = reading("discord", {FILE: json.dumps(channel([record])), "g_Files/a b.png": b"x"})
    assert found.messages[0].attachments[0].place.file == "g_Files/a b.png"


def test_an_address_on_the_web_is_no_place() -> None:
    url = "https://cdn.example/attachments/1/2/photo%20one.JPG?ex=1&is=2"
    (attachment,) = one(attachments=[{"url": url}]).attachments
    assert (attachment.name, attachment.kind) == ("photo one.JPG", MediaKind.IMAGE)
    assert attachment.place is None


def test_what_the_exporter_left_as_discord_keeps_it_becomes_what_people_saw() -> None:
    raw = "<@2> in <#100>, <#10>, <#101>, <#102>: <@&7>, <@&8> <a:wave:77> @everyone 👍"
    roles = [{"id": "7", "name": "Crew"}]
    record = RECORD | {"content": raw, "embeds": [{"description": "by <@&7>"}], "stickers": []}
    record["author"] = RECORD["author"] | {"roles": roles}
    document = channel([record])
    document["channel"] |= {"id": "100", "name": "general", "categoryId": "10", "category": "Text"}
    files = {
        "x/Home - Text - general [100].json": json.dumps(document),
        "x/Home - Text - off-topic [101] [part 2].json": "",
        "elsewhere/Home - Text - hidden [102].json": "",
    }
    assert reading("discord", files).messages[0].text == (
        "@Bob in #general, #Text, #off-topic, <#102>: @Crew, <@&8> :wave: @everyone 👍\nby @Crew"
    )


@pytest.mark.parametrize(
    ("emoji", "shown"),
    [
        ({"id": "", "name": "👍", "code": "thumbsup"}, "👍"),
        ({"id": "", "name": "1️⃣", "code": "one"}, "1️⃣"),
        ({"id": "", "name": "thumbsup", "code": "thumbsup"}, ":thumbsup:"),
        ({"id": None, "name": "", "code": "+1"}, ":+1:"),
        ({"id": "9", "name": "party", "code": "party"}, ":party:"),
        ({"id": "9", "name": "派对"}, ":派对:"),
        ({}, "?"),
    ],
)
def test_a_reaction_is_its_character_or_its_name(emoji, shown) -> None:
    (reaction,) = one(reactions=[{"emoji": emoji, "count": 1, "users": []}]).reactions
    assert reaction.emoji == shown


def test_deleted_users_are_told_apart() -> None:
    gone = [
        RECORD | {"id": str(at), "author": {"id": f"45600{at}", "name": "Deleted User"}}
        for at in (1, 2)
    ]
    found = reading("discord", {FILE: json.dumps(channel(gone))})
    assert [message.sender for message in found.messages] == ["456001", "456002"]
    names = {person.name for person in found.people if person.key.startswith("456")}
    assert names == {"Deleted User 6001", "Deleted User 6002"}


def test_a_private_chat_is_called_like_the_other_one() -> None:
    head = {"channel": {"id": "5", "type": "DirectTextChat", "name": "Bob"}}
    found = reading("discord", {FILE: json.dumps(channel([RECORD], **head))})
    (conversation,) = found.conversations
    assert (conversation.title, conversation.kind) == ("Bob", ConversationKind.DIRECT)
    assert found.messages[0].reply_to == ""  # of channel 100


def test_a_part_that_is_damaged_does_not_hide_the_next() -> None:
    text = json.dumps(channel([RECORD] * 2))
    files = {FILE: text[: text.rindex('"id": "11"')], "Home - general [100] [part 2].json": text}
    found = reading("discord", files)
    assert [(each.file, each.line) for each in found.messages] == [(0, 1), (1, 1), (1, 2)]
    assert [(each.code, each.file, each.line) for each in found.warnings] == [("bad-json", 0, 2)]


def test_where_there_is_no_message_the_reason_is_told() -> None:
    for messages in ([], {}, None):
        (warning,) = reading("discord", {FILE: json.dumps(channel(messages))}).warnings
        assert warning.code == "no-messages"


def test_wrong_types_are_counted_and_never_raised() -> None:
    read_wrong("discord", FILE, channel, RECORD)
    forwarded = RECORD | {"forwardedMessage": {"content": "x", "attachments": [], "stickers": []}}
    read_wrong("discord", FILE, channel, forwarded)
    for wrong in (None, 1, 1.5, True, [], {}, "x", {"id": [], "type": {}, "name": 3}):
        for key in ("guild", "channel"):
            assert len(Read({FILE: json.dumps(channel([RECORD]) | {key: wrong})}).messages) == 1


def test_a_text_that_is_cut_is_told() -> None:
    read_long("discord", FILE, channel, {"author": ALICE, "content": LONG})


def test_a_cut_file_keeps_what_stood_before_the_cut() -> None:
    read_cut("discord", FILE, json.dumps(channel([RECORD] * 5), indent=1).encode(), 5)


def test_sample() -> None:
    (path,) = SAMPLES.glob("*.json")
    found = reading("discord", {path.name: path.read_bytes()})
    assert (len(found.messages), len(found.system)) == (5, 2)
    assert [message.reply_to for message in found.messages].count("msg001") == 1
    assert not found.warnings
