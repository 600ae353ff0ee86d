"""What a source tells has bounds, whatever its writer or a child that lies would like."""

import json

import pytest

from accounts.models import User
from conversations import indexing, limits
from conversations.confined.bounded import short_key
from conversations.confined.parent import Confined
from conversations.events import Conversation, Message, Person, ReadWarning
from conversations.models import Conversation as ConversationRow
from conversations.models import IndexedSnapshot, IndexState, WarningRow
from conversations.models import Message as MessageRow
from conversations.recognising import Recognised
from conversations.remarks import sentence
from tests import hostile_child
from tests.chats_cast import jsonl, line
from tests.kept_cast import keep, vault_of
from tests.page_cast import signed_in
from tests.reading_cast import MemoryTree

MOMENT = "2024-01-05T14:56:01Z"
CRAFTED = {
    "reactions": [{"emoji": f"e{at}" * 500, "by": ["p" * 600] * 10} for at in range(300)],
    "earlier": ["e" * 500] * 900,
    "forwarded_from": "f" * 90_000,
    "reply_to": "r" * 90_000,
    "attachments": [{"kind": "image", "name": f"{at}.jpg"} for at in range(2000)],
}


def read(text: str) -> list:
    """In the confined process."""
    with Confined(MemoryTree({"us.jsonl": text})) as reader:
        found = [e for each in reader.read(Recognised("chat1", ("us.jsonl",))) for e in each]
        assert reader.counts.reconciles
    return found


def only(kind, events: list):
    (found,) = (event for event in events if isinstance(event, kind))
    return found


def test_one_message_has_only_so_much_in_it_and_a_remark_says_so() -> None:
    events = read(jsonl("c", "Us", [], [line(MOMENT, "p" * 900, "Hello", id="1", **CRAFTED)]))
    message, remark = only(Message, events), only(ReadWarning, events)
    assert message.text == "Hello"
    assert len(message.attachments) == limits.MESSAGE_ATTACHMENTS_MAX
    assert len(message.reactions) == limits.REACTIONS_MAX
    assert sum(len(each.by) for each in message.reactions) == limits.REACTORS_MAX
    assert max(len(each.emoji) for each in message.reactions) == limits.EMOJI_CHARS_MAX
    assert len(message.earlier) == limits.EARLIER_MAX
    assert len(message.forwarded_from) == limits.NAME_CHARS_MAX
    assert (remark.code, remark.records, remark.line) == ("cut-short", 0, 2)
    for field in ("reactions", "earlier", "attachments", "sender", "reply_to"):
        assert field in remark.detail
    assert "more in it than is kept" in sentence(remark.code)


def test_a_key_that_is_cut_is_the_same_everywhere_and_differs_from_another() -> None:
    key, person, other = "c" * 5000, "p" * 5000, "p" * 5000 + "q"
    people = [{"key": person, "name": "Ann"}, {"key": other, "name": "Bob"}]
    said = [
        line(MOMENT, person, "one", id="i" * 5000, reactions=[{"emoji": "x", "by": [other]}]),
        line(MOMENT, other, "two", reply_to="i" * 5000),
    ]
    events = read(jsonl(key, "Us", people, said))
    ann, bob = (event for event in events if isinstance(event, Person))
    one, two = (event for event in events if isinstance(event, Message))
    assert {len(each) for each in (ann.key, bob.key, one.id)} == {limits.KEY_CHARS_MAX}
    assert ann.key != bob.key
    assert (one.sender, two.sender, one.reactions[0].by) == (ann.key, bob.key, (bob.key,))
    assert two.reply_to == one.id
    assert only(Conversation, events).key == one.conversation == ann.conversation
    assert short_key(ann.key) == ann.key
    short = jsonl("c", "Us", people[:1], [])
    assert not [
        event for event in read(short) if isinstance(event, Conversation) and event.key != "c"
    ]


def test_what_is_of_a_usual_size_is_left_alone() -> None:
    many = [{"emoji": "👍", "by": ["a", "b"], "count": 90_000}, {"emoji": "x" * 100}]
    files = [{"kind": "image", "name": f"{at}.jpg"} for at in range(100)]
    said = line(MOMENT, "a", "x" * 200_000, reactions=many, attachments=files, earlier=["a", "b"])
    events = read(jsonl("c" * 500, "Us", [], [said]))
    assert not [event for event in events if isinstance(event, ReadWarning)]
    message = only(Message, events)
    assert [each.count for each in message.reactions] == [90_000, 1]
    assert len(message.attachments) == 100


def test_remarks_of_very_many_are_counted_and_not_told() -> None:
    said = [line(MOMENT, "a", str(at), forwarded_from="f" * 201) for at in range(2500)]
    events = read(jsonl("c", "Us", [], said))
    assert sum(isinstance(event, Message) for event in events) == 2500
    told = [event.code for event in events if isinstance(event, ReadWarning)]
    assert told == ["cut-short"] * limits.WARNINGS_TOLD_MAX


def exceeded() -> list:
    with Confined(MemoryTree({"x": "excess\n"}), module=hostile_child.MODULE) as reader:
        return [e for each in reader.read(Recognised("hostile", ("x",))) for e in each]


def test_a_child_that_lies_is_cut_as_well() -> None:
    events = exceeded()
    assert max(len(json.dumps(str(event))) for event in events) < 600_000
    message = [event for event in events if isinstance(event, Message)][-1]
    assert len(message.text) == limits.TEXT_CHARS_MAX
    assert len(message.attachments) == limits.MESSAGE_ATTACHMENTS_MAX
    assert message.attachments[0].place is None


@pytest.mark.django_db(transaction=True)
def test_one_message_blows_up_neither_the_index_nor_the_page() -> None:
    said = [line(MOMENT, "p" * 900, "Hello", id="n" * 90_000, **CRAFTED)]
    vault = vault_of("alice")
    snapshot = keep(vault, {"us.jsonl": jsonl("c" * 90_000, "Us", [], said)})
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    assert IndexedSnapshot.objects.get().state == IndexState.DONE
    row = MessageRow.objects.get()
    assert len(row.more) + len(row.native_id) + len(row.reply_to) < 300_000
    assert {warning.code for warning in WarningRow.objects.all()} == {"cut-short"}
    browser = signed_in(User.objects.get(username="alice"))
    page = browser.get(f"/conversations/{ConversationRow.objects.get().slug}/")
    assert page.status_code == 200
    assert len(page.content) < 500_000
    holding = browser.get(f"/conversations/snapshots/{snapshot.snapshot_id}/").content.decode()
    assert "more in it than is kept" in holding


@pytest.mark.django_db(transaction=True)
def test_a_time_that_cannot_be_right_is_none_and_a_remark_says_so() -> None:
    times = (MOMENT, "2248-09-26T15:10:22.206Z", "2249-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
    said = [line(at, "a", at) for at in times]
    said.append(line("2024-01-05T15:00:00Z", "a", "edited", edited="9999-12-31T23:59:59Z"))
    vault = vault_of("alice")
    snapshot = keep(vault, {"us.jsonl": jsonl("c", "Us", [], said)})
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    timed = dict(MessageRow.objects.values_list("text", "is_timed"))
    assert [timed[at] for at in times] == [True, True, False, False]
    remarks = WarningRow.objects.order_by("line").values_list("code", "line", "records")
    assert list(remarks) == [("time-impossible", at, 0) for at in (4, 5, 6)]
    slug = ConversationRow.objects.get().slug
    browser = signed_in(User.objects.get(username="alice"))
    page = browser.get(f"/conversations/{slug}/").content.decode()
    assert "edited" in page
    assert "9999" not in page
    holding = browser.get(f"/conversations/snapshots/{snapshot.snapshot_id}/").content.decode()
    assert "a time that cannot be right" in holding
