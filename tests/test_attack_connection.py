"""Attacks on the edges of a connection: coming back at once, replaying, leaving in the middle."""

import asyncio
import os
import threading
import time
from ipaddress import ip_address
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import OperationalError

from accounts.models import User
from backupstation import roles
from tests.attacker import AccountPhone, Desk, Wire, eventually, fresh_address, refused_upgrade
from tests.stations import running
from transfer import invitations, proving, verification
from transfer.connection import Connection
from transfer.consumers import counted_as
from transfer.models import Approval, InvitationState
from transfer.models import Invitation as InvitationRow
from transfer.outbox import Outbox
from transfer.receiving import Receiving
from wire import limits, messages, proofs
from wire.channel import control_frame
from wire.handshake import PhoneHandshake, public_bytes
from wire.invitation import Invitation, Scope
from wire.manifest import snapshot_id_text

ROUNDS = 10


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    with running(tmp_path_factory.mktemp("attacked") / "station") as station:
        desk = Desk(station)
        yield desk
        desk.close()


@pytest.fixture(scope="module")
def phone(desk):
    return AccountPhone(desk)


def test_who_comes_back_and_drops_at_once_does_not_block_the_upload(desk, phone):
    """The newer connection ends while it is ending the older one, which still stores chunks."""
    for number in range(ROUNDS):
        chunks = [os.urandom(900_000) for _ in range(9)]
        older = phone.opened()
        follow_up = Invitation.decode(older.begin().invitation)
        wanted = older.lacks(*chunks)
        newer = phone.opened(invitation=follow_up)
        for ref in wanted[:8]:
            older.give((ref, chunks[ref]))
        newer.say(messages.BackupBegin(older.snapshot_id, "mallory", "", 1, 1))
        time.sleep(0.002 + 0.001 * (number % 4))
        newer.cut()
        with phone.opened() as fresh:
            fresh.begin(older.snapshot_id)
            assert fresh.lacks(*chunks)
            fresh.say(messages.Bye())
            assert fresh.closing() == 1000
        older.cut()
    assert eventually(lambda: not desk.spooled())


def test_one_upload_has_one_connection_however_many_begin_it_at_once(desk, phone):
    first = phone.opened()
    first.begin()
    newcomers = [phone.opened() for _ in range(3)]
    for wire in newcomers:
        wire.say(messages.BackupBegin(first.snapshot_id, "mallory", "", 1, 1))
    answers = eventually(lambda: [alive for alive in newcomers if alive and answers_ping(alive)])
    assert len(answers) == 1
    for wire in [first, *newcomers]:
        wire.cut()


def answers_ping(wire):
    try:
        wire.say(messages.Ping())
        wire.hear(messages.Pong, seconds=4)
    except Exception:
        return False
    return True


def test_a_replayed_first_message_leaves_no_trace_and_counts_as_a_failure(desk):
    invitation, address = desk.invitation(), fresh_address()
    seen = Wire(invitation)
    seen.shaking.hello()
    (hello,) = seen.shaking.data_to_send()
    seen.send(hello)
    seen.receive()
    seen.cut()
    for _ in range(limits.FAILED_HANDSHAKES_PER_MINUTE):
        with Wire(invitation, address=address) as replay:
            replay.send(hello)
            replay.receive()
            replay.send(os.urandom(50))
            assert replay.closing() == 4401
    assert eventually(lambda: throttled(invitation, address))
    assert [step["step"] for step in desk.state(invitation).trail] == ["shown"]


def throttled(invitation, address):
    with Wire(invitation, address=address) as wire:
        wire.send(os.urandom(48))
        return wire.closing() == 4429


def test_a_used_or_expired_code_is_no_failed_attempt(desk, phone):
    invitation, address = desk.invitation(), fresh_address()
    desk.expire(session=invitation.session_id.hex(), seconds=limits.CLOCK_SKEW_SECONDS + 5)
    for _ in range(limits.FAILED_HANDSHAKES_PER_MINUTE + 1):
        with Wire(invitation, address=address) as wire:
            wire.shaking.hello()
            wire.flush()
            assert wire.closing() == 4408


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:1"])
def test_other_sites_do_not_use_up_a_visitors_attempts(desk, phone, origin):
    address = fresh_address()
    for number in range(limits.FAILED_HANDSHAKES_PER_MINUTE + 1):
        session = f"{number:032x}"
        upgrade = {"session": session, "address": address, "origin": origin}
        assert refused_upgrade(desk.invitation(), **upgrade) == 403
    with phone.opened(address=address) as wire:
        wire.say(messages.Bye())
        assert wire.closing() == 1000


def test_addresses_of_one_network_are_counted_together():
    assert counted_as("2001:db8:1:2:3::4") == counted_as("2001:db8:1:2:ffff::1%eth0")
    assert counted_as("2001:db8:1:2::1") != counted_as("2001:db8:1:3::1")
    assert counted_as("::ffff:192.0.2.7") == counted_as("192.0.2.7")
    assert counted_as("192.0.2.7") != counted_as("192.0.2.8")


def test_who_fails_while_another_phone_is_in_does_not_make_that_one_fail(desk, phone):
    """Someone who photographed the QR code was in the channel before its phone claimed it."""
    invitation = desk.invitation()
    with Wire(invitation).hello() as mallory, phone.opened(invitation=invitation) as wire:
        wire.begin()
        mallory.say(messages.SnapshotsList(0))
        assert mallory.closing() == 4401
        assert eventually(lambda: "refused" in trail_of(desk, invitation))
        assert desk.failures(invitation) == []
        wire.say(messages.Bye())
        assert wire.closing() == 1000


def trail_of(desk, invitation):
    return [step["step"] for step in desk.state(invitation).trail]


# Follow-ups


def test_a_follow_up_goes_on_with_its_own_backup_alone(desk, phone):
    with phone.opened() as wire:
        follow_up = Invitation.decode(wire.begin().invitation)
        wire.cut()
    with phone.opened(invitation=follow_up) as other:
        other.say(messages.BackupBegin(snapshot_id_text(os.urandom(16)), "mallory", "", 1, 1))
        assert other.closing() == 4403
    assert "another snapshot" in desk.failures(follow_up)[-1][1]


def test_a_backup_that_is_resumed_again_and_again_stays_the_same(desk, phone):
    with phone.opened() as wire:
        follow_up = Invitation.decode(wire.begin().invitation)
        wire.cut()
    for _ in range(2):
        with phone.opened(invitation=follow_up) as again:
            follow_up = Invitation.decode(again.begin(wire.snapshot_id).invitation)
            again.cut()
    with phone.opened(invitation=follow_up) as last:
        last.say(messages.BackupBegin(snapshot_id_text(os.urandom(16)), "mallory", "", 1, 1))
        assert last.closing() == 4403


@pytest.mark.parametrize("asked", [0, 1], ids=["first", "last"])
def test_a_follow_up_goes_on_with_its_own_restore_alone(desk, phone, asked):
    snapshots = [phone.stored(content)[0] for content in (b"one", b"two")]
    follow_ups = []
    with phone.opened("restore") as wire:
        for snapshot in snapshots:
            wire.say(messages.SnapshotGet(snapshot))
            follow_ups.append(Invitation.decode(wire.hear(messages.FollowUp).invitation))
            wire.hear(messages.SnapshotManifest)
        wire.cut()
    with phone.opened("restore", invitation=follow_ups[asked]) as wire:
        wire.say(messages.SnapshotGet(snapshots[asked]))
        assert wire.hear(messages.SnapshotManifest)
        wire.say(messages.SnapshotGet(snapshots[1 - asked]))
        assert wire.closing() == 4403


def test_requests_for_snapshots_that_are_not_there_make_no_invitations(desk, phone):
    with phone.opened("restore") as wire:
        for _ in range(5):
            unknown = snapshot_id_text(os.urandom(16))
            wire.say(messages.ChunksGet(unknown, 0, [messages.Want(0, 0, 1)]))
            assert wire.refusal() == 4404
        assert not any(isinstance(told, messages.FollowUp) for told in wire.told)
        assert trail_of(desk, wire.invitation)[-1] != "sending"


def test_going_back_and_forth_between_snapshots_makes_few_invitations(desk, phone):
    snapshots = [phone.stored(content)[0] for content in (b"three", b"four")]
    with phone.opened("restore") as wire:
        for at in range(8):
            wire.say(messages.ChunksGet(snapshots[at % 2], at, [messages.Want(0, 0, 1)]))
        wire.say(messages.Bye())
        assert wire.closing() == 1000
        assert sum(isinstance(told, messages.FollowUp) for told in wire.told) == 2


@pytest.mark.parametrize("resumed", [False, True])
def test_who_has_said_goodbye_has_no_follow_up_left(desk, phone, resumed):
    with phone.opened() as wire:
        given = [Invitation.decode(wire.begin().invitation)]
        if not resumed:
            wire.say(messages.Bye())
            assert wire.closing() == 1000
        wire.cut()
    if resumed:
        with phone.opened(invitation=given[0]) as again:
            given.append(Invitation.decode(again.begin(wire.snapshot_id).invitation))
            again.say(messages.Bye())
            assert again.closing() == 1000
    assert all(desk.wait_for(one, "ended") for one in given)
    assert not any(desk.state(one).has_secrets for one in given)


def test_a_phone_that_was_enrolled_and_said_goodbye_begins_what_it_likes(desk):
    newcomer = AccountPhone(desk, name="newcomer")
    invitation = desk.invitation()
    with Wire(invitation, newcomer.key).hello() as wire:
        text = proofs.enrol_text(wire.channel.handshake_hash)
        wire.say(messages.Enrol(public_bytes(wire.key), "newcomer", proofs.prove(wire.key, text)))
        wire.hear(messages.Pending)
        desk.decide(account="alice", digits=wire.shaking.digits, allow=True)
        follow_up = Invitation.decode(wire.hear(messages.Enrolled).invitation)
        wire.say(messages.Bye())
        assert wire.closing() == 1000
    assert desk.wait_for(invitation, "ended")
    assert newcomer.stored(b"the first backup", invitation=follow_up)


# On a connection without a network, where the moment can be chosen


class Line:
    """A phone and the station's connection, message by message; sending may be slow."""

    def __init__(self, invitation):
        self.invitation = invitation
        key = Ed25519PrivateKey.generate()
        self.phone = PhoneHandshake(invitation, key, X25519PrivateKey.generate())
        self.connection = Connection(invitation.session_id.hex(), self.hear, self.close)
        self.delays = []
        self.heard = []

    async def hear(self, message):
        await asyncio.sleep(self.delays.pop(0) if self.delays else 0)
        self.heard.append(self.phone.receive(message))

    async def close(self, code):
        pass

    async def say(self):
        for message in self.phone.data_to_send():
            await self.connection.receive(message)

    async def connect(self):
        self.phone.hello()
        await self.say()


@pytest.fixture
def invitation(transactional_db):
    roles.prepare()
    owner = User.objects.create_user("alice")
    return invitations.issue(
        owner, scope=Scope.BACKUP, addresses=[ip_address("127.0.0.1")], port=8765
    )


def test_a_question_that_is_asked_as_the_phone_leaves_is_withdrawn(invitation, monkeypatch):
    ask = verification.ask_to_enrol

    asked = []

    def slowly(*arguments):
        time.sleep(0.3)
        asked.append(ask(*arguments))
        return asked[-1]

    async def leave_meanwhile():
        line = Line(invitation)
        await line.connect()
        line.phone.enrol("hasty")
        asking = asyncio.create_task(line.say())
        await asyncio.sleep(0.1)
        await line.connection.lost()
        await asking

    monkeypatch.setattr(verification, "ask_to_enrol", slowly)
    asyncio.run(leave_meanwhile())
    assert len(asked) == 1
    assert not Approval.objects.filter(state="waiting").exists()


def test_a_claim_that_is_made_as_the_phone_leaves_is_released(invitation, monkeypatch):
    def claim_slowly(row, _first, _digits):
        time.sleep(0.3)
        invitations.claim(row.session_id, "a phone")
        return verification.Linked(None)

    async def leave_meanwhile():
        line = Line(invitation)
        await line.connect()
        claiming = asyncio.create_task(line.connection._proving._take_first(None))
        await asyncio.sleep(0.1)
        await line.connection.lost()
        with pytest.raises(ConnectionError):
            await claiming

    monkeypatch.setattr(verification, "take_first", claim_slowly)
    asyncio.run(leave_meanwhile())
    assert InvitationRow.objects.get().state != InvitationState.CLAIMED
    assert invitation.session_id.hex() not in proving._claimed


def test_a_fault_of_the_station_is_no_failed_attempt_of_the_phone(invitation, monkeypatch):
    def fail(_session_id):
        raise OperationalError("disk I/O error")

    async def connect():
        line = Line(invitation)
        await line.connect()
        return line.connection.failed_first

    monkeypatch.setattr(verification, "live_invitation", fail)
    assert not asyncio.run(connect())


def test_an_ending_goes_on_when_who_waits_for_it_is_cancelled(invitation):
    async def cancel():
        line = Line(invitation)
        await line.connect()
        line.phone.enrol("hasty")
        await line.say()
        leaving = asyncio.create_task(line.connection.lost())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait_for(line.connection._finished.wait(), 5)

    asyncio.run(cancel())
    assert not Approval.objects.filter(state="waiting").exists()


def test_what_the_station_says_at_once_goes_out_in_order(invitation):
    """The phone refuses any message whose nonce is not the next one."""

    async def talk():
        line = Line(invitation)
        await line.connect()
        line.delays = [0.1]
        for _ in range(3):
            line.phone.ping()
        await asyncio.gather(*(line.connection._ping() for _ in range(3)), line.say())
        await line.connection.lost()
        return line.heard

    assert len(asyncio.run(talk())) == 1 + 6


def test_the_last_word_does_not_wait_for_somebody_who_never_stops_talking():
    async def talk():
        sent = []

        async def send(message):
            sent.append(message)
            await asyncio.sleep(0)

        async def babble():
            while True:
                await outbox.say(messages.Ping())

        outbox = Outbox(Unsealed(), send)
        tasks = [asyncio.create_task(each) for each in (outbox.run(), babble(), babble())]
        await asyncio.sleep(0.05)
        await asyncio.wait_for(outbox.say_last(messages.Bye()), 2)
        for task in tasks:
            task.cancel()
        return sent

    assert b"bye" in b"".join(asyncio.run(talk())[-3:])


class Unsealed:
    def seal(self, plaintext):
        return plaintext


class Plain:
    """What :class:`Receiving` uses of a session, without a network and in the clear."""

    channel = SimpleNamespace(reserve=lambda message: message, decrypt=lambda message: message)
    vault = SimpleNamespace(pk="a vault")
    outbox = SimpleNamespace(say=None)

    def __init__(self):
        self.obeyed = []

    async def obey_common(self, message):
        self.obeyed.append(message)


def test_a_large_control_message_is_not_decoded_on_the_event_loop(monkeypatch):
    """Half a mebibyte of names takes as long as some dozen messages of other phones."""
    decode, where = messages.decode_from_phone, []

    def decode_here(payload):
        where.append(threading.current_thread())
        return decode(payload)

    async def talk():
        session = Plain()
        receiving = Receiving(session)
        running = asyncio.create_task(receiving.run())
        for told in (large, messages.Ping()):
            await receiving.receive(control_frame(messages.encode(told)))
        while len(session.obeyed) < 2 and not running.done():
            await asyncio.sleep(0.01)
        running.cancel()
        return session.obeyed

    monkeypatch.setattr(messages, "decode_from_phone", decode_here)
    names = [f"{number:0200}" for number in range(limits.SELECTION_NAMES_MAX)]
    large = messages.SnapshotGet("0" * 26, messages.Selection(items=names))
    assert asyncio.run(talk()) == [large, messages.Ping()]
    assert [thread is threading.current_thread() for thread in where] == [False, True]
