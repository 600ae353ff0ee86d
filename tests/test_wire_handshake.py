"""Both sides of connecting and verifying, without a network: the way, and every way off it."""

import base64
import copy
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wire import handshake, limits, messages, proofs, tokens
from wire.channel import Channel, control_frame, data_frame_header, frames
from wire.errors import (
    MalformedMessage,
    NotAllowed,
    TokenRefused,
    TooLarge,
    VerificationFailed,
    WireError,
)
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
HANDSHAKE = json.loads((VECTORS / "handshake.json").read_text())
PHONE_NAME = "爱丽丝的手机"
GRANT = messages.Enrolled(
    TICKET.iss, TICKET.sub, [PUBLIC["issuer"]], "爱丽丝的 NAS", INVITATION.encode()
)
WRONG_CLAIMS = {
    "iss": "station:another",
    "aud": "a" * 26,
    "sid": tokens.b64u(bytes(16)),
    "spk": tokens.b64u(bytes(32)),
    "inv": tokens.b64u(bytes(32)),
    "cnf": tokens.thumbprint(PUBLIC["station"]),
}
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


class Recorder:
    """Carries messages between two sides, and writes down what passes and what it holds."""

    def __init__(self, **changes):
        self.phone, self.station = sides(**changes)
        self.steps = []
        self._readers = {}

    def pass_on(self, sender, kind):
        name = "phone" if sender is self.phone else "station"
        receiver = self.station if sender is self.phone else self.phone
        (message,) = sender.data_to_send()
        step = {"from": name, "websocket_message": message.hex()}
        if self._readers:
            step["carries"] = self._readers[name](message)
        self.steps.append(step)
        event = receiver.receive(message)
        assert isinstance(event, kind), event
        return event

    def connect(self):
        self.phone.hello()
        self.pass_on(self.phone, handshake.Connected)
        self.pass_on(self.station, handshake.Connected)
        # Listen in: ciphers with the same keys, each direction counting its own nonces.
        to_station, to_phone = map(reading, self.phone._noise.split())
        self._readers = {"phone": to_station, "station": to_phone}


def reading(cipher):
    channel = Channel(cipher, cipher, b"")
    return lambda message: bytes(frames(channel.open(message))[0].payload).decode()


def whole_way():
    """Every message from hello to open, and what it carries."""
    way = Recorder()
    way.connect()
    way.phone.present(TICKET_TEXT, INDICATION, TICKET.sub)
    way.pass_on(way.phone, handshake.FirstAccepted)
    way.station.accept()
    way.pass_on(way.station, handshake.SecondAccepted)
    way.pass_on(way.phone, handshake.PhoneVerified)
    way.station.open(TERMS)
    way.pass_on(way.station, handshake.Opened)
    assert way.phone.state is way.station.state is State.OPEN
    return way


def enrolment():
    """Every message of an enrolment that the owner allowed."""
    way = Recorder()
    way.connect()
    way.phone.enrol(PHONE_NAME)
    way.pass_on(way.phone, handshake.EnrolRequested)
    way.station.pending(limits.APPROVAL_SECONDS)
    way.pass_on(way.station, handshake.Waiting)
    way.station.enrolled(GRANT)
    way.pass_on(way.station, handshake.EnrolledAs)
    return way


def inputs():
    """Everything that both sides are given, so that the vector needs no other file."""
    private = {
        "issuer": KEYS["issuer"],
        "station": KEYS["station"],
        "phone": KEYS["phone"],
    }
    drawn = {
        "invitation": INVITATIONS["invitation_private_key"],
        "phone_ephemeral": CONNECTION["phone_ephemeral"],
        "station_ephemeral": CONNECTION["station_ephemeral"],
    }
    return {
        "ed25519_private_keys": {name: k.private_bytes_raw().hex() for name, k in private.items()},
        "ed25519_public_keys": {name: PUBLIC[name].hex() for name in private},
        "x25519_private_keys": drawn,
        "invitation": INVITATION.encode().hex(),
        "ticket": TICKET_TEXT,
        "indication": tokens.sign(INDICATION, KEYS["issuer"]),
        "account": {"iss": TICKET.iss, "sub": TICKET.sub},
        "now": NOW,
    }


def derived(way):
    """What follows from the inputs and the two Noise messages."""
    h = way.phone.channel.handshake_hash
    second = json.loads(way.steps[3]["carries"])["token"]
    return {
        "public_part": INVITATION.public_part().hex(),
        "prologue": INVITATION.prologue().hex(),
        "psk": INVITATION.psk().hex(),
        "handshake_hash": h.hex(),
        "digits": way.phone.digits,
        "ticket_hash": tokens.token_hash(TICKET_TEXT).hex(),
        "first_proof_text": proofs.first_text(h, TICKET_TEXT).hex(),
        "second_claims": msgspec.to_builtins(
            tokens.verify(second, tokens.SecondInfo, [PUBLIC["station"]])
        ),
        "verified_proof_text": proofs.verified_text(second).hex(),
        "enrol_proof_text": proofs.enrol_text(h).hex(),
    }


def test_the_exact_bytes_from_hello_to_open():
    way = whole_way()
    assert inputs() == HANDSHAKE["inputs"]
    assert derived(way) == HANDSHAKE["derived"]
    assert way.steps == HANDSHAKE["steps"]


def test_the_exact_bytes_of_an_enrolment():
    assert enrolment().steps == HANDSHAKE["enrolment_steps"]


# What must be refused, byte for byte


def refusals():
    """Messages that end the handshake: after how many steps, to whom, the message, and why."""
    found = []

    def refused(name, after, message, error):
        receiver = before(after)
        well_sealed = not isinstance(message, bytes)
        if well_sealed:
            message = sealed_for(receiver, control_frame(messages.encode(message)))
        with pytest.raises(error) as refusal:
            receiver.receive(message)
        assert well_sealed != ("authentication" in str(refusal.value) or after == 0)
        assert receiver.state is State.FAILED
        to = "station" if isinstance(receiver, StationHandshake) else "phone"
        row = {"name": name, "after_steps": after, "to": to, "websocket_message": message.hex()}
        found.append(row)

    blind, _ = sides(invitation=replace(INVITATION, secret=bytes(16)))
    blind.hello()
    refused("hello by who has not seen the QR code", 0, *blind.data_to_send(), VerificationFailed)
    refused("hello with an ephemeral key of zeros", 0, bytes(48), VerificationFailed)
    first, second, verified = (
        bytes.fromhex(HANDSHAKE["steps"][at]["websocket_message"]) for at in (2, 3, 4)
    )
    refused("first sent again", 3, first, VerificationFailed)
    refused("second sent again", 4, second, VerificationFailed)
    refused("verified sent again", 5, verified, VerificationFailed)
    h = before(2).channel.handshake_hash
    for name, message in hostile_firsts(h).items():
        refused(name, 2, message, VerificationFailed)
    for claim, token in hostile_seconds(h).items():
        refused(f"second for another {claim}", 3, messages.Second(token), TokenRefused)
    refused("open before second", 3, TERMS, VerificationFailed)
    wrong = messages.Verified(proofs.prove(MALLORY, proofs.verified_text("")))
    refused("verified by another key", 4, wrong, VerificationFailed)
    for message in TRANSFER:
        kind = type(message).__struct_config__.tag
        refused(f"{kind} before first", 2, message, VerificationFailed)
        refused(f"{kind} before verified", 4, message, VerificationFailed)
    chunk = sealed_for(before(2), data_frame_header(0, 1) + b"x")
    with pytest.raises(VerificationFailed, match="control"):
        before(2).receive(chunk)
    row = {"name": "a chunk before first", "after_steps": 2, "to": "station"}
    return [*found, row | {"websocket_message": chunk.hex()}]


def sealed_for(receiver, plaintext):
    """A WebSocket message that ``receiver`` can decrypt."""
    cipher = copy.copy(receiver.channel._receive)
    return Channel(cipher, cipher, b"").seal(plaintext)


def hostile_firsts(h):
    def by(ticket, key=KEYS["phone"], proof_key=None, over=h):
        proof = proofs.prove(proof_key or key, proofs.first_text(over, ticket))
        return messages.First(ticket, handshake.public_bytes(key), proof)

    wrong = {claim: by(signed(**{claim: value})) for claim, value in WRONG_CLAIMS.items()}
    named = {f"first with a ticket for another {claim}": sent for claim, sent in wrong.items()}
    return named | {
        "first with a ticket that has expired": by(signed(iat=NOW - 181, exp=NOW - 61)),
        "first with a ticket from the future": by(signed(iat=NOW + 61, exp=NOW + 181)),
        "first with a ticket by another issuer": by(signed(MALLORY)),
        "first with another phone's key": by(TICKET_TEXT, MALLORY),
        "first with another key's proof": by(TICKET_TEXT, proof_key=MALLORY),
        "first with a proof from another connection": by(TICKET_TEXT, over=bytes(32)),
    }


def hostile_seconds(h):
    right = {
        "iss": TICKET.aud,
        "sub": TICKET.sub,
        "aud": TICKET.cnf,
        "sid": TICKET.sid,
        "nonce": tokens.b64u(h),
        "ath": tokens.b64u(tokens.token_hash(TICKET_TEXT)),
    }
    return {
        claim: tokens.sign(tokens.SecondInfo(**(right | {claim: value[::-1]})), KEYS["station"])
        for claim, value in right.items()
    }


def test_the_exact_bytes_of_what_must_be_refused():
    assert refusals() == HANDSHAKE["refused"]


# The vector by itself: nothing of wire/ is used here


def by_hand(given):
    """Noise_NKpsk0_25519_ChaChaPoly_SHA256 with nothing but primitives: messages, h, both keys."""

    def mix(material, outputs=2):
        nonlocal ck
        secret = hmac.digest(ck, material, "sha256")
        blocks = [b""]
        for number in range(1, outputs + 1):
            blocks.append(hmac.digest(secret, blocks[-1] + bytes([number]), "sha256"))
        ck = blocks[1]
        return blocks[2:]

    def mix_hash(data):
        nonlocal h
        h = hashlib.sha256(h + data).digest()

    public_part, secret = given["invitation"][:-16], given["invitation"][-16:]
    public_part += hashlib.sha256(secret).digest()
    session_id = public_part[6:22]
    extracted = hmac.digest(session_id, secret, "sha256")
    psk = hmac.digest(extracted, b"backupstation/1 psk\x01", "sha256")
    h = ck = hashlib.sha256(b"Noise_NKpsk0_25519_ChaChaPoly_SHA256").digest()
    mix_hash(b"backupstation/1" + hashlib.sha256(public_part).digest())
    mix_hash(given["invitation_key"].public_key().public_bytes_raw())
    shared = given["phone_ephemeral"].exchange(given["invitation_key"].public_key())
    told = []
    to_hash, _ = mix(psk, 3)
    mix_hash(to_hash)
    for ephemeral, secret_shared in (
        (given["phone_ephemeral"], shared),
        (given["station_ephemeral"], None),
    ):
        public = ephemeral.public_key().public_bytes_raw()
        mix_hash(public)
        mix(public)
        if secret_shared is None:
            secret_shared = ephemeral.exchange(given["phone_ephemeral"].public_key())
        (key,) = mix(secret_shared)
        tag = ChaCha20Poly1305(key).encrypt(bytes(12), b"", h)
        mix_hash(tag)
        told.append(public + tag)
    (second_key,) = mix(b"")
    return told, h, {"phone": ck, "station": second_key}


def test_the_vector_needs_nothing_but_what_it_gives():
    given = HANDSHAKE["inputs"]
    private = {name: x25519(text) for name, text in given["x25519_private_keys"].items()}
    told, h, keys = by_hand(
        {
            "invitation": bytes.fromhex(given["invitation"]),
            "invitation_key": private["invitation"],
            "phone_ephemeral": private["phone_ephemeral"],
            "station_ephemeral": private["station_ephemeral"],
        }
    )
    known = HANDSHAKE["derived"]
    assert h.hex() == known["handshake_hash"]
    digits = hashlib.sha256(b"backupstation/1 digits" + h).digest()[:8]
    assert f"{int.from_bytes(digits) % 10**6:06}" == known["digits"]
    for steps in (HANDSHAKE["steps"], HANDSHAKE["enrolment_steps"]):
        assert [step["websocket_message"] for step in steps[:2]] == [text.hex() for text in told]
        counts = {"phone": 0, "station": 0}
        for step in steps[2:]:
            nonce = bytes(4) + counts[step["from"]].to_bytes(8, "little")
            counts[step["from"]] += 1
            message = bytes.fromhex(step["websocket_message"])
            assert int.from_bytes(message[:2]) == len(message) - 2
            plain = ChaCha20Poly1305(keys[step["from"]]).decrypt(nonce, message[2:], None)
            assert plain[0] == 0
            assert int.from_bytes(plain[1:5]) == len(plain) - 5
            assert plain[5:].decode() == step["carries"]
    check_proofs_by_hand(h)


def check_proofs_by_hand(h):
    carried = {
        message["type"]: message
        for steps in (HANDSHAKE["steps"], HANDSHAKE["enrolment_steps"])
        for message in (json.loads(step["carries"]) for step in steps[2:])
    }
    ticket = carried["first"]["ticket"].encode()
    second = carried["second"]["token"].encode()
    texts = {
        "first": b"backupstation/1 first" + h + hashlib.sha256(ticket).digest(),
        "verified": b"backupstation/1 verified" + hashlib.sha256(second).digest(),
        "enrol": b"backupstation/1 enrol" + h,
    }
    phone = bytes.fromhex(HANDSHAKE["inputs"]["ed25519_public_keys"]["phone"])
    for kind, text in texts.items():
        assert HANDSHAKE["derived"][f"{kind}_proof_text"] == text.hex()
        proof = base64.b64decode(carried[kind]["proof"])
        Ed25519PublicKey.from_public_bytes(phone).verify(proof, text)


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


@pytest.mark.parametrize(("claim", "value"), WRONG_CLAIMS.items(), ids=WRONG_CLAIMS)
def test_refuses_a_ticket_that_is_for_something_else(claim, value):
    with pytest.raises(TokenRefused):
        presented(signed(**{claim: value}))


LIFE = limits.TICKET_SECONDS
SKEW = limits.CLOCK_SKEW_SECONDS


@pytest.mark.parametrize(
    "times",
    [
        {"iat": NOW - LIFE - SKEW - 1, "exp": NOW - SKEW - 1},
        {"iat": NOW + SKEW + 1, "exp": NOW + SKEW + 1 + LIFE},
        {"iat": NOW, "exp": NOW + LIFE + 1},
        {"iat": NOW, "exp": NOW + 3600},
        {"iat": NOW, "exp": NOW},
        {"iat": NOW, "exp": NOW - 1},
    ],
)
def test_refuses_a_ticket_that_is_not_current(times):
    with pytest.raises(TokenRefused):
        presented(signed(**times))


@pytest.mark.parametrize(
    "times",
    [
        {"iat": NOW - LIFE - SKEW, "exp": NOW - SKEW},
        {"iat": NOW + SKEW, "exp": NOW + SKEW + LIFE},
        {"iat": NOW, "exp": NOW + 1},
    ],
)
def test_accepts_a_ticket_at_the_very_edge_of_what_clocks_may_differ(times):
    assert presented(signed(**times))[2].ticket.exp == times["exp"]


def test_a_rotated_issuer_key_counts_while_it_is_pinned():
    fresh = MALLORY.public_key().public_bytes_raw()
    for pinned in ([PUBLIC["issuer"], fresh], [fresh, PUBLIC["issuer"]]):
        for key in (KEYS["issuer"], MALLORY):
            assert presented(signed(key), issuer_keys=pinned)[2].ticket.sub == TICKET.sub
    with pytest.raises(TokenRefused, match="no accepted key"):
        presented(issuer_keys=[fresh])
    with pytest.raises(TokenRefused, match="no accepted key"):
        presented(issuer_keys=[])


def another_invitation(**changes):
    """A second invitation of the same station."""
    fields = {
        "scope": INVITATION.scope,
        "expires": INVITATION.expires,
        "session_id": bytes(16),
        "secret": bytes(range(16)),
        "port": INVITATION.port,
        "addresses": INVITATION.addresses,
        "im_origin": "",
    }
    invitation_key = INVITATION.invitation_key
    return Invitation.create(
        station_key=KEYS["station"], invitation_key=invitation_key, **(fields | changes)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"session_id": INVITATION.session_id},
        {"session_id": INVITATION.session_id, "secret": INVITATION.secret, "port": 1},
    ],
    ids=["another session", "another secret", "another port"],
)
def test_refuses_a_ticket_that_was_swapped_for_another_invitations(changes):
    """Right issuer, right phone, right station: but what the IM server saw was another QR code."""
    other = another_invitation(**changes)
    with pytest.raises(TokenRefused, match="something else"):
        presented(invitation=other, public_part=other.public_part(), secret=other.secret)


def test_refuses_a_ticket_for_another_station():
    """A ticket that was issued for a station that shows this very invitation key."""
    other = StationHandshake(
        terms(
            public_part=Invitation.create(
                station_key=MALLORY,
                scope=INVITATION.scope,
                expires=INVITATION.expires,
                session_id=INVITATION.session_id,
                invitation_key=INVITATION.invitation_key,
                port=INVITATION.port,
                addresses=INVITATION.addresses,
                im_origin="",
                secret=INVITATION.secret,
            ).public_part(),
            station_key=MALLORY,
        ),
        x25519(CONNECTION["station_ephemeral"]),
    )
    with pytest.raises(TokenRefused, match="aud"):
        other._check_ticket(TICKET)


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
        unsay(phone)
        with pytest.raises(VerificationFailed, match="proof"):
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
    unsay(phone)
    return phone, station


def unsay(side):
    """Drop the one message that waits to be sent as if it had never been sealed.

    Otherwise what is said in its place would fail by its nonce, whatever it says.
    """
    (_dropped,) = side.data_to_send()
    side.channel._send.n -= 1


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
    with pytest.raises(VerificationFailed, match="before verification"):
        say(phone, station, message)
    assert station.state is State.FAILED


@pytest.mark.parametrize("reach", STATES, ids=lambda reach: reach.__name__)
def test_no_data_before_open(reach):
    phone, station = reach()
    with pytest.raises(VerificationFailed, match="control"):
        station.receive(phone.channel.seal(data_frame_header(0, 5) + b"chunk"))


@pytest.mark.parametrize("reach", STATES[1:], ids=lambda reach: reach.__name__)
def test_first_is_accepted_once(reach):
    phone, station = reach()
    text = proofs.first_text(phone.channel.handshake_hash, TICKET_TEXT)
    first = messages.First(TICKET_TEXT, PUBLIC["phone"], proofs.prove(KEYS["phone"], text))
    with pytest.raises(VerificationFailed, match="state"):
        say(phone, station, first)


@pytest.mark.parametrize("reach", STATES[1:], ids=lambda reach: reach.__name__)
def test_no_enrolment_after_first(reach):
    phone, station = reach()
    proof = proofs.prove(KEYS["phone"], proofs.enrol_text(phone.channel.handshake_hash))
    with pytest.raises(VerificationFailed, match="state"):
        say(phone, station, messages.Enrol(PUBLIC["phone"], PHONE_NAME, proof))


def test_neither_first_nor_a_second_enrolment_while_the_owner_decides():
    for message in ("first", "enrol"):
        phone, station = connected()
        h = phone.channel.handshake_hash
        enrol = messages.Enrol(
            PUBLIC["phone"], PHONE_NAME, proofs.prove(KEYS["phone"], proofs.enrol_text(h))
        )
        first = messages.First(
            TICKET_TEXT,
            PUBLIC["phone"],
            proofs.prove(KEYS["phone"], proofs.first_text(h, TICKET_TEXT)),
        )
        say(phone, station, enrol)
        with pytest.raises(VerificationFailed, match="state"):
            say(phone, station, first if message == "first" else enrol)


def test_verified_does_not_come_before_the_second_information():
    for reach in (in_channel, after_first):
        phone, station = reach()
        with pytest.raises(VerificationFailed, match="state"):
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
    with pytest.raises(VerificationFailed, match=r"state|before verification"):
        say(station, phone, message)
    assert phone.state is State.FAILED


def test_the_phone_does_not_open_without_the_second_information():
    phone, station, _ = presented()
    with pytest.raises(VerificationFailed, match="state"):
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
    with pytest.raises(VerificationFailed, match="single"):
        station.receive(phone.channel.seal(ping + ping))


def test_a_large_message_is_refused_before_open():
    _, station = connected()
    with pytest.raises(TooLarge):
        station.receive(bytes(limits.VERIFICATION_MESSAGE_BYTES_MAX + 1))
    _, station = sides()
    with pytest.raises(TooLarge):
        station.receive(bytes(limits.VERIFICATION_MESSAGE_BYTES_MAX + 1))


def test_all_that_a_code_may_be_bound_to_is_told_in_open():
    phone, station, _ = presented()
    station.accept()
    carry(station, phone)
    carry(phone, station)
    names = [f"chats/{number:0240}" for number in range(limits.SELECTION_NAMES_MAX)]
    binding = messages.Binding("0" * 26, messages.Selection(items=names))
    opening = msgspec.structs.replace(TERMS, scope="restore", binding=binding)
    station.open(opening)
    assert carry(station, phone) == handshake.Opened(opening)


# Failures are final


STEPS = ["hello", "reply", "first", "second", "verified", "open"]


@pytest.mark.parametrize("number", range(6), ids=STEPS)
def test_every_flipped_bit_of_every_message_ends_the_handshake(number):
    """Whatever is changed on its way, it goes no further and nothing is answered."""
    step = HANDSHAKE["steps"][number]
    message = bytes.fromhex(step["websocket_message"])
    waiting = before(number)
    for bit in range(len(message) * 8):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        receiver = twin(waiting) if number > 1 else before(number)
        with pytest.raises(WireError):
            receiver.receive(bytes(flipped))
        assert receiver.state is State.FAILED
        assert receiver.data_to_send() == []


def twin(side):
    """The same side once more: keys are shared, but it counts its own nonces."""
    other = copy.copy(side)
    old = side.channel
    other._channel = Channel(copy.copy(old._send), copy.copy(old._receive), old.handshake_hash)
    other._outgoing = []
    return other


def test_a_twin_that_is_not_tampered_with_goes_on():
    """What the test above stands on: the unflipped message is accepted."""
    for number in range(2, 6):
        message = bytes.fromhex(HANDSHAKE["steps"][number]["websocket_message"])
        assert twin(before(number)).receive(message) is not None


@pytest.mark.parametrize("number", range(6), ids=STEPS)
def test_every_shortened_message_ends_the_handshake(number):
    message = bytes.fromhex(HANDSHAKE["steps"][number]["websocket_message"])
    waiting = before(number)
    for length in range(len(message)):
        receiver = twin(waiting) if number > 1 else before(number)
        with pytest.raises(WireError):
            receiver.receive(message[:length])


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
    with pytest.raises((MalformedMessage, VerificationFailed), match="name"):
        carry(phone, station)


def test_an_enrolment_proves_its_key_for_this_connection():
    phone, station = connected()
    for text in (proofs.enrol_text(bytes(32)), proofs.first_text(phone.channel.handshake_hash, "")):
        phone, station = connected()
        proof = proofs.prove(KEYS["phone"], text)
        with pytest.raises(VerificationFailed, match="proof"):
            say(phone, station, messages.Enrol(PUBLIC["phone"], "phone", proof))
