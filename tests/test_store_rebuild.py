"""Rebuild: the 24 words and the objects are enough, and what cannot be placed is told."""

import os
from pathlib import Path

import msgspec
import pytest

from tests.store_cast import ISS, SUB, Keeper, MemoryIndex, files, posix_keeper
from transfer.store import objects
from transfer.store.backends.posix import PosixBackend
from transfer.store.check import Checker
from transfer.store.crypto import Root, VaultKeys
from transfer.store.findings import Finding, IndexedSnapshot, Kind
from transfer.store.itemcheck import Sample
from transfer.store.rebuild import FoundPack, FoundSnapshot, FoundVault, walk
from wire import manifest


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def keeper(store: Path) -> Keeper:
    return posix_keeper(store)


def rebuilt(store: Path, words: str) -> tuple[MemoryIndex, list[FoundSnapshot], list[Finding]]:
    """An index made of nothing but the objects and the words."""
    index, snapshots, findings = MemoryIndex(), [], []
    for found in walk(PosixBackend(store), Root.from_words(words)):
        match found:
            case FoundVault(vault):
                index.add_vault(vault.keys.vault_id)
            case FoundPack(vault_id, pack):
                index.add_pack(vault_id, pack)
            case FoundSnapshot(vault_id, signed, receipt):
                snapshots.append(found)
                index.headers[vault_id][signed.header.snapshot_id] = IndexedSnapshot(
                    signed.header.snapshot_id,
                    manifest.manifest_hash(signed.stored.header),
                    receipt.token if receipt else "",
                )
            case Finding():
                findings.append(found)
    return index, snapshots, findings


def test_words_and_objects_bring_back_everything(keeper, store):
    for _ in range(3):
        keeper.back_up(files())
    index, snapshots, findings = rebuilt(store, keeper.root.words())
    assert findings == []
    assert index == keeper.index
    assert {each.receipt.claims.sequence for each in snapshots if each.receipt} == {1, 2, 3}
    checker = Checker(PosixBackend(store), Root.from_words(keeper.root.words()), index, Sample())
    assert list(checker.run()) == []


def test_a_vault_comes_back_with_its_account(keeper, store):
    [found] = walk(PosixBackend(store), keeper.root)
    assert isinstance(found, FoundVault)
    assert (found.vault.iss, found.vault.sub) == (ISS, SUB)
    assert found.vault.keys.master == keeper.keys.master


def test_an_unreceipted_snapshot_comes_back_as_such(keeper, store):
    receipted, unreceipted = (keeper.back_up(files(1)) for _ in range(2))
    (store / "receipts" / keeper.vault_id.hex() / unreceipted).unlink()
    _index, snapshots, findings = rebuilt(store, keeper.root.words())
    assert findings == []
    assert {each.manifest.header.snapshot_id: bool(each.receipt) for each in snapshots} == {
        receipted: True,
        unreceipted: False,
    }


def test_other_words_bring_back_nothing_and_say_so(keeper, store):
    keeper.back_up(files(1))
    index, snapshots, findings = rebuilt(store, Root.new().words())
    assert (index, snapshots) == (MemoryIndex(), [])
    assert Kind.ALTERED in {finding.kind for finding in findings}


def test_a_pack_of_an_unknown_vault_is_told(keeper, store):
    keeper.back_up(files(1))
    (store / "vaults" / keeper.vault_id.hex()).unlink()
    _index, _snapshots, findings = rebuilt(store, keeper.root.words())
    assert {finding.kind for finding in findings} == {Kind.UNKNOWN}
    assert {finding.vault for finding in findings} == {keeper.vault_id.hex()}


def test_damaged_objects_are_named_and_the_rest_comes_back(keeper, store):
    kept = [keeper.back_up(files(1)) for _ in range(4)]
    packs = list(keeper.index.sizes[keeper.vault_id])
    folder = keeper.vault_id.hex()
    (store / packs[0]).write_bytes(os.urandom(5000))
    (store / "snapshots" / folder / kept[0]).write_bytes(os.urandom(500))
    (store / "receipts" / folder / kept[1]).write_bytes(os.urandom(500))
    (store / "snapshots" / folder / kept[2]).unlink()
    index, snapshots, findings = rebuilt(store, keeper.root.words())
    assert {(finding.kind, finding.snapshot, finding.pack) for finding in findings} == {
        (Kind.ALTERED, "", packs[0]),
        (Kind.ALTERED, kept[0], ""),
        (Kind.ALTERED, kept[1], ""),
        (Kind.MISSING, kept[2], ""),
    }
    assert set(index.sizes[keeper.vault_id]) == set(packs[1:])
    assert {each.manifest.header.snapshot_id: bool(each.receipt) for each in snapshots} == {
        kept[1]: False,
        kept[3]: True,
    }


def test_a_receipt_for_another_manifest_is_not_believed(keeper, store):
    snapshot_id = keeper.back_up(files(1))
    (store / "receipts" / keeper.vault_id.hex() / snapshot_id).unlink()
    token = keeper._receipt(snapshot_id, b"another header")
    objects.put_receipt(keeper.backend, keeper.keys, snapshot_id, token)
    _index, [snapshot], [finding] = rebuilt(store, keeper.root.words())
    assert snapshot.receipt is None
    assert (finding.kind, finding.snapshot) == (Kind.ALTERED, snapshot_id)


def test_a_manifest_that_the_phone_did_not_sign_is_not_believed(keeper, store):
    snapshot_id = keeper.back_up(files(1))
    stored = objects.get_header(keeper.backend, keeper.keys, snapshot_id)
    (store / "snapshots" / keeper.vault_id.hex() / snapshot_id).unlink()
    objects.put_header(keeper.backend, keeper.keys, snapshot_id, stored.header, bytes(64))
    _index, snapshots, findings = rebuilt(store, keeper.root.words())
    assert snapshots == []
    assert (Kind.ALTERED, snapshot_id) in {(each.kind, each.snapshot) for each in findings}


def test_a_receipt_that_names_another_snapshot_is_not_believed(keeper, store):
    snapshot_id, other = (keeper.back_up(files(1)) for _ in range(2))
    (store / "receipts" / keeper.vault_id.hex() / snapshot_id).unlink()
    stored = objects.get_header(keeper.backend, keeper.keys, snapshot_id)
    token = keeper._receipt(other, stored.header)
    objects.put_receipt(keeper.backend, keeper.keys, snapshot_id, token)
    _index, _snapshots, [finding] = rebuilt(store, keeper.root.words())
    assert (finding.kind, finding.snapshot) == (Kind.ALTERED, snapshot_id)
    assert "another snapshot's" in finding.detail


@pytest.mark.parametrize("change", [{"snapshot_id": "7" * 26}, {"iss": "other"}, {"sub": "bob"}])
def test_a_signed_manifest_of_another_snapshot_or_account_is_not_believed(keeper, store, change):
    snapshot_id = keeper.back_up(files(1))
    stored = objects.get_header(keeper.backend, keeper.keys, snapshot_id)
    header = msgspec.structs.replace(manifest.decode_header(stored.header), **change)
    encoded = manifest.encode_header(header)
    (store / "snapshots" / keeper.vault_id.hex() / snapshot_id).unlink()
    signature = manifest.sign_header(keeper.phone, encoded)
    objects.put_header(keeper.backend, keeper.keys, snapshot_id, encoded, signature)
    _index, snapshots, [finding] = rebuilt(store, keeper.root.words())
    assert snapshots == []
    assert (finding.kind, finding.snapshot) == (Kind.ALTERED, snapshot_id)


def test_each_vault_gets_what_is_its_own(keeper, store):
    keeper.back_up(files(2))
    mine = keeper.vault_id
    other = VaultKeys.new()
    objects.put_vault(keeper.backend, keeper.root, other, ISS, SUB)
    keeper.keys = other
    keeper.index.add_vault(other.vault_id)
    theirs = keeper.back_up(files(1))
    index, snapshots, _findings = rebuilt(store, keeper.root.words())
    assert index.sizes == keeper.index.sizes
    assert index.sizes[mine].keys().isdisjoint(index.sizes[other.vault_id])
    owners = {each.manifest.header.snapshot_id: each.vault_id for each in snapshots}
    assert owners.pop(theirs) == other.vault_id
    assert set(owners.values()) == {mine}


def test_files_that_others_left_in_the_store_are_passed_over(keeper, store):
    keeper.back_up(files(1))
    for stray in ("vaults/notes", "vaults/.DS_Store", "Thumbs.db", "packs/readme.txt"):
        (store / stray).write_bytes(b"x")
    index, _snapshots, findings = rebuilt(store, keeper.root.words())
    assert index == keeper.index
    assert findings == []


def test_a_stray_object_among_packs_is_told(keeper, store):
    (store / "packs").mkdir(exist_ok=True)
    (store / "packs" / "stray").write_bytes(b"x" * 1000)
    _index, _snapshots, [finding] = rebuilt(store, keeper.root.words())
    assert (finding.kind, finding.pack) == (Kind.ALTERED, "packs/stray")
