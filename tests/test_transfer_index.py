"""The database as a check sees it, and vaults that are linked at the same moment."""

import os

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from transfer import chunks, station, vaults
from transfer.index import DatabaseIndex
from transfer.models import Pack, Snapshot, SnapshotState, Vault
from transfer.store import objects
from transfer.store.packs import FinishedPack, PackEntry
from wire.errors import VerificationFailed

pytestmark = pytest.mark.django_db
VAULT = bytes(15) + b"\x01"
OTHER = bytes(15) + b"\x02"


@pytest.fixture
def vault():
    Vault.objects.create(id=OTHER.hex(), iss="im", sub="other")
    return Vault.objects.create(id=VAULT.hex(), iss="im", sub="sub")


@pytest.fixture
def queries():
    with CaptureQueriesContext(connection) as captured:
        yield captured


def entry(number, offset=66):
    return PackEntry(number.to_bytes(32), offset, 1016, 1000)


def test_streams_packs_and_snapshots_in_batches(vault, queries):
    Pack.objects.bulk_create(Pack(name=f"{n:064}", vault=vault, size=n) for n in range(2500))
    Pack.objects.create(name="f" * 64, vault_id=OTHER.hex(), size=1)
    now = timezone.now()
    Snapshot.objects.bulk_create(
        Snapshot(vault=vault, snapshot_id=f"{n:026}", state=SnapshotState.RECEIPTED, items=0,
                 created_at=now, stored_at=now, total_bytes=0, manifest_hash="00", sequence=n)
        for n in range(5000)
    )  # fmt: skip
    before = len(queries)
    index = DatabaseIndex()
    assert [size for _, size in index.packs(VAULT)] == list(range(2500))
    assert len(list(index.snapshots(VAULT))) == 5000
    assert len(queries) - before <= 4 + 3


def test_gives_only_what_people_may_rely_on(vault):
    now = timezone.now()
    for number, state in enumerate(SnapshotState):
        Snapshot.objects.create(
            vault=vault, snapshot_id=f"{number:026}", state=state, created_at=now, stored_at=now,
            items=0, total_bytes=0, manifest_hash="00",
        )  # fmt: skip
    index = DatabaseIndex()
    given = {found.snapshot_id for found in index.snapshots(VAULT)}
    every = [f"{number:026}" for number in range(3)]
    hidden = every[list(SnapshotState).index(SnapshotState.UNRECEIPTED)]
    assert given == set(every) - {hidden}
    assert index.known_snapshots(VAULT, [*every, "9" * 26]) == set(every)
    assert index.known_snapshots(OTHER, every) == set()


def test_chunks_that_were_asked_for_together_take_no_query_one_by_one(vault, queries):
    chunks.add_packs(vault, [FinishedPack("a" * 64, 10_000, [entry(n) for n in range(500)])])
    index = DatabaseIndex()
    ids = [entry(number).chunk_id for number in range(500)]
    assert len(index.places(VAULT, ids)) == 500
    before = len(queries)
    for number, chunk_id in enumerate(ids):
        assert index.places(VAULT, [chunk_id])[chunk_id].entry == entry(number)
    assert len(queries) == before


def test_a_chunk_that_moved_is_found_when_it_is_asked_for_again(vault):
    chunks.add_packs(vault, [FinishedPack("a" * 64, 10_000, [entry(1), entry(2)])])
    index = DatabaseIndex()
    wanted = entry(1).chunk_id
    index.places(VAULT, [wanted, entry(2).chunk_id])
    Pack.objects.create(name="b" * 64, vault=vault, size=1)
    vault.chunk_set.update(pack_id="b" * 64)
    assert index.places(VAULT, [wanted])[wanted].pack == "a" * 64
    assert index.places(VAULT, [wanted])[wanted].pack == "b" * 64


def test_a_vault_knows_no_chunk_of_another(vault):
    chunks.add_packs(vault, [FinishedPack("a" * 64, 10_000, [entry(1), entry(2)])])
    index = DatabaseIndex()
    ids = [entry(1).chunk_id, entry(2).chunk_id]
    index.places(VAULT, ids)
    assert index.places(OTHER, ids) == {}
    assert index.places(OTHER, ids[:1]) == {}


def test_what_is_remembered_is_bounded(vault):
    index = DatabaseIndex()
    for pack in range(12):
        entries = [entry(pack * 4000 + n) for n in range(4000)]
        chunks.add_packs(vault, [FinishedPack(f"{pack:064}", 10_000, entries)])
        index.places(VAULT, [each.chunk_id for each in entries])
        assert len(index._places) <= 32_768


def test_a_vault_that_lost_the_race_for_its_account_leaves_no_object(monkeypatch):
    """Two phones of one new account at two owners' invitations, at the same moment."""
    alice, bob = (User.objects.create_user(name) for name in ("alice", "bob"))
    account = os.urandom(8).hex()
    put = vaults.put_vault

    def overtaken(backend, root, keys, iss, sub):
        put(backend, root, keys, iss, sub)
        monkeypatch.setattr(vaults, "put_vault", put)
        vaults.link(alice, iss, sub)

    monkeypatch.setattr(vaults, "put_vault", overtaken)
    before = set(objects.list_vaults(station.identity().backend))
    with pytest.raises(VerificationFailed):
        vaults.link(bob, "im", account)
    made = set(objects.list_vaults(station.identity().backend)) - before
    assert {vault_id.hex() for vault_id in made} == {Vault.objects.get(sub=account).pk}
    assert Vault.objects.get(sub=account).owner == alice
