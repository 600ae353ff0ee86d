"""Both sides of connecting and verifying, without a network: the way, and every way off it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wire import handshake, limits, messages, proofs, tokens
from wire.channel import Channel, control_frame, data_frame_header, frames
from wire.errors import NotAllowed, TokenRefused, TooLarge, VerificationFailed, WireError
from wire.handshake import PhoneHandshake, State, StationHandshake, StationTerms
from wire.invitation import Invitation, Scope

VECTORS = Path(__file__).parent / "vectors"
INVITATIONS = json.loads((VECTORS / "invitation.json").read_text())
TOKENS = json.loads((VECTORS / "tokens.json").read_text())
CONNECTION = INVITATIONS["connection"]
INVITATION = Invitation.decode(bytes.fromhex(INVITATIONS["invitations"][0]["encoded"]))
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["private_key"]))
    for name, key in TOKENS["keys"].items()
}
PUBLIC = {name: bytes.fromhex(key["public_key"]) for name, key in TOKENS["keys"].items()}
MALLORY = Ed25519PrivateKey.from_private_bytes(b"M" * 32)
BY_NAME = {vector["name"]: vector for vector in TOKENS["tokens"]}
TICKET_TEXT = BY_NAME["ticket"]["token"]
TICKET = msgspec.convert(BY_NAME["ticket"]["claims"], tokens.Ticket)
INDICATION = msgspec.convert(BY_NAME["indication"]["claims"], tokens.Indication)
NOW = TOKENS["now"]
TERMS = messages.Open("backup", limits.WINDOW_BYTES, 10**12, "爱丽丝的 NAS")


def x25519(text):
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(text))


def terms(**changes):
    known = StationTerms(
        public_part=INVITATION.public_part(),
        secret=INVITATION.secret,
        invitation_key=x25519(INVITATIONS["invitation_private_key"]),
        station_key=KEYS["station"],
        iss=TICKET.iss,
        issuer_keys=[PUBLIC["issuer"]],
        bound_phone="",
        now=lambda: NOW,
    )
    return replace(known, **changes)


def sides(invitation=INVITATION, key=KEYS["phone"], **changes):
    phone = PhoneHandshake(invitation, key, x25519(CONNECTION["phone_ephemeral"]))
    station = StationHandshake(terms(**changes), x25519(CONNECTION["station_ephemeral"]))
    return phone, station


def carry(sender, receiver):
    """Bring everything that one side has to say to the other; the last event."""
    event = None
    for message in sender.data_to_send():
        event = receiver.receive(message)
    return event


def connected(**changes):
    phone, station = sides(**changes)
    phone.hello()
    carry(phone, station)
    carry(station, phone)
    return phone, station


def presented(ticket=TICKET_TEXT, **changes):
    phone, station = connected(**changes)
    phone.present(ticket, INDICATION, TICKET.sub)
    return phone, station, carry(phone, station)


def signed(key=KEYS["issuer"], **changes):
    return tokens.sign(msgspec.structs.replace(TICKET, **changes), key)


# The whole way


def transcript():
    """Every message from hello to open, and what it carries."""
    phone, station = sides()
    steps = []

    def pass_on(sender, receiver, name, carries):
        (message,) = sender.data_to_send()
        steps.append(
            {"from": name, "websocket_message": message.hex(), "carries": carries(message)}
        )
        return receiver.receive(message)

    def noise(_message):
        return "Noise handshake message"

    def reading(cipher):
        channel = Channel(cipher, cipher, b"")
        return lambda message: bytes(frames(channel.open(message))[0].payload).decode()

    phone.hello()
    assert isinstance(pass_on(phone, station, "phone", noise), handshake.Connected)
    assert isinstance(pass_on(station, phone, "station", noise), handshake.Connected)
    # Listen in: ciphers with the same keys, each direction counting its own nonces.
    from_phone, from_station = map(reading, phone._noise.split())
    phone.present(TICKET_TEXT, INDICATION, TICKET.sub)
    assert isinstance(pass_on(phone, station, "phone", from_phone), handshake.FirstAccepted)
    station.accept()
    assert isinstance(pass_on(station, phone, "station", from_station), handshake.SecondAccepted)
    assert isinstance(pass_on(phone, station, "phone", from_phone), handshake.PhoneVerified)
    station.open(TERMS)
    assert isinstance(pass_on(station, phone, "station", from_station), handshake.Opened)
    assert phone.state is station.state is State.OPEN
    return steps


def test_the_exact_bytes_from_hello_to_open():
    vector = json.loads((VECTORS / "verification.json").read_text())
    assert transcript() == vector["steps"]


def test_both_sides_show_the_same_six_digits():
    phone, station = connected()
    assert phone.digits == station.digits == CONNECTION["digits"]
    assert len(phone.digits) == 6


def test_enrolment_comes_before_verification():
    phone, station = connected()
    phone.enrol("爱丽丝的手机")
    event = carry(phone, station)
    assert event == handshake.EnrolRequested(PUBLIC["phone"], "爱丽丝的手机")
    station.pending(limits.APPROVAL_SECONDS)
    assert carry(station, phone) == handshake.Waiting("enrol", limits.APPROVAL_SECONDS)
    grant = messages.Enrolled("iss", "sub", [PUBLIC["issuer"]], "NAS", INVITATION.encode())
    station.enrolled(grant)
    assert carry(station, phone) == handshake.EnrolledAs(grant)
    with pytest.raises(VerificationFailed):
        phone.present(TICKET_TEXT, INDICATION, TICKET.sub)


def test_the_owner_may_be_asked_before_the_second_verification_information():
    phone, station, _ = presented()
    station.pending(600)
    assert carry(station, phone) == handshake.Waiting("link", 600)
    phone.ping()
    assert carry(phone, station) is None
    assert carry(station, phone) is None
    station.accept()
    assert isinstance(carry(station, phone), handshake.SecondAccepted)


# First verification information


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "station:another"),
        ("aud", "a" * 26),
        ("sid", tokens.b64u(bytes(16))),
        ("spk", tokens.b64u(bytes(32))),
        ("inv", tokens.b64u(bytes(32))),
        ("cnf", tokens.thumbprint(PUBLIC["station"])),
    ],
)
def test_refuses_a_ticket_that_is_for_something_else(claim, value):
    with pytest.raises(TokenRefused):
        presented(signed(**{claim: value}))


@pytest.mark.parametrize(
    "times",
    [
        {"iat": NOW - 400, "exp": NOW - 280},
        {"iat": NOW + 61, "exp": NOW + 121},
        {"iat": NOW, "exp": NOW + 3600},
        {"iat": NOW, "exp": NOW},
    ],
)
def test_refuses_a_ticket_that_is_not_current(times):
    with pytest.raises(TokenRefused):
        presented(signed(**times))


def test_refuses_a_ticket_by_an_issuer_that_is_not_pinned():
    for key in (MALLORY, KEYS["station"], KEYS["phone"]):
        with pytest.raises(TokenRefused, match="no accepted key"):
            presented(signed(key))


@pytest.mark.parametrize("vector", TOKENS["refused_as_tickets"], ids=lambda v: v["name"])
def test_refuses_every_malformed_ticket(vector):
    with pytest.raises(WireError):
        presented(vector["token"])


def test_refuses_a_scope_that_the_invitation_does_not_permit():
    only = Invitation.create(
        station_key=KEYS["station"],
        scope=Scope.RESTORE,
        expires=INVITATION.expires,
        session_id=INVITATION.session_id,
        invitation_key=INVITATION.invitation_key,
        port=INVITATION.port,
        addresses=INVITATION.addresses,
        im_origin="",
        secret=INVITATION.secret,
    )
    part = tokens.b64u(hashlib.sha256(only.public_part()).digest())
    changes = {"invitation": only, "public_part": only.public_part()}
    with pytest.raises(TokenRefused, match="scope"):
        presented(signed(inv=part), **changes)
    _, _, event = presented(signed(inv=part, scope="restore"), **changes)
    assert event.ticket.scope == "restore"


def test_refuses_a_right_ticket_with_another_phone_s_key():
    """Mallory copied the ticket; the key that it names is not hers."""
    with pytest.raises(TokenRefused, match="another phone key"):
        presented(key=MALLORY)


def test_refuses_a_right_ticket_and_key_without_that_key_s_proof():
    phone, station = connected()
    text = proofs.first_text(phone.channel.handshake_hash, TICKET_TEXT)
    first = messages.First(TICKET_TEXT, PUBLIC["phone"], proofs.prove(MALLORY, text))
    with pytest.raises(VerificationFailed, match="proof"):
        say(phone, station, first)


def test_refuses_a_proof_from_another_connection():
    """The handshake hash binds the proof: what Mallory recorded serves nowhere else."""
    phone, station = connected()
    text = proofs.first_text(bytes(32), TICKET_TEXT)
    first = messages.First(TICKET_TEXT, PUBLIC["phone"], proofs.prove(KEYS["phone"], text))
    with pytest.raises(VerificationFailed, match="proof"):
        say(phone, station, first)


def test_refuses_another_phone_than_a_follow_up_is_bound_to():
    with pytest.raises(TokenRefused, match="another phone"):
        presented(bound_phone=tokens.thumbprint(PUBLIC["station"]))
    assert presented(bound_phone=TICKET.cnf)[2].phone_key == PUBLIC["phone"]


def test_a_ticket_is_not_looked_at_again_while_the_owner_decides():
    clock = [NOW]
    phone, station, _ = presented(now=lambda: clock[0])
    clock[0] += limits.APPROVAL_SECONDS
    station.accept()
    assert isinstance(carry(station, phone), handshake.SecondAccepted)


# Second verification information


def say(sender, receiver, message):
    """Send a message of one's own making over the real channel."""
    return receiver.receive(sender.channel.seal(control_frame(messages.encode(message))))


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "sid", "nonce", "ath"])
def test_the_phone_refuses_a_second_information_for_something_else(claim):
    phone, station, _ = presented()
    right = {
        "iss": TICKET.aud,
        "sub": TICKET.sub,
        "aud": TICKET.cnf,
        "sid": TICKET.sid,
        "nonce": tokens.b64u(phone.channel.handshake_hash),
        "ath": tokens.b64u(tokens.token_hash(TICKET_TEXT)),
    }
    wrong = tokens.SecondInfo(**(right | {claim: right[claim][::-1]}))
    with pytest.raises(TokenRefused, match="something else"):
        say(station, phone, messages.Second(tokens.sign(wrong, KEYS["station"])))
    assert phone.data_to_send() == []


def test_the_phone_refuses_a_second_information_by_another_key():
    phone, station, _ = presented()
    second = msgspec.convert(
        BY_NAME["second verification information"]["claims"], tokens.SecondInfo
    )
    for key in (MALLORY, KEYS["issuer"]):
        phone, station, _ = presented()
        with pytest.raises(TokenRefused, match="no accepted key"):
            say(station, phone, messages.Second(tokens.sign(second, key)))


def test_the_station_refuses_a_wrong_verified():
    for proof in (bytes(64), b"", proofs.prove(MALLORY, proofs.verified_text("x"))):
        phone, station, _ = presented()
        station.accept()
        carry(station, phone)
        phone.data_to_send()
        with pytest.raises(VerificationFailed):
            say(phone, station, messages.Verified(proof))
        assert station.state is State.FAILED


# Nothing else is accepted before it is complete

TRANSFER = [
    messages.BackupBegin("0" * 26, "", "", 0, 0),
    messages.ChunksHave(0, bytes(32)),
    messages.BackupCommit(b"", b""),
    messages.SnapshotsList(0),
    messages.SnapshotGet("0" * 26),
    messages.ChunksGet("0" * 26, 0, []),
    messages.RestoreDone("0" * 26, 0, 0),
    messages.Ack(1),
]


def in_channel():
    return connected()


def after_first():
    return presented()[:2]


def after_second():
    phone, station, _ = presented()
    station.accept()
    carry(station, phone)
    phone.data_to_send()
    return phone, station


def after_verified():
    phone, station, _ = presented()
    station.accept()
    carry(station, phone)
    carry(phone, station)
    return phone, station


STATES = [in_channel, after_first, after_second, after_verified]


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
@pytest.mark.parametrize("message", TRANSFER, ids=lambda message: type(message).__name__)
def test_no_transfer_message_before_open(reach, message):
    phone, station = reach()
    with pytest.raises(VerificationFailed):
        say(phone, station, message)
    assert station.state is State.FAILED


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_no_data_before_open(reach):
    phone, station = reach()
    with pytest.raises(VerificationFailed):
        station.receive(phone.channel.seal(data_frame_header(0, 5) + b"chunk"))


@pytest.mark.parametrize("reach", STATES[1:], ids=lambda reach: reach.__name__)
def test_first_is_accepted_once(reach):
    phone, station = reach()
    text = proofs.first_text(phone.channel.handshake_hash, TICKET_TEXT)
    first = messages.First(TICKET_TEXT, PUBLIC["phone"], proofs.prove(KEYS["phone"], text))
    with pytest.raises(VerificationFailed):
        say(phone, station, first)


def test_verified_does_not_come_before_the_second_information():
    for reach in (in_channel, after_first):
        phone, station = reach()
        with pytest.raises(VerificationFailed):
            say(phone, station, messages.Verified(bytes(64)))


@pytest.mark.parametrize(
    "message",
    [
        TERMS,
        messages.Second("x"),
        messages.Pending("enrol", 1),
        messages.Enrolled("i", "s", [], "n", b""),
        messages.BackupReady("0" * 26, b""),
        messages.FollowUp(b""),
        messages.Ack(1),
    ],
    ids=lambda message: type(message).__name__,
)
def test_the_phone_accepts_nothing_out_of_turn(message):
    phone, station = connected()
    with pytest.raises(VerificationFailed):
        say(station, phone, message)
    assert phone.state is State.FAILED


def test_the_phone_does_not_open_without_the_second_information():
    phone, station, _ = presented()
    with pytest.raises(VerificationFailed):
        say(station, phone, TERMS)


def test_the_station_cannot_skip_a_step():
    _, station = connected()
    with pytest.raises(VerificationFailed):
        station.accept()
    with pytest.raises(VerificationFailed):
        station.open(TERMS)
    _, station, _ = presented()
    with pytest.raises(VerificationFailed):
        station.open(TERMS)


def test_several_frames_in_one_message_are_refused_before_open():
    phone, station = connected()
    ping = control_frame(messages.encode(messages.Ping()))
    with pytest.raises(VerificationFailed):
        station.receive(phone.channel.seal(ping + ping))


def test_a_large_message_is_refused_before_open():
    _, station = connected()
    with pytest.raises(TooLarge):
        station.receive(bytes(limits.VERIFICATION_MESSAGE_BYTES_MAX + 1))
    _, station = sides()
    with pytest.raises(TooLarge):
        station.receive(bytes(limits.VERIFICATION_MESSAGE_BYTES_MAX + 1))


# Failures are final


def test_every_flipped_bit_of_every_message_ends_the_handshake():
    """Whatever is changed on its way, nobody reaches OPEN."""
    steps = [
        bytes.fromhex(step["websocket_message"])
        for step in json.loads((VECTORS / "verification.json").read_text())["steps"]
    ]
    for number, message in enumerate(steps):
        for bit in range(0, len(message) * 8, 1 if len(message) < 100 else 61):
            flipped = bytearray(message)
            flipped[bit // 8] ^= 1 << bit % 8
            receiver = before(number)
            with pytest.raises(WireError):
                receiver.receive(bytes(flipped))
            assert receiver.state is State.FAILED


def before(number):
    """The side that receives step ``number`` of the transcript, all before it having passed."""
    phone, station = sides()
    actions = [
        lambda: phone.hello(),
        lambda: None,
        lambda: phone.present(TICKET_TEXT, INDICATION, TICKET.sub),
        lambda: station.accept(),
        lambda: None,
        lambda: station.open(TERMS),
    ]
    for at, act in enumerate(actions):
        act()
        sender, receiver = (phone, station) if at in (0, 2, 4) else (station, phone)
        if at == number:
            return receiver
        carry(sender, receiver)
    raise AssertionError("no such step")


def test_nothing_is_accepted_after_a_failure():
    phone, station = connected()
    with pytest.raises(VerificationFailed):
        station.receive(b"\x00\x11" + bytes(17))
    with pytest.raises(VerificationFailed, match="over"):
        say(phone, station, messages.Ping())


def test_a_payload_in_the_noise_messages_is_refused():
    phone, station = sides()
    first = phone._noise.write_message(b"early data")
    with pytest.raises(WireError, match="payload"):
        station.receive(first)


def test_who_has_not_seen_the_code_fails_at_the_first_message():
    blind = replace(INVITATION, secret=bytes(16))
    phone, station = sides(invitation=blind)
    phone.hello()
    with pytest.raises(VerificationFailed):
        carry(phone, station)
    assert station.data_to_send() == []


def test_a_goodbye_and_a_refusal_end_it():
    phone, station = connected()
    assert say(phone, station, messages.Bye()) == handshake.Left()
    assert station.state is State.FAILED
    phone, station = connected()
    with pytest.raises(NotAllowed, match="not today"):
        say(station, phone, messages.Failure(4403, "not today"))


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_phone_has_a_name_of_reasonable_length(name):
    phone, station = connected()
    phone.enrol(name)
    with pytest.raises(VerificationFailed, match="name"):
        carry(phone, station)


def test_an_enrolment_proves_its_key_for_this_connection():
    phone, station = connected()
    for text in (proofs.enrol_text(bytes(32)), proofs.first_text(phone.channel.handshake_hash, "")):
        phone, station = connected()
        proof = proofs.prove(KEYS["phone"], text)
        with pytest.raises(VerificationFailed, match="proof"):
            say(phone, station, messages.Enrol(PUBLIC["phone"], "phone", proof))
