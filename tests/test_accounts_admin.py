"""The admin of accounts: revoke and reinstate, no key or hash shown, no query for each row."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import enrolment, issuer
from accounts.issuer import Issuer
from accounts.models import Account, EnrolmentCode, Phone, RegistrationCode, Station, User
from tests.accounts_cast import NOW, Ed25519PrivateKey, PhoneActor, StationActor

pytestmark = pytest.mark.django_db
PAGES = ["user", "account", "phone", "station", "enrolmentcode", "registrationcode"]


@pytest.fixture(autouse=True)
def issuer_of_tests():
    before = issuer._source
    key = Ed25519PrivateKey.generate()
    issuer.configure(lambda: Issuer.single("im:test", key))
    yield
    issuer._source = before


def signed_in(user):
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def owner():
    return signed_in(User.objects.create_superuser("owner"))


def populate(count):
    for at in range(count):
        user = User.objects.create_user(f"user {at} {User.objects.count()}")
        enrolment.enrol_embedded(user, PhoneActor().public, f"phone {at}")
        enrolment.enrolment_code(user.account, NOW)
        enrolment.registration_code(NOW)
        enrolment.register_embedded(StationActor().public, f"station {at}")


def url(model, page=""):
    return f"/admin/accounts/{model}/{page}"


@pytest.mark.parametrize("model", PAGES)
def test_lists_take_no_query_for_each_row(owner, model):
    counts = []
    for more in (2, 12):
        populate(more)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert owner.get(url(model)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_no_page_shows_a_key_or_the_hash_of_a_code(owner):
    populate(1)
    secrets = [
        bytes(row.public_key).hex() for row in [*Phone.objects.all(), *Station.objects.all()]
    ]
    for kind in (EnrolmentCode, RegistrationCode):
        secrets += [row.code_hash for row in kind.objects.all()]
    for model, kind in zip(
        PAGES[1:], [Account, Phone, Station, EnrolmentCode, RegistrationCode], strict=True
    ):
        row = kind.objects.get().pk
        for page in ("", f"{row}/change/", f"{row}/history/"):
            response = owner.get(url(model, page))
            assert response.status_code == 200
            text = response.content.decode()
            assert not any(secret in text for secret in secrets)
            assert "memory at 0x" not in text


@pytest.mark.parametrize("model", ["phone", "station", "enrolmentcode", "registrationcode"])
def test_filters_say_yes_and_no(owner, model):
    changelist = owner.get(url(model)).context["cl"]
    (spec,) = changelist.filter_specs
    assert [choice["display"] for choice in spec.choices(changelist)] == ["All", "Yes", "No"]


@pytest.mark.parametrize(("model", "kind"), [("phone", Phone), ("station", Station)])
def test_revokes_and_reinstates_what_was_chosen(owner, model, kind):
    populate(3)
    chosen = list(kind.objects.values_list("pk", flat=True))[:2]
    for action, revoked in [("revoke", 2), ("reinstate", 0)]:
        answer = owner.post(url(model), {"action": action, "_selected_action": chosen}, follow=True)
        assert "2" in str(next(iter(answer.context["messages"])))
        assert kind.objects.exclude(revoked_at=None).count() == revoked


def test_revoking_again_keeps_the_first_time(owner):
    populate(1)
    first = timezone.now() - timedelta(days=3)
    Phone.objects.all().revoke(first)
    owner.post(url("phone"), {"action": "revoke", "_selected_action": [Phone.objects.get().pk]})
    assert Phone.objects.get().revoked_at == first


def test_finds_a_phone_by_its_thumbprint(owner):
    populate(3)
    wanted = Phone.objects.first()
    text = owner.get(url("phone"), {"q": wanted.thumbprint}).content.decode()
    assert wanted.name in text
    assert "1 phone" in text


def test_staff_who_may_only_look_may_not_revoke():
    populate(1)
    bob = User.objects.create_user("bob", is_staff=True)
    bob.user_permissions.add(Permission.objects.get(codename="view_phone"))
    client = signed_in(bob)
    assert client.get(url("phone")).status_code == 200
    client.post(url("phone"), {"action": "revoke", "_selected_action": [Phone.objects.get().pk]})
    assert Phone.objects.get().revoked_at is None


@pytest.mark.parametrize("model", PAGES[1:4])
def test_nothing_that_the_protocol_wrote_is_added_edited_or_deleted(owner, model):
    populate(1)
    assert owner.get(url(model, "add/")).status_code == 403
    kind = {"account": Account, "phone": Phone, "station": Station}[model]
    row = kind.objects.get()
    assert owner.post(url(model, f"{row.pk}/change/"), {"name": "Mallory"}).status_code == 403
    assert owner.post(url(model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    owner.post(url(model), chosen)
    assert kind.objects.get().name == row.name


def test_a_user_with_an_account_is_not_deleted_with_all_that_belongs_to_it(owner):
    populate(1)
    user = User.objects.get(account__isnull=False)
    owner.post(url("user", f"{user.pk}/delete/"), {"post": "yes"})
    assert Account.objects.filter(user=user).exists()


def test_deleting_a_code_makes_it_void(owner):
    populate(1)
    code = EnrolmentCode.objects.get()
    owner.post(url("enrolmentcode", f"{code.pk}/delete/"), {"post": "yes"})
    assert not EnrolmentCode.objects.exists()


def test_pages_are_closed_to_whoever_is_not_staff():
    client = signed_in(User.objects.create_user("mallory"))
    for model in PAGES:
        assert client.get(url(model)).status_code == 302
