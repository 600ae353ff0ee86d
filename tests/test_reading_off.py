"""What pages say on a station that reads nothing of what it keeps."""

import pytest

from accounts.models import User
from conversations import indexing
from tests import chats_cast
from tests.kept_cast import keep, vault_of
from tests.page_cast import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
OFF = "reading it is switched off"


@pytest.mark.parametrize(("indexing_is", "is_told"), [("off", True), ("on", False)])
def test_pages_say_that_reading_is_switched_off(settings, indexing_is, is_told) -> None:
    settings.STATION_INDEXING = indexing_is
    snapshot = keep(vault_of("alice"), chats_cast.family())
    browser = signed_in(User.objects.get(username="alice"))
    for address in ("", f"snapshots/{snapshot.snapshot_id}/", "search/?q=x"):
        html = browser.get(f"/conversations/{address}").content.decode()
        assert (OFF in html) is is_told, address
        for wrong in ("No conversations yet", "waits to be read"):
            assert not is_told or wrong not in html, address


def test_what_was_read_before_is_shown_beside_that(settings) -> None:
    snapshot = keep(vault_of("alice"), chats_cast.family())
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    settings.STATION_INDEXING = "off"
    browser = signed_in(User.objects.get(username="alice"))
    html = browser.get("/conversations/").content.decode()
    assert OFF in html
    assert "talk-title" in html
    html = browser.get(f"/conversations/snapshots/{snapshot.snapshot_id}/").content.decode()
    assert OFF not in html
