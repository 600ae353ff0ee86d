"""What is said when the store's disk is away, or what is on it is damaged: not that it is gone."""

import io
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from backupstation import roles
from backupstation.page import Page
from backupstation.showing import Choice
from conversations import downloading, indexing
from conversations.bubbles import at_of
from conversations.models import Attachment, Conversation
from tests import chats_cast, page_cast
from tests.kept_cast import keep, vault_of
from tests.test_store_away import unmounted
from transfer import chunks, vaults
from transfer.itemfile import KeptItems
from transfer.models import Vault

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "Is the disk of the store there?"


@pytest.fixture
def snapshot():
    roles.prepare()
    snapshot = keep(vault_of("alice"), chats_cast.family(), per_page=100)
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return snapshot


def addresses(snapshot) -> list[str]:
    slug, attached = Conversation.objects.get().slug, Attachment.objects.exclude(file="")[0]
    return [
        f"/conversations/snapshots/{snapshot.snapshot_id}/download/",
        f"/conversations/{slug}/originals/",
        f"/conversations/{slug}/attachments/{at_of(attached.message)}/{attached.number}/",
        f"/restore/{snapshot.snapshot_id}/?conversation={slug}",
    ]


def damage(store: Path) -> None:
    for path in (store / "packs").rglob("*"):
        if path.is_file():
            raw = bytearray(path.read_bytes())
            raw[60::50] = bytes(len(raw[60::50]))
            path.chmod(0o600)
            path.write_bytes(raw)


@pytest.mark.parametrize("folder", [True, False])
def test_a_disk_that_is_away_is_told(snapshot, folder: bool) -> None:
    browser = page_cast.signed_in(User.objects.get(username="alice"))
    with unmounted(folder=folder):
        for address in addresses(snapshot):
            answer = browser.get(address)
            assert (answer.status_code, SAID in answer.text) == (503, True), address
    for address in addresses(snapshot):
        assert browser.get(address).status_code == 200, address


def test_damage_is_told(snapshot, caplog) -> None:
    browser = page_cast.signed_in(User.objects.get(username="alice"))
    damage(settings.STATION_STORE_DIR)
    for address in addresses(snapshot)[1:]:
        answer = browser.get(address)
        assert (answer.status_code, SAID in answer.text) == (503, True), address
        assert "the bytes were altered" in caplog.text
        caplog.clear()


def test_an_open_page_says_so_and_has_a_code_again_when_the_disk_is_back(snapshot) -> None:
    choice = Choice(snapshot=snapshot.snapshot_id, conversation=Conversation.objects.get().slug)
    page = Page(User.objects.get(username="alice"), choice)
    with unmounted():
        assert SAID in page.look(timezone.now())["code"]
    assert 'class="qr"' in page.look(timezone.now())["code"]


def test_a_damaged_part_of_the_list_of_files_is_told_and_all_others_are_given() -> None:
    names = [f"{number}.txt" for number in range(9)]
    vault = vault_of("alice")
    snapshot = keep(vault, {name: name for name in names}, per_page=3)
    spoil(vault, KeptItems(snapshot).header.pages[1].digest)
    made = b"".join(downloading.archive(snapshot))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*names[:3], *names[6:], "DAMAGED.txt"]
        assert b"3 files whose names cannot be read: " in archive.read("DAMAGED.txt")


def spoil(vault: Vault, digest: bytes) -> None:
    """One chunk."""
    chunk_id = vaults.keys_of(vault.pk).chunk_id(digest)
    place = chunks.places_of(vault, [chunk_id])[chunk_id]
    path = settings.STATION_STORE_DIR / place.pack
    raw = bytearray(path.read_bytes())
    raw[place.entry.offset + 20] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)
