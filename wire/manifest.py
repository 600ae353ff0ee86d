"""Manifests: what a snapshot consists of, as the phone signs it (patent claims 5 and 10).

A manifest is a header and pages. A page lists items and travels, and is kept, as a chunk; the
header names its pages by SHA-256, so the phone's one signature covers every byte of every item.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from msgspec import Meta

from wire import limits
from wire.errors import ManifestRefused, TooLarge

HEADER_FORMAT: Final = "backupstation.manifest/1"
SIGNATURE_LABEL: Final = b"backupstation/1 manifest"
CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CHUNK_REF_BYTES: Final = limits.DIGEST_BYTES + 4
_SNAPSHOT_ID: Final = re.compile(f"[0-7][{CROCKFORD}]{{25}}")
_TYPE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"  # RFC 6838 section 4.2
_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # Unicode's category Cc
_MEDIA_TYPE: Final = re.compile(f"{_TYPE_NAME}/{_TYPE_NAME}")

# What files, databases and calendars can hold; a hostile number is refused where it is decoded.
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Nanoseconds = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Key = Annotated[bytes, Meta(min_length=32, max_length=limits.KEY_BYTES)]


class ChunkRef(NamedTuple):
    """One piece of an item: SHA-256 of its plaintext and its length in bytes."""

    digest: bytes
    length: int


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One named file or record stream of a snapshot.

    ``name`` is a relative path with ``/``; ``size`` is in bytes; ``mtime_ns`` is nanoseconds since
    1970 UTC; ``sha256`` is over the whole item; ``chunks`` is n x (SHA-256 32 | length u32
    big-endian), in order.
    """

    name: str
    size: Count
    mtime_ns: Nanoseconds
    media_type: str
    sha256: bytes
    chunks: bytes

    def refs(self) -> Iterator[ChunkRef]:
        """The chunks of this item in order."""
        for at in range(0, len(self.chunks), _CHUNK_REF_BYTES):
            digest_end = at + limits.DIGEST_BYTES
            length = int.from_bytes(self.chunks[digest_end : at + _CHUNK_REF_BYTES])
            yield ChunkRef(self.chunks[at:digest_end], length)

    @property
    def chunk_count(self) -> int:
        """How many chunks make up this item."""
        return len(self.chunks) // _CHUNK_REF_BYTES


class PageRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest page: SHA-256 of its bytes, its length in bytes, and how many items it lists."""

    digest: bytes
    length: Count
    items: Count


class ManifestHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the phone signs. ``created`` is seconds since 1970 by the phone's clock."""

    format: str
    iss: str
    sub: str
    snapshot_id: str
    source: str
    label: str
    created: Seconds
    items: Count
    bytes: Count
    chunks: Count
    pages: list[PageRef]
    phone_key: Key


def pack_refs(refs: Iterable[ChunkRef]) -> bytes:
    """The packed form of ``refs`` for :attr:`Item.chunks`."""
    return b"".join(ref.digest + ref.length.to_bytes(4) for ref in refs)


_page_decoder: Final = msgspec.json.Decoder(list[Item])
_header_decoder: Final = msgspec.json.Decoder(ManifestHeader)
_encoder: Final = msgspec.json.Encoder()


def encode_page(items: list[Item]) -> bytes:
    """The bytes of one manifest page; :class:`TooLarge` when it passes the limit of a chunk."""
    page = _encoder.encode(items)
    if len(page) > limits.PAGE_BYTES_MAX:
        raise TooLarge(f"manifest page of {len(page)} bytes")
    return page


def decode_page(page: bytes) -> list[Item]:
    """The items of one page, every one of them checked; raises :class:`ManifestRefused`."""
    if len(page) > limits.PAGE_BYTES_MAX:
        raise TooLarge("manifest page")
    try:
        items = _page_decoder.decode(page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestRefused(f"manifest page: {error}") from None
    for item in items:
        check_item(item)
    return items


def encode_header(header: ManifestHeader) -> bytes:
    """The exact bytes that are signed and hashed."""
    encoded = _encoder.encode(header)
    if len(encoded) > limits.HEADER_BYTES_MAX:
        raise TooLarge(f"manifest header of {len(encoded)} bytes")
    return encoded


def decode_header(encoded: bytes) -> ManifestHeader:
    """Decode and check a header on its own (its pages are checked by :func:`decode_page`)."""
    if len(encoded) > limits.HEADER_BYTES_MAX:
        raise TooLarge("manifest header")
    try:
        header = _header_decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestRefused(f"manifest header: {error}") from None
    if header.format != HEADER_FORMAT:
        raise ManifestRefused("unknown manifest format")
    check_snapshot_id(header.snapshot_id)
    if len(header.pages) > limits.PAGES_MAX or header.items > limits.ITEMS_MAX:
        raise TooLarge("manifest has too many pages or items")
    check_label(header.label, header.source)
    if any(not _page_ref_ok(page) for page in header.pages):
        raise ManifestRefused("bad page reference")
    if sum(page.items for page in header.pages) != header.items:
        raise ManifestRefused("item count does not match the pages")
    return header


def check_label(label: str, source: str) -> None:
    """Raise unless both are short (:class:`TooLarge`) and printable (:class:`ManifestRefused`)."""
    if len(label) > limits.LABEL_CHARS_MAX or len(source) > limits.SOURCE_CHARS_MAX:
        raise TooLarge("label or source")
    if _has_control_character(label + source):
        raise ManifestRefused("label or source has a control character")


def _page_ref_ok(page: PageRef) -> bool:
    return len(page.digest) == limits.DIGEST_BYTES and 0 < page.length <= limits.PAGE_BYTES_MAX


def _has_control_character(text: str) -> bool:
    return _CONTROL_CHARACTER.search(text) is not None


def manifest_hash(header: bytes) -> bytes:
    """SHA-256 of the encoded header: what a receipt confirms."""
    return hashlib.sha256(header).digest()


def sign_header(key: Ed25519PrivateKey, header: bytes) -> bytes:
    """The phone's Ed25519 signature over the label and the encoded header (RFC 8032)."""
    return key.sign(SIGNATURE_LABEL + header)


def check_header_signature(phone_key: bytes, header: bytes, signature: bytes) -> None:
    """Raise :class:`ManifestRefused` unless ``phone_key`` signed exactly these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(phone_key).verify(signature, SIGNATURE_LABEL + header)
    except (InvalidSignature, ValueError):
        raise ManifestRefused("manifest signature is wrong") from None


def check_item(item: Item) -> None:
    """Raise :class:`ManifestRefused` unless the item is well-formed by itself."""
    check_item_name(item.name)
    if len(item.sha256) != limits.DIGEST_BYTES or len(item.chunks) % _CHUNK_REF_BYTES:
        raise ManifestRefused(f"item {item.name!r}: bad digest length")
    if not _MEDIA_TYPE.fullmatch(item.media_type):  # it becomes an HTTP header one day
        raise ManifestRefused(f"item {item.name!r}: not a media type")
    if item.chunk_count > limits.ITEM_CHUNKS_MAX:
        raise TooLarge(f"item {item.name!r} has too many chunks")
    lengths = [ref.length for ref in item.refs()]
    if any(not 0 < length <= limits.CHUNK_BYTES_MAX for length in lengths):
        raise ManifestRefused(f"item {item.name!r}: bad chunk length")
    if sum(lengths) != item.size:
        raise ManifestRefused(f"item {item.name!r}: size is not the sum of its chunks")


def check_item_name(name: str) -> None:
    """Raise :class:`ManifestRefused` unless ``name`` is a plain relative path.

    No empty, ``.`` or ``..`` part, no leading slash, no backslash, no control character, no lone
    surrogate.
    """
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise ManifestRefused("item name is not Unicode text") from None
    if not 0 < len(encoded) <= limits.ITEM_NAME_BYTES_MAX:
        raise ManifestRefused("item name is empty or too long")
    if "\\" in name or _has_control_character(name):
        raise ManifestRefused(f"item name {name!r} has a control character or backslash")
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise ManifestRefused(f"item name {name!r} is not a plain relative path")


def snapshot_id_text(raw: bytes) -> str:
    """A snapshot id (16 random bytes) as 26 characters of Crockford base32."""
    number = int.from_bytes(raw)
    return "".join(CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def check_snapshot_id(text: str) -> None:
    """Raise :class:`ManifestRefused` unless ``text`` is the text form of 16 bytes."""
    if not _SNAPSHOT_ID.fullmatch(text):
        raise ManifestRefused("not a snapshot id")


def normalise_snapshot_id(typed: str) -> str:
    """What a person typed, as Crockford base32 reads it: upper case, O is 0, I and L are 1."""
    return typed.strip().replace("-", "").upper().translate(str.maketrans("OIL", "011"))
