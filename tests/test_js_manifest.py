"""Manifests and requests in both languages: the same bytes, and each believes the other."""

import random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests import node
from wire import im, manifest, tokens
from wire.errors import ManifestRefused
from wire.handshake import public_bytes
from wire.invitation import station_id, station_id_text
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

PHONE, STATION = (Ed25519PrivateKey.from_private_bytes(letter * 32) for letter in (b"P", b"S"))
ITEMS = [
    Item("a", 0, -1, "text/plain", bytes(32), b""),
    Item(
        "Chats/爱丽丝 📱.txt",
        983_041,
        1_800_000_000_123_456_789,
        "application/vnd.x+json",
        b"h" * 32,
        manifest.pack_refs([ChunkRef(b"d" * 32, 983_040), ChunkRef(b"e" * 32, 1)]),
    ),
]
HEADER = ManifestHeader(
    format=manifest.HEADER_FORMAT,
    iss="station:x",
    sub="b3f9",
    snapshot_id=manifest.snapshot_id_text(bytes(range(16))),
    source='Alice\'s "phone"',
    label="vor der Reise \u2028",
    created=1_800_000_000,
    items=2,
    bytes=983_041,
    chunks=2,
    pages=[PageRef(b"p" * 32, 500, 2)],
    phone_key=public_bytes(PHONE),
)
ENCODED = manifest.encode_header(HEADER)
RECEIPT = tokens.Receipt(
    iss=station_id_text(station_id(public_bytes(STATION))),
    snapshot_id=HEADER.snapshot_id,
    manifest_hash=tokens.b64u(manifest.manifest_hash(ENCODED)),
    sequence=1,
    previous="",
    items=2,
    bytes=983_041,
    stored=1_800_000_100,
)


@pytest.fixture(scope="module")
def peer():
    with node.peer() as running:
        yield running


def test_a_page_and_a_header_encode_to_the_same_bytes(peer):
    page = manifest.encode_page(ITEMS)
    assert peer.ask("page", page) == (msgspec.to_builtins(ITEMS), page)
    assert peer.ask("header", ENCODED) == (msgspec.to_builtins(HEADER), ENCODED)


def test_each_believes_the_other_s_signature_of_a_header(peer):
    key, public = PHONE.private_bytes_raw().hex(), public_bytes(PHONE)
    _, signature = peer.ask("signHeader", ENCODED, key=key)
    assert signature == manifest.sign_header(PHONE, ENCODED)
    manifest.check_header_signature(public, ENCODED, signature)
    given = {"key": public.hex(), "signature": signature.hex()}
    assert peer.ask("checkHeader", ENCODED, **given) == (None, b"")
    refusal, _ = peer.ask("checkHeader", ENCODED.replace(b"Alice", b"Malice"), **given)
    assert refusal.refused == "ManifestRefused"


def test_a_receipt_is_for_exactly_one_manifest_by_one_station(peer):
    def check(key=STATION, **changes):
        receipt = tokens.sign(msgspec.structs.replace(RECEIPT, **changes), key)
        return peer.ask("receipt", ENCODED, receipt=receipt, key=public_bytes(STATION).hex())[0]

    assert check() == msgspec.to_builtins(RECEIPT)
    wrong = {"iss": "x", "snapshot_id": "0" * 26, "manifest_hash": "x", "items": 1, "bytes": 1}
    for claim, value in wrong.items():
        assert check(**{claim: value}).refused == "TokenRefused", claim
    assert check(PHONE).refused == "TokenRefused"


def test_names_are_in_the_order_of_code_points(peer):
    rng = random.Random(1)
    signs = ["a", "b", "/", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "📱"]
    names = ["".join(rng.choices(signs, k=rng.randrange(6))) for _ in range(500)]
    assert peer.ask("sorted", names=names)[0] == sorted(names)


@pytest.mark.parametrize(
    "name",
    ["a", "a/b", "...", "a..", ".a", "é" * 512, "", "/a", "a/", "a//b", ".", "..", "a/../b", "./a",
     "a\\b", "a\0", "a\x7f", "a\x85", "é" * 513, "\ud800", "a\u2028b", " ", "a\n"],
)  # fmt: skip
def test_names_of_items_are_judged_alike(peer, name):
    found, _ = peer.ask("itemName", name=name)
    try:
        manifest.check_item_name(name)
    except ManifestRefused:
        assert isinstance(found, node.Refusal)
        assert found.refused == "ManifestRefused"
    else:
        assert found is None


def test_ids_and_codes_read_alike(peer):
    rng = random.Random(2)
    for _ in range(50):
        raw = rng.randbytes(16)
        assert peer.ask("snapshotId", raw)[0] == manifest.snapshot_id_text(raw)
        typed = "".join(rng.choices("oOiIlL-  aZ09é", k=12))
        wanted = [manifest.normalise_snapshot_id(typed), im.canonical_code(typed)]
        assert peer.ask("normalised", typed=typed)[0] == wanted


def test_the_im_server_can_check_what_a_phone_asks(peer):
    key, public = PHONE.private_bytes_raw().hex(), PHONE.public_key()
    part = bytes(range(200))
    _, body = peer.ask("connectRequest", part, key=key, scope="restore", iss="station:爱")
    request = im.decode(im.ConnectRequest, body)
    public.verify(request.proof, im.connect_proof_text("station:爱", part, "restore"))
    assert (request.public_part, request.phone_key) == (part, public_bytes(PHONE))
    _, body = peer.ask("enrolRequest", key=key, code="0123456789", name="爱丽丝的手机")
    enrol = im.decode(im.EnrolRequest, body)
    public.verify(enrol.proof, im.enrol_code_proof_text("0123456789"))
    assert (enrol.code, enrol.name) == ("0123456789", "爱丽丝的手机")
