"""Vaults, headers, receipts and the owner's mark: sealed, bound to their names, write-once."""

import errno
import os
import threading
from pathlib import Path

import pytest

from tests.store_cast import ISS, SUB, Keeper, names
from transfer.store import objects
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import Root, VaultKeys
from transfer.store.objects import ForeignStore
from wire import limits
from wire.errors import Conflict, Damaged, NotFound
from wire.manifest import snapshot_id_text

ONE = snapshot_id_text(b"1" * 16)
TWO = snapshot_id_text(b"2" * 16)
HEADER = b'{"format": "any bytes"}'
SIGNATURE = b"s" * 64


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(PosixBackend(tmp_path / "store")).open()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def put_header(keeper: Keeper, snapshot_id: str = ONE, header: bytes = HEADER) -> str:
    objects.put_header(keeper.backend, keeper.keys, snapshot_id, header, SIGNATURE)
    return f"snapshots/{keeper.vault_id.hex()}/{snapshot_id}"


def put_receipt(keeper: Keeper, snapshot_id: str = ONE, token: str = "a.b.c") -> str:
    objects.put_receipt(keeper.backend, keeper.keys, snapshot_id, token)
    return f"receipts/{keeper.vault_id.hex()}/{snapshot_id}"


def test_a_header_comes_back_with_its_signature(keeper):
    put_header(keeper)
    assert objects.get_header(keeper.backend, keeper.keys, ONE) == (HEADER, SIGNATURE)


def test_the_largest_header_and_receipt_fit(keeper):
    header = b"h" * limits.HEADER_BYTES_MAX
    put_header(keeper, header=header)
    assert objects.get_header(keeper.backend, keeper.keys, ONE).header == header
    token = "t" * limits.TOKEN_BYTES_MAX
    put_receipt(keeper, token=token)
    assert objects.get_receipt(keeper.backend, keeper.keys, ONE) == token


def test_the_same_again_is_fine_and_another_is_a_conflict(keeper):
    for _ in range(2):
        put_header(keeper)
        put_receipt(keeper)
    with pytest.raises(Conflict, match=ONE):
        put_header(keeper, header=HEADER + b" ")
    with pytest.raises(Conflict, match=ONE):
        put_receipt(keeper, token="d.e.f")
    assert objects.get_header(keeper.backend, keeper.keys, ONE).header == HEADER
    assert objects.get_receipt(keeper.backend, keeper.keys, ONE) == "a.b.c"


def test_snapshots_and_receipts_are_listed_by_vault(keeper):
    put_header(keeper)
    put_header(keeper, TWO)
    put_receipt(keeper, TWO)
    assert sorted(objects.list_snapshots(keeper.backend, keeper.vault_id)) == [ONE, TWO]
    assert list(objects.list_receipts(keeper.backend, keeper.vault_id)) == [TWO]
    assert list(objects.list_snapshots(keeper.backend, bytes(16))) == []


def test_what_is_not_there_is_named(keeper):
    with pytest.raises(NotFound, match=ONE):
        objects.get_header(keeper.backend, keeper.keys, ONE)
    with pytest.raises(NotFound, match=ONE):
        objects.get_receipt(keeper.backend, keeper.keys, ONE)
    with pytest.raises(NotFound):
        objects.open_vault(keeper.backend, keeper.root, bytes(16))


def test_a_vault_opens_from_the_24_words(keeper):
    root = Root.from_words(keeper.root.words())
    vault = objects.open_vault(keeper.backend, root, keeper.vault_id)
    assert (vault.keys.master, vault.iss, vault.sub) == (keeper.keys.master, ISS, SUB)
    assert list(objects.list_vaults(keeper.backend)) == [keeper.vault_id]


def test_a_vault_opens_under_its_own_root_only(keeper):
    with pytest.raises(Damaged, match=f"vaults/{keeper.vault_id.hex()}"):
        objects.open_vault(keeper.backend, Root.new(), keeper.vault_id)


def test_nothing_readable_reaches_the_disk(keeper, store):
    put_header(keeper, header=b"a header that names iss and sub: " + ISS.encode())
    put_receipt(keeper, token="eyJhbGciOiJFZERTQSJ9.receipt.signature")
    raw = b"".join((store / name).read_bytes() for name in names(keeper.backend))
    for secret in (b"header that", b"eyJ", ISS.encode(), SUB.encode(), b"sub", keeper.keys.master):
        assert secret not in raw


def test_every_flipped_bit_and_every_cut_is_named(keeper, store):
    for name, read in (
        (put_header(keeper), lambda: objects.get_header(keeper.backend, keeper.keys, ONE)),
        (put_receipt(keeper), lambda: objects.get_receipt(keeper.backend, keeper.keys, ONE)),
        (
            f"vaults/{keeper.vault_id.hex()}",
            lambda: objects.open_vault(keeper.backend, keeper.root, keeper.vault_id),
        ),
    ):
        path = store / name
        raw = path.read_bytes()
        altered = [raw[:at] + bytes([raw[at] ^ 64]) + raw[at + 1 :] for at in range(len(raw))]
        for content in altered + [raw[:size] for size in range(len(raw))]:
            path.write_bytes(content)
            with pytest.raises(Damaged, match=name):
                read()
        path.write_bytes(raw)
        read()


def swap(store: Path, one: str, two: str) -> None:
    raw_one, raw_two = (store / one).read_bytes(), (store / two).read_bytes()
    (store / one).write_bytes(raw_two)
    (store / two).write_bytes(raw_one)


def test_swapped_objects_do_not_open(keeper, store):
    swap(store, put_header(keeper), put_header(keeper, TWO))
    swap(store, put_receipt(keeper), put_receipt(keeper, TWO))
    for get in (objects.get_header, objects.get_receipt):
        with pytest.raises(Damaged, match="another object"):
            get(keeper.backend, keeper.keys, ONE)


def test_a_receipt_never_passes_for_a_header(keeper, store):
    swap(store, put_header(keeper), put_receipt(keeper))
    with pytest.raises(Damaged):
        objects.get_header(keeper.backend, keeper.keys, ONE)
    with pytest.raises(Damaged):
        objects.get_receipt(keeper.backend, keeper.keys, ONE)


def test_swapped_vaults_do_not_open(keeper, store):
    other = VaultKeys.new()
    objects.put_vault(keeper.backend, keeper.root, other, ISS, "bob")
    swap(store, f"vaults/{keeper.vault_id.hex()}", f"vaults/{other.vault_id.hex()}")
    with pytest.raises(Damaged):
        objects.open_vault(keeper.backend, keeper.root, keeper.vault_id)


def test_a_huge_object_is_never_read_whole(keeper, store):
    name = put_header(keeper)
    with (store / name).open("r+b") as file:
        file.truncate(10**12)
    with pytest.raises(Damaged, match="more than such an object has"):
        objects.get_header(keeper.backend, keeper.keys, ONE)


# The owner's mark


def test_the_owner_comes_back_to_its_store(keeper):
    for _ in range(2):
        objects.claim_store(keeper.backend, keeper.root, keeper.station_id)


def test_the_owner_comes_back_to_a_full_disk(keeper, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    objects.claim_store(keeper.backend, keeper.root, keeper.station_id)


def test_of_two_stations_that_start_at_once_one_owns_the_store(tmp_path):
    keepers = [Keeper(PosixBackend(tmp_path / "contested")) for _ in range(6)]
    owners, refused = [], []
    start = threading.Barrier(len(keepers))

    def claim(keeper: Keeper) -> None:
        start.wait()
        try:
            objects.claim_store(keepers[0].backend, keeper.root, keeper.station_id)
        except ForeignStore:
            refused.append(keeper)
        else:
            owners.append(keeper)

    threads = [threading.Thread(target=claim, args=(keeper,)) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(owners) == 1
    assert len(refused) == 5


def test_another_station_is_refused_and_told_whose_store_it_is(keeper):
    stranger = Keeper(keeper.backend)
    with pytest.raises(ForeignStore, match=keeper.station_id):
        objects.claim_store(keeper.backend, stranger.root, stranger.station_id)
    objects.claim_store(keeper.backend, keeper.root, keeper.station_id)


def test_the_mark_shows_the_station_id_to_people(keeper, store):
    assert keeper.station_id.encode() in (store / "station").read_bytes()


def test_an_altered_mark_is_noticed(keeper, store):
    raw = (store / "station").read_bytes()
    for at in range(len(raw)):
        (store / "station").write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises((Damaged, ForeignStore)):
            objects.claim_store(keeper.backend, keeper.root, keeper.station_id)
