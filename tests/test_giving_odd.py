"""Names as people and attackers give them: whatever it is called, it is given back."""

import asyncio
import io
import json
import re
import zipfile
from collections.abc import Callable

import pytest
from django.http import StreamingHttpResponse

from accounts.models import User
from backupstation import roles
from conversations import indexing
from conversations.bubbles import at_of
from conversations.models import Attachment, Conversation
from tests import chats_cast, page_cast
from tests.kept_cast import keep, vault_of

pytestmark = pytest.mark.django_db(transaction=True)
PICTURE = chats_cast.picture("#224466", (40, 30))
NAMES = [
    *("❤️", "🎉🎉", "!!!", "!.!", "..", "...", " ", "/", "\\", "CON", "-rf", "~"),
    *("x" * 300, "家" * 200, "a\u0301", "é.jpg", "../../etc/passwd", "C:\\x"),
    *("a\n", "a.jpg\n", "a\r\nSet-Cookie: x=y", "\t", "\x7f", "\u0000"),
    *('a"; filename="b', "a'b", "a;b", "%0d%0a"),
    *("\u202egpj.exe", "a\u2066b", "\u200e"),
]
SAFE = re.compile(r'attachment; filename(="[^"\\\r\n]*(\\.[^"\\\r\n]*)*"|\*=utf-8\'\'[\w.%~-]+)')


@pytest.fixture
def client():
    roles.prepare()
    vault_of("alice")
    return page_cast.signed_in(User.objects.get(username="alice"))


def kept(name: str) -> Conversation:
    """A chat, a person and a file that are all called so."""
    picture = chats_cast.file("image", name, path="p.jpg", size=5)
    said = [chats_cast.line("2024-01-01T10:00:00Z", "a", "hi", "media", attachments=[picture])]
    people = [{"key": "a", "name": name}]
    files = {"c.jsonl": chats_cast.jsonl("key", name, people, said), "p.jpg": PICTURE}
    snapshot = keep(vault_of("alice"), files, label="x")
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return Conversation.objects.get()


def body(response: StreamingHttpResponse) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in response])

    assert response.status_code == 200
    return asyncio.run(read())


@pytest.mark.parametrize("name", NAMES)
def test_whatever_it_is_called_it_is_given_back(client, name: str) -> None:
    row = kept(name)
    attachment = Attachment.objects.get()
    there = f"/conversations/{row.slug}"
    ask: Callable[[str], StreamingHttpResponse] = client.get
    saved = ask(f"{there}/attachments/{at_of(attachment.message)}/0/?download")
    assert body(saved) == PICTURE
    answers = [ask(f"{there}/{rest}") for rest in ("originals/", "export.html", "export.jsonl")]
    for answer in answers:
        with zipfile.ZipFile(io.BytesIO(body(answer))) as archive:
            assert archive.testzip() is None
            for inside in archive.namelist():
                assert re.fullmatch(r"(media/)?[\w. ()+-]+", inside), inside
    for answer in (saved, *answers):
        disposition = answer["Content-Disposition"]
        assert SAFE.fullmatch(disposition), disposition
        assert not re.search("%E2%80%AE|%E2%81%A6|%0[AD]", disposition), disposition
    lines = body(ask(f"{there}/export.jsonl?media=0")).splitlines()
    assert json.loads(lines[0])["title"] == row.title


def test_a_file_without_a_name_is_called_what_it_is(client) -> None:
    kinds = ("image", "video", "audio", "document")
    files = [chats_cast.file(kind, "", path="p.jpg") for kind in kinds]
    files.append(chats_cast.file("document", ""))
    said = [chats_cast.line("2024-01-01T10:00:00Z", "a", "", "media", attachments=files)]
    kept = {"c.jsonl": chats_cast.jsonl("key", "Us", [], said), "p.jpg": PICTURE}
    snapshot = keep(vault_of("alice"), kept)
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    Attachment.objects.update(name="")  # as of files that stand in a text
    address = f"/conversations/{Conversation.objects.get().slug}"
    chinese = {"accept-language": "zh-hans"}
    answer = client.get(f"{address}/export.html", headers=chinese)
    with zipfile.ZipFile(io.BytesIO(body(answer))) as archive:
        page = archive.read("index.html").decode()
    assert page.count("<bdi>文件</bdi>") == 2
    assert re.findall(r'(?:alt|aria-label)="([^"]*)"', page) == ["图片", "视频", "音频"]
    gallery = client.get(f"{address}/gallery/", headers=chinese).text
    tiles = re.findall(r"</svg><bdi>([^<]*)</bdi>", gallery)
    assert tiles == ["视频", "音频", "文件"]
