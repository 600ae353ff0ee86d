"""Attacks on a real listening port before verification is complete.

Whatever goes wrong there, the peer learns a close code and nothing else; the reason is the owner's
to read, on the trail or in the log. Nothing that fails may use up what the real phone needs.
"""

import os
import threading
import time
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.attacker import (
    BACKUP,
    AccountPhone,
    Closed,
    Desk,
    Wire,
    eventually,
    fresh_address,
    refused_upgrade,
)
from tests.stations import running
from wire import limits, messages, proofs, tokens
from wire.channel import control_frame, data_frame_header
from wire.handshake import public_bytes
from wire.im import Refusal, Refused
from wire.invitation import Invitation

CONTENDERS = 100
AT_ONCE = 60


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacked") / "station"
    with running(folder, STATION_LOG_LEVEL="INFO") as station:
        desk = Desk(station)
        desk.add_owner(name="bob")
        yield desk
        desk.close()


@pytest.fixture(scope="module")
def silent(desk):
    """A connection that never says anything, and since when."""
    began = time.monotonic()
    with Wire(desk.invitation()) as wire:
        yield wire, began


@pytest.fixture(scope="module")
def phone(desk, silent):
    return AccountPhone(desk, name="Alice's phone")


@pytest.fixture(autouse=True)
def leaves_nothing_behind(desk, phone):
    """No snapshot, no upload, no phone of hers, nothing in the spool, and no fault in the log."""
    before, logged = desk.kept(), len(desk.station.log())
    yield
    eventually(lambda: desk.kept() == before)
    assert desk.kept() == before
    assert desk.spooled() == []
    assert "Traceback" not in desk.station.log()[logged:]


def refused(desk, wire, reason, code=4401):
    """The peer sees the code alone; the owner sees the reason."""
    assert wire.closing() == code
    assert wire.told == []
    failures = eventually(lambda: desk.failures(wire.invitation))
    assert [failure[0] for failure in failures] == [code]
    assert reason in failures[0][1]


def refusals(desk, invitation):
    """(code, reason) of the phones that were turned away before they had proved anything."""
    trail = desk.state(invitation).trail
    return [(step["code"], step["reason"]) for step in trail if step["step"] == "refused"]


def still_works(phone, invitation):
    """The invitation was not used up: the real phone gets in with it."""
    with phone.opened(invitation=invitation) as wire:
        assert wire.shaking.state.name == "OPEN"
        wire.say(messages.Bye())
        assert wire.closing() == 1000


# The first verification information

NOW = int(time.time())
LATE, EARLY = -limits.TICKET_SECONDS - limits.CLOCK_SKEW_SECONDS, limits.CLOCK_SKEW_SECONDS
OTHER_KEY = Ed25519PrivateKey.generate()


def at(shift):
    """iat and exp of a ticket that was issued ``shift`` seconds from now."""
    iat = int(time.time()) + shift
    return {"iat": iat, "exp": iat + limits.TICKET_SECONDS}


WRONG_CLAIMS = {
    "another issuer": ("iss", lambda: {"iss": "station:" + "a" * 26}),
    "another station": ("aud", lambda: {"aud": "a" * 26}),
    "another session": ("sid", lambda: {"sid": tokens.b64u(os.urandom(16))}),
    "another invitation key": ("spk", lambda: {"spk": tokens.b64u(bytes(32))}),
    "another QR code": ("inv", lambda: {"inv": tokens.b64u(bytes(32))}),
    "another phone": (
        "phone key",
        lambda: {"cnf": tokens.thumbprint(public_bytes(OTHER_KEY))},
    ),
    "the other scope": ("scope", lambda: {"scope": "restore"}),
    "expired": ("expired", lambda: at(LATE - 30)),
    "from the future": ("future", lambda: at(EARLY + 30)),
    "too long a life": ("life", lambda: {"exp": int(time.time()) + limits.TICKET_SECONDS + 30}),
}


@pytest.mark.parametrize("kind", WRONG_CLAIMS)
def test_a_ticket_for_something_else_is_refused_and_burns_nothing(desk, phone, kind):
    reason, changes = WRONG_CLAIMS[kind]
    invitation = desk.invitation(scope=int(BACKUP))
    ticket = desk.sign(claims=phone.claims(invitation, **changes()))
    with phone.connected(invitation) as wire:
        wire.first(ticket)
        refused(desk, wire, reason)
    still_works(phone, invitation)


@pytest.mark.parametrize("shift", [LATE + 30, EARLY - 30])
def test_clocks_may_differ_by_a_minute(desk, phone, shift):
    invitation = desk.invitation()
    with phone.connected(invitation) as wire:
        wire.first(desk.sign(claims=phone.claims(invitation, **at(shift))))
        assert wire.hear(messages.Second)


def test_a_ticket_by_another_issuer_is_refused(desk, phone):
    invitation = desk.invitation()
    forged = tokens.sign(tokens.Ticket(**phone.claims(invitation)), OTHER_KEY)
    with phone.connected(invitation) as wire:
        wire.first(forged)
        refused(desk, wire, "no accepted key")
    still_works(phone, invitation)


def test_a_stolen_ticket_serves_no_other_key(desk, phone):
    """Mallory has the QR code and the phone's ticket, but not its key."""
    invitation = desk.invitation()
    stolen = phone.ask(invitation).ticket
    with Wire(invitation).hello() as wire:
        wire.first(stolen, key=OTHER_KEY)
        refused(desk, wire, "another phone key")
    still_works(phone, invitation)


def test_a_stolen_ticket_and_public_key_serve_nobody_without_the_private_one(desk, phone):
    invitation = desk.invitation()
    stolen = phone.ask(invitation).ticket
    with Wire(invitation).hello() as wire:
        text = proofs.first_text(wire.channel.handshake_hash, stolen)
        wire.first(stolen, key=phone.key, proof=proofs.prove(OTHER_KEY, text))
        refused(desk, wire, "proof")
    still_works(phone, invitation)


def test_a_first_recorded_on_one_connection_is_refused_on_another(desk, phone):
    invitation = desk.invitation()
    ticket = phone.ask(invitation).ticket
    with phone.connected(invitation) as other, phone.connected(invitation) as wire:
        text = proofs.first_text(other.channel.handshake_hash, ticket)
        wire.first(ticket, proof=proofs.prove(phone.key, text))
        refused(desk, wire, "proof")
    still_works(phone, invitation)


def test_swapped_tickets_are_refused_on_both_sides(desk, phone):
    one, two = desk.invitation(), desk.invitation()
    tickets = {one: phone.ask(two).ticket, two: phone.ask(one).ticket}
    for invitation, ticket in tickets.items():
        with phone.connected(invitation) as wire:
            wire.first(ticket)
            refused(desk, wire, "sid")
    still_works(phone, one)
    still_works(phone, two)


def test_a_wrong_verified_does_not_open(desk, phone):
    invitation = desk.invitation()
    ticket = phone.ask(invitation).ticket
    with phone.connected(invitation) as wire:
        wire.first(ticket)
        second = wire.hear(messages.Second).token
        wire.told.clear()
        wire.say(messages.Verified(proofs.prove(OTHER_KEY, proofs.verified_text(second))))
        refused(desk, wire, "proof")
    assert desk.wait_for(invitation, "ended")


# Who has not seen the QR code


def test_who_has_not_seen_the_code_burns_nothing_and_leaves_no_trace_on_the_trail(desk, phone):
    invitation = desk.invitation()
    blind = [
        replace(invitation, secret=bytes(16)),
        replace(invitation, invitation_key=desk.invitation().invitation_key),
        replace(invitation, port=invitation.port ^ 1),
    ]
    for guess in blind:
        with Wire(guess, port=invitation.port) as wire:
            wire.shaking.hello()
            wire.flush()
            assert wire.closing() == 4401
    for garbage in (b"", bytes(48), os.urandom(48), os.urandom(96)):
        with Wire(invitation) as wire:
            wire.send(garbage)
            assert wire.closing() == 4401
    state = desk.state(invitation)
    assert state.state == "shown"
    assert [step["step"] for step in state.trail] == ["shown"]
    still_works(phone, invitation)


def test_five_failures_a_minute_per_address_then_4429(desk, phone):
    invitation, address = desk.invitation(), fresh_address()
    for _ in range(limits.FAILED_HANDSHAKES_PER_MINUTE):
        with Wire(invitation, address=address) as wire:
            wire.send(os.urandom(48))
            assert wire.closing() == 4401
    with Wire(invitation, address=address) as wire:
        assert wire.closing() == 4429
    still_works(phone, invitation)


def test_successes_do_not_count_as_failures(desk, phone):
    address = fresh_address()
    for _ in range(limits.FAILED_HANDSHAKES_PER_MINUTE + 1):
        with phone.opened(address=address) as wire:
            wire.say(messages.Bye())
            assert wire.closing() == 1000


@pytest.mark.parametrize("session", ["0" * 32, "z" * 32, "0" * 31, "%00", "F" * 32])
def test_an_unknown_session_is_refused_like_any_other_failure(desk, session):
    with Wire(desk.invitation(), session=session) as wire:
        wire.shaking.hello()
        wire.flush()
        assert wire.closing() == 4401


@pytest.mark.parametrize("subprotocols", [None, ["backupstation.v2"], ["chat"]])
def test_another_subprotocol_is_refused_before_anything_else(desk, subprotocols):
    assert refused_upgrade(desk.invitation(), subprotocols=subprotocols) == 403


# Used, expired


def test_a_used_code_is_refused(desk, phone):
    invitation = desk.invitation()
    still_works(phone, invitation)
    assert desk.wait_for(invitation, "ended")
    assert not desk.state(invitation).has_secrets
    logged = len(desk.station.log())
    with Wire(invitation, phone.key) as wire:
        wire.shaking.hello()
        wire.flush()
        assert wire.closing() == 4503
    assert "used before" in desk.station.log()[logged:]
    assert eventually(lambda: refusals(desk, invitation)) == [(4503, "the QR code was used before")]
    assert desk.failures(invitation) == []


def test_a_code_that_is_in_use_is_refused_and_the_user_is_not_disturbed(desk, phone):
    invitation = desk.invitation()
    with phone.opened(invitation=invitation) as wire:
        with Wire(invitation, phone.key) as late:
            late.shaking.hello()
            late.flush()
            assert late.closing() == 4503
        wire.say(messages.Ping())
        assert wire.hear(messages.Pong)
        assert desk.state(invitation).state == "claimed"


def test_an_expired_code_is_refused_a_minute_late_is_not(desk, phone):
    invitation = desk.invitation()
    session = invitation.session_id.hex()
    desk.expire(session=session, seconds=limits.CLOCK_SKEW_SECONDS + 5)
    logged = len(desk.station.log())
    with Wire(invitation, phone.key) as wire:
        wire.shaking.hello()
        wire.flush()
        assert wire.closing() == 4408
    assert "expired" in desk.station.log()[logged:]
    assert desk.station.trail(session)[-1] == "refused"
    desk.expire(session=session, seconds=limits.CLOCK_SKEW_SECONDS - 20)
    still_works(phone, invitation)


# One ticket, many connections


def test_one_ticket_from_a_hundred_connections_has_exactly_one_winner(desk, phone):
    """As many at once as the station admits, the others right behind them."""
    invitation = desk.invitation()
    ticket = phone.ask(invitation).ticket
    addresses = [fresh_address() for _ in range(AT_ONCE // 6)]
    wires = [phone.connected(invitation, address=addresses[at // 6]) for at in range(AT_ONCE)]
    gate = threading.Barrier(AT_ONCE)
    outcomes = []

    def contend(wire):
        gate.wait()
        wire.first(ticket)
        try:
            wire.hear(messages.Second, seconds=30)
            outcomes.append("won")
        except Closed as closed:
            outcomes.append((closed.code, closed.reason, wire.told))

    threads = [threading.Thread(target=contend, args=(wire,)) for wire in wires]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("won") == 1
    assert outcomes.count((4503, "", [])) == AT_ONCE - 1
    for number in range(CONTENDERS - AT_ONCE):
        with Wire(invitation, phone.key, address=addresses[number % len(addresses)]) as late:
            late.shaking.hello()
            late.flush()
            assert late.closing() in (4503, 4429)
    # The losers' ends are not the winner's.
    state = desk.state(invitation)
    assert state.state == "claimed"
    assert state.claimed_by == phone.thumbprint
    assert [step["step"] for step in state.trail].count("first") == 1
    for wire in wires:
        wire.cut()
    assert desk.wait_for(invitation, "ended")


# Before OPEN

TOO_EARLY = [
    messages.BackupBegin("0" * 26, "", "", 0, 0),
    messages.ChunksHave(0, bytes(32)),
    messages.BackupCommit(b"", b""),
    messages.SnapshotsList(0),
    messages.SnapshotGet("0" * 26),
    messages.ChunksGet("0" * 26, 0, []),
    messages.RestoreDone("0" * 26, 0, 0),
    messages.Ack(1),
    messages.Verified(bytes(64)),
    messages.Failure(4400, "no"),
]


@pytest.mark.parametrize("message", TOO_EARLY, ids=lambda message: type(message).__name__)
def test_transfer_messages_before_open_are_refused(desk, phone, message):
    invitation = desk.invitation()
    with phone.connected(invitation) as wire:
        wire.say(message)
        reason = "state" if isinstance(message, messages.Verified) else "before verification"
        refused(desk, wire, reason)
    still_works(phone, invitation)


def test_transfer_messages_while_the_second_information_is_on_its_way_are_refused(desk, phone):
    invitation = desk.invitation()
    with phone.connected(invitation) as wire:
        wire.first(phone.ask(invitation).ticket)
        wire.hear(messages.Second)
        wire.told.clear()
        wire.say(messages.BackupBegin("0" * 26, "", "", 0, 0))
        refused(desk, wire, "before verification")


HOSTILE_BYTES = {
    "a chunk": data_frame_header(0, 5) + b"chunk",
    "two messages at once": control_frame(b'{"type":"ping"}') * 2,
    "an unknown type": control_frame(b'{"type":"open sesame"}'),
    "no JSON": control_frame(b"\xff\xfe"),
    "deep JSON": control_frame(b"[" * 5000),
    "a frame that is cut off": control_frame(b'{"type":"ping"}')[:-1],
    "a frame of an unknown kind": b"\x02\x00\x00\x00\x00",
}


@pytest.mark.parametrize("kind", HOSTILE_BYTES)
def test_malformed_messages_before_open_say_4401_and_no_more(desk, phone, kind):
    invitation = desk.invitation()
    with phone.connected(invitation) as wire:
        wire.say_frames(HOSTILE_BYTES[kind])
        assert wire.closing() == 4401
        assert wire.told == []
    assert len(desk.failures(invitation)) == 1
    still_works(phone, invitation)


def test_text_and_oversized_messages_before_open_are_refused(desk, phone):
    invitation = desk.invitation()
    for message in ("text", bytes(limits.VERIFICATION_MESSAGE_BYTES_MAX + 1)):
        with Wire(invitation) as wire:
            wire.send(message)
            assert wire.closing() == 4401
    with Wire(invitation) as wire:
        wire.send(bytes(limits.MIB))
        assert wire.closing() == "1009 message over 65536 bytes"
    still_works(phone, invitation)


def test_a_message_that_was_changed_on_its_way_ends_the_connection(desk, phone):
    invitation = desk.invitation()
    with phone.connected(invitation) as wire:
        wire.say(messages.Ping())
        wire.hear(messages.Pong)
        wire.told.clear()
        sealed = bytearray(wire.channel.seal(control_frame(b'{"type":"ping"}')))
        sealed[-1] ^= 1
        wire.send(bytes(sealed))
        refused(desk, wire, "authentication")
    still_works(phone, invitation)


# Enrolment


def enrol(wire, name="Mallory", key=None, proof=None):
    key = key or wire.key
    text = proofs.enrol_text(wire.channel.handshake_hash)
    wire.say(messages.Enrol(public_bytes(key), name, proof or proofs.prove(key, text)))


def test_a_denied_phone_is_told_so_and_is_not_enrolled(desk):
    invitation = desk.invitation()
    with Wire(invitation).hello() as wire:
        enrol(wire)
        assert wire.hear(messages.Pending).reason == "enrol"
        wire.told.clear()
        assert desk.digits() == wire.shaking.digits
        desk.decide(account="alice", digits=wire.shaking.digits, allow=False)
        assert wire.closing() == 4403
        assert [told.code for told in wire.told] == [4403]
    assert desk.failures(invitation)[0][0] == 4403
    assert desk.waiting() == []


def test_nobody_enrols_a_key_that_is_not_his(desk, phone):
    invitation = desk.invitation()
    with Wire(invitation).hello() as wire:
        text = proofs.enrol_text(wire.channel.handshake_hash)
        enrol(wire, key=phone.key, proof=proofs.prove(OTHER_KEY, text))
        refused(desk, wire, "proof")
    assert desk.waiting() == []


def test_one_phone_at_a_time_waits_on_an_invitation(desk):
    """Who comes second is refused, and the question that the owner sees stays what it was."""
    invitation = desk.invitation()
    with Wire(invitation).hello() as first, Wire(invitation).hello() as second:
        enrol(first, "first")
        first.hear(messages.Pending)
        enrol(second, "second")
        refused(desk, second, "another phone")
        assert [row["name"] for row in desk.waiting()] == ["first"]
        assert desk.digits() == first.shaking.digits


def test_a_phone_that_leaves_takes_its_question_with_it(desk, phone):
    invitation = desk.invitation()
    with Wire(invitation).hello() as wire:
        enrol(wire)
        wire.hear(messages.Pending)
        assert desk.digits()
        wire.cut()
    assert eventually(lambda: not desk.waiting())
    with Wire(invitation).hello() as wire:
        enrol(wire)
        assert wire.hear(messages.Pending)
    assert eventually(lambda: not desk.waiting())
    still_works(phone, invitation)


def test_a_waiting_phone_can_do_nothing_but_wait(desk):
    invitation = desk.invitation()
    with Wire(invitation).hello() as wire:
        enrol(wire)
        wire.hear(messages.Pending)
        wire.say(messages.Ping())
        assert wire.hear(messages.Pong)
        wire.told.clear()
        wire.say(messages.SnapshotsList(0))
        refused(desk, wire, "before verification")
    assert eventually(lambda: not desk.waiting())


def test_a_follow_up_enrols_nobody_and_serves_no_other_phone(desk, phone):
    with phone.opened() as wire:
        follow_up = Invitation.decode(wire.begin().invitation)
        wire.cut()
    with Wire(follow_up).hello() as mallory:
        enrol(mallory)
        refused(desk, mallory, "not enrolled")
    other = AccountPhone(desk, name="Alice's other phone")
    ticket = desk.sign(claims=other.claims(follow_up))
    with other.connected(follow_up) as wire:
        wire.first(ticket)
        assert wire.closing() == 4401
        assert wire.told == []
    assert "for another phone" in desk.failures(follow_up)[-1][1]
    still_works(phone, follow_up)


def test_who_learned_of_a_follow_up_does_not_displace_its_phone(desk, phone):
    """Another phone of the same account, with a right ticket, while the follow-up is in use."""
    with phone.opened() as wire:
        follow_up = Invitation.decode(wire.begin().invitation)
        wire.cut()
    other = AccountPhone(desk, name="Alice's third phone")
    with phone.opened(invitation=follow_up) as wire:
        for ticket in (desk.sign(claims=other.claims(follow_up)), phone.ask(follow_up).ticket):
            with other.connected(follow_up) as intruder:
                intruder.first(ticket)
                assert intruder.closing() == 4401
        wire.say(messages.Ping())
        assert wire.hear(messages.Pong)
        assert desk.state(follow_up).claimed_by == phone.thumbprint
        wire.say(messages.Bye())
        assert wire.closing() == 1000
    assert desk.wait_for(follow_up, "ended")


def test_a_phone_that_is_back_displaces_its_own_connection_and_no_two_are_open(desk, phone):
    with phone.opened() as wire:
        follow_up = Invitation.decode(wire.begin().invitation)
        wire.cut()
    with phone.opened(invitation=follow_up) as older, phone.opened(invitation=follow_up) as newer:
        assert older.closing() == 1000
        newer.say(messages.Ping())
        assert newer.hear(messages.Pong)


def test_who_says_goodbye_before_it_is_in_has_no_follow_up_left(desk, phone):
    with phone.opened() as wire:
        given = [Invitation.decode(wire.begin().invitation)]
        wire.cut()
    with phone.opened(invitation=given[0]) as again:
        given.append(Invitation.decode(again.begin(wire.snapshot_id).invitation))
        again.cut()
    assert desk.wait_for(given[0], "shown")
    with phone.connected(given[1]) as leaving:
        leaving.first(phone.ask(given[1]).ticket)
        leaving.hear(messages.Second)
        leaving.say(messages.Bye())
        assert leaving.closing() == 1000
    assert all(desk.wait_for(one, "ended") for one in given)


def test_the_owner_sees_whom_the_im_server_refused_and_why_once(desk, phone):
    taken, late = desk.invitation(), desk.invitation(seconds=-limits.CLOCK_SKEW_SECONDS - 5)
    other = AccountPhone(desk, name="Alice's fourth phone")
    other.ask(taken)
    for _ in range(2):
        for invitation in (taken, late):
            with pytest.raises(Refused):
                phone.ask(invitation)
    assert refusals(desk, taken) == [(4403, Refusal.SESSION_TAKEN.sentence)]
    assert refusals(desk, late) == [(4403, Refusal.INVITATION_EXPIRED.sentence)]


# Accounts


def test_an_account_of_another_user_is_refused_without_naming_anybody(desk, phone):
    """Bob scans Alice's code: his account is linked to him."""
    bobs = AccountPhone(desk, account="bob", name="Bob's phone")
    invitation = desk.invitation()
    ticket = bobs.ask(invitation).ticket
    with bobs.connected(invitation) as wire:
        wire.first(ticket)
        assert wire.closing() == 4403
    (told,) = wire.told
    assert told.message == "this code is for another account than this phone's"
    ((code, reason),) = desk.failures(invitation)
    assert code == 4403
    assert "another user" in reason
    assert "bob" not in reason.lower()
    assert "alice" not in reason.lower()
    state = desk.state(invitation)
    assert (state.state, state.claimed_by) == ("shown", "")


@pytest.fixture
def newcomer(desk):
    """A phone whose account the station's owner has not accepted yet."""
    name = f"user{time.monotonic_ns()}"
    desk.add_owner(name=name)
    phone = AccountPhone(desk, account=name, name="newcomer")
    desk.unlink(account=name)
    phone.owner = name
    return phone


def test_an_account_that_the_owner_does_not_accept_gets_no_vault(desk, newcomer):
    invitation = desk.invitation(account=newcomer.owner)
    with newcomer.connected(invitation) as wire:
        wire.first(newcomer.ask(invitation).ticket)
        assert wire.hear(messages.Pending).reason == "link"
        wire.told.clear()
        desk.decide(account=newcomer.owner, digits=wire.shaking.digits, allow=False)
        assert wire.closing() == 4403
        assert [told.code for told in wire.told] == [4403]
    assert desk.wait_for(invitation, "ended")
    assert desk.vaults_of(account=newcomer.owner) == 0


def test_who_leaves_before_the_owner_accepts_leaves_no_question(desk, newcomer):
    invitation = desk.invitation(account=newcomer.owner)
    with newcomer.connected(invitation) as wire:
        wire.first(newcomer.ask(invitation).ticket)
        wire.hear(messages.Pending)
        wire.cut()
    assert desk.wait_for(invitation, "ended")
    assert eventually(lambda: not desk.waiting())


def test_a_revoked_phone_is_refused_from_the_next_connection_on(desk):
    lost = AccountPhone(desk, name="lost")
    with lost.opened() as wire:
        follow_up = Invitation.decode(wire.begin().invitation)
        desk.revoke(thumbprint=lost.thumbprint)
        for invitation in (desk.invitation(), follow_up):
            with pytest.raises(Refused) as refusal:
                lost.ask(invitation)
            assert refusal.value.refusal is Refusal.PHONE_REVOKED
            assert refusals(desk, invitation) == [(4403, Refusal.PHONE_REVOKED.sentence)]
        wire.say(messages.Bye())
    invitation = desk.invitation()
    with Wire(invitation, lost.key).hello() as wire:  # Allow does not bring it back by mistake
        enrol(wire, "lost")
        wire.hear(messages.Pending)
        wire.told.clear()
        desk.decide(account="alice", digits=wire.shaking.digits, allow=True)
        assert wire.closing() == 4403
        assert ["revoked" in told.message for told in wire.told] == [True]
    assert desk.wait_for(invitation, "ended")
    assert not desk.state(invitation).has_secrets


@pytest.mark.parametrize("scope", ["backup", "restore"])
def test_an_open_connection_ends_when_its_phone_is_revoked_by_another_process(desk, scope):
    lost = AccountPhone(desk, name="lost")
    with lost.opened(scope) as wire:
        if scope == "backup":
            wire.begin()
        wire.told.clear()
        desk.revoke(thumbprint=lost.thumbprint)
        assert wire.closing() == 4403
        assert ["revoked" in told.message for told in wire.told] == [True]
    assert desk.wait_for(wire.invitation, "ended")
    (failure,) = desk.failures(wire.invitation)
    assert failure[0] == 4403
    assert "revoked" in failure[1]


def test_an_open_connection_ends_when_its_phone_is_replaced(desk):
    old, key = AccountPhone(desk, name="replaced"), Ed25519PrivateKey.generate()
    with old.opened() as wire, Wire(desk.invitation(), key).hello() as newer:
        wire.begin()
        wire.told.clear()
        enrol(newer, "replacing")
        newer.hear(messages.Pending)
        desk.decide(
            account="alice", digits=newer.shaking.digits, allow=True, replaces=old.thumbprint
        )
        assert newer.hear(messages.Enrolled).sub == old.sub
        assert wire.closing() == 4403
        assert ["revoked" in told.message for told in wire.told] == [True]


def test_a_ticket_from_before_its_phone_was_revoked_opens_nothing(desk):
    lost = AccountPhone(desk, name="lost")
    invitation = desk.invitation()
    reply = lost.ask(invitation)
    desk.revoke(thumbprint=lost.thumbprint)
    with Wire(invitation, lost.key) as wire, pytest.raises(Closed) as closed:
        wire.verify(lost, ticket=reply)
    assert closed.value.code == 4401
    assert "revoked" in desk.failures(invitation)[-1][1]


# Silence


def test_silence_before_the_first_message_ends_after_ten_seconds(silent):
    wire, began = silent
    assert wire.closing(seconds=20) == 4408
    assert time.monotonic() - began >= limits.HANDSHAKE_SECONDS
