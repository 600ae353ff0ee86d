"""Giving a vault that came back from the store to its owner: whose account it may become."""

import os

import pytest

from accounts import enrolment
from accounts.models import Account, User
from backupstation import relinking, roles
from backupstation.relinking import LinkRefusedError
from tests.accounts_cast import PhoneActor
from transfer.models import Vault

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return User.objects.create_user("alice")


def found_vault(iss: str = "", sub: str = "the account of old") -> Vault:
    return Vault.objects.create(id=os.urandom(16).hex(), iss=iss or roles.embedded_iss(), sub=sub)


def enrol(user: User) -> enrolment.Enrolment:
    return enrolment.enrol_embedded(user, PhoneActor().public, "Pixel 8")


def test_phones_that_enrol_afterwards_reach_the_vault(alice):
    vault = found_vault()
    assert relinking.link(alice) == vault
    assert Vault.objects.get().owner == alice
    assert enrol(alice)[:2] == (vault.iss, vault.sub)
    assert relinking.link(alice) == vault
    assert Account.objects.count() == 1


def test_an_account_that_has_no_phone_makes_room(alice):
    Account.objects.create(
        iss=roles.embedded_iss(), sub="new", user=alice, name="alice", created=alice.date_joined
    )
    relinking.link(alice, found_vault().pk)
    assert Account.objects.get().sub == "the account of old"


def test_an_account_with_phones_stays(alice):
    enrol(alice)
    vault = found_vault()
    with pytest.raises(LinkRefusedError, match="has phones of another account"):
        relinking.link(alice)
    vault.refresh_from_db()
    assert vault.owner is None
    assert Account.objects.get().phones.count() == 1


def test_an_account_of_another_user_stays(alice):
    bob = User.objects.create_user("bob")
    enrolled = enrol(bob)
    found_vault(sub=enrolled.sub)
    with pytest.raises(LinkRefusedError, match="belongs to bob"):
        relinking.link(alice)


def test_an_im_server_elsewhere_keeps_its_accounts_itself(alice):
    vault = found_vault(iss="im:elsewhere")
    assert relinking.link(alice).owner == alice
    assert Account.objects.count() == 0
    assert vault.pk == Vault.objects.get(owner=alice).pk


def test_of_several_vaults_one_is_named(alice):
    found_vault(sub="one")
    other = found_vault(sub="two")
    with pytest.raises(LinkRefusedError, match=other.pk[:8]):
        relinking.link(alice)
    assert relinking.link(alice, other.pk[:8]) == other
