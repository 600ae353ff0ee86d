"""The store's disk goes away under a running station, and comes back: nothing is promised on it."""

import json
from contextlib import contextmanager
from functools import partial
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from django.conf import settings
from django.db import connections

from tests.attacker import AccountPhone, Desk
from tests.page_cast import alice, client, signed_in
from tests.stations import running, tree
from tests.test_never_lost import (
    back_up,
    contents,
    findings,
    owner,
    place_of,
    remove,
    rot,
    the_pack,
    truncate,
)
from transfer import chunks, committing, manifests, rereading, station, vaults
from transfer.checking import NotedCheck
from transfer.chunks import Place
from transfer.models import Chunk, Pack, Snapshot, SnapshotState, Vault
from transfer.rebuilding import Rebuild
from transfer.restore import Piece, Recovery
from transfer.store.backends import StoreAway
from transfer.store.itemcheck import Sample
from transfer.workers import soon_in_database
from wire import manifest, messages

__all__ = ["back_up", "owner"]
pytestmark = pytest.mark.django_db


@contextmanager
def unmounted(store=None, *, folder=True):
    """What a disk leaves behind that was taken away: its mount point, an empty folder, or none."""
    store = store or settings.STATION_STORE_DIR
    away = store.with_name("unplugged")
    store.rename(away)
    if folder:
        store.mkdir()
    try:
        yield store
    finally:
        if store.exists():
            assert tree(store) == {}
            for path in sorted(store.rglob("*"), reverse=True):
                path.rmdir()
            store.rmdir()
        away.rename(store)


@pytest.mark.parametrize("folder", [True, False])
def test_no_backup_begins_on_what_an_unmounted_disk_left_behind(back_up, folder):
    back_up(contents()).run()
    with unmounted(folder=folder), pytest.raises(StoreAway, match="the store is not there"):
        back_up(contents())
    row = back_up(contents()).run()
    assert findings(row) == []


@pytest.mark.parametrize("folder", [True, False])
def test_a_backup_whose_disk_goes_gets_no_receipt_and_is_taken_when_it_is_back(back_up, folder):
    backup = back_up(contents())
    backup.send()
    with unmounted(folder=folder), pytest.raises(StoreAway):
        backup.commit()
    assert not Snapshot.objects.filter(snapshot_id=backup.snapshot_id).exists()
    backup.connect()
    assert findings(backup.run()) == []


def test_a_disk_that_goes_before_the_receipt_leaves_it_owed(back_up, monkeypatch):
    backup = back_up(contents())
    backup.send()
    publish = committing.publish
    gone = unmounted()

    def then_unmount(*args):
        done = publish(*args)
        gone.__enter__()
        return done

    monkeypatch.setattr(committing, "publish", then_unmount)
    with pytest.raises(StoreAway):
        backup.commit()
    gone.__exit__(None, None, None)
    assert backup.row.state == SnapshotState.COMMITTED
    monkeypatch.setattr(committing, "publish", publish)
    assert backup.commit().receipt == backup.row.receipt != ""


def test_nothing_is_put_in_another_folder_even_without_a_look_at_the_mark(back_up, monkeypatch):
    """The disk may go between the look and the put."""
    back_up(contents()).run()
    monkeypatch.setattr(type(station.identity()), "require_store", lambda _self: None)
    with unmounted():
        with pytest.raises(StoreAway):
            station.identity().backend.put("snapshots/x", b"header")
        backup = back_up(contents())
        with pytest.raises(StoreAway):
            backup.send()
    assert findings(back_up(contents()).run()) == []


def test_a_vault_is_not_made_on_another_disk(owner):
    with unmounted(), pytest.raises(StoreAway):
        vaults.link(owner, "im", "sub")
    assert not Vault.objects.exists()
    vaults.link(owner, "im", "sub")


def test_readiness_says_that_the_disk_is_away_and_claims_nothing_there(owner):
    with unmounted() as store:
        answer = client().get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["storage"] == "failed"
        assert list(store.iterdir()) == []
    assert client().get("/readyz").json()["storage"] == "ok"


@pytest.mark.parametrize("folder", [True, False])
def test_the_page_says_that_the_disk_is_away(folder):
    browser = signed_in(alice())
    with unmounted(folder=folder):
        assert "The store is not there" in browser.get("/").content.decode()
    assert "The store is not there" not in browser.get("/").content.decode()


@pytest.mark.slow
def test_a_station_that_was_only_listed_from_gives_no_receipt_for_another_disk(tmp_path):
    """Nothing was written since the start, so nothing but the start itself has found the store."""
    with running(tmp_path / "station") as real:
        desk = Desk(real)
        phone = AccountPhone(desk)
        phone.stored(b"first" * 100)
        real.stop()
        real.start()
        with phone.opened("restore") as wire:
            wire.say(messages.SnapshotsList(0))
            wire.hear(messages.SnapshotsPage)
        with unmounted(real.folder / "store") as store:
            with pytest.raises(HTTPError) as refused:
                urlopen(f"http://127.0.0.1:{real.port}/readyz")
            assert json.load(refused.value)["storage"] == "failed"
            with phone.opened() as wire, pytest.raises(AssertionError, match="store is not there"):
                wire.begin()
            assert wire.told[-1].code == StoreAway.code
            assert list(store.iterdir()) == []
        phone.stored(b"second" * 100)
        desk.close()


# What is missing while the disk is away is not lost


def kept(backup):
    """A backup that is stored, and the manifest page and first chunk of it."""
    backup.run()
    header = manifest.decode_header(backup.header)
    [(pack, entry)] = place_of(backup.vault, next(iter(backup.bodies))).values()
    return header.pages[0], Piece(0, Place(pack, entry), entry.raw_len)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_set_apart_while_the_disk_is_away(back_up):
    backup = back_up(contents())
    page, piece = kept(backup)
    recovery = Recovery(backup.vault, None)
    acts = [
        partial(manifests.page_bytes, backup.vault, page),
        partial(manifests.check_complete, backup.vault, manifest.decode_header(backup.header)),
        partial(manifests.header_of, backup.row),
        partial(recovery.read, piece),
        partial(findings, backup.row),
        partial(list, NotedCheck(Sample()).run()),
        partial(list, NotedCheck().held(Pack.objects.get())),
    ]
    with unmounted():
        for act in acts:
            with pytest.raises(StoreAway):
                act()
    soon_in_database(connections.close_all).result(10)
    assert not Pack.objects.exclude(damaged_at=None).exists()
    assert backup.row.damage == ""
    assert recovery.read(piece) in backup.bodies.values()


def test_packs_that_only_looked_lost_are_not_called_lost_by_the_check_of_their_sizes(back_up):
    """The disk goes after the pages were read."""
    backup = back_up(contents())
    backup.run()
    with unmounted(), pytest.raises(StoreAway):
        manifests._check_sizes({Pack.objects.get().name})
    assert not Pack.objects.exclude(damaged_at=None).exists()


@pytest.mark.django_db(transaction=True)
def test_the_vaults_key_is_not_called_missing(back_up):
    backup = back_up(contents())
    backup.run()
    vaults.keys_of.cache_clear()
    with unmounted(), pytest.raises(StoreAway):
        vaults.keys_of(backup.vault.pk)


def test_a_rebuild_forgets_no_pack_of_a_disk_that_goes(back_up):
    back_up(contents()).run()
    with unmounted(), pytest.raises(StoreAway):
        list(Rebuild().run())
    assert Pack.objects.exists()


@pytest.mark.parametrize(
    "read", [lambda pack: rereading._read(pack), lambda _pack: list(NotedCheck(Sample()).run())]
)
def test_a_sound_pack_that_was_set_apart_counts_again_when_it_was_read_whole(back_up, read):
    same = contents()
    back_up(same).run()
    chunks.set_apart([the_pack()])
    assert back_up(same).send()
    list(NotedCheck().run())
    assert Pack.objects.exclude(damaged_at=None).exists()  # its structure says nothing of its bytes
    read(Pack.objects.get())
    assert not Pack.objects.exclude(damaged_at=None).exists()
    assert not back_up(same).send()


@pytest.mark.parametrize("harm", [rot, truncate, remove])
def test_a_damaged_pack_stays_set_apart_however_often_it_is_read(back_up, harm):
    back_up(contents()).run()
    harm(the_pack())
    for _ in range(2):
        rereading._read(Pack.objects.get())
        list(NotedCheck(Sample()).run())
        assert Pack.objects.exclude(damaged_at=None).exists()


def test_a_pack_in_which_the_index_places_chunks_wrongly_is_not_taken_back(back_up):
    back_up(contents()).run()
    Chunk.objects.filter(raw_length=500).update(offset=59)
    chunks.set_apart([the_pack()])
    rereading._read(Pack.objects.get())
    assert Pack.objects.exclude(damaged_at=None).exists()
