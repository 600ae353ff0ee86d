"""docs/store.md is true: a reader that knows nothing but that document opens a store."""

import base64
import hashlib
import hmac
import json
import re
import unicodedata
from pathlib import Path

import pytest
import zstandard
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from mnemonic import Mnemonic

from tests.store_cast import ISS, SUB, Keeper, posix_keeper
from transfer.store import packformat
from transfer.store.backends import storages
from transfer.store.crypto import Root
from transfer.store.findings import Kind
from transfer.store.packwriter import PENDING_MAX, TARGET_BYTES
from wire import limits, manifest

DOCUMENT = (Path(__file__).parents[1] / "docs" / "store.md").read_text()
ZERO = bytes(12)


def hkdf(key: bytes, info: bytes, salt: bytes = bytes(32)) -> bytes:
    return hmac.digest(hmac.digest(salt, key, "sha256"), info + b"\x01", "sha256")


class Reader:
    """Opens a store by the words of the document alone, from its folder and the 24 words."""

    def __init__(self, folder: Path, words: str) -> None:
        self.folder = folder
        self.root = bytes(Mnemonic("english").to_entropy(words))
        self.wrapping = hkdf(self.root, b"backupstation/1 wrapping")

    def unwrap(self, purpose: bytes, context: bytes, wrapped: bytes) -> bytes:
        assert wrapped[0] == 1
        key = hkdf(self.wrapping, b"backupstation/1 wrap " + purpose, wrapped[1:33])
        return AESGCM(key).decrypt(ZERO, wrapped[33:], wrapped[:33] + context)

    def vaults(self) -> dict[bytes, dict]:
        found = {}
        for path in (self.folder / "vaults").iterdir():
            vault_id = bytes.fromhex(path.name)
            found[vault_id] = json.loads(self.unwrap(b"vault", vault_id, path.read_bytes()))
        return found

    def small_object(self, master: bytes, purpose: bytes, name: str) -> bytes:
        raw = (self.folder / name).read_bytes()
        assert raw[:10] == b"BSTNOBJ1\x01\x01"
        key = hkdf(master, b"backupstation/1 " + purpose + b" " + raw[10:26], raw[26:58])
        return AESGCM(key).decrypt(ZERO, raw[58:], raw[:58] + name.encode())

    def chunks(self, vault_id: bytes, master: bytes) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for path in (self.folder / "packs").glob("*/*"):
            assert path.parent.name == path.name[:2]
            found |= self.pack(path.read_bytes(), vault_id, master)
        return found

    def pack(self, raw: bytes, vault_id: bytes, master: bytes) -> dict[bytes, bytes]:
        header = raw[:58]
        assert header[:26] == b"BSTNPACK\x01\x01" + vault_id
        key = AESGCM(hkdf(master, b"backupstation/1 pack " + vault_id, header[26:]))
        length = int.from_bytes(raw[-4:])
        associated = header + b"\xff" + (length - 16).to_bytes(4)
        entries = key.decrypt(b"\xff" * 12, raw[-4 - length : -4], associated)
        found = {}
        for index in range(len(entries) // 45):
            entry = entries[45 * index : 45 * index + 45]
            kind, chunk_id, lengths = entry[:1], entry[1:33], entry[37:]
            at, sealed = int.from_bytes(entry[33:37]), int.from_bytes(entry[37:41])
            assert raw[at : at + 4] == index.to_bytes(4)
            content = key.decrypt(
                index.to_bytes(12), raw[at + 4 : at + sealed], header + kind + chunk_id + lengths
            )
            found[chunk_id] = zstandard.decompress(content) if kind == b"\x01" else content
        return found


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return posix_keeper(tmp_path / "store")


def test_a_reader_of_the_document_restores_every_byte(keeper, tmp_path):
    kept = {"chat.txt": b"see you at the station\n" * 300, "photo.jpg": bytes(range(256)) * 9}
    snapshot_id = keeper.back_up(kept)
    reader = Reader(tmp_path / "store", keeper.root.words())
    [(vault_id, vault)] = reader.vaults().items()
    assert (vault["iss"], vault["sub"]) == (ISS, SUB)
    master = base64.b64decode(vault["master"])
    id_key = hkdf(master, b"backupstation/1 chunk id")
    chunks = reader.chunks(vault_id, master)

    def chunk(digest: bytes) -> bytes:
        content = chunks[hmac.digest(id_key, digest, "sha256")]
        assert hashlib.sha256(content).digest() == digest
        return content

    name = f"snapshots/{vault_id.hex()}/{snapshot_id}"
    content = reader.small_object(master, b"snapshot", name)
    end = 4 + int.from_bytes(content[:4])
    header = manifest.decode_header(content[4:end])
    manifest.check_header_signature(header.phone_key, content[4:end], content[end:])
    items = [item for page in header.pages for item in manifest.decode_page(chunk(page.digest))]
    restored = {item.name: b"".join(chunk(ref.digest) for ref in item.refs()) for item in items}
    assert restored == kept


def test_a_reader_of_the_document_opens_receipt_and_mark(keeper, tmp_path):
    snapshot_id = keeper.back_up({"a": b"x"})
    reader = Reader(tmp_path / "store", keeper.root.words())
    name = f"receipts/{keeper.vault_id.hex()}/{snapshot_id}"
    token = reader.small_object(keeper.keys.master, b"receipt", name).decode()
    header, claims, signature = (base64.urlsafe_b64decode(p + "==") for p in token.split("."))
    seed = hkdf(reader.root, b"backupstation/1 station identity")
    signed = token.rpartition(".")[0].encode()
    Ed25519PrivateKey.from_private_bytes(seed).public_key().verify(signature, signed)
    assert json.loads(claims)["snapshot_id"] == snapshot_id
    assert json.loads(header)["alg"] == "EdDSA"
    mark = (tmp_path / "store" / "station").read_bytes()
    assert mark[:9] == b"BSTNOWNR\x01"
    assert reader.unwrap(b"owner", mark[9:35], mark[35:]) == mark[9:35]


def test_a_reader_of_the_document_opens_the_roots_file(tmp_path):
    root = Root.new()
    secret = bytes(Mnemonic("english").to_entropy(root.words()))
    root.save(tmp_path / "plain", None)
    raw = (tmp_path / "plain").read_bytes()
    checksum = hashlib.sha256(b"backupstation/1 root" + secret).digest()[:8]
    assert raw == b"BSTNROOT\x01\x00" + secret + checksum
    root.save(tmp_path / "wrapped", "cafe\u0301")
    raw = (tmp_path / "wrapped").read_bytes()
    cost = int.from_bytes(raw[10:14]), int.from_bytes(raw[14:18]), raw[18]
    assert raw[:10] == b"BSTNROOT\x01\x01"
    assert cost == (64 * 1024, 3, 4)
    typed = unicodedata.normalize("NFC", "cafe\u0301").encode()
    key = hash_secret_raw(typed, raw[19:35], cost[1], cost[0], cost[2], 32, Type.ID)
    assert AESGCM(key).decrypt(ZERO, raw[35:], raw[:35]) == secret


def test_the_numbers_are_those_of_the_code():
    for words in (
        f"A chunk has at most {limits.CHUNK_BYTES_MAX:,} bytes",
        f"a pack at most {packformat.ENTRIES_MAX:,} chunks",
        f"past {TARGET_BYTES // limits.MIB} MiB",
        f"header, {packformat.HEADER_BYTES} |",
        f"trailer, {packformat.TRAILER_BYTES} |",
        f"at most {storages.COPIES_BYTES_MAX // limits.MIB} MiB of them",
    ):
        assert words in DOCUMENT
    assert PENDING_MAX == 2
    assert "Two packs may wait for the disk" in DOCUMENT


def test_the_kinds_of_findings_are_those_of_the_code():
    section = DOCUMENT.partition("## 7. Check")[2].partition("| damage |")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [kind.value for kind in Kind]
