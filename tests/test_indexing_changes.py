"""What changes after something was read: the readers, the bytes, and what other exports tell."""

import json
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from conversations import indexing, more, readers, reconciling
from conversations.confined.frames import AskNames, AskRange, Batch
from conversations.confined.process import Process
from conversations.keeping import Keeping
from conversations.models import (
    Attachment,
    IndexedSnapshot,
    IndexState,
    Message,
    SourceRow,
    WarningRow,
)
from conversations.readers.chat1 import Chat1
from tests.kept_cast import keep, vault_of
from tests.test_archives import zipped
from transfer.models import Chunk, Snapshot

pytestmark = pytest.mark.django_db(transaction=True)

AT = "2024-01-01T00:00:00Z"


@pytest.fixture
def vault():
    return vault_of("alice")


def chat(*told: dict, nonsense: int = 0) -> str:
    """A file of ``backupstation.chat/1`` with these messages of one moment."""
    header = {"format": "backupstation.chat/1", "key": "c1", "title": "Us"}
    said = [{"kind": "text", "time": AT, "sender": "a", **each} for each in told]
    lines = [json.dumps(record) for record in (header, *said)]
    return "\n".join([lines[0], *["nonsense"] * nonsense, *lines[1:]])


def photo(name: str, text: str = "") -> dict:
    attachment = {"kind": "image", "name": name, "path": name}
    return {"kind": "media", "text": text, "attachments": [attachment]}


def index(snapshot: Snapshot) -> IndexedSnapshot:
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return IndexedSnapshot.objects.get(snapshot_id=snapshot.snapshot_id)


def texts() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("text", flat=True))


def files() -> list[str]:
    return list(Attachment.objects.order_by("message").values_list("file", flat=True))


def test_what_an_older_version_of_a_reader_read_is_read_again(vault, monkeypatch) -> None:
    snapshot = keep(vault, {"c.jsonl": chat({"text": "hello"})})
    index(snapshot)
    assert reconciling.reconcile() == 0
    monkeypatch.setattr(Chat1, "version", Chat1.version + 1)
    assert reconciling.reconcile() == 1
    index(snapshot)
    assert SourceRow.objects.get().reader_version == Chat1.version
    assert texts() == ["hello"]
    DBTaskResult.objects.all().delete()
    assert reconciling.reconcile() == 0


def test_what_only_a_new_reader_knows_is_read_when_it_is_there(vault, monkeypatch) -> None:
    snapshot = keep(vault, {"c.jsonl": chat({"text": "hello"})})
    index(snapshot)
    older = tuple(each for each in readers.READERS if each.app != "line")
    monkeypatch.setattr(readers, "READERS", older)
    assert reconciling.reconcile() == 1


@pytest.mark.parametrize("captions", [("one", "two"), ("", "two"), ("", "")])
def test_two_photos_of_one_moment_in_two_exports_are_two(vault, captions: tuple[str, str]) -> None:
    for name, caption in zip(("a.jpg", "b.jpg"), captions, strict=True):
        files_kept = {"c.jsonl": chat(photo(name, caption)), name: "x" * ord(name[0])}
        index(keep(vault, files_kept))
    assert (texts(), files()) == (list(captions), ["a.jpg", "b.jpg"])


def test_a_photo_that_two_exports_call_differently_is_one(vault) -> None:
    for name in ("00000001-a.jpg", "00000009-a.jpg"):
        index(keep(vault, {"c.jsonl": chat(photo(name)), name: "the same"}))
    assert (texts(), files()) == ([""], ["00000001-a.jpg"])


def test_of_several_photos_of_one_moment_each_is_told_once(vault) -> None:
    sizes = {"a.jpg": "1", "b.jpg": "22", "c.jpg": "333"}
    index(keep(vault, {"c.jsonl": chat(*map(photo, sizes))} | sizes))
    index(keep(vault, {"c.jsonl": chat(photo("c.jpg"), photo("d.jpg")), "d.jpg": "4444"} | sizes))
    assert files() == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def test_a_deletion_is_told_whichever_export_is_read_first(vault) -> None:
    told = ({"id": "1", "text": "regretted"}, {"id": "1", "kind": "deleted"})
    for name, order in (("one", told), ("two", told[::-1])):
        owner = vault_of(name)
        for each in order:
            index(keep(owner, {"c.jsonl": chat(each)}))
    assert texts() == ["regretted", "regretted"]
    assert all(more.decode(row.more).deleted for row in Message.objects.all())


def test_a_deletion_that_our_own_format_tells_is_in_the_index(vault) -> None:
    index(keep(vault, {"c.jsonl": chat({"id": "1", "text": "regretted", "deleted": True})}))
    row = Message.objects.get()
    assert (row.kind, row.text, more.decode(row.more).deleted) == ("text", "regretted", True)


def damaged(number: int) -> tuple[Path, bytes]:
    """Alter the chunk with this number in its pack; the pack's path, and what was in it."""
    chunk = Chunk.objects.order_by("offset")[number]
    path = settings.STATION_STORE_DIR / chunk.pack_id
    before = path.read_bytes()
    raw = bytearray(before)
    raw[chunk.offset + chunk.sealed_length // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)
    return path, before


@pytest.mark.parametrize("nonsense", [0, 300])
def test_what_was_damaged_is_read_again_when_it_is_sound(vault, nonsense: int) -> None:
    """Also when very much else of it could not be read."""
    said = [{"text": f"{number} {secrets.token_hex(200)}"} for number in range(1000)]
    snapshot = keep(vault, {"c.jsonl": chat(*said, nonsense=nonsense)})
    path, before = damaged(4)
    row = index(snapshot)
    assert ends().count() == 1
    assert 0 < Message.objects.count() < 1000
    assert reconciling.reconcile() == 0
    later(row)
    assert reconciling.reconcile() == 1
    index(snapshot)
    assert ends().count() == 1
    assert reconciling.reconcile() == 0
    path.write_bytes(before)
    index(snapshot)
    assert not ends().exists()
    assert Message.objects.count() == 1000


def ends() -> QuerySet[WarningRow]:
    return WarningRow.objects.filter(code="bytes-missing")


MANY = 9000
"""Messages of more bytes than the process asks for before it has told the first of them."""


def killed_after(monkeypatch, frame: type) -> None:
    """Let every confined process be killed once it has told a frame of this type."""

    def told(self):
        frames.append(real(self))
        if isinstance(frames[-1], frame):
            self._child.kill()
        return frames[-1]

    frames, real = [], Process.told
    monkeypatch.setattr(Process, "told", told)


@pytest.mark.parametrize(("frame", "kept"), [(AskRange, 0), (Batch, 1998)])
def test_what_is_killed_again_and_again_is_read_another_day(
    vault, monkeypatch, frame: type, kept: int
) -> None:
    said = [{"text": f"{number} {'x' * 100}"} for number in range(MANY)]
    snapshot = keep(vault, {"c.jsonl": chat(*said)})
    with monkeypatch.context() as patched:
        killed_after(patched, frame)
        row = index(snapshot)
    codes = [each["code"] for each in row.tree_warnings]
    assert codes + list(WarningRow.objects.values_list("code", flat=True)) == ["reader-killed"]
    assert Message.objects.count() == kept
    assert reconciling.reconcile() == 0
    later(row)
    assert reconciling.reconcile() == 1
    index(snapshot)
    assert Message.objects.count() == MANY
    assert not WarningRow.objects.exists()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_end_that_nobody_could_note_is_none(vault, monkeypatch, moment: str) -> None:
    """The worker is gone just before, or after, it notes that a reader was killed."""

    def end(self, *args):
        if moment == "after":
            real(self, *args)
        raise OSError("away")

    real = Keeping.end
    said = [{"text": f"{number} {'x' * 100}"} for number in range(MANY)]
    snapshot = keep(vault, {"c.jsonl": chat(*said)})
    with monkeypatch.context() as patched:
        killed_after(patched, Batch)
        patched.setattr(Keeping, "end", end)
        row = index(snapshot)
    assert row.failure == "away"
    assert WarningRow.objects.get().code == "reader-killed"
    later(row)
    assert reconciling.reconcile() == 1
    index(snapshot)
    assert Message.objects.count() == MANY
    assert not WarningRow.objects.exists()


@pytest.mark.parametrize("name", ["c.jsonl", "phone.zip"])
def test_what_was_read_stays_when_its_bytes_are_lost_later(vault, monkeypatch, name: str) -> None:
    """It may be all that is left of them."""
    text = chat({"text": "hello"})
    files = {name: zipped({"c.jsonl": text}) if name.endswith("zip") else text}
    index(keep(vault, files))
    damaged(0)
    monkeypatch.setattr(readers, "READERS", readers.READERS[:-1])  # as if others had learnt
    assert reconciling.reconcile() == 1
    row = index(Snapshot.objects.get())
    assert [each["code"] for each in row.tree_warnings] == ["bytes-missing"]
    assert texts() == ["hello"]
    assert SourceRow.objects.get().state == IndexState.DONE


def test_what_was_read_stays_when_nothing_can_be_looked_at(vault, monkeypatch) -> None:
    snapshot = keep(vault, {"c.jsonl": chat({"text": "hello"})})
    index(snapshot)
    with monkeypatch.context() as patched:
        killed_after(patched, AskNames)
        row = index(snapshot)
    assert [each["code"] for each in row.tree_warnings] == ["reader-killed"]
    assert texts() == ["hello"]
    later(row)
    assert reconciling.reconcile() == 1
    assert index(snapshot).tree_warnings == []
    assert texts() == ["hello"]


def later(row: IndexedSnapshot) -> None:
    """Let a day go by, and the queue be empty."""
    day = timezone.now() - timedelta(days=1, minutes=1)
    IndexedSnapshot.objects.filter(pk=row.pk).update(updated_at=day)
    DBTaskResult.objects.all().delete()
