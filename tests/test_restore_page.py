"""The page that gives a snapshot back to a phone: bound to it, and to its owner."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import User
from backupstation import roles
from backupstation.showing import Choice, adopted, show
from tests import page_cast
from tests.kept_cast import keep, vault_of
from transfer import invitations, models

pytestmark = pytest.mark.django_db


@pytest.fixture
def snapshot():
    roles.prepare()
    return keep(vault_of("alice"), {"chats/a.txt": "hello"}, label="Alice's phone")


def signed_in(name: str) -> Client:
    vault_of(name)
    return page_cast.signed_in(User.objects.get(username=name))


def test_the_code_is_bound_to_the_snapshot_and_permits_nothing_but_restoring(snapshot) -> None:
    page = signed_in("alice").get(f"/restore/{snapshot.snapshot_id}/?scope=both")
    assert page.status_code == 200
    assert "Alice&#x27;s phone" in page.text
    assert snapshot.snapshot_id[:8] in page.text
    shown = page.context["shown"]
    row = models.Invitation.objects.get(session_id=shown.session_id)
    binding = invitations.binding_of(row)
    assert binding is not None
    assert (binding.snapshot_id, binding.selection) == (snapshot.snapshot_id, None)
    assert row.scope == 2
    assert f"restore &#x27;{shown.link}&#x27; --to DIR" in page.text


@pytest.mark.parametrize("other", ["mallory", ""])
def test_it_is_not_there_for_anybody_else(snapshot, other: str) -> None:
    client = signed_in(other) if other else page_cast.client()
    page = client.get(f"/restore/{snapshot.snapshot_id}/")
    assert page.status_code == (404 if other else 302)
    assert not models.Invitation.objects.exists()


@pytest.mark.parametrize("missing", ["0" * 26, "x", "%00", "../admin"])
def test_what_is_not_kept_is_not_found(snapshot, missing: str) -> None:
    assert signed_in("alice").get(f"/restore/{missing}/").status_code == 404


def test_it_tells_of_its_own_codes_and_not_of_what_was_before_it(snapshot) -> None:
    client, owner = signed_in("alice"), User.objects.get(username="alice")
    page = f"/restore/{snapshot.snapshot_id}/"
    met = ("scanned", "confirmed", "connected", "first", "second", "verified", "sending")
    steps = page_cast.plain(*met)
    steps.append(("restored", {"detail": {"snapshot": "ABCDEFGH", "verified": 1}}))
    bound = {"snapshot_id": snapshot.snapshot_id, "selection": None}
    ended = models.InvitationState.ENDED

    def reached() -> set[str]:
        return set(re.findall(r'<li class="(\w+)"', client.get(page).context["parts"]["trail"]))

    page_cast.trail(owner, steps, state=ended)
    fresh = {"done", "now", "next"}
    assert reached() == fresh
    trail = client.get(page).context["parts"]["trail"]
    assert ("Stored" in trail, "Restored" in trail) == (False, True)
    for ago, states in ((timedelta(minutes=5), fresh), (timedelta(seconds=5), {"done"})):
        session = page_cast.trail(owner, steps, state=ended, ago=ago)
        models.Invitation.objects.filter(pk=session).update(binding=bound)
        assert reached() == states


def test_a_page_goes_on_with_its_own_code_only_if_it_is_bound_alike(snapshot) -> None:
    owner = User.objects.get(username="alice")
    choice = Choice(snapshot=snapshot.snapshot_id)
    shown = show(owner, choice)
    assert shown is not None
    assert adopted(owner, shown.link, choice) is not None
    assert adopted(owner, shown.link, Choice()) is None
    with pytest.raises(models.Snapshot.DoesNotExist):
        adopted(owner, shown.link, Choice(snapshot="0" * 26))
