"""Every page with what an attacker named: no element, attribute or address is of his making."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from backupstation import roles
from conversations import indexing
from conversations.models import Conversation
from tests import chats_cast, page_cast
from tests.kept_cast import keep, vault_of
from transfer.models import Snapshot

pytestmark = pytest.mark.django_db(transaction=True)
LABEL = '"><img src=x onerror=window.sentinel=1>'


@pytest.fixture
def client() -> Client:
    """Alice, who has chats full of payloads, and a page of the admin."""
    roles.prepare()
    snapshot = keep(vault_of("alice"), chats_cast.hostile() | chats_cast.family(), label=LABEL)
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    owner = snapshot.vault.owner
    assert owner is not None
    owner.is_staff = owner.is_superuser = True
    owner.save()
    return page_cast.signed_in(owner)


class Page(HTMLParser):
    """What of a page could run, or lead away."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._in_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self._in_script = tag == "script" and told.get("type") != "application/json"
        if tag in ("iframe", "object", "embed", "base", "svg:script", "math", "marquee", "style"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("srcdoc", "style"):
                self.found.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action", "formaction", "poster"):
                if not re.match(r"(/|\?|#|\.|data:image/|https?://|$)", value or ""):
                    self.found.append(f"{tag} {name}={value}")
                if tag != "a" and re.match(r"https?:|//", value or ""):
                    self.found.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        if self._in_script and "sentinel" in data:
            self.found.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False


def addresses() -> list[str]:
    snapshot = Snapshot.objects.get()
    talk = Conversation.objects.latest("messages")
    evil = Conversation.objects.get(key="evil")
    there = [f"/conversations/{each.slug}/" for each in (talk, evil)]
    return [
        *("/", "/conversations/", "/conversations/snapshots/", "/conversations/search/"),
        *("/conversations/search/?q=payload", "/conversations/search/?q=alert&order=best"),
        f"/conversations/search/?q=%22%3E%3Cimg&sender={LABEL}&chat={LABEL}&since={LABEL}",
        f"/conversations/?title={LABEL}&app={LABEL}&after={LABEL}",
        f"/conversations/snapshots/?id={LABEL}&phone={LABEL}&date={LABEL}",
        *(each + rest for each in there for rest in ("", "?part=1", "gallery/", f"?at={LABEL}")),
        f"/conversations/snapshots/{snapshot.snapshot_id}/",
        f"/restore/{snapshot.snapshot_id}/?address={LABEL}&scope={LABEL}&im_origin={LABEL}",
        f"/restore/{snapshot.snapshot_id}/?conversation={evil.slug}",
        f"/conversations/{LABEL}/",
        *("/admin/transfer/snapshot/", f"/admin/transfer/snapshot/{snapshot.pk}/change/"),
        *("/admin/transfer/vault/", "/admin/transfer/upload/", "/admin/transfer/trailentry/"),
    ]


def test_no_page_has_markup_that_an_attacker_made_and_each_has_its_policy(client) -> None:
    told = 0
    for address in addresses():
        answer = client.get(address, follow=True)
        assert answer.status_code in (200, 400, 404), address
        html = answer.content.decode()
        assert not Page(html).found, address
        told += html.count("sentinel")
        policy = answer["Content-Security-Policy"]
        assert "default-src" in policy, address
        scripts = re.search(r"(?:script-src|default-src) ([^;]*)", policy)
        assert scripts, address
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:"} & set(scripts[1].split())
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "script-src" not in policy or "base-uri" in policy, address
    assert told > 500, "the payloads are there, as text"


def test_markup_is_found_where_there_is_some() -> None:
    for each in chats_cast.PAYLOADS[:31]:
        if "<" in each and not each.startswith(("</t", "</s", "<!", "<form", "<meta", "<link")):
            assert Page(each).found, each
