"""What is written down of a conversation is whole, whatever is done to it meanwhile."""

import asyncio
import io
import json
import re
import secrets
import zipfile

import pytest

from accounts.models import User
from conversations import forgetting, indexing
from conversations.exporting import html
from conversations.models import (
    Conversation,
    IndexedSnapshot,
    IndexState,
    Message,
    SourceRow,
)
from conversations.transcript import Changed
from tests import chats_cast, page_cast
from tests.kept_cast import keep, vault_of

pytestmark = pytest.mark.django_db(transaction=True)
COUNT = 3000


def kept(*texts: str) -> Conversation:
    picture = chats_cast.file("image", "p.jpg", path="p.jpg")
    said = [chats_cast.line("2024-01-01T10:00:00Z", "a", text, id=text) for text in texts]
    said[-1]["attachments"] = [picture]
    people = [{"key": "a", "name": "A"}]
    files = {"c.jsonl": chats_cast.jsonl("us", "Us", people, said), "p.jpg": bytes(500_000)}
    snapshot = keep(vault_of("alice"), files)
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return Conversation.objects.get()


def texts() -> list[str]:
    """Too much, and too random, to be sent at once."""
    return [secrets.token_hex(200) for _ in range(COUNT)]


def exported(row: Conversation, rest: str, then=lambda: None) -> bytes:
    """``then`` is called after the first piece."""
    answer = page_cast.signed_in(User.objects.get(username="alice")).get(
        f"/conversations/{row.slug}/{rest}"
    )

    async def read() -> bytes:
        pieces = aiter(answer)
        made = [await anext(pieces)]
        await asyncio.to_thread(then)
        return b"".join(made + [piece async for piece in pieces])

    return asyncio.run(read())


@pytest.mark.parametrize("rest", ["export.html", "export.jsonl", "export.jsonl?media=0"])
def test_an_export_of_what_is_read_anew_meanwhile_does_not_end_as_if_it_were_whole(rest) -> None:
    row = kept(*texts())
    sources = list(SourceRow.objects.values_list("pk", flat=True))
    with pytest.raises(Changed):
        exported(row, rest, lambda: forgetting.read_anew(sources))


def test_media_are_not_left_out_of_what_is_read_anew_meanwhile() -> None:
    row = kept("one")
    Message.objects.update(text=secrets.token_hex(400_000))  # the first piece is all that was said
    sources = list(SourceRow.objects.values_list("pk", flat=True))
    with pytest.raises(Changed):
        exported(row, "export.jsonl", lambda: forgetting.read_anew(sources))


def test_pages_have_what_was_read_meanwhile(monkeypatch) -> None:
    monkeypatch.setattr(html, "PER_PAGE", 1000)
    before = texts()
    row = kept(*before)
    made = exported(row, "export.html", lambda: kept(*before, "later") and None)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        pages = [archive.read(name) for name in archive.namelist() if name.endswith(".html")]
    assert [len(re.findall(b"<article", page)) for page in pages] == [1000, 1000, 1001]
    assert b"later" in pages[-1]


def test_it_is_told_that_there_may_be_more_while_backups_are_read(settings) -> None:
    row = kept("one")
    browser = page_cast.signed_in(User.objects.get(username="alice"))
    said = "Some backups are still being read: there may be more in a while."

    def told() -> set[bool]:
        with zipfile.ZipFile(io.BytesIO(exported(row, "export.html"))) as archive:
            page = archive.read("index.html").decode()
        address = f"/conversations/{row.slug}/"
        shown = [browser.get(address).text, browser.get(f"{address}export/").text, page]
        return {said in each for each in shown}

    assert told() == {False}
    IndexedSnapshot.objects.update(state=IndexState.READING)
    assert told() == {True}
    settings.STATION_INDEXING = "off"
    assert told() == {False}


def test_an_export_of_what_stays_is_whole() -> None:
    row = kept(*texts())
    lines = exported(row, "export.jsonl?media=0").splitlines()
    assert [json.loads(line)["text"] for line in lines[1:]] == list(
        Message.objects.order_by("pk").values_list("text", flat=True)
    )
