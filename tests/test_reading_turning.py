"""Lists in pages: the links of each lead through all of it, with what was asked for."""

import re
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import User
from conversations.views.snapshots import PER_PAGE
from tests.kept_cast import keep, vault_of
from tests.page_cast import signed_in, snapshot_in
from transfer.models import Snapshot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser() -> Client:
    vault_of("alice")
    return signed_in(User.objects.get(username="alice"))


def turned(browser: Client, address: str, rel: str = "next") -> list[str]:
    """The pages from this one on."""
    path, pages = address.partition("?")[0], []
    while address:
        pages.append(browser.get(address).text)
        found = re.search(rf'href="(\?[^"#]*)[^"]*" rel="{rel}"', pages[-1])
        address = path + found[1].replace("&amp;", "&") if found else ""
        assert len(pages) < 10
    return pages


@pytest.mark.parametrize(
    "asked", [{}, {"phone": "a & b"}, {"id": "0000", "phone": "a & b"}, {"date": "2024-05-03"}]
)
def test_every_snapshot_that_was_asked_for_is_on_a_page(browser, asked: dict[str, str]) -> None:
    vault = vault_of("alice")
    for number in range(2 * PER_PAGE + 1):
        snapshot_in(vault, phone="a & b", stored_at=f"2024-05-03T10:{number % 60:02}:00Z")
        snapshot_in(vault, phone="another", stored_at="2024-05-04T10:00:00Z")
    wanted = Snapshot.objects.filter(phone="a & b") if asked else Snapshot.objects.all()
    pages = turned(browser, f"/conversations/snapshots/?{urlencode(asked)}")
    shown = re.findall(r'class="plain" href="[^"]*/([0-9A-Z]{26})/"', "".join(pages))
    assert sorted(shown) == sorted(wanted.values_list("snapshot_id", flat=True))
    last = urlencode(asked | {"page": len(pages)})
    assert len(turned(browser, f"/conversations/snapshots/?{last}", "prev")) == len(pages)


def test_every_file_of_a_snapshot_is_on_a_page(browser) -> None:
    kept = keep(vault_of("alice"), {f"{number:03}.txt": "x" for number in range(250)}, per_page=40)
    pages = turned(browser, f"/conversations/snapshots/{kept.snapshot_id}/")
    assert len(pages) == 3
    assert len(set(re.findall(r"<bdi>(\d{3}\.txt)</bdi>", "".join(pages)))) == 250


def test_every_phone_may_be_chosen_by_its_newest_name_however_often_others_sent(browser) -> None:
    vault = vault_of("alice")
    for number in range(150):
        at = f"2024-01-01T{number // 60:02}:{number % 60:02}:00Z"
        snapshot_in(vault, phone="first", source=f"Name {number}", stored_at=at)
    snapshot_in(vault, phone="second", source="New phone", stored_at="2024-01-02T00:00:00Z")
    page = browser.get("/conversations/snapshots/").text
    offered = re.findall(r'<option value="([^"]+)">([^<]*)</option>', page)
    assert offered == [("first", "Name 149"), ("second", "New phone")]
