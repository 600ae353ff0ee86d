"""Invitations: canonical bytes, strict decoding, local addresses only, the station's signature."""

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wire import limits, proofs
from wire.channel import Channel, frames
from wire.errors import VerificationFailed, WireError
from wire.invitation import (
    Invitation,
    InvitationRefused,
    PublicPart,
    Scope,
    parse_link,
    prologue_of,
    station_id,
    station_id_text,
)
from wire.noise import HandshakeState, Pattern

VECTORS = json.loads((Path(__file__).parent / "vectors" / "invitation.json").read_text())
STATION = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["station_private_key"]))
STATION_PUBLIC = STATION.public_key().public_bytes_raw()
INVITATION_KEY = bytes.fromhex(VECTORS["invitation_public_key"])
ORIGIN = "http://192.168.1.20:8000"
NOW = 1_800_000_000


def invite(**changes):
    fields = {
        "station_key": STATION,
        "scope": Scope.BACKUP,
        "expires": NOW + limits.INVITATION_SECONDS,
        "session_id": bytes(range(16)),
        "invitation_key": INVITATION_KEY,
        "port": 8000,
        "addresses": [IPv4Address("192.168.1.20")],
        "im_origin": "",
        "secret": bytes(range(16, 32)),
    }
    return Invitation.create(**(fields | changes))


def from_vector(vector):
    return invite(
        scope=Scope(vector["scope"]),
        expires=vector["expires"],
        session_id=bytes.fromhex(vector["session_id"]),
        port=vector["port"],
        addresses=[ip_address(text) for text in vector["addresses"]],
        im_origin=vector["im_origin"],
        secret=bytes.fromhex(vector["secret"]),
    )


by_name = pytest.mark.parametrize("vector", VECTORS["invitations"], ids=lambda v: v["name"])


@by_name
def test_encodes_to_the_exact_bytes(vector):
    invitation = from_vector(vector)
    assert invitation.encode().hex() == vector["encoded"]
    assert invitation.public_part().hex() == vector["public_part"]
    assert invitation.link(ORIGIN) == vector["link"]
    assert invitation.prologue().hex() == vector["prologue"]
    assert invitation.psk().hex() == vector["psk"]


@by_name
def test_decodes_the_exact_bytes(vector):
    invitation = Invitation.decode(bytes.fromhex(vector["encoded"]))
    assert invitation == from_vector(vector)
    assert parse_link(vector["link"]) == (ORIGIN, invitation)
    part = PublicPart.decode(bytes.fromhex(vector["public_part"]))
    part.verify(STATION_PUBLIC)
    part.check_addresses()
    assert prologue_of(part.encode()) == invitation.prologue()


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["name"])
def test_refuses(vector):
    with pytest.raises(InvitationRefused):
        Invitation.decode(bytes.fromhex(vector["encoded"]))


def test_the_handshake_by_the_first_invitation():
    vector = VECTORS["connection"]

    def private(name):
        return X25519PrivateKey.from_private_bytes(bytes.fromhex(name))

    invitation = from_vector(VECTORS["invitations"][0])
    phone = HandshakeState(
        Pattern.NK_PSK0,
        initiator=True,
        prologue=invitation.prologue(),
        rs=invitation.invitation_key,
        psk=invitation.psk(),
        ephemeral=private(vector["phone_ephemeral"]),
    )
    station = HandshakeState(
        Pattern.NK_PSK0,
        initiator=False,
        prologue=invitation.prologue(),
        s=private(VECTORS["invitation_private_key"]),
        psk=invitation.psk(),
        ephemeral=private(vector["station_ephemeral"]),
    )
    first = phone.write_message(b"")
    station.read_message(first)
    second = station.write_message(b"")
    phone.read_message(second)
    assert first.hex() == vector["first_message"]
    assert second.hex() == vector["second_message"]
    assert phone.handshake_hash.hex() == vector["handshake_hash"]
    assert proofs.six_digits(station.handshake_hash) == vector["digits"]

    receive, send = station.split()
    opened = Channel(send, receive, station.handshake_hash).open(
        bytes.fromhex(vector["phone_websocket_message"])
    )
    assert opened.hex() == vector["frame"]
    assert bytes(frames(opened)[0].payload) == b'{"type":"ping"}'


ADDRESSES = st.lists(
    st.one_of(
        st.binary(min_size=4, max_size=4).map(IPv4Address),
        st.binary(min_size=16, max_size=16).map(IPv6Address),
    ),
    min_size=1,
    max_size=limits.INVITATION_ADDRESSES_MAX,
)
INVITATIONS = st.builds(
    invite,
    scope=st.sampled_from([Scope.BACKUP, Scope.RESTORE, Scope.BACKUP | Scope.RESTORE]),
    expires=st.integers(0, 2**32 - 1),
    session_id=st.binary(min_size=16, max_size=16),
    port=st.integers(1, 65_535),
    addresses=ADDRESSES,
    im_origin=st.sampled_from(["", "https://im.example", "https://[2001:db8::1]:8443"]),
    secret=st.binary(min_size=16, max_size=16),
)


@given(INVITATIONS)
def test_what_was_created_decodes_to_the_same_and_verifies(invitation):
    assert Invitation.decode(invitation.encode()) == invitation
    assert parse_link(invitation.link(ORIGIN)) == (ORIGIN, invitation)
    part = PublicPart.decode(invitation.public_part())
    assert part == invitation.public()
    part.verify(STATION_PUBLIC)


@given(st.binary(max_size=600))
def test_noise_is_refused_or_canonical(data):
    for kind in (Invitation, PublicPart):
        try:
            decoded = kind.decode(b"\x01" + data)
        except InvitationRefused:
            continue
        assert decoded.encode() == b"\x01" + data


def test_refuses_every_truncation():
    encoded, part = invite().encode(), invite().public_part()
    for end in range(len(encoded)):
        with pytest.raises(InvitationRefused):
            Invitation.decode(encoded[:end])
    for end in range(len(part)):
        with pytest.raises(InvitationRefused):
            PublicPart.decode(part[:end])


def test_refuses_bytes_after_the_end():
    with pytest.raises(InvitationRefused):
        Invitation.decode(invite().encode() + b"\0")
    with pytest.raises(InvitationRefused):
        PublicPart.decode(invite().public_part() + b"\0")


def test_refuses_every_flipped_bit_of_the_public_part():
    part = invite().public_part()
    for bit in range(len(part) * 8):
        flipped = bytearray(part)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError):
            PublicPart.decode(bytes(flipped)).verify(STATION_PUBLIC)


def test_a_flipped_secret_is_not_the_one_that_was_signed():
    encoded = bytearray(invite().encode())
    encoded[-1] ^= 1
    with pytest.raises(VerificationFailed):
        Invitation.decode(bytes(encoded)).public().verify(STATION_PUBLIC)


def test_another_station_cannot_have_made_it():
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    other = stranger.public_key().public_bytes_raw()
    with pytest.raises(VerificationFailed, match="another station"):
        invite().public().verify(other)
    forged = replace(invite(station_key=stranger), station_id=station_id(STATION_PUBLIC))
    with pytest.raises(VerificationFailed, match="signature"):
        forged.public().verify(STATION_PUBLIC)


def test_the_public_part_does_not_hold_the_secret():
    invitation = invite()
    assert invitation.secret not in invitation.public_part()
    assert "secret=" not in repr(invitation)
    assert repr(invitation.secret) not in repr(invitation)


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.254",
        "192.168.0.9",
        "169.254.1.2",
        "127.0.0.1",
        "::1",
        "fe80::1",
        "febf::1",
        "fc00::1",
        "fdff::1",
    ],
)
def test_local_addresses_are_accepted(address):
    invite(addresses=[ip_address(address)]).check_addresses()


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.15.0.1",
        "172.32.0.1",
        "192.169.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.251",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "2001:db8::1",
        "2606:4700::1111",
        "ff02::fb",
        "fec0::1",
        "::ffff:8.8.8.8",
        "::ffff:192.168.0.1",
        "64:ff9b::a00:1",
    ],
)
def test_other_addresses_are_refused_wherever_they_stand(address):
    local = ip_address("192.168.1.20")
    for addresses in ([ip_address(address)], [local, ip_address(address)]):
        part = PublicPart.decode(invite(addresses=addresses).public_part())
        with pytest.raises(InvitationRefused, match="local"):
            part.check_addresses()


@pytest.mark.parametrize("offset", [-60, 0, 120, 3600, 3660])
def test_fresh_within_skew_and_an_hour(offset):
    invite(expires=NOW + offset).check_fresh(NOW)


@pytest.mark.parametrize(("offset", "why"), [(-61, "expired"), (3661, "later")])
def test_not_fresh_beyond_them(offset, why):
    with pytest.raises(InvitationRefused, match=why):
        invite(expires=NOW + offset).check_fresh(NOW)


PAYLOAD = invite().link(ORIGIN).partition("#")[2]


@pytest.mark.parametrize(
    "link",
    [
        "",
        "hello",
        PAYLOAD,
        f"ftp://192.168.1.20/phone/#{PAYLOAD}",
        f"HTTP://192.168.1.20/phone/#{PAYLOAD}",
        f"http://192.168.1.20:0/phone/#{PAYLOAD}",
        f"http://192.168.1.20:65536/phone/#{PAYLOAD}",
        f"http://user@192.168.1.20/phone/#{PAYLOAD}",
        f"http://192.168.1.20/phone#{PAYLOAD}",
        f"http://192.168.1.20/phone/?x=1#{PAYLOAD}",
        f"http://192.168.1.20/phone/../evil/#{PAYLOAD}",
        f"http://192.168.1.20/phone/#{PAYLOAD}#x",
        f"http://192.168.1.20/phone/#{PAYLOAD}=",
        f"http://192.168.1.20/phone/#{PAYLOAD}\n",
        f"http://192.168.1.20/phone/#{PAYLOAD[:-1]}",
        f"http://192.168.1.20/phone/#{PAYLOAD}A",
        f"http://192.168.1.20/phone/#{PAYLOAD[:40]}",
        f"http://192.168.1.20/phone/#{PAYLOAD[:-1]}*",
        "http://192.168.1.20/phone/#",
        "http://192.168.1.20/phone/#" + "A" * 1_000_000,
    ],
)
def test_refuses_what_is_not_a_station_link(link):
    with pytest.raises(InvitationRefused):
        parse_link(link)


@pytest.mark.parametrize(
    "origin", ["http://nas.local:8000", "https://station", "http://[fe80::1]:65535"]
)
def test_keeps_the_origin_of_a_link(origin):
    assert parse_link(invite().link(origin))[0] == origin


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:80"])
def test_an_im_server_on_loopback_may_use_http(origin):
    assert invite(im_origin=origin).im_origin == origin


@pytest.mark.parametrize(
    "changes",
    [
        {"session_id": bytes(15)},
        {"session_id": bytes(15), "invitation_key": bytes(33)},
        {"secret": bytes(17)},
        {"addresses": []},
        {"addresses": [IPv4Address("10.0.0.1")] * 9},
        {"port": 0},
        {"scope": Scope(0)},
        {"im_origin": "http://im.example"},
        {"im_origin": "https://" + "a" * 300},
    ],
)
def test_does_not_create_what_would_be_refused(changes):
    with pytest.raises((InvitationRefused, ValueError)):
        invite(**changes)


def test_names_of_scopes_and_stations():
    assert (Scope.BACKUP | Scope.RESTORE).names() == ("backup", "restore")
    assert Scope.RESTORE.names() == ("restore",)
    assert station_id(STATION_PUBLIC).hex() == VECTORS["station_id"]
    assert station_id_text(station_id(STATION_PUBLIC)) == VECTORS["station_id_text"]
