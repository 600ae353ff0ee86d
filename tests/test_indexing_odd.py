"""Indexing that is ended in bad moments, and times that few chats have."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks.utils import get_random_id
from django_tasks_db.models import DBTaskResult

from conversations import forgetting, indexing, reconciling, timeline, worker
from conversations.databases import INDEX
from conversations.models import (
    Attachment,
    Conversation,
    IndexedSnapshot,
    IndexState,
    Message,
    SourceRow,
)
from tests.kept_cast import keep, vault_of
from transfer.models import Snapshot

pytestmark = pytest.mark.django_db(transaction=True)

EARLY = "1960-01-01T00:00:00Z"
LATE = "2024-01-01T00:00:00Z"


@pytest.fixture
def vault():
    return vault_of("alice")


def chat(*told: tuple[str, str]) -> str:
    """A file of ``backupstation.chat/1`` with these times and texts."""
    header = {"format": "backupstation.chat/1", "key": "c1", "title": "Us"}
    said = [{"kind": "text", "time": at, "sender": "a", "text": text} for at, text in told]
    return "\n".join(json.dumps(record) for record in (header, *said))


def texts() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("text", flat=True))


def broken_off(monkeypatch, error: BaseException) -> None:
    """Make forgetting end after it has emptied a conversation."""
    empty = forgetting._empty

    def empty_and_end(conversation_id: int) -> None:
        empty(conversation_id)
        raise error

    monkeypatch.setattr(forgetting, "_empty", empty_and_end)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", EARLY, "1969-12-31T23:59:59.999Z"])
def test_a_time_before_1970_is_read_once_and_found_by_its_day(vault, at: str) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        snapshot = keep(vault, {name: chat((at, "early"), (LATE, name))})
        indexing.index(vault.pk, snapshot.snapshot_id)
        assert IndexedSnapshot.objects.get(snapshot_id=snapshot.snapshot_id).failure == ""
    assert texts() == ["early", "a.jsonl", "b.jsonl"]
    day = timeline.dt.date(1950, 1, 1)
    found = timeline.on(Conversation.objects.get(), day, timeline.dt.UTC)
    assert found.text == "early"
    assert found.is_timed == (at != "0001-01-01T00:00:00Z")


def test_reading_that_goes_on_after_another_source_told_the_same_loses_no_message(vault) -> None:
    between = [("2024-01-02T00:00:00Z", f"{number}") for number in range(4500)]
    long = keep(vault, {"a.jsonl": chat((LATE, "same"), *between, (LATE, "same"))})
    calls = iter([None, None, OSError("away")])

    def told() -> None:
        if (error := next(calls, None)) is not None:
            raise error

    indexing.index(vault.pk, long.snapshot_id, told)
    assert texts().count("same") == 1
    assert IndexedSnapshot.objects.get().state == IndexState.FAILED
    other = keep(vault, {"b.jsonl": chat((LATE, "same"))})
    indexing.index(vault.pk, other.snapshot_id)
    indexing.index(vault.pk, long.snapshot_id)
    assert texts().count("same") == 2
    assert len(texts()) == 4502


MEDIA = '{"kind":"image","name":"NAME","path":"NAME"}'


def photos(*told: tuple[str, ...]) -> str:
    """As :func:`chat`: a caption each, and the names of the photos that it stands below."""
    lines = [chat()]
    for caption, *names in told:
        media = ",".join(MEDIA.replace("NAME", name) for name in names)
        lines.append(
            f'{{"kind":"media","time":"{LATE}","sender":"a","text":"{caption}",'
            f'"attachments":[{media}]}}'
        )
    return "\n".join(lines)


def test_of_several_photos_those_that_were_left_out_come_later(vault) -> None:
    for there in ({"a.jpg": "1"}, {"b.jpg": "2"}, {"a.jpg": "1", "b.jpg": "2"}):
        files = {"c.jsonl": photos(("", "a.jpg", "b.jpg"))} | there
        indexing.index(vault.pk, keep(vault, files).snapshot_id)
    attached = Attachment.objects.order_by("number").values_list("name", "file")
    assert list(attached) == [("a.jpg", "a.jpg"), ("b.jpg", "b.jpg")]


def test_photos_of_one_moment_keep_their_captions(vault) -> None:
    files = {"a.jpg": "1", "b.jpg": "2"}
    for told in ((("one", "a.jpg"), ("two", "b.jpg")), (("two", "b.jpg"),)):
        snapshot = keep(vault, {"c.jsonl": photos(*told)} | files)
        indexing.index(vault.pk, snapshot.snapshot_id)
    assert texts() == ["one", "two"]
    assert not Message.objects.exclude(more="").exists()


def test_forgetting_that_is_killed_is_ended_and_all_is_read_again(vault, monkeypatch) -> None:
    snapshot = keep(vault, {"a.jsonl": chat((LATE, "one"), (LATE, "two"))})
    indexing.index(vault.pk, snapshot.snapshot_id)
    with monkeypatch.context() as patched:
        broken_off(patched, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            forgetting.read_anew(list(SourceRow.objects.values_list("pk", flat=True)))
    assert texts() == []
    assert reconciling.reconcile() == 1
    indexing.index(vault.pk, snapshot.snapshot_id)
    assert texts() == ["one", "two"]


def test_a_snapshot_that_could_not_be_forgotten_is_forgotten_later(vault, monkeypatch) -> None:
    snapshot = keep(vault, {"a.jsonl": chat((LATE, "secret"))})
    name = snapshot.snapshot_id
    indexing.index(vault.pk, name)
    snapshot.delete()
    with monkeypatch.context() as patched:
        patched.setattr(forgetting, "_empty", _locked)
        with pytest.raises(OperationalError):
            indexing.index(vault.pk, name)
    assert texts() == ["secret"]
    indexing.note_failure(vault.pk, name, "database is locked")
    assert reconciling.reconcile() == 0  # not at once, again and again
    IndexedSnapshot.objects.update(updated_at="2024-01-01T00:00:00Z")
    assert reconciling.reconcile() == 1
    indexing.index(vault.pk, name)
    assert texts() == []
    assert not IndexedSnapshot.objects.exists()


def test_a_snapshot_that_is_forgotten_while_it_is_read_leaves_nothing(vault) -> None:
    said = [(LATE, f"secret {number} {'x' * 300}") for number in range(5000)]
    snapshot = keep(vault, {"a.jsonl": chat(*said), "b.jsonl": chat(*said)})
    told = []

    def forget() -> None:
        told.append(Message.objects.count())
        if len(told) == 3:
            Snapshot.objects.filter(pk=snapshot.pk).delete()

    indexing.index(vault.pk, snapshot.snapshot_id, forget)
    assert 0 < told[2] < 5000
    assert not Message.objects.exists()
    assert not IndexedSnapshot.objects.exists()
    assert not SourceRow.objects.exists()


def test_a_batch_writes_only_the_conversations_that_it_is_about(vault) -> None:
    said = [{"kind": "text", "time": LATE, "sender": "a", "text": f"{n}"} for n in range(8000)]
    lines = [{"format": "backupstation.chat/1", "key": f"c{at}", "title": ""} for at in range(100)]
    snapshot = keep(vault, {"a.jsonl": "\n".join(map(json.dumps, lines + said))})
    with CaptureQueriesContext(connections[INDEX]) as asked:
        indexing.index(vault.pk, snapshot.snapshot_id)
    assert (Conversation.objects.count(), Message.objects.count()) == (100, 8000)
    written = [each for each in asked if 'UPDATE "conversations_conversationsource"' in each["sql"]]
    assert 100 <= len(written) < 120


def test_a_clock_that_was_ahead_keeps_nothing_from_being_tried_again(vault) -> None:
    snapshot = keep(vault, {"a.jsonl": chat((LATE, "one"))})
    indexing.index(vault.pk, snapshot.snapshot_id)
    assert reconciling.reconcile() == 0
    ahead = timezone.now() + timedelta(days=900)
    IndexedSnapshot.objects.update(state="failed", updated_at=ahead)
    assert reconciling.reconcile() == 1


def _locked(_conversation_id: int) -> None:
    raise OperationalError("database is locked")


def test_a_second_worker_ends_as_one_that_is_not_started_at_once_again(monkeypatch) -> None:
    monkeypatch.setattr(worker, "end_with_parent", lambda: None)
    monkeypatch.setattr(worker, "step_back", lambda: None)
    with worker.alone(), pytest.raises(SystemExit) as ended:
        call_command("read_snapshots")
    assert ended.value.code == 75


def test_what_ends_the_worker_again_and_again_keeps_nothing_else_from_being_read(vault) -> None:
    for created in (1_700_000_000, 1_700_000_001):
        keep(vault, {"a.jsonl": chat((LATE, str(created)))}, created=created)
    assert reconciling.reconcile() == 2
    begun = [_begun_and_killed() for _ in range(4)]
    assert begun[0] == begun[1] == begun[2] != begun[3]


def _begun_and_killed() -> str:
    """Begin the task that is next, as a worker does that is killed then; its snapshot."""
    with worker.alone():
        task = DBTaskResult.objects.ready().first()
        task.claim(get_random_id())
    return task.args_kwargs["args"][1]


def test_only_the_lock_itself_says_that_another_one_is_at_work() -> None:
    with pytest.raises(BlockingIOError), worker.alone():
        raise BlockingIOError("no process could be started")
