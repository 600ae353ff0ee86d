"""Giving back: attachments, original files, and conversations that are written down."""

import asyncio
import base64
import hashlib
import io
import json
import os
import re
import zipfile

import pytest
from django.conf import settings
from django.utils import translation
from PIL import Image

from accounts.models import User
from backupstation import roles
from conversations.bubbles import at_of
from conversations.digests import digest_of_native
from conversations.models import (
    Attachment,
    Conversation,
    IndexedSnapshot,
    Message,
    Participant,
    SnapshotSource,
    SourceRow,
)
from tests import page_cast
from tests.kept_cast import CHUNK_BYTES, keep, vault_of
from tests.reading_cast import Read
from transfer import chunks, invitations, vaults
from transfer.models import Invitation
from wire.messages import Selection

pytestmark = pytest.mark.django_db(transaction=True)
VIDEO = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + os.urandom(2 * CHUNK_BYTES)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (900, 600), "teal").save(made, "JPEG")
    return made.getvalue()


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


class Kept:
    """A snapshot with one conversation, whose rows are made by hand."""

    def __init__(self) -> None:
        self.vault = vault_of("alice")
        self.picture = picture()
        self.files = {
            "us/chat.jsonl": b"{}",
            "us/cat.jpg": self.picture,
            "us/clip.mp4": VIDEO,
            "us/evil.svg": SVG,
            "us/mms.xml": b'<part data="' + base64.b64encode(self.picture) + b'"/>',
            "us/media.zip": zipped(inside=self.picture),
            "other.txt": b"not of this conversation",
        }
        self.snapshot = keep(self.vault, self.files, label="Us")
        self.source = SourceRow.objects.create(
            vault=self.vault.pk, digest="0", app="chat1", reader_version=1, files=["us/chat.jsonl"]
        )
        indexed = IndexedSnapshot.objects.create(
            vault=self.vault.pk, snapshot_id=self.snapshot.snapshot_id
        )
        SnapshotSource.objects.create(snapshot=indexed, source=self.source)
        self.conversation = Conversation.objects.create(
            vault=self.vault.pk, slug="abcdefgh", app="chat1", key="us", title="Us <b>& co</b>",
            kind="direct", clock="utc",
        )  # fmt: skip
        self.conversation.source_links.create(source=self.source)
        self.alice = Participant.objects.create(
            conversation=self.conversation, key="a", name="Alice <i>", is_self=True
        )
        self.number = 0

    def say(self, text: str = "", minute: int | None = None, **fields: object) -> Message:
        self.number += 1
        at = (1_700_000_000_000 + 60_000 * (minute or self.number)) << 20
        return Message.objects.create(
            id=at, conversation=self.conversation, source=self.source,
            last_source=self.source, file=0, line=self.number,
            **{
                "digest": bytes([self.number] * 16),
                "sender": self.alice, "kind": "text", "text": text, **fields,
            },
        )  # fmt: skip

    def attach(self, message: Message, name: str, kind: str = "image", **place: object) -> str:
        """The end of its address."""
        Message.objects.filter(pk=message.pk).update(has_media=True)
        number = message.attachments.count()
        Attachment.objects.create(
            message=message, source=self.source, number=number, kind=kind, name=name, **place
        )
        return f"{at_of(message)}/{number}"

    def url(self, rest: str) -> str:
        return f"/conversations/{self.conversation.slug}/{rest}"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def client(kept: Kept):
    return page_cast.signed_in(User.objects.get(username="alice"))


def body(response) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in response.streaming_content])

    return asyncio.run(read()) if response.is_async else b"".join(response.streaming_content)


def files_in(response) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body(response))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


# Attachments


@pytest.mark.parametrize(
    ("place", "media_type"),
    [
        ({"file": "us/cat.jpg"}, "image/jpeg"),
        ({"file": "us/media.zip/inside"}, "image/jpeg"),
        ({"file": "us/mms.xml", "start": 12, "length": -3, "encoding": "base64"}, "image/jpeg"),
    ],
)
def test_a_picture_is_shown_wherever_its_bytes_lie(kept, client, place, media_type) -> None:
    if place.get("length"):
        place |= {"length": len(kept.files[place["file"]]) - 12 + place["length"]}
    at = kept.attach(kept.say(), "cat.jpg", **place)
    shown = client.get(kept.url(f"attachments/{at}/"))
    assert body(shown) == kept.picture
    assert shown["Content-Type"] == media_type
    assert shown["Content-Security-Policy"].startswith("sandbox")
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert "Content-Disposition" not in shown
    small = client.get(kept.url(f"thumbnails/{at}/"))
    assert Image.open(io.BytesIO(small.content)).size == (480, 320)


def test_a_head_alone_makes_no_archive(kept, client) -> None:
    at = kept.attach(kept.say(), "clip.mp4", "video", file="us/clip.mp4")
    for rest in ("originals/", "export.html", f"attachments/{at}/"):
        whole = client.get(kept.url(rest))
        assert body(whole)
        head = client.head(kept.url(rest))
        assert (head.status_code, head.streaming, head.content) == (200, False, b"")
        named = ("Content-Type", "Content-Disposition", "Content-Security-Policy", "Cache-Control")
        assert [head.get(name) for name in named] == [whole.get(name) for name in named]


def test_the_address_of_a_picture_lasts(kept, client) -> None:
    """Browsers keep what is there for a week."""
    message = kept.say()
    end = kept.attach(message, "cat.jpg", file="us/cat.jpg")
    Attachment.objects.all().delete()
    kept.attach(kept.say(), "evil.svg", file="us/evil.svg")
    assert client.get(kept.url(f"attachments/{end}/")).status_code == 404
    assert kept.attach(message, "cat.jpg", file="us/cat.jpg") == end
    assert body(client.get(kept.url(f"attachments/{end}/"))) == kept.picture


@pytest.mark.parametrize("name", ["evil.svg", "x.html", "cat.jpg", 'a"; \r\nX: y.svg'])
def test_what_a_browser_would_run_is_only_saved(kept, client, name) -> None:
    at = kept.attach(kept.say(), name, file="us/evil.svg", media_type="image/svg+xml")
    saved = client.get(kept.url(f"attachments/{at}/"))
    assert body(saved) == SVG
    assert saved["Content-Type"] == "application/octet-stream"
    assert saved["Content-Disposition"].startswith("attachment")
    assert saved["Content-Security-Policy"].startswith("sandbox")
    assert client.get(kept.url(f"thumbnails/{at}/")).status_code == 404


def test_a_player_gets_the_range_that_it_asks_for(kept, client) -> None:
    at = kept.attach(kept.say(), "clip.mp4", "video", file="us/clip.mp4")
    address, size = kept.url(f"attachments/{at}/"), len(VIDEO)
    for header, first, last in (
        ("bytes=0-", 0, size - 1),
        ("bytes=5-9", 5, 9),
        (f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES + 1}", CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        ("bytes=-7", size - 7, size - 1),
        (f"bytes=3-{size + 99}", 3, size - 1),
    ):
        part = client.get(address, headers={"range": header})
        assert part.status_code == 206
        assert part["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert body(part) == VIDEO[first : last + 1]
        assert part["Content-Length"] == str(last - first + 1)
    for header in (f"bytes={size}-", "bytes=-0"):
        assert client.get(address, headers={"range": header}).status_code == 416
    for header in ("bytes=9-5", "bytes=0-1,3-4", "lines=0-1", "bytes=-", "x" * 1000):
        assert body(client.get(address, headers={"range": header})) == VIDEO


def test_what_no_snapshot_has_is_not_there(kept, client) -> None:
    message = kept.say()
    for place in (
        {},
        {"file": "us/gone.jpg"},
        {"file": "../etc/passwd"},
        {"file": "us/media.zip/x"},
    ):
        at = kept.attach(message, "gone.jpg", **place)
        assert client.get(kept.url(f"attachments/{at}/")).status_code == 404
        assert client.get(kept.url(f"thumbnails/{at}/")).status_code == 404


# Original files


def test_the_original_files_come_back_byte_for_byte(kept, client) -> None:
    download = client.get(f"/conversations/snapshots/{kept.snapshot.snapshot_id}/download/")
    assert files_in(download) == kept.files
    assert f"Us_{kept.snapshot.snapshot_id[:8]}.zip" in download["Content-Disposition"]
    chosen = client.get(
        f"/conversations/snapshots/{kept.snapshot.snapshot_id}/download/",
        {"item": ["other.txt"], "under": ["us/"]},
    )
    assert files_in(chosen) == kept.files


def test_those_of_one_conversation_are_its_chat_and_its_media(kept, client) -> None:
    kept.attach(kept.say(), "cat.jpg", file="us/cat.jpg")
    kept.attach(kept.say(), "inside", file="us/media.zip/inside")
    kept.attach(kept.say(), "gone", file="")
    assert set(files_in(client.get(kept.url("originals/")))) == {
        "us/chat.jsonl",
        "us/cat.jpg",
        "us/media.zip",
    }


def test_damage_is_named_and_everything_else_is_given_back(kept, client) -> None:
    digest = hashlib.sha256(VIDEO[CHUNK_BYTES : 2 * CHUNK_BYTES]).digest()
    chunk_id = vaults.keys_of(kept.vault.pk).chunk_id(digest)
    place = chunks.places_of(kept.vault, [chunk_id])[chunk_id]
    path = settings.STATION_STORE_DIR / place.pack
    raw = bytearray(path.read_bytes())
    raw[place.entry.offset + 1000] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)
    download = client.get(f"/conversations/snapshots/{kept.snapshot.snapshot_id}/download/")
    files = files_in(download)
    assert b"us/clip.mp4: " in files.pop("DAMAGED.txt")
    assert files.pop("us/clip.mp4") == VIDEO[:CHUNK_BYTES]
    assert files == {name: data for name, data in kept.files.items() if name != "us/clip.mp4"}


def test_a_code_for_one_conversation_gives_its_files_and_nothing_else(kept, client) -> None:
    kept.attach(kept.say(), "cat.jpg", file="us/cat.jpg")
    roles.prepare()
    page = client.get(
        f"/restore/{kept.snapshot.snapshot_id}/", {"conversation": kept.conversation.slug}
    )
    row = Invitation.objects.get(session_id=page.context["shown"].session_id)
    binding = invitations.binding_of(row)
    assert binding is not None
    assert binding.selection == Selection(items=["us/cat.jpg", "us/chat.jsonl"])
    assert "Us &lt;b&gt;&amp; co&lt;/b&gt;" in page.text


# Conversations written down


def written(kept: Kept) -> None:
    kept.say("Hello <script>alert(1)</script> 你好", native_id="1")
    kept.attach(kept.say("look", kind="media", reply_to="1"), "cat.jpg", file="us/cat.jpg")
    more = {"reactions": [["👍", ["a"], 2]], "edited": 0, "earlier": ["before"]}
    kept.attach(kept.say("x", more=json.dumps(more)), "e<v>il.svg", "document", file="us/evil.svg")
    kept.say("gone", kind="deleted", sender=None)
    kept.say("joined", kind="system", sender=None)
    kept.say("taken back", more=json.dumps({"deleted": True}))


@pytest.mark.parametrize("with_media", [True, False])
def test_json_lines_read_back_to_the_same_messages(kept, client, with_media: bool) -> None:
    written(kept)
    if with_media:
        files = files_in(client.get(kept.url("export.jsonl")))
        names = sorted(name.split("-", 1)[1] for name in files if name.startswith("media/"))
        assert names == ["cat.jpg", "e_v_il.svg.txt"]
    else:
        files = {"conversation.jsonl": body(client.get(kept.url("export.jsonl?media=0")))}
    read = Read(files)
    assert not read.warnings
    said = sorted(read.messages + read.system, key=lambda each: each.line)
    rows = list(Message.objects.order_by("pk"))
    assert [
        (each.time, each.sender, each.kind, each.text, each.id, each.reply_to) for each in said
    ] == [
        (row.pk >> 20, row.sender and "a", row.kind, row.text, row.native_id, row.reply_to)
        for row in rows
    ]
    assert said[2].reactions[0].emoji == "👍"
    assert (said[2].edited, said[2].earlier) == (0, ("before",))
    assert [each.text for each in said if each.deleted] == ["taken back"]
    (attached,) = said[1].attachments
    assert attached.name == "cat.jpg"
    assert (attached.place is not None) == with_media
    assert [(one.key, one.name, one.is_self) for one in read.people] == [("a", "Alice <i>", True)]


def test_html_is_whole_in_itself_and_nothing_in_it_is_markup(kept, client) -> None:
    written(kept)
    files = files_in(client.get(kept.url("export.html")))
    page = files["index.html"].decode()
    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt; 你好" in page
    assert "Us &lt;b&gt;&amp; co&lt;/b&gt;" in page
    for markup in ("<script", "<b>&", "<i>", "http://", "https://", "<v>"):
        assert markup not in page
    (shown,) = re.findall('src="(media/[0-9a-f]+-cat.jpg)"', page)
    assert files[shown] == kept.picture


def test_a_selection_by_date_has_both_days(kept, client) -> None:
    for day in range(5):
        kept.say(f"day {day}", minute=1440 * day + 1)
    lines = body(client.get(kept.url("export.jsonl?media=0&from=2023-11-15&to=2023-11-17")))
    assert [json.loads(line)["text"] for line in lines.splitlines()[1:]] == [
        "day 1",
        "day 2",
        "day 3",
    ]
    whole = body(client.get(kept.url("export/?as=lines&from=0001-01-01&to=9999-12-31")))
    assert len(whole.splitlines()) == 6


@pytest.mark.parametrize(
    ("asked", "said", "kept_there"),
    [
        ("export.jsonl?from=2023-02-31", "Enter a valid date.", 'value="2023-02-31"'),
        ("export.html?to=yesterday", "Enter a valid date.", 'value="yesterday"'),
        (
            "export/?as=html&from=2023-11-17&to=2023-11-15",
            "The first day is after the last one.",
            'value="2023-11-15"',
        ),
        ("export/?as=docx", "docx is not one of the available choices", ""),
    ],
)
def test_days_that_are_none_are_told_and_kept_in_the_form(
    kept, client, asked, said, kept_there
) -> None:
    kept.say("x")
    answer = client.get(kept.url(asked))
    assert answer.status_code == 400
    assert said in answer.text
    assert kept_there in answer.text
    for name in re.findall('aria-describedby="([^"]*)"', answer.text):
        assert f'id="{name}"' in answer.text
    assert client.get(kept.url("export/")).status_code == 200


def test_links_in_pages_lead_to_the_web_and_nowhere_else(kept, client) -> None:
    kept.say("see https://example.org/?a=1&b=2, not javascript:alert(1)")
    first = kept.say("the question", native_id="1", digest=digest_of_native("1"))
    kept.say("the answer", reply_to="1", more='{"reactions":[["👍",["a"],1]],"deleted":true}')
    kept.say(kind="call")
    page = files_in(client.get(kept.url("export.html")))["index.html"].decode()
    link = '<a href="https://example.org/?a=1&amp;b=2" rel="noreferrer noopener nofollow"'
    assert link in page
    assert page.count("href=") == 1
    assert "javascript:alert(1)</p>" in page
    assert first.text in page.partition("<blockquote>")[2].partition("</blockquote>")[0]
    assert '<p class="mark">Deleted</p>' in page
    assert 'title="Alice &lt;i&gt;">👍' in page
    assert '<p class="mark">Call</p>' in page


# Others


def test_nothing_of_it_is_there_for_anybody_else(kept) -> None:
    at = kept.attach(kept.say(), "cat.jpg", file="us/cat.jpg")
    own = vault_of("mallory")
    keep(own, {"a": "b"})
    addresses = [
        f"/conversations/snapshots/{kept.snapshot.snapshot_id}/download/",
        *map(
            kept.url,
            [
                f"attachments/{at}/",
                f"thumbnails/{at}/",
                "originals/",
                "export.jsonl",
                "export.html",
            ],
        ),
    ]
    User.objects.create_superuser("root", password="correct horse battery")
    for name in ("mallory", "root"):
        other = page_cast.signed_in(User.objects.get(username=name))
        assert [other.get(address).status_code for address in addresses] == [404] * 6
    stranger = page_cast.client()
    assert [stranger.get(address).status_code for address in addresses] == [302] * 6


def test_what_was_sent_often_is_exported_once(kept, client) -> None:
    for _ in range(3):
        kept.attach(kept.say("again"), "cat.jpg", file="us/cat.jpg")
    assert len(files_in(client.get(kept.url("export.html")))) == 2


@pytest.mark.parametrize(("clock", "shown"), [("utc", "23:14"), ("wall", "22:14")])
def test_pages_tell_the_time_of_the_conversations_clock(
    kept, client, settings, clock, shown
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    Conversation.objects.update(clock=clock)
    kept.say("late", minute=1)
    page = files_in(client.get(kept.url("export.html")))["index.html"].decode()
    assert f">{shown}</time>" in page


def test_an_export_speaks_the_language_of_whoever_asked(kept, client) -> None:
    kept.attach(kept.say("x"), "gone.jpg")
    chinese = {"accept-language": "zh-hans"}
    with translation.override("en"):  # which a request leaves changed on its thread
        page = files_in(client.get(kept.url("export.html"), headers=chinese))
    assert "导出文件中没有：" in page["index.html"].decode()
