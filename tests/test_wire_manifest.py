"""Manifests: what is signed comes back, what contradicts itself is refused by name."""

import hashlib
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wire import limits, manifest, messages
from wire.errors import ManifestRefused, TooLarge
from wire.manifest import ChunkRef, Item, ManifestHeader, PageRef

PHONE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PHONE_PUBLIC = PHONE.public_key().public_bytes_raw()
DIGEST = hashlib.sha256(b"").digest()
SNAPSHOT_ID = "00D1G52VC9ZKX8QJ5M7R3T4W6Y"


def item(**changes):
    fields = {
        "name": "WhatsApp/chat.txt",
        "size": 5,
        "mtime_ns": 1_700_000_000_000_000_000,
        "media_type": "text/plain",
        "sha256": DIGEST,
        "chunks": manifest.pack_refs([ChunkRef(DIGEST, 5)]),
    }
    return Item(**(fields | changes))


def header(**changes):
    fields = {
        "format": manifest.HEADER_FORMAT,
        "iss": "station:abc",
        "sub": "alice",
        "snapshot_id": SNAPSHOT_ID,
        "source": "Alice's phone",
        "label": "before the journey",
        "created": 1_700_000_000,
        "items": 3,
        "bytes": 15,
        "chunks": 3,
        "pages": [PageRef(DIGEST, 100, 2), PageRef(DIGEST, 50, 1)],
        "phone_key": PHONE_PUBLIC,
    }
    return ManifestHeader(**(fields | changes))


REFS = st.lists(
    st.builds(
        ChunkRef, st.binary(min_size=32, max_size=32), st.integers(1, limits.CHUNK_BYTES_MAX)
    ),
    max_size=5,
)
NAMES = st.lists(
    st.text(
        alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"),
        min_size=1,
        max_size=20,
    ).filter(lambda part: part not in (".", "..")),
    min_size=1,
    max_size=4,
).map("/".join)


@st.composite
def items(draw):
    refs = draw(REFS)
    return item(
        name=draw(NAMES),
        size=sum(ref.length for ref in refs),
        mtime_ns=draw(st.integers(-(2**63), 2**63 - 1)),
        media_type=draw(st.sampled_from(["text/plain", "image/svg+xml", "application/x.y-z"])),
        sha256=draw(st.binary(min_size=32, max_size=32)),
        chunks=manifest.pack_refs(refs),
    )


@given(st.lists(items(), max_size=5))
def test_a_page_comes_back_as_it_was(listed):
    assert manifest.decode_page(manifest.encode_page(listed)) == listed


@given(REFS)
def test_chunk_references_come_back_in_order(refs):
    packed = item(chunks=manifest.pack_refs(refs))
    assert list(packed.refs()) == refs
    assert packed.chunk_count == len(refs)


def test_the_exact_bytes_of_a_chunk_reference():
    assert manifest.pack_refs([ChunkRef(DIGEST, 983_040)]) == DIGEST + b"\x00\x0f\x00\x00"


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a b",
        " ",
        "聊天记录/爱丽丝.txt",
        "👩‍💻.jpg",
        "a/b/c",
        "...",
        "..a",
        "a..",
        ".hidden",
        "-rf",
        "CON",
        "nul.txt",
        "C:",
        "a:b",
        "~",
        "$HOME",
        "x" * 1024,
        "é" * 512,
        "\u200ea",
    ],
)
def test_accepts_names_that_phones_really_have(name):
    manifest.check_item_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "/etc/passwd",
        "a/",
        "a//b",
        "./a",
        "a/.",
        "../a",
        "a/../b",
        "a/..",
        "..\\a",
        "C:\\a",
        "a\\",
        "a\0b",
        "a\nb",
        "\r",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "\ud800",
        "x" * 1025,
        "é" * 513,
    ],
)
def test_refuses_names_that_are_no_plain_relative_path(name):
    with pytest.raises(ManifestRefused):
        manifest.check_item_name(name)


@given(st.text(max_size=30))
def test_an_accepted_name_never_leaves_the_folder(name):
    try:
        manifest.check_item_name(name)
    except ManifestRefused:
        return
    depth = 0
    for part in name.split("/"):
        assert part not in ("", ".", "..")
        depth += 1
    assert depth >= 1
    assert not name.startswith("/")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../escape"},
        {"size": 4},
        {"size": -5},
        {"size": 2**64},
        {"mtime_ns": 2**63},
        {"mtime_ns": -(2**63) - 1},
        {"media_type": ""},
        {"media_type": "text"},
        {"media_type": "text/html\r\nX-Evil: 1"},
        {"media_type": "text/plain; charset=utf-8"},
        {"media_type": "text/" + "x" * 200},
        {"sha256": bytes(31)},
        {"sha256": b""},
        {"chunks": bytes(35)},
        {"chunks": DIGEST + bytes(4), "size": 0},
        {"chunks": DIGEST + (limits.CHUNK_BYTES_MAX + 1).to_bytes(4)},
        {"chunks": b""},
    ],
    ids=str,
)
def test_refuses_an_item_that_contradicts_itself(changes):
    page = msgspec.json.encode([item(), item(**changes)])
    with pytest.raises(ManifestRefused):
        manifest.decode_page(page)


def test_refuses_an_item_of_too_many_chunks():
    count = limits.ITEM_CHUNKS_MAX + 1
    many = item(chunks=manifest.pack_refs([ChunkRef(DIGEST, 1)] * count), size=count)
    with pytest.raises(TooLarge):
        manifest.check_item(many)


def test_the_largest_item_fits_a_page():
    count = limits.ITEM_CHUNKS_MAX
    largest = item(
        name="n" * limits.ITEM_NAME_BYTES_MAX,
        chunks=manifest.pack_refs([ChunkRef(DIGEST, limits.CHUNK_BYTES_MAX)] * count),
        size=count * limits.CHUNK_BYTES_MAX,
    )
    assert manifest.decode_page(manifest.encode_page([largest])) == [largest]


def test_refuses_a_page_above_the_limit():
    with pytest.raises(TooLarge):
        manifest.encode_page([item(name="n" * 1000)] * 1000)
    with pytest.raises(TooLarge):
        manifest.decode_page(b" " * (limits.PAGE_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "page",
    [b"", b"{}", b"[{}]", b"[1]", b"[null]", b"\xff", b"[", b"[" * 100_000, b"[]x"],
    ids=lambda page: repr(page[:8]),
)
def test_refuses_a_page_that_is_no_list_of_items(page):
    with pytest.raises(ManifestRefused):
        manifest.decode_page(page)


@pytest.mark.parametrize("change", ["unknown", "missing"])
def test_refuses_unknown_and_missing_fields(change):
    fields = json.loads(manifest.encode_page([item()]))[0]
    header_fields = json.loads(manifest.encode_header(header()))
    for document in (fields, header_fields):
        if change == "unknown":
            document["admin"] = True
        else:
            document.popitem()
    with pytest.raises(ManifestRefused):
        manifest.decode_page(json.dumps([fields]).encode())
    with pytest.raises(ManifestRefused):
        manifest.decode_header(json.dumps(header_fields).encode())


@given(
    st.builds(
        header,
        iss=st.text(max_size=50),
        sub=st.text(max_size=50),
        created=st.integers(0, 2**32 - 1),
        bytes=st.integers(0, 2**63 - 1),
        chunks=st.integers(0, 2**63 - 1),
        label=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200),
    )
)
def test_a_header_comes_back_as_it_was(original):
    assert manifest.decode_header(manifest.encode_header(original)) == original


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "backupstation.manifest/2"},
        {"snapshot_id": SNAPSHOT_ID.lower()},
        {"snapshot_id": "8" + SNAPSHOT_ID[1:]},
        {"snapshot_id": SNAPSHOT_ID + "0"},
        {"snapshot_id": "../" + SNAPSHOT_ID[3:]},
        {"snapshot_id": SNAPSHOT_ID + "\n"},
        {"items": 4},
        {"items": -1},
        {"bytes": -1},
        {"bytes": 2**63},
        {"chunks": -1},
        {"chunks": 2**63},
        {"created": -1},
        {"created": 2**32},
        {"label": "two\nlines"},
        {"source": "\0"},
        {"phone_key": bytes(31)},
        {"phone_key": bytes(33)},
        {"pages": [PageRef(bytes(31), 100, 3)]},
        {"pages": [PageRef(DIGEST, 0, 3)]},
        {"pages": [PageRef(DIGEST, limits.PAGE_BYTES_MAX + 1, 3)]},
        {"pages": [PageRef(DIGEST, 100, 4), PageRef(DIGEST, 100, -1)]},
        {"pages": []},
    ],
    ids=str,
)
def test_refuses_a_header_that_contradicts_itself(changes):
    with pytest.raises(ManifestRefused):
        manifest.decode_header(msgspec.json.encode(header(**changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "x" * (limits.LABEL_CHARS_MAX + 1)},
        {"source": "x" * (limits.SOURCE_CHARS_MAX + 1)},
        {"items": limits.ITEMS_MAX + 1},
        {"iss": "x" * limits.HEADER_BYTES_MAX},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_refuses_a_header_above_a_limit(changes):
    with pytest.raises(TooLarge):
        manifest.decode_header(msgspec.json.encode(header(**changes)))
    with pytest.raises(TooLarge):
        manifest.decode_header(b" " * (limits.HEADER_BYTES_MAX + 1))


def test_a_header_of_the_most_pages_fits_its_limit():
    page = PageRef(DIGEST, limits.PAGE_BYTES_MAX, 1)
    most = header(pages=[page] * limits.PAGES_MAX, items=limits.PAGES_MAX)
    encoded = manifest.encode_header(most)
    assert manifest.decode_header(encoded) == most
    receipt, numbers = "r" * limits.TOKEN_BYTES_MAX, list(range(limits.PAGES_MAX))
    assert messages.encode(messages.SnapshotManifest(encoded, bytes(64), receipt, numbers))
    more = header(pages=[page] * (limits.PAGES_MAX + 1), items=limits.PAGES_MAX + 1)
    with pytest.raises(TooLarge):
        manifest.decode_header(msgspec.json.encode(more))


def test_an_empty_snapshot_is_a_snapshot():
    empty = header(pages=[], items=0, bytes=0, chunks=0)
    assert manifest.decode_header(manifest.encode_header(empty)) == empty


def test_the_signature_covers_every_byte():
    encoded = manifest.encode_header(header())
    signature = manifest.sign_header(PHONE, encoded)
    manifest.check_header_signature(PHONE_PUBLIC, encoded, signature)
    for at in range(len(encoded)):
        changed = encoded[:at] + bytes([encoded[at] ^ 1]) + encoded[at + 1 :]
        with pytest.raises(ManifestRefused):
            manifest.check_header_signature(PHONE_PUBLIC, changed, signature)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(32), PHONE_PUBLIC[::-1]])
def test_another_key_did_not_sign_it(key):
    encoded = manifest.encode_header(header())
    with pytest.raises(ManifestRefused):
        manifest.check_header_signature(key, encoded, manifest.sign_header(PHONE, encoded))


def test_a_signature_for_another_purpose_does_not_serve():
    encoded = manifest.encode_header(header())
    with pytest.raises(ManifestRefused):
        manifest.check_header_signature(PHONE_PUBLIC, encoded, PHONE.sign(encoded))


def test_the_manifest_hash_is_that_of_the_header_bytes():
    encoded = manifest.encode_header(header())
    assert manifest.manifest_hash(encoded) == hashlib.sha256(encoded).digest()


@given(st.binary(min_size=16, max_size=16))
def test_a_snapshot_id_names_its_sixteen_bytes(raw):
    text = manifest.snapshot_id_text(raw)
    manifest.check_snapshot_id(text)
    number = 0
    for char in text:
        number = number * 32 + manifest.CROCKFORD.index(char)
    assert number.to_bytes(16) == raw


def test_the_exact_text_of_snapshot_ids():
    assert manifest.snapshot_id_text(bytes(16)) == "0" * 26
    assert manifest.snapshot_id_text(b"\xff" * 16) == "7" + "Z" * 25
    assert manifest.snapshot_id_text(bytes(range(16))) == "00041061050R3GG28A1C60T3GF"


def test_reads_what_a_person_typed():
    typed = " ood1-g52v-c9zk-x8qj-5m7r-3t4w-6y "
    assert manifest.normalise_snapshot_id(typed) == SNAPSHOT_ID
    assert manifest.normalise_snapshot_id("il" + SNAPSHOT_ID[2:]) == "11" + SNAPSHOT_ID[2:]


def test_crockford_alphabet_leaves_out_what_is_mistaken():
    assert len(manifest.CROCKFORD) == 32
    assert not set("ILOU") & set(manifest.CROCKFORD)
