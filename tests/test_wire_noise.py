"""The Noise handshake: published vectors, another implementation, and every flipped bit."""

import json
import warnings
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from wire import limits
from wire.cipher import CipherState
from wire.errors import VerificationFailed
from wire.noise import HandshakeState, Pattern

VECTORS = json.loads((Path(__file__).parent / "vectors" / "noise.json").read_text())["vectors"]
PATTERNS = {pattern.protocol_name.decode(): pattern for pattern in Pattern}
KEYS = st.binary(min_size=32, max_size=32)
PSK, PROLOGUE = bytes(range(32)), b"backupstation/1 test"


def private(key):
    return X25519PrivateKey.from_private_bytes(key)


STATIC = private(b"\x11" * 32)
PHONE_EPHEMERAL, STATION_EPHEMERAL = private(b"\x22" * 32), private(b"\x33" * 32)


def pair(pattern=Pattern.NK_PSK0, **changes):
    """Initiator and responder with fixed keys; ``changes`` are the responder's."""
    known = pattern.responder_is_known
    psk = PSK if pattern.uses_psk else None
    initiator = HandshakeState(
        pattern,
        initiator=True,
        prologue=PROLOGUE,
        ephemeral=PHONE_EPHEMERAL,
        rs=STATIC.public_key().public_bytes_raw() if known else None,
        psk=psk,
    )
    theirs = {
        "prologue": PROLOGUE,
        "ephemeral": STATION_EPHEMERAL,
        "s": STATIC if known else None,
        "psk": psk,
    }
    return initiator, HandshakeState(pattern, initiator=False, **(theirs | changes))


def from_vector(vector, side):
    def value(name):
        found = vector.get(f"{side}_{name}")
        return None if found is None else bytes.fromhex(found)

    psks = vector.get(f"{side}_psks")
    static = value("static")
    return HandshakeState(
        PATTERNS[vector["protocol_name"]],
        initiator=side == "init",
        prologue=value("prologue"),
        ephemeral=private(value("ephemeral")),
        s=None if static is None else private(static),
        rs=value("remote_static"),
        psk=None if psks is None else bytes.fromhex(psks[0]),
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["protocol_name"])
def test_every_byte_of_the_published_vectors(vector):
    steps = [
        (bytes.fromhex(message["payload"]), bytes.fromhex(message["ciphertext"]))
        for message in vector["messages"]
    ]
    initiator, responder = from_vector(vector, "init"), from_vector(vector, "resp")

    for (payload, ciphertext), sender, receiver in zip(
        steps[:2], (initiator, responder), (responder, initiator), strict=True
    ):
        assert sender.write_message(payload) == ciphertext
        assert receiver.read_message(ciphertext) == payload

    assert initiator.handshake_hash.hex() == vector["handshake_hash"]
    assert responder.handshake_hash.hex() == vector["handshake_hash"]
    sending, receiving = initiator.split(), responder.split()
    for number, (payload, ciphertext) in enumerate(steps[2:]):
        assert sending[number % 2].encrypt(payload) == ciphertext
        assert receiving[number % 2].decrypt(ciphertext) == payload


def test_every_pattern_has_a_published_vector():
    assert {vector["protocol_name"] for vector in VECTORS} == set(PATTERNS)


def oracle(protocol_name, side, prologue, psk, keypairs):
    """The same side played by noiseprotocol, an independent implementation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from noise.connection import Keypair, NoiseConnection

        noise = NoiseConnection.from_name(protocol_name)
        getattr(noise, f"set_as_{side}")()
        noise.set_prologue(prologue)
        if psk is not None:
            noise.set_psks(psk)
        for kind, key in keypairs.items():
            if kind is Keypair.REMOTE_STATIC:
                noise.set_keypair_from_public_bytes(kind, key)
            else:
                noise.set_keypair_from_private_bytes(kind, key)
        noise.start_handshake()
    return noise


@settings(max_examples=40, deadline=None)
@given(
    pattern=st.sampled_from(Pattern),
    static=KEYS,
    ephemeral=KEYS,
    psk=KEYS,
    prologue=st.binary(max_size=80),
    payloads=st.tuples(*[st.binary(max_size=300)] * 4),
)
def test_talks_to_another_implementation(pattern, static, ephemeral, psk, prologue, payloads):
    from noise.connection import Keypair

    psk = psk if pattern.uses_psk else None
    known = pattern.responder_is_known
    ours = HandshakeState(
        pattern,
        initiator=True,
        prologue=prologue,
        ephemeral=private(ephemeral),
        rs=private(static).public_key().public_bytes_raw() if known else None,
        psk=psk,
    )
    theirs = oracle(
        pattern.protocol_name,
        "responder",
        prologue,
        psk,
        {Keypair.STATIC: static} if known else {},
    )

    assert theirs.read_message(ours.write_message(payloads[0])) == payloads[0]
    assert ours.read_message(bytes(theirs.write_message(payloads[1]))) == payloads[1]
    assert ours.handshake_hash == theirs.get_handshake_hash()
    send, receive = ours.split()
    assert theirs.decrypt(send.encrypt(payloads[2])) == payloads[2]
    assert receive.decrypt(bytes(theirs.encrypt(payloads[3]))) == payloads[3]


@settings(max_examples=20, deadline=None)
@given(static=KEYS, ephemeral=KEYS, psk=KEYS, payload=st.binary(max_size=300))
def test_answers_another_implementation(static, ephemeral, psk, payload):
    from noise.connection import Keypair

    ours = HandshakeState(
        Pattern.NK_PSK0,
        initiator=False,
        prologue=PROLOGUE,
        ephemeral=private(ephemeral),
        s=private(static),
        psk=psk,
    )
    public = private(static).public_key().public_bytes_raw()
    theirs = oracle(
        Pattern.NK_PSK0.protocol_name,
        "initiator",
        PROLOGUE,
        psk,
        {Keypair.REMOTE_STATIC: public},
    )

    assert ours.read_message(bytes(theirs.write_message(payload))) == payload
    assert theirs.read_message(ours.write_message(b"")) == b""
    receive, send = ours.split()
    assert receive.decrypt(bytes(theirs.encrypt(payload))) == payload
    assert theirs.decrypt(send.encrypt(payload)) == payload


def flips(message):
    for bit in range(len(message) * 8):
        flipped = bytearray(message)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


@pytest.mark.parametrize("pattern", Pattern)
def test_refuses_every_flipped_bit_of_the_first_message(pattern):
    message = pair(pattern)[0].write_message(b"hello")
    for flipped in flips(message):
        with pytest.raises(VerificationFailed):
            pair(pattern)[1].read_message(flipped)


@pytest.mark.parametrize("pattern", Pattern)
def test_refuses_every_flipped_bit_of_the_second_message(pattern):
    _, responder = pair(pattern)
    responder.read_message(pair(pattern)[0].write_message(b""))
    message = responder.write_message(b"welcome")
    for flipped in flips(message):
        initiator, _ = pair(pattern)
        initiator.write_message(b"")
        with pytest.raises(VerificationFailed):
            initiator.read_message(flipped)


def test_refuses_every_truncation_and_extension():
    message = pair()[0].write_message(b"hello")
    for wrong in [message[:end] for end in range(len(message))] + [message + b"\0"]:
        with pytest.raises(VerificationFailed):
            pair()[1].read_message(wrong)


def test_refuses_a_message_longer_than_noise_allows():
    with pytest.raises(VerificationFailed):
        pair()[1].read_message(bytes(limits.NOISE_MESSAGE_BYTES_MAX + 1))


def test_a_short_message_ends_the_handshake_too():
    initiator, responder = pair()
    message = initiator.write_message(b"")
    with pytest.raises(VerificationFailed):
        responder.read_message(message[:20])
    with pytest.raises(VerificationFailed):
        responder.read_message(message)


@pytest.mark.parametrize(
    "changes", [{"psk": bytes(32)}, {"prologue": b"other"}, {"s": private(b"\x44" * 32)}]
)
def test_refuses_who_has_not_seen_the_code(changes):
    initiator, responder = pair(**changes)
    with pytest.raises(VerificationFailed):
        responder.read_message(initiator.write_message(b""))


def test_refuses_a_key_of_small_order():
    """A zero point would make the shared secret known to everybody (RFC 7748 section 6.1)."""
    with pytest.raises(VerificationFailed):
        pair()[1].read_message(bytes(32) + bytes(16))


def test_a_failed_handshake_goes_no_further():
    initiator, responder = pair()
    message = initiator.write_message(b"")
    with pytest.raises(VerificationFailed):
        responder.read_message(message[:-1] + bytes([message[-1] ^ 1]))
    for attempt in (
        lambda: responder.read_message(message),
        lambda: responder.write_message(b""),
        responder.split,
    ):
        with pytest.raises(VerificationFailed):
            attempt()


def test_messages_only_in_turn():
    initiator, responder = pair()
    with pytest.raises(VerificationFailed):
        responder.write_message(b"")
    initiator, responder = pair()
    with pytest.raises(VerificationFailed):
        initiator.split()
    message = initiator.write_message(b"")
    with pytest.raises(VerificationFailed):
        initiator.read_message(message)  # its own, reflected


def test_the_first_message_cannot_be_replayed_into_another_session():
    """A replay finds another ephemeral key, and so another hash and other keys."""
    first = pair()[0].write_message(b"")
    hashes = set()
    for ephemeral in (private(b"\x55" * 32), private(b"\x66" * 32)):
        _, responder = pair(ephemeral=ephemeral)
        responder.read_message(first)
        responder.write_message(b"")
        hashes.add(responder.handshake_hash)
    assert len(hashes) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        {"pattern": Pattern.NK_PSK0, "s": STATIC},
        {"pattern": Pattern.NK_PSK0, "psk": PSK},
        {"pattern": Pattern.NK, "s": STATIC, "psk": PSK},
        {"pattern": Pattern.NN_PSK0, "s": STATIC, "psk": PSK},
    ],
)
def test_keys_must_fit_the_pattern(arguments):
    with pytest.raises(ValueError, match="pattern"):
        HandshakeState(initiator=False, prologue=b"", ephemeral=STATION_EPHEMERAL, **arguments)


def test_nonces_end_before_the_reserved_one():
    cipher = CipherState(bytes(32))
    cipher.n = 2**64 - 3
    assert cipher.reserve(2) == 2**64 - 3
    with pytest.raises(VerificationFailed):
        cipher.encrypt(b"")


def test_reserved_nonces_are_never_given_twice():
    cipher = CipherState(bytes(32))
    assert [cipher.reserve(count) for count in (3, 1, 5)] == [0, 3, 4]
    assert cipher.n == 9


def test_decrypts_out_of_order_what_was_sealed_in_order():
    sender, receiver = CipherState(PSK), CipherState(PSK)
    first, second = sender.encrypt(b"one"), sender.encrypt(b"two")
    assert receiver.decrypt_at(1, second) == b"two"
    assert receiver.decrypt_at(0, first) == b"one"
    with pytest.raises(VerificationFailed):
        receiver.decrypt_at(1, first)
