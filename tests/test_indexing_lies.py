"""A confined process that means harm: the index, its pages and the worker go on."""

import asyncio
from functools import partial
from types import SimpleNamespace

import pytest

from accounts.models import User
from backupstation import roles
from conversations import indexing
from conversations.confined.parent import Confined
from conversations.events import ReadWarning
from conversations.models import Attachment, Conversation, IndexedSnapshot, Message, WarningRow
from conversations.readers import BY_APP
from conversations.recognising import Recognised
from tests import hostile_child, page_cast
from tests.kept_cast import keep, vault_of
from tests.reading_cast import MemoryTree

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def hostile(monkeypatch):
    roles.prepare()
    confined = partial(Confined, module=hostile_child.MODULE)
    monkeypatch.setattr(indexing, "Confined", confined)


def index(files: dict[str, str]) -> IndexedSnapshot:
    snapshot = keep(vault_of("alice"), files)
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return IndexedSnapshot.objects.get()


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setitem(BY_APP, "hostile", SimpleNamespace(version=1, title="Hostile"))


@pytest.mark.parametrize("lie", range(len(hostile_child.LIES)))
def test_what_no_reader_finds_is_not_believed(lie: int) -> None:
    tree = MemoryTree({"x": f"lies\n{lie}"})
    with Confined(tree, module=hostile_child.MODULE) as reader:
        ((warning,),) = reader.read(Recognised("hostile", ("x",)))
    assert isinstance(warning, ReadWarning)
    assert warning.code == "reader-died"
    assert "nonsense" in warning.detail


def test_sources_of_readers_that_there_are_not_are_left_out() -> None:
    row = index({"x": "good\n1"})
    assert (row.state, row.sources) == ("done", 0)
    assert row.tree_warnings[0]["detail"] == "unknown readers"


def test_one_lie_ends_its_source_alone(known) -> None:
    row = index({"a": "lies\n0", "b": "good\nhello", "c": "boasts"})
    assert (row.state, row.sources) == ("done", 3)
    assert WarningRow.objects.filter(code="reader-died").count() == 1
    assert Message.objects.filter(text="hello").exists()


def test_whatever_is_told_can_be_shown_and_given_back(known) -> None:
    row = index({"x": "boasts"})
    assert (row.state, row.failure) == ("done", "")
    assert Conversation.objects.count() >= 4
    client = page_cast.signed_in(User.objects.get(username="alice"))
    for talk in Conversation.objects.all():
        there = f"/conversations/{talk.slug}/"
        for rest in ("", "gallery/", "?at=x", "?date=2024-01-01", "?before=0"):
            assert client.get(there + rest).status_code == 200, rest
        for rest in ("originals/", "export.jsonl", "export.jsonl?media=0", "export.html"):
            answer = client.get(there + rest)
            assert answer.status_code == 200, rest
            assert asyncio.run(read(answer)), rest
    for address in ("", "search/?q=x", "search/?attached=on", f"snapshots/{row.snapshot_id}/"):
        assert client.get(f"/conversations/{address}").status_code == 200, address
    attachment = Attachment.objects.all()[0]
    there = f"/conversations/{attachment.message.conversation.slug}"
    for rest in (f"attachments/{attachment.pk}/", f"thumbnails/{attachment.pk}/"):
        assert client.get(f"{there}/{rest}").status_code == 404


async def read(answer) -> bytes:
    return b"".join([piece async for piece in answer])
