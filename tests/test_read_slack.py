"""Slack exports: what is written in one reads back, and no file of it stops a reading."""

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import Clock, ConversationKind, Kind, MediaKind, Message
from tests.json_cast import WRONG
from tests.reading_cast import Read

SAMPLE = Path(__file__).parent / "samples/slack/testarchive.zip"
USERS = [
    {"id": "U00000001", "name": "ann", "profile": {"display_name": "Ann", "real_name": "Ann A."}},
    {"id": "U00000002", "name": "bob", "profile": {"display_name": "", "real_name": "Bob B."}},
    {"id": "U00000003", "name": "cy"},
]
CHANNELS = [{"id": "C00000001", "name": "general", "members": ["U00000001"]}]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def export(days: dict[str, object], **lists: object) -> Read:
    files = {"channels": CHANNELS, "users": USERS} | lists
    return Read(
        {f"export.zip/{name}.json": json.dumps(value) for name, value in files.items()}
        | {f"export.zip/{name}.json": json.dumps(value) for name, value in days.items()}
    )


def channel(*records: object) -> Read:
    return export({"general/2024-01-05": records})


def said(text: str = "Hello", ts: str = "1704466561.000100", **more: object) -> dict[str, object]:
    return {"type": "message", "user": "U00000001", "text": text, "ts": ts} | more


def only(**more: object) -> Message:
    found = channel(said(**more))
    assert not found.warnings
    (message,) = found.messages + found.system
    return message


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@given(
    st.lists(
        st.tuples(
            texts,
            st.sampled_from([user["id"] for user in USERS]),
            st.integers(0, 3),
            st.integers(0, 10**6 - 1),
        ),
        max_size=20,
    )
)
def test_any_conversation_reads_back(messages) -> None:
    days: dict[str, list[object]] = {}
    for number, (text, user, day, fraction) in enumerate(
        sorted(messages, key=lambda each: each[2])
    ):
        record = said(
            escaped(text), f"{1704412800 + day * 86400 + number}.{fraction:06}", user=user
        )
        days.setdefault(f"general/2024-01-{5 + day:02}", []).append(record)
    found = export(days)
    told = [record for records in days.values() for record in records]
    assert [(each.id, each.sender, escaped(each.text)) for each in found.messages] == [
        (each["ts"], each["user"], each["text"]) for each in told
    ]
    assert [each.time for each in found.messages] == [
        int(each["ts"].replace(".", "")) // 1000 for each in told
    ]
    assert {each.code for each in found.warnings} <= {"no-messages"}


def test_the_sample_reconciles() -> None:
    with zipfile.ZipFile(SAMPLE) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        found = Read({f"testarchive.zip/{name}": archive.read(name) for name in names})
    assert found.apps == ["slack"]
    assert (found.counts[0].seen, found.counts[0].messages, found.counts[0].system) == (
        158,
        147,
        11,
    )
    assert {each.title for each in found.conversations} == {"enrique", "traveling-sailor"}
    assert Counter((each.sender or "")[:1] for each in found.messages) == {"B": 94, "U": 53}
    assert all(each.text for each in found.messages)
    assert not found.warnings


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("<@U00000001> and <@U00000002|bobby>", "@Ann and @bobby"),
        ("<@U99999999>", "@U99999999"),
        ("<#C00000001> <#C1|other> <#C9>", "#general #other #C9"),
        (
            "<!here> <!channel|channel> <!subteam^S1|@team> <!subteam^S1>",
            "@here channel @team @subteam",
        ),
        ("<!date^1^{date}|today>", "today"),
        ("<https://a.example/x?a=1&amp;b=2>", "https://a.example/x?a=1&b=2"),
        ("<https://a.example|Click>", "Click (https://a.example)"),
        ("<http://a.example|a.example> <mailto:a@b.c|a@b.c>", "http://a.example a@b.c"),
        ("&amp;lt; &lt;@U1&gt; &amp;", "&lt; <@U1> &"),
        ("a < b", "a < b"),
        ("<<>> <", "<> <"),
    ],
)
def test_markup_is_resolved(written, read) -> None:
    assert only(text=written).text == read


@pytest.mark.parametrize(
    ("subtype", "kind"),
    [
        ("channel_join", Kind.SYSTEM),
        ("channel_leave", Kind.SYSTEM),
        ("group_topic", Kind.SYSTEM),
        ("channel_purpose", Kind.SYSTEM),
        ("pinned_item", Kind.SYSTEM),
        ("bot_add", Kind.SYSTEM),
        ("bot_message", Kind.TEXT),
        ("me_message", Kind.TEXT),
        ("thread_broadcast", Kind.TEXT),
        ("tombstone", Kind.DELETED),
        ("huddle_thread", Kind.CALL),
        ("of_tomorrow", Kind.TEXT),
    ],
)
def test_subtypes_are_kinds(subtype, kind) -> None:
    message = only(subtype=subtype)
    assert (message.kind, message.sender) == (kind, None if kind is Kind.SYSTEM else "U00000001")


def test_what_the_system_says_names_who_did_it() -> None:
    assert only(subtype="bot_add", text="added an integration").text == "Ann added an integration"
    joined = only(subtype="channel_join", text="<@U00000001> has joined")
    assert joined.text == "@Ann has joined"


def test_a_bot_and_a_guest_have_the_names_that_the_message_gives() -> None:
    found = channel(
        said(user=None, subtype="bot_message", bot_id="B00000001", username="Deploy", ts="1.1"),
        said(user=None, subtype="bot_message", username="Hook", ts="1.2"),
        said(user="U77777777", user_profile={"real_name": "Guest"}, ts="1.3"),
    )
    assert [(each.key, each.name) for each in found.people] == [
        ("B00000001", "Deploy"),
        ("Hook", "Hook"),
        ("U77777777", "Guest"),
    ]


def test_people_are_called_as_slack_shows_them() -> None:
    found = channel(*(said(user=user["id"], ts=f"{at}.1") for at, user in enumerate(USERS, 1)))
    assert [each.name for each in found.people] == ["Ann", "Bob B.", "cy"]


def test_a_thread_is_replies_to_its_root_and_a_broadcast_is_there_once() -> None:
    reply = said("reply", "2.000001", thread_ts="1.000001")
    found = channel(
        said("root", "1.000001", thread_ts="1.000001", replies=[{"user": "U1", "ts": "2.000001"}]),
        reply,
        reply | {"subtype": "thread_broadcast", "root": said("root", "1.000001")},
    )
    assert [(each.text, each.id, each.reply_to) for each in found.messages] == [
        ("root", "1.000001", ""),
        ("reply", "2.000001", "1.000001"),
    ]
    assert (found.counts[0].seen, found.counts[0].continuations) == (3, 1)


def test_reactions_and_edits_are_kept() -> None:
    message = only(
        reactions=[
            {"name": "+1", "users": ["U00000002"], "count": 3},
            {"name": "tada", "users": []},
        ],
        edited={"user": "U00000001", "ts": "1704466999.000000"},
    )
    assert [(each.emoji, each.by, each.count) for each in message.reactions] == [
        ("+1", ("U00000002",), 3),
        ("tada", (), 0),
    ]
    assert message.edited == 1704466999000
    assert only(edited={}).edited == 0
    assert only().edited is None


def test_who_reacted_has_a_name() -> None:
    found = channel(said(reactions=[{"name": "+1", "users": ["U00000002"], "count": 1}]))
    assert [each.name for each in found.people] == ["Ann", "Bob B."]


def test_files_are_missing_unless_a_tool_fetched_them() -> None:
    files = [
        {
            "id": "F1",
            "name": "a.png",
            "mimetype": "image/png",
            "size": 9,
            "url_private": "https://x",
        },
        {"id": "F2", "name": "b.pdf", "mimetype": "application/pdf"},
        {"id": "F3", "name": "../../c", "mimetype": "audio/mp4"},
        {"id": "F4", "mode": "tombstone"},
    ]
    found = Read(
        {
            "x/general/2024-01-05.json": json.dumps([said(files=files)]),
            "x/general/attachments/F1-a.png": b"png",
            "x/__uploads/F2/b.pdf": b"pdf!",
            "c": b"no",
        }
    )
    assert [
        (each.kind, each.size, each.place and each.place.file)
        for each in found.messages[0].attachments
    ] == [
        (MediaKind.IMAGE, 3, "x/general/attachments/F1-a.png"),
        (MediaKind.DOCUMENT, 4, "x/__uploads/F2/b.pdf"),
        (MediaKind.AUDIO, None, None),
        (MediaKind.DOCUMENT, None, None),
    ]
    assert found.messages[0].kind is Kind.MEDIA


BLOCKS = [
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": "Hi &amp; "},
                    {"type": "user", "user_id": "U00000001"},
                    {"type": "emoji", "name": "wave"},
                    {"type": "link", "url": "https://a.example", "text": "A"},
                    {"type": "channel", "channel_id": "C00000001"},
                    {"type": "broadcast", "range": "here"},
                ],
            },
            {
                "type": "rich_text_list",
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": each}]}
                    for each in ("one", "two")
                ],
            },
        ],
    },
    {"type": "section", "text": {"type": "mrkdwn", "text": "<@U00000002> &lt;"}},
    {"type": "divider"},
]


def test_blocks_say_what_the_text_does_not() -> None:
    assert only(text="", blocks=BLOCKS).text == (
        "Hi &amp; @Ann:wave:A (https://a.example)#general@here\none\ntwo\n@Bob B. <"
    )
    assert only(text="text", blocks=BLOCKS).text == "text"


def test_attachments_say_what_the_text_does_not() -> None:
    attachments = [
        {"pretext": "New commit", "title": "Fix", "text": "by &lt;Ann&gt;", "fallback": "no"},
        {"fallback": "fallback"},
    ]
    assert only(text="", attachments=attachments).text == "New commit\nFix\nby <Ann>\nfallback"
    assert only(text="text", attachments=attachments).text == "text"


def test_a_shared_message_names_its_author() -> None:
    shared = {"is_share": True, "author_name": "Bob", "text": "quoted"}
    message = only(text="", attachments=[shared])
    assert (message.text, message.forwarded_from) == ("quoted", "Bob")


def test_conversations_are_known_by_their_lists() -> None:
    found = export(
        {
            "general/2024-01-05": [said()],
            "D00000001/2024-01-05": [said()],
            "mpdm-ann--bob-1/2024-01-05": [said()],
            "secret/2024-01-05": [said()],
            "unknown/2024-01-05": [said()],
        },
        dms=[{"id": "D00000001", "members": ["U00000001", "U00000002"]}],
        mpims=[
            {"id": "G00000001", "name": "mpdm-ann--bob-1", "members": ["U00000001", "U00000003"]}
        ],
        groups=[{"id": "G00000002", "name": "secret", "members": []}],
    )
    assert {(each.key, each.title, each.kind, each.clock) for each in found.conversations} == {
        ("C00000001", "general", ConversationKind.CHANNEL, Clock.UTC),
        ("D00000001", "Ann, Bob B.", ConversationKind.DIRECT, Clock.UTC),
        ("G00000001", "Ann, cy", ConversationKind.GROUP, Clock.UTC),
        ("G00000002", "secret", ConversationKind.GROUP, Clock.UTC),
        ("folder:unknown", "unknown", ConversationKind.UNKNOWN, Clock.UTC),
    }
    assert [each.title for each in found.conversations].count("general") == 1


def test_two_exports_are_two_sources() -> None:
    day = json.dumps([said()])
    found = Read({"a/general/2024-01-05.json": day, "b/general/2024-01-05.json": day})
    assert found.apps == ["slack", "slack"]
    assert len(found.messages) == 2


def test_an_export_at_the_root_is_read() -> None:
    found = Read(
        {"channels.json": json.dumps(CHANNELS), "general/2024-01-05.json": json.dumps([said()])}
    )
    assert [each.key for each in found.conversations] == ["C00000001"]


def test_an_export_without_messages_says_so() -> None:
    assert [each.code for each in export({}).warnings] == ["no-messages"]
    assert [each.code for each in channel().warnings] == ["no-messages"]


def test_a_day_that_is_damaged_leaves_the_others() -> None:
    good = json.dumps([said("one", "1.1"), said("two", "2.2")])
    whole = Read({"x/general/2024-01-06.json": good})
    assert len(whole.messages) == 2
    for at in range(1, len(good)):
        found = Read({"x/general/2024-01-05.json": good[:at], "x/general/2024-01-06.json": good})
        assert len(found.messages) in (2, 3, 4)
        if '"ts"' in good[:at]:
            assert "bad-json" in [each.code for each in found.warnings]


@pytest.mark.parametrize("listed", ["users", "channels", "dms"])
def test_lists_that_are_damaged_leave_the_messages(listed) -> None:
    for damage in (b"[{", b"{}", b"[1, null, {}, [[]]]", b"\xff\xfe", b"[" * 100_000):
        found = Read(
            {f"x/{listed}.json": damage, "x/general/2024-01-05.json": json.dumps([said()])}
        )
        assert len(found.messages) == 1


def test_what_is_no_message_is_told() -> None:
    found = channel(said(), 5, None, [], {}, {"type": "hello"}, "x")
    assert len(found.messages) == 1
    assert [(each.code, each.line, each.records) for each in found.warnings] == [
        ("not-a-record", line, 1) for line in range(2, 8)
    ]


def test_a_time_that_is_none_is_told() -> None:
    found = channel(said(), said(ts="yesterday"), said(ts=1704466561.0001), said(ts=None))
    assert [(each.id, each.time) for each in found.messages] == [
        ("1704466561.000100", 1704466561000),
        ("yesterday", None),
        ("", None),
    ]
    assert [each.code for each in found.warnings] == ["no-time", "no-time"]


INNER = {"user": 1, "name": "x", "ts": 5, "id": "F1", "type": "text", "elements": 1, "users": [1]}


def test_fields_of_any_type_are_read_and_counted() -> None:
    record = said() | {
        **dict.fromkeys(("edited", "file", "bot_profile", "user_profile", "comment"), INNER),
        **{field: [INNER] for field in ("reactions", "files", "blocks", "attachments")},
    }
    fields = (*record, "subtype", "thread_ts", "bot_id", "username", "root")
    records = [record | {field: wrong} for field in fields for wrong in WRONG]
    for field in ("edited", "comment", "reactions", "files", "blocks", "attachments"):
        inner = [INNER | {key: wrong} for key in (*INNER, "is_share") for wrong in WRONG]
        is_list = isinstance(record[field], list)
        records += [record | {field: [each] if is_list else each} for each in inner]
    for number, each in enumerate(records):
        if each["ts"] == record["ts"]:
            each["ts"] = f"{number}.000001"
    found = channel(*records)
    assert found.counts[0].seen == len(records)
    assert len(found.messages) > len(records) - len(WRONG)
    assert {each.code for each in found.warnings} == {"no-time"}


@pytest.mark.parametrize("listed", ["users", "channels", "dms", "mpims", "groups"])
def test_lists_of_any_content_leave_the_messages(listed) -> None:
    whole = {"id": "U00000001", "name": "a", "profile": {"display_name": "x"}, "members": ["U1"]}
    wrong = [*WRONG, *(whole | {key: value} for key in whole for value in WRONG)]
    found = export({"general/2024-01-05": [said()]}, **{listed: wrong})
    assert len(found.messages) == 1
    assert not found.warnings


def test_deep_nesting_ends_in_a_warning() -> None:
    deep = '[{"type":"message","ts":"1.1","blocks":' + '[{"elements":' * 500_000
    found = Read(
        {"x/general/2024-01-05.json": deep, "x/general/2024-01-06.json": json.dumps([said()])}
    )
    assert [each.code for each in found.warnings] == ["bad-json"]
    assert len(found.messages) == 1
