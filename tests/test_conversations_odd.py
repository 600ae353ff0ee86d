"""Whatever stands in an address or a form: a page, a refusal or a 404, and never a fault."""

from itertools import product

import pytest

from accounts.models import User
from backupstation import roles
from conversations import indexing
from conversations.bubbles import at_of
from conversations.models import Attachment, Conversation
from tests import chats_cast, page_cast
from tests.kept_cast import keep, vault_of
from transfer.models import Snapshot

pytestmark = pytest.mark.django_db(transaction=True)
ODD = [
    *("", "0", "-1", "9" * 30, "-" + "9" * 30, "1e309", "NaN", "[]", "abc", "中"),
    *("%00", "\x00", "\ud7ff", "../..", "' OR 1=1--", '"', "*", "NEAR(", "x" * 5000, "é" * 300),
    *("2024-02-31", "0001-01-01", "9999-12-31"),
]
ASKED = {
    "": ["page", "app", "title", "snapshot"],
    "search/": ["q", "chat", "sender", "since", "until", "after", "attached", "order"],
    "snapshots/": ["id", "page", "phone", "date"],
    "snapshots/{snapshot}/": ["page"],
    "snapshots/{snapshot}/download/": ["item", "under"],
    "{slug}/": ["at", "date", "before", "after", "part"],
    "{slug}/gallery/": ["before", "after", "page"],
    "{slug}/originals/": ["snapshot"],
    "{slug}/export.jsonl": ["from", "to", "media"],
    "{slug}/export.html": ["from", "to"],
    "../restore/{snapshot}/": ["conversation", "address", "scope", "im_origin", "scheme"],
}


@pytest.fixture
def kept() -> Snapshot:
    roles.prepare()
    files = chats_cast.family() | chats_cast.climbing() | {"z.zip": b"PK\x03\x04junk"}
    snapshot = keep(vault_of("alice"), files)
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return snapshot


@pytest.fixture
def client(kept: Snapshot):
    return page_cast.signed_in(User.objects.get(username="alice"))


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked or "list")
def test_what_an_address_asks_for(kept: Snapshot, client, asked: str) -> None:
    slug = Conversation.objects.latest("messages").slug
    path = f"/conversations/{asked}".replace("/conversations/..", "")
    path = path.format(slug=slug, snapshot=kept.snapshot_id)
    for name in ASKED[asked]:
        for odd in ODD:
            assert client.get(path, {name: odd}).status_code < 500, (name, odd)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Pacific/Kiritimati", "America/New_York"])
def test_the_first_and_the_last_day_of_the_calendar(kept, client, settings, zone: str) -> None:
    settings.TIME_ZONE = zone
    slug = Conversation.objects.latest("messages").slug
    days = ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"]
    for path, names in {
        "search/": ["since", "until"],
        "snapshots/": ["date"],
        f"{slug}/": ["date"],
        f"{slug}/export.jsonl": ["from", "to"],
    }.items():
        for name, day in product(names, days):
            answer = client.get(f"/conversations/{path}", {name: day})
            assert answer.status_code == 200, (path, name, day)


@pytest.mark.parametrize(
    "path",
    [
        "/conversations/{odd}/",
        "/conversations/snapshots/{odd}/",
        "/conversations/snapshots/{odd}/download/",
        "/conversations/{slug}/attachments/{odd}/0/",
        "/conversations/{slug}/attachments/{at}/{odd}/",
        "/conversations/{slug}/thumbnails/{odd}/0/",
    ],
)
def test_what_an_address_names(kept: Snapshot, client, path: str) -> None:
    slug = Conversation.objects.latest("messages").slug
    at = at_of(Attachment.objects.latest("pk").message)
    for odd in ODD[1:]:
        answer = client.get(path.format(slug=slug, at=at, odd=odd.replace("/", "%2F")))
        assert answer.status_code in (302, 404), odd


@pytest.mark.parametrize("form", ["self", "dates"])
def test_what_a_form_says(kept: Snapshot, client, form: str) -> None:
    slug = Conversation.objects.latest("messages").slug
    for odd in ODD:
        said = {"person": odd, "order": odd}
        assert client.post(f"/conversations/{slug}/{form}/", said).status_code < 500, odd
