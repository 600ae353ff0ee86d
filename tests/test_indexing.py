"""From kept snapshots to rows: merged, resumed, forgotten, and made again."""

import json

import pytest
from django.core.management import call_command
from django.db import connections

from conversations import (
    choices,
    forgetting,
    indexing,
    messages,
    more,
    reconciling,
    search,
    selecting,
)
from conversations.databases import INDEX
from conversations.events import DateOrder
from conversations.models import (
    Attachment,
    Conversation,
    ConversationSource,
    IndexedSnapshot,
    IndexState,
    Message,
    Participant,
    SourceRow,
    WarningRow,
)
from conversations.search.scope import Scope
from tests.kept_cast import keep, vault_of
from transfer.models import Snapshot, SnapshotPack

pytestmark = pytest.mark.django_db(transaction=True)


def chat(*lines: str, day: int = 13) -> str:
    """A WhatsApp export; each line is ``minute name: text``."""
    return "".join(
        f"{day}/02/2023, 10:{minute} - {said}\n"
        for minute, said in (line.split(" ", 1) for line in lines)
    )


HELLO = ("01 Alice: Hello", "02 Bob: 你好世界", "03 Alice: Hello", "03 Alice: Hello")
NAME = "WhatsApp Chat with Bob.txt"


@pytest.fixture
def vault():
    return vault_of("alice")


def index(snapshot: Snapshot) -> IndexedSnapshot:
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return IndexedSnapshot.objects.get(snapshot_id=snapshot.snapshot_id)


def texts() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("text", flat=True))


def everything() -> list[tuple]:
    """All that is in the index, by names that last."""
    people = dict(Participant.objects.values_list("pk", "key"))
    return sorted(
        (row.conversation.slug, row.pk >> 20, people.get(row.sender_id), row.kind, row.text,
         bytes(row.digest), row.nth, row.more, row.file, row.line,
         tuple(row.attachments.order_by("number").values_list("name", "file")))
        for row in Message.objects.select_related("conversation")
    )  # fmt: skip


def found(vault, words: str) -> int:
    return len(search.find(search.parse(words), Scope(vault.pk), 100))


def test_a_snapshot_is_read_into_conversations_whose_counts_reconcile(vault) -> None:
    row = index(keep(vault, {NAME: chat(*HELLO), "photo.jpg": b"x", "notes.bin": b"\0\1"}))
    assert (row.state, row.sources, row.sources_done, row.messages) == (IndexState.DONE, 1, 1, 4)
    talk = Conversation.objects.get()
    assert (talk.title, talk.app, talk.messages) == ("Bob", "whatsapp", 4)
    assert texts() == ["Hello", "你好世界", "Hello", "Hello"]
    assert [person.name for person in talk.people.order_by("number")] == ["Alice", "Bob"]
    source = SourceRow.objects.get()
    told = source.messages + source.system + source.continuations + source.warned
    assert source.seen == told == 4
    assert (talk.first, talk.last) == (
        Message.objects.earliest("pk").pk,
        Message.objects.latest("pk").pk,
    )
    assert (found(vault, "世界"), found(vault, "hello"), found(vault, "nothing")) == (1, 3, 0)


def test_the_same_file_in_two_snapshots_is_read_once(vault) -> None:
    index(keep(vault, {NAME: chat(*HELLO)}))
    row = index(keep(vault, {NAME: chat(*HELLO)}))
    assert (row.state, row.messages) == (IndexState.DONE, 0)
    assert SourceRow.objects.count() == 1
    assert Message.objects.count() == 4


def test_overlapping_exports_merge_without_duplicates(vault) -> None:
    later = ("03 Alice: Hello", "03 Alice: Hello", "04 Bob: new", "05 Bob: newer")
    index(keep(vault, {NAME: chat(*HELLO)}, created=1))
    index(keep(vault, {NAME: chat(*later)}, created=2))
    assert texts() == ["Hello", "你好世界", "Hello", "Hello", "new", "newer"]
    assert Conversation.objects.get().messages == 6
    assert found(vault, "hello") == 3


def test_media_that_came_later_are_found_and_nothing_is_told_twice(vault) -> None:
    line = chat("01 Alice: IMG-20230213-WA0001.jpg (file attached)", "02 Bob: nice")
    index(keep(vault, {f"a/{NAME}": line}, created=1))
    assert Attachment.objects.get().file == ""
    index(keep(vault, {f"a/{NAME}": line, "a/IMG-20230213-WA0001.jpg": b"\xff\xd8"}, created=2))
    assert Message.objects.count() == 2
    assert Attachment.objects.get().file == "a/IMG-20230213-WA0001.jpg"


def test_vaults_stay_apart(vault) -> None:
    other = vault_of("mallory")
    index(keep(vault, {NAME: chat(*HELLO)}))
    index(keep(other, {NAME: chat("01 Bob: mine")}))
    assert Conversation.objects.count() == 2
    assert (found(vault, "mine"), found(other, "mine"), found(other, "hello")) == (0, 1, 0)


class Killed(BaseException):
    """Whatever ends a process."""


@pytest.mark.parametrize("after", range(4))
def test_it_goes_on_where_it_was_killed(vault, monkeypatch, after: int) -> None:
    lines = [f"{n % 60:02} Alice: {n % 7} {'x' * 3000}" for n in range(1200)]
    files = {NAME: chat(*lines), "b/WhatsApp Chat with Eve.txt": chat(*HELLO)}
    snapshot = keep(vault, files)
    index(snapshot)
    undisturbed = everything()
    forgetting.forget_everything()
    begun = messages.Messages._insert
    calls = 0

    def until_killed(self, new) -> None:
        nonlocal calls
        begun(self, new)
        calls += 1
        if calls > after:
            raise Killed

    monkeypatch.setattr(messages.Messages, "_insert", until_killed)
    with pytest.raises(Killed):
        index(snapshot)
    monkeypatch.undo()
    committed = Message.objects.count()
    assert (committed > 0) == (after > 0)
    index(snapshot)
    assert everything() == undisturbed
    assert IndexedSnapshot.objects.get().messages == len(undisturbed) - committed


def test_a_changed_date_order_is_kept_and_read_anew(vault) -> None:
    snapshot = keep(vault, {NAME: chat("01 Alice: when?", day=5)})
    index(snapshot)
    talk = Conversation.objects.get()
    assert not talk.is_date_order_sure
    order = DateOrder.MDY if talk.date_order == DateOrder.DMY else DateOrder.DMY
    before = Message.objects.get().pk
    choices.set_date_order(talk, order)
    assert reconciling.reconcile() == 1
    call_command("db_worker", batch=True, max_tasks=1, startup_delay=False)
    assert IndexedSnapshot.objects.get().state == IndexState.WAITING
    index(snapshot)
    talk.refresh_from_db()
    assert talk.date_order == order
    assert Message.objects.get().pk != before
    assert found(vault, "when") == 1
    forgetting.forget_everything()
    index(snapshot)
    assert Conversation.objects.get().date_order == order


def test_what_is_forgotten_is_gone_and_the_rest_is_read_again(vault) -> None:
    first = keep(vault, {NAME: chat(*HELLO)}, created=1)
    second = keep(vault, {NAME: chat("03 Alice: Hello", "09 Bob: only here")}, created=2)
    index(first)
    index(second)
    SnapshotPack.objects.filter(snapshot=second).delete()
    second.delete()
    assert reconciling.reconcile() == 1
    index_or_forget = indexing.index
    index_or_forget(vault.pk, second.snapshot_id)
    assert reconciling.reconcile() == 1
    index(first)
    assert texts() == ["Hello", "你好世界", "Hello", "Hello"]
    assert (found(vault, "only"), SourceRow.objects.count()) == (0, 1)


def test_every_snapshot_is_queued_once(vault) -> None:
    snapshot = keep(vault, {NAME: chat(*HELLO)})
    assert (reconciling.reconcile(), reconciling.reconcile()) == (1, 0)
    assert reconciling.is_anything_left()
    index(snapshot)


def test_a_reindex_gives_the_same_names(vault) -> None:
    snapshots = [
        keep(vault, {NAME: chat(*HELLO)}, created=1),
        keep(vault, {NAME: chat("03 Alice: Hello", "09 Bob: x")}, created=2),
    ]
    for snapshot in snapshots:
        index(snapshot)
    before = everything()
    forgetting.forget_everything()
    assert not Message.objects.exists()
    assert found(vault, "hello") == 0
    for snapshot in snapshots:
        index(snapshot)
    assert everything() == before


def test_what_cannot_be_read_says_where(vault) -> None:
    index(keep(vault, {NAME: "no header\n" + chat("01 Alice: x")}))
    assert WarningRow.objects.filter(source__files=[NAME]).exists()
    link = ConversationSource.objects.get()
    assert (link.messages, Message.objects.using(INDEX).count()) == (1, 1)


def test_a_grown_export_takes_no_query_for_each_message_that_was_there(
    vault, django_assert_max_num_queries
) -> None:
    lines = [f"{n % 60:02} Alice: {n}" for n in range(300)]
    index(keep(vault, {NAME: chat(*lines)}, created=1))
    grown = keep(vault, {NAME: chat(*lines, "59 Bob: new")}, created=2)
    with django_assert_max_num_queries(60, connection=connections[INDEX]):
        indexing.index(grown.vault_id, grown.snapshot_id)
    assert Message.objects.count() == 301
    assert {row.last_source_id for row in Message.objects.all()} == {
        SourceRow.objects.latest("pk").pk
    }


def test_an_edit_and_a_deletion_keep_what_was_there(vault) -> None:
    def telegram(*said: dict) -> str:
        messages = [
            {
                "type": "message",
                "date_unixtime": "1700000000",
                "from": "A",
                "from_id": "user1",
                **each,
            }
            for each in said
        ]
        return json.dumps({"name": "A", "type": "personal_chat", "id": 7, "messages": messages})

    one = {"id": 1, "text": "frist " + "word " * 300}
    index(keep(vault, {"result.json": telegram(one, {"id": 2, "text": "stays"})}, created=1))
    index(keep(vault, {"result.json": telegram(one | {"text": "first"})}, created=2))
    assert texts() == ["first", "stays"]
    changed = more.decode(Message.objects.earliest("pk").more)
    assert [text.strip() for text in changed.earlier] == [one["text"].strip()]
    assert (found(vault, "first"), found(vault, "frist"), found(vault, "stays")) == (1, 0, 1)


def test_names_of_files_of_any_length_can_be_forgotten(vault) -> None:
    name = "x" * 190 + " needle " + "y" * 300 + ".jpg"
    header = {"format": "backupstation.chat/1", "key": "c", "title": "c"}
    said = {"kind": "media", "id": "1", "attachments": [{"kind": "image", "name": name}]}
    first, second = ({**said, "text": text} for text in ("", "caption"))
    for number, record in enumerate((first, second)):
        index(
            keep(
                vault,
                {"c.jsonl": f"{json.dumps(header)}\n{json.dumps(record)}\n"},
                created=number + 1,
            )
        )
    assert (found(vault, "needle"), found(vault, "caption")) == (1, 1)
    forgetting.read_anew([row.pk for row in SourceRow.objects.all()])
    assert (found(vault, "needle"), found(vault, "caption")) == (0, 0)
    check = "INSERT INTO conversations_search_1 (conversations_search_1) VALUES ('integrity-check')"
    with connections[INDEX].cursor() as cursor:
        cursor.execute(check)


def test_a_poorer_export_takes_neither_names_nor_files_away(vault) -> None:
    photo = "01 Alice: IMG-20230213-WA0001.jpg (file attached)"
    whole = {NAME: chat(photo, "02 Bob: x", "03 Bob: y"), "IMG-20230213-WA0001.jpg": b"\xff\xd8"}
    first = keep(vault, whole, created=1)
    second = keep(vault, {NAME: chat(photo)}, created=2)
    third = keep(vault, whole | {NAME: whole[NAME] + chat("04 Bob: z")}, created=3)
    index(first)
    index(second)
    talk = Conversation.objects.get()
    assert selecting.snapshot_of(talk) == first
    assert selecting.held_by(talk, second) == 1
    index(third)
    chosen = selecting.of_conversation(Conversation.objects.get())
    assert chosen.snapshot == third
    assert chosen.selection.items == sorted(whole)
