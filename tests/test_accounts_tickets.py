"""Who gets a ticket for a scanned invitation, who is refused, and by which name."""

import hashlib

import pytest
from django.utils import timezone

from accounts import enrolment, issuer, tickets
from accounts.issuer import Issuer
from accounts.models import Connection, Phone, Station, User, moment
from tests.accounts_cast import NOW, Ed25519PrivateKey, PhoneActor, StationActor
from wire.im import ConnectRequest, Refused
from wire.invitation import Scope, station_id_text
from wire.tokens import Indication, Ticket, b64u, check_times, thumbprint, verify

ISS = "station:abc"
pytestmark = pytest.mark.django_db


@pytest.fixture
def issuer_key():
    key = Ed25519PrivateKey.generate()
    before = issuer._source
    issuer.configure(lambda: Issuer.single(ISS, key))
    yield key.public_key().public_bytes_raw()
    issuer._source = before


@pytest.fixture
def station(issuer_key):
    actor = StationActor()
    enrolment.register_embedded(actor.public, actor.name)
    return actor


@pytest.fixture
def alice(issuer_key):
    return User.objects.create_user("alice")


@pytest.fixture
def phone(alice):
    actor = PhoneActor()
    enrolment.enrol_embedded(alice, actor.public, actor.name)
    return actor


def refusal(request, now=NOW):
    with pytest.raises(Refused) as caught:
        tickets.connect(request, now)
    return caught.value.refusal.value


def test_ticket_and_indication_say_what_the_invitation_says(station, phone, alice, issuer_key):
    invitation = station.invitation(addresses=["192.168.1.20", "fe80::1"])
    reply = tickets.connect(phone.connect_request(ISS, invitation), NOW)
    indication = verify(reply.indication, Indication, [issuer_key])
    assert indication == Indication(
        iss=ISS,
        station_id=station_id_text(invitation.station_id),
        station_name=station.name,
        station_key=b64u(station.public),
        sid=b64u(invitation.session_id),
        addresses=["192.168.1.20", "fe80::1"],
        port=8765,
        exp=NOW + 120,
    )
    ticket = verify(reply.ticket, Ticket, [issuer_key])
    assert ticket == Ticket(
        iss=ISS,
        sub=alice.account.sub,
        aud=station_id_text(invitation.station_id),
        sid=b64u(invitation.session_id),
        jti=ticket.jti,
        iat=NOW,
        exp=NOW + 120,
        cnf=thumbprint(phone.public),
        spk=b64u(hashlib.sha256(invitation.invitation_key).digest()),
        inv=b64u(hashlib.sha256(invitation.public_part()).digest()),
        scope="backup",
    )
    check_times(ticket, NOW)


def test_ticket_names_the_one_scope_that_was_asked_for(station, phone, issuer_key):
    invitation = station.invitation(scope=Scope.BACKUP | Scope.RESTORE)
    reply = tickets.connect(phone.connect_request(ISS, invitation, "restore"), NOW)
    assert verify(reply.ticket, Ticket, [issuer_key]).scope == "restore"


def test_repeat_by_the_same_phone_gets_a_fresh_ticket(station, phone, issuer_key):
    request = phone.connect_request(ISS, station.invitation())
    first = verify(tickets.connect(request, NOW).ticket, Ticket, [issuer_key])
    again = verify(tickets.connect(request, NOW + 30).ticket, Ticket, [issuer_key])
    assert (again.iat, again.sid) == (NOW + 30, first.sid)
    assert again.jti != first.jti
    assert Connection.objects.count() == 1


def test_refuses_second_phone_on_the_same_session(station, phone, alice):
    invitation = station.invitation()
    tickets.connect(phone.connect_request(ISS, invitation), NOW)
    second = PhoneActor("Alice's tablet")
    enrolment.enrol_embedded(alice, second.public, second.name)
    assert refusal(second.connect_request(ISS, invitation)) == "session_taken"


def test_refuses_same_phone_with_another_scope_on_the_same_session(station, phone):
    invitation = station.invitation(scope=Scope.BACKUP | Scope.RESTORE)
    tickets.connect(phone.connect_request(ISS, invitation), NOW)
    assert refusal(phone.connect_request(ISS, invitation, "restore")) == "session_taken"


def test_a_refused_phone_does_not_take_the_session(station, phone):
    invitation = station.invitation()
    mallory = PhoneActor("Mallory")
    assert refusal(mallory.connect_request(ISS, invitation)) == "phone_unknown"
    assert tickets.connect(phone.connect_request(ISS, invitation), NOW).ticket


def test_one_station_cannot_use_up_the_session_ids_of_another(station, phone):
    mallory = StationActor("Mallory's NAS")
    enrolment.register_embedded(mallory.public, mallory.name)
    session_id = bytes(16)
    taken = mallory.invitation(session_id=session_id, scope=Scope.RESTORE)
    tickets.connect(phone.connect_request(ISS, taken, "restore"), NOW)
    wanted = station.invitation(session_id=session_id)
    assert tickets.connect(phone.connect_request(ISS, wanted), NOW).ticket


def test_refuses_unregistered_station(station, phone):
    assert refusal(phone.connect_request(ISS, StationActor().invitation())) == "station_unknown"


def test_refuses_revoked_station_until_it_is_reinstated(station, phone):
    Station.objects.all().revoke(timezone.now())
    enrolment.register_embedded(station.public, station.name)  # a restart does not bring it back
    request = phone.connect_request(ISS, station.invitation())
    assert refusal(request) == "station_revoked"
    Station.objects.all().reinstate()
    assert tickets.connect(request, NOW).ticket


@pytest.mark.parametrize("at", [1, 5, 10, 40, 75, 100, 150, -1])
def test_refuses_an_altered_invitation(station, phone, at):
    invitation = station.invitation()
    part = bytearray(invitation.public_part())
    part[at] ^= 1
    scope = "restore" if at == 1 else "backup"
    honest = phone.connect_request(ISS, invitation, scope)
    altered = ConnectRequest(bytes(part), honest.phone_key, scope, honest.proof)
    assert refusal(altered) in {"signature_wrong", "malformed", "station_unknown"}
    assert not Connection.objects.exists()


def test_refuses_an_invitation_signed_by_another_key(station, phone):
    invitation = station.invitation()
    forged = invitation.public_part()
    signature = StationActor().key.sign(b"backupstation/1 invitation")
    forged = forged.replace(invitation.signature, signature)
    honest = phone.connect_request(ISS, invitation)
    assert refusal(ConnectRequest(forged, phone.public, "backup", honest.proof)) == (
        "signature_wrong"
    )


def test_refuses_expired_invitation_beyond_the_skew_of_clocks(station, phone):
    request = phone.connect_request(ISS, station.invitation())
    assert tickets.connect(request, NOW + 120 + 60).ticket
    assert refusal(request, NOW + 120 + 61) == "invitation_expired"


def test_refuses_invitation_that_expires_hours_from_now(station, phone):
    request = phone.connect_request(ISS, station.invitation(expires=NOW + 4000))
    assert refusal(request) == "invitation_expired"


@pytest.mark.parametrize("address", ["8.8.8.8", "100.64.0.1", "2001:db8::1", "::ffff:8.8.8.8"])
def test_refuses_invitation_with_a_public_address(station, phone, address):
    invitation = station.invitation(addresses=["192.168.1.20", address])
    assert refusal(phone.connect_request(ISS, invitation)) == "address_public"


def test_refuses_revoked_phone_until_it_is_reinstated(station, phone):
    Phone.objects.all().revoke(timezone.now())
    request = phone.connect_request(ISS, station.invitation())
    assert refusal(request) == "phone_revoked"
    Phone.objects.all().reinstate()
    assert tickets.connect(request, NOW).ticket


def test_refuses_phone_of_a_deactivated_user(station, phone, alice):
    alice.is_active = False
    alice.save()
    assert refusal(phone.connect_request(ISS, station.invitation())) == "phone_revoked"


def test_refuses_proof_by_another_key(station, phone):
    honest = phone.connect_request(ISS, station.invitation())
    stolen = PhoneActor().key.sign(b"anything")
    request = ConnectRequest(honest.public_part, phone.public, "backup", stolen)
    assert refusal(request) == "proof_wrong"


def test_refuses_proof_that_was_made_for_another_issuer(station, phone):
    assert refusal(phone.connect_request("im:other", station.invitation())) == "proof_wrong"


def test_refuses_proof_that_was_made_for_the_other_scope(station, phone):
    invitation = station.invitation(scope=Scope.BACKUP | Scope.RESTORE)
    honest = phone.connect_request(ISS, invitation, "backup")
    request = ConnectRequest(honest.public_part, phone.public, "restore", honest.proof)
    assert refusal(request) == "proof_wrong"


def test_refuses_proof_that_was_made_for_another_invitation(station, phone):
    honest = phone.connect_request(ISS, station.invitation())
    other = station.invitation().public_part()
    assert refusal(ConnectRequest(other, phone.public, "backup", honest.proof)) == "proof_wrong"


@pytest.mark.parametrize(
    ("allowed", "asked"), [(Scope.BACKUP, "restore"), (Scope.RESTORE, "backup")]
)
def test_refuses_scope_that_the_invitation_does_not_allow(station, phone, allowed, asked):
    invitation = station.invitation(scope=allowed)
    assert refusal(phone.connect_request(ISS, invitation, asked)) == "scope_not_allowed"


def test_refuses_a_public_part_that_is_none(station, phone):
    request = ConnectRequest(b"\x01garbage", phone.public, "backup", bytes(64))
    assert refusal(request) == "malformed"


def test_refuses_phone_of_another_issuer(station, phone, alice):
    alice.account.iss = "im:elsewhere"
    alice.account.save()
    assert refusal(phone.connect_request(ISS, station.invitation())) == "phone_unknown"


def test_tells_listeners_who_was_confirmed_even_when_one_fails(station, phone):
    heard = []

    def listener(*, session_id, scope, thumbprint, **_rest):
        heard.append((session_id, scope, thumbprint))

    def broken(**_rest):
        raise RuntimeError("listener")

    tickets.connection_confirmed.connect(broken)
    tickets.connection_confirmed.connect(listener)
    try:
        invitation = station.invitation()
        reply = tickets.connect(phone.connect_request(ISS, invitation), NOW)
    finally:
        tickets.connection_confirmed.disconnect(broken)
        tickets.connection_confirmed.disconnect(listener)
    assert reply.ticket
    assert heard == [(invitation.session_id, "backup", thumbprint(phone.public))]


def test_remembers_when_a_phone_was_seen(station, phone):
    tickets.connect(phone.connect_request(ISS, station.invitation()), NOW)
    assert Phone.objects.get().last_seen == moment(NOW)


def test_forgets_sessions_only_when_their_invitation_can_no_longer_be_used(station, phone):
    early = station.invitation()
    tickets.connect(phone.connect_request(ISS, early), NOW)
    for later, kept in [(NOW + 170, True), (NOW + 241, False)]:
        fresh = station.invitation(now=later)
        tickets.connect(phone.connect_request(ISS, fresh), later)
        assert Connection.objects.filter(session_id=early.session_id.hex()).exists() is kept
