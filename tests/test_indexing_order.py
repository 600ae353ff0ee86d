"""Exports that tell a thing differently: the youngest is right, in whatever order they are read."""

import itertools
import json

import pytest

from conversations import choices, indexing, more, reconciling
from conversations.events import DateOrder
from conversations.models import (
    Attachment,
    Conversation,
    IndexedSnapshot,
    IndexState,
    Message,
    Participant,
    Told,
)
from tests.kept_cast import keep, vault_of

pytestmark = pytest.mark.django_db(transaction=True)

AT = "2024-01-01T00:00:00Z"


@pytest.fixture
def vault():
    return vault_of("alice")


def chat(*told: dict, title: str = "Us", name: str = "") -> str:
    """A file of ``backupstation.chat/1`` with these messages of one moment."""
    people = [{"key": "a", "name": name}]
    header = {"format": "backupstation.chat/1", "key": "c1", "title": title, "people": people}
    said = [{"kind": "text", "time": AT, "sender": "a", **each} for each in told]
    return "\n".join(json.dumps(record) for record in (header, *said))


def texts() -> list[str]:
    return list(Message.objects.order_by("native_id", "pk").values_list("text", flat=True))


def told() -> list[tuple]:
    """All that people see of it."""
    rows = Message.objects.order_by("native_id", "nth")
    files = Attachment.objects.order_by("message__native_id")
    return [
        *((row.native_id, row.kind, row.text, more.decode(row.more)) for row in rows),
        *files.values_list("name", "size", "file"),
        *Conversation.objects.values_list("title"),
        *Participant.objects.values_list("name"),
    ]


PHOTO = [{"kind": "image", "name": "a.jpg", "path": "a.jpg"}]
EXPORTS = [
    {
        "c.jsonl": chat(
            {"id": "1", "text": "frist"},
            {"id": "2", "text": "regretted"},
            {"id": "3", "text": "left alone"},
            {"text": "yes"},
            {"id": "4", "kind": "media", "text": "sea", "attachments": PHOTO},
            {"id": "5", "text": "oen", "reactions": [{"emoji": "1"}]},
            title="Old",
            name="Ann",
        ),
        "a.jpg": "jpeg",
    },
    {
        "c.jsonl": chat(
            {"id": "1", "text": "first"},
            {"id": "2", "kind": "deleted"},
            {"text": "yes"},
            {"text": "yes"},
            {"id": "4", "kind": "media", "text": "sea", "attachments": PHOTO},
            {"id": "5", "text": "one", "reactions": [{"emoji": "2"}]},
            title="Renamed",
            name="Anna",
        )
    },
    {
        "c.jsonl": chat(
            {"id": "1", "text": "First."},
            {"id": "2", "kind": "deleted"},
            {"id": "3", "text": "left alone", "reactions": [{"emoji": "👍", "by": ["b"]}]},
            {"id": "5", "kind": "deleted"},
            title="Newest",
            name="Anne",
        )
    },
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_the_youngest_is_right_in_whatever_order_they_are_read(vault, order) -> None:
    for at in order:
        snapshot = keep(vault, EXPORTS[at], created=at + 1)
        indexing.index(vault.pk, snapshot.snapshot_id)
    seen = told()
    texts = [each[2] for each in seen[:7]]
    assert texts == ["yes", "yes", "First.", "regretted", "left alone", "sea", "one"]
    assert seen[2][3].earlier == ("frist", "first")
    assert seen[3][3].deleted
    assert [each.emoji for each in seen[4][3].reactions] == ["👍"]
    assert (seen[6][3].deleted, seen[6][3].earlier) == (True, ("oen",))
    assert [each.emoji for each in seen[6][3].reactions] == ["2"]
    assert seen[7:] == [("a.jpg", 4, "a.jpg"), ("Newest",), ("Anne",)]
    assert not Told.objects.exists()


def test_what_an_older_snapshot_turns_out_to_hold_is_older(vault) -> None:
    files = [{"us/c.jsonl": chat({"id": "1", "text": text})} for text in ("old", "new")]
    oldest = keep(vault, files[0], created=1)
    for at, each in enumerate((files[1], files[0] | {"else/x.txt": "x"}), 2):
        indexing.index(vault.pk, keep(vault, each, created=at).snapshot_id)
    assert texts() == ["old"]  # two exports of one content: the younger snapshot brought it back
    for _ in range(2):
        indexing.index(vault.pk, oldest.snapshot_id)
        read_what_waits()
    assert texts() == ["new"]


def read_what_waits() -> None:
    reconciling.reconcile()
    for row in IndexedSnapshot.objects.filter(state=IndexState.WAITING):
        indexing.index(row.vault, row.snapshot_id)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_what_came_together_with_what_was_older_is_younger(vault, order) -> None:
    old = {"z/c.jsonl": chat({"id": "1", "text": "old"}, title="Old", name="Ann")}
    new = {"a/c.jsonl": chat({"id": "1", "text": "new"}, title="New", name="Anne")}
    snapshots = [keep(vault, old, created=1), keep(vault, old | new, created=2)]
    for at in order:
        indexing.index(vault.pk, snapshots[at].snapshot_id)
        read_what_waits()
    assert (texts(), told()[-2:]) == (["new"], [("New",), ("Anne",)])


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_of_one_age_is_right_what_stands_later(vault, order) -> None:
    files = [{f"{name}.jsonl": chat({"id": "1", "text": name}, title=name)} for name in "ab"]
    snapshots = [keep(vault, each, created=1) for each in files]
    for at in order:
        indexing.index(vault.pk, snapshots[at].snapshot_id)
    assert (texts(), told()[-2]) == (["b"], ("b",))


@pytest.mark.parametrize("equal", [1, 40])
def test_reading_that_is_broken_off_tells_each_equal_message_once(vault, equal: int) -> None:
    same = [{"text": "same"}] * equal
    between = [{"text": f"{number}"} for number in range(4500)]
    indexing.index(vault.pk, keep(vault, {"a.jsonl": chat(*same)}, created=1).snapshot_id)
    long = keep(vault, {"b.jsonl": chat(*same, *between, *same)}, created=2)
    calls = iter([None, None, OSError("away")])

    def tell() -> None:
        if (error := next(calls, None)) is not None:
            raise error

    indexing.index(vault.pk, long.snapshot_id, tell)
    assert IndexedSnapshot.objects.get(snapshot_id=long.snapshot_id).state == IndexState.FAILED
    assert Told.objects.count() == equal
    indexing.index(vault.pk, keep(vault, {"c.jsonl": chat(*same)}, created=3).snapshot_id)
    indexing.index(vault.pk, long.snapshot_id)
    assert texts().count("same") == 2 * equal
    assert len(texts()) == 2 * equal + 4500


@pytest.mark.parametrize("order", [DateOrder.DMY, DateOrder.MDY, DateOrder.YMD])
def test_a_chosen_order_is_heeded_once(vault, order: DateOrder) -> None:
    """Also when no queueing succeeded, and an order that cannot be meant is not tried for ever."""
    text = "05/01/2024, 09:00 - Alice: one\n05/01/2024, 09:01 - Bob: two\n"
    snapshot = keep(vault, {"WhatsApp Chat with Alice.txt": text})
    indexing.index(vault.pk, snapshot.snapshot_id)
    assert reconciling.reconcile() == 0
    choices.set_date_order(Conversation.objects.get(), order)
    assert choices.is_unheeded(Conversation.objects.get(), order)
    assert (reconciling.reconcile(), reconciling.reconcile()) == (1, 0)
    from conversations import tasks

    tasks.read_anew.func(Conversation.objects.get().slug)
    indexing.index(vault.pk, snapshot.snapshot_id)
    assert not choices.is_unheeded(Conversation.objects.get(), order)
    assert choices.unheeded() == []
