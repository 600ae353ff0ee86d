"""Enrolling phones and registering stations: codes, proofs, and what stays revoked."""

import pytest
from django.db import connection
from django.utils import timezone

from accounts import enrolment, issuer
from accounts.issuer import Issuer
from accounts.models import Account, EnrolmentCode, Phone, RegistrationCode, Station, User
from tests.accounts_cast import NOW, Ed25519PrivateKey, PhoneActor, StationActor
from wire import im
from wire.im import Refused
from wire.tokens import thumbprint

ISS = "im:test"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def issuer_key():
    key = Ed25519PrivateKey.generate()
    before = issuer._source
    issuer.configure(lambda: Issuer.single(ISS, key))
    yield key.public_key().public_bytes_raw()
    issuer._source = before


@pytest.fixture
def bob():
    return enrolment.add_account("Bob", NOW)


def refusal(function, *arguments):
    with pytest.raises(Refused) as caught:
        function(*arguments)
    return caught.value.refusal.value


# Embedded


def test_each_user_has_one_account_whose_name_says_nothing(issuer_key):
    alice = User.objects.create_user("alice")
    first = enrolment.enrol_embedded(alice, PhoneActor().public, "phone")
    second = enrolment.enrol_embedded(alice, PhoneActor().public, "tablet")
    assert first == second == (ISS, alice.account.sub, [issuer_key])
    assert len(first.sub) == 32
    assert "alice" not in first.sub
    assert alice.account.phones.count() == 2


def test_enrolling_the_same_key_again_renames_the_phone():
    alice, phone = User.objects.create_user("alice"), PhoneActor()
    enrolment.enrol_embedded(alice, phone.public, "old name")
    enrolment.enrol_embedded(alice, phone.public, "new name")
    assert [row.name for row in Phone.objects.all()] == ["new name"]


def test_refuses_a_key_that_is_another_accounts():
    phone = PhoneActor()
    enrolment.enrol_embedded(User.objects.create_user("alice"), phone.public, "phone")
    mallory = User.objects.create_user("mallory")
    assert refusal(enrolment.enrol_embedded, mallory, phone.public, "phone") == "key_taken"
    assert not Account.objects.filter(user=mallory).exists()


def test_a_revoked_key_cannot_enrol_again():
    alice, phone = User.objects.create_user("alice"), PhoneActor()
    enrolment.enrol_embedded(alice, phone.public, "phone")
    Phone.objects.all().revoke(timezone.now())
    assert refusal(enrolment.enrol_embedded, alice, phone.public, "phone") == "phone_revoked"


def test_names_lose_what_could_mislead_a_terminal():
    alice = User.objects.create_user("alice")
    enrolment.enrol_embedded(alice, PhoneActor().public, " \x1b[2Jpho\u202ene\n ")
    assert Phone.objects.get().name == "[2Jphone"
    assert refusal(enrolment.enrol_embedded, alice, PhoneActor().public, "\n\t") == "malformed"


def test_a_phone_takes_the_place_of_another_in_one_step():
    alice, old, new = User.objects.create_user("alice"), PhoneActor(), PhoneActor()
    before = enrolment.enrol_embedded(alice, old.public, "Pixel 8")
    after = enrolment.enrol_embedded(alice, new.public, "Pixel 9", thumbprint(old.public))
    assert (after.iss, after.sub) == (before.iss, before.sub)
    assert Phone.objects.by_key(new.public).name == "Pixel 9"
    assert refusal(Phone.objects.by_key, old.public) == "phone_revoked"


def test_a_phone_that_cannot_be_enrolled_replaces_none():
    alice, bob = User.objects.create_user("alice"), User.objects.create_user("bob")
    old, others = PhoneActor(), PhoneActor()
    enrolment.enrol_embedded(alice, old.public, "Pixel 8")
    enrolment.enrol_embedded(bob, others.public, "bob's")
    replace = (alice, others.public, "Pixel 9", thumbprint(old.public))
    assert refusal(enrolment.enrol_embedded, *replace) == "key_taken"
    assert Phone.objects.by_key(old.public)


def test_a_phone_of_another_account_is_not_replaced_and_nothing_is_enrolled():
    alice, mallory = User.objects.create_user("alice"), User.objects.create_user("mallory")
    hers, new = PhoneActor(), PhoneActor()
    enrolment.enrol_embedded(alice, hers.public, "Pixel 8")
    replace = (mallory, new.public, "Pixel 8", thumbprint(hers.public))
    assert refusal(enrolment.enrol_embedded, *replace) == "phone_unknown"
    assert refusal(Phone.objects.by_key, new.public) == "phone_unknown"
    assert Phone.objects.by_key(hers.public)


def test_a_phone_that_is_revoked_already_stays_as_it_was():
    alice, old, new = User.objects.create_user("alice"), PhoneActor(), PhoneActor()
    enrolment.enrol_embedded(alice, old.public, "Pixel 8")
    Phone.objects.all().revoke(timezone.now())
    revoked = Phone.objects.get().revoked_at
    enrolment.enrol_embedded(alice, new.public, "Pixel 9", thumbprint(old.public))
    assert Phone.objects.get(thumbprint=thumbprint(old.public)).revoked_at == revoked
    assert Phone.objects.by_key(new.public)


def test_a_phone_does_not_replace_itself():
    alice, phone = User.objects.create_user("alice"), PhoneActor()
    enrolment.enrol_embedded(alice, phone.public, "Pixel 8")
    enrolment.enrol_embedded(alice, phone.public, "Pixel 8", thumbprint(phone.public))
    assert Phone.objects.by_key(phone.public)


# By code


def test_a_code_enrols_one_phone_to_its_account(bob, issuer_key):
    phone = PhoneActor()
    reply = enrolment.enrol_by_code(phone.enrol_request(enrolment.enrolment_code(bob, NOW)), NOW)
    assert reply == im.EnrolReply(ISS, bob.sub, [issuer_key])
    assert Phone.objects.by_key(phone.public).account == bob


def test_a_code_works_once_for_another_phone_or_the_same(bob):
    code, phone = enrolment.enrolment_code(bob, NOW), PhoneActor()
    enrolment.enrol_by_code(phone.enrol_request(code), NOW)
    for actor in (PhoneActor(), phone):
        assert refusal(enrolment.enrol_by_code, actor.enrol_request(code), NOW) == "code_used"
    assert Phone.objects.count() == 1


def test_a_code_that_another_uses_between_look_and_claim_is_refused(bob):
    """What two database connections can do to each other, on one of them."""
    request = PhoneActor().enrol_request(enrolment.enrolment_code(bob, NOW))

    def overtaken(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("SELECT") and "code_hash" in sql:
            EnrolmentCode.objects.update(used_at=timezone.now())
        return result

    with connection.execute_wrapper(overtaken):
        assert refusal(enrolment.enrol_by_code, request, NOW) == "code_used"
    assert not Phone.objects.exists()


def test_a_code_expires(bob):
    request = PhoneActor().enrol_request(enrolment.enrolment_code(bob, NOW))
    life = int(enrolment.ENROLMENT_CODE_LIFE.total_seconds())
    assert refusal(enrolment.enrol_by_code, request, NOW + life) == "code_expired"
    assert enrolment.enrol_by_code(request, NOW + life - 1).sub == bob.sub


def test_an_unknown_code_is_refused(bob):
    request = PhoneActor().enrol_request(im.code_from(bytes(13)))
    assert refusal(enrolment.enrol_by_code, request, NOW) == "code_unknown"


def test_a_registration_code_enrols_no_phone_and_the_other_way_round(bob):
    phone, station = PhoneActor(), StationActor()
    request = phone.enrol_request(enrolment.registration_code(NOW))
    assert refusal(enrolment.enrol_by_code, request, NOW) == "code_unknown"
    request = station.register_request(enrolment.enrolment_code(bob, NOW))
    assert refusal(enrolment.register, request, NOW) == "code_unknown"


def test_a_wrong_proof_burns_no_code(bob):
    code, phone = enrolment.enrolment_code(bob, NOW), PhoneActor()
    stolen = im.EnrolRequest(code, phone.public, "Mallory", PhoneActor().key.sign(b"x"))
    assert refusal(enrolment.enrol_by_code, stolen, NOW) == "proof_wrong"
    assert enrolment.enrol_by_code(phone.enrol_request(code), NOW).sub == bob.sub


def test_a_refused_key_burns_no_code(bob):
    phone = PhoneActor()
    other = enrolment.add_account("Carol", NOW)
    enrolment.enrol_by_code(phone.enrol_request(enrolment.enrolment_code(other, NOW)), NOW)
    code = enrolment.enrolment_code(bob, NOW)
    assert refusal(enrolment.enrol_by_code, phone.enrol_request(code), NOW) == "key_taken"
    assert enrolment.enrol_by_code(PhoneActor().enrol_request(code), NOW).sub == bob.sub


def test_codes_are_not_in_the_database(bob):
    codes = [enrolment.enrolment_code(bob, NOW), enrolment.registration_code(NOW)]
    with connection.cursor() as cursor:
        for model in (EnrolmentCode, RegistrationCode):
            cursor.execute(f"SELECT * FROM {model._meta.db_table}")
            rows = str(cursor.fetchall())
            assert rows != "[]"
            assert not any(code in rows for code in codes)


# Stations


def test_a_code_registers_one_station(issuer_key):
    station, code = StationActor(), enrolment.registration_code(NOW)
    reply = enrolment.register(station.register_request(code), NOW)
    assert reply == im.RegisterReply(ISS, [issuer_key], NOW)
    assert bytes(Station.objects.get().public_key) == station.public
    other = StationActor().register_request(code)
    assert refusal(enrolment.register, other, NOW) == "code_used"


def test_a_station_must_prove_its_key():
    station, code = StationActor(), enrolment.registration_code(NOW)
    forged = im.RegisterRequest(code, station.public, "x", StationActor().key.sign(b"x"))
    assert refusal(enrolment.register, forged, NOW) == "proof_wrong"
    assert not Station.objects.exists()


def test_registering_again_renames_but_does_not_reinstate():
    station = StationActor()
    enrolment.register(station.register_request(enrolment.registration_code(NOW)), NOW)
    station.name = "New name"
    enrolment.register(station.register_request(enrolment.registration_code(NOW)), NOW)
    assert Station.objects.get().name == "New name"
    Station.objects.all().revoke(timezone.now())
    request = station.register_request(enrolment.registration_code(NOW))
    assert refusal(enrolment.register, request, NOW) == "station_revoked"
