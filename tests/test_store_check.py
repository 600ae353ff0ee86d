"""Check finds every kind of damage and names who it hurts; everything else stays restorable."""

import hashlib
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store_cast import Keeper, Located, MemoryIndex, files, posix_keeper
from transfer.store import itemcheck, objects, packreader, references
from transfer.store.check import Checker
from transfer.store.crypto import VaultKeys
from transfer.store.findings import Finding, Kind
from transfer.store.itemcheck import Sample
from transfer.store.packs import PackReader
from transfer.store.references import References
from wire.manifest import ChunkRef

READ_ALL = Sample()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def keeper(store: Path) -> Keeper:
    return posix_keeper(store)


def check(keeper: Keeper, sample: Sample | None = None) -> list[Finding]:
    return list(Checker(keeper.backend, keeper.root, keeper.index, sample).run())


def place_of(keeper: Keeper, content: bytes) -> Located:
    """Where the first chunk of an item with this content lies."""
    chunk_id = keeper.keys.chunk_id(hashlib.sha256(content[:1000]).digest())
    return keeper.index.chunks[keeper.vault_id, chunk_id]


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def flip(at: int) -> Callable[[bytes], bytes]:
    return lambda raw: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]


def test_a_sound_store_has_no_findings(keeper):
    assert check(keeper, READ_ALL) == []
    for _ in range(3):
        keeper.back_up(files())
    keeper.back_up({})
    keeper.back_up({"empty.txt": b"", "chat.txt": b"hello\n" * 2000})
    assert check(keeper) == []
    assert check(keeper, READ_ALL) == []


def test_a_flipped_byte_of_a_chunk_is_found_by_reading_and_by_nothing_less(keeper, store):
    kept = files()
    hurt = keeper.back_up(kept)
    keeper.back_up(files())
    place = place_of(keeper, kept["photos/2.jpg"])
    rewrite(store / place.pack, flip(place.entry.offset + 30))
    assert check(keeper) == []
    [finding] = check(keeper, READ_ALL)
    assert finding.kind is Kind.ALTERED
    assert finding[2:] == (keeper.vault_id.hex(), hurt, "photos/2.jpg", place.pack)
    for word in ("altered", hurt, "photos/2.jpg", place.pack):
        assert word in str(finding)


def test_damage_in_a_shared_chunk_names_every_snapshot_that_needs_it(keeper, store):
    kept = files()
    hurt = {keeper.back_up(kept), keeper.back_up(kept | {"photos/0.jpg": b"changed"})}
    keeper.back_up(files())
    place = place_of(keeper, kept["photos/3.jpg"])
    rewrite(store / place.pack, flip(place.entry.offset + 30))
    found = check(keeper, READ_ALL)
    assert {finding.snapshot for finding in found} == hurt
    assert {finding.item for finding in found} == {"photos/3.jpg"}


def test_everything_that_is_undamaged_stays_readable(keeper, store):
    kept = files(12)
    keeper.back_up(kept)
    hurt = place_of(keeper, kept["photos/5.jpg"])
    rewrite(store / hurt.pack, flip(hurt.entry.offset + 30))
    reader = PackReader(keeper.backend, keeper.keys)
    for content in (content for name, content in kept.items() if name != "photos/5.jpg"):
        place = place_of(keeper, content)
        assert reader.read(place.pack, place.entry) == content[:1000]


def items_in(keeper: Keeper, kept: dict[str, bytes], pack: str) -> set[str]:
    """The items that have a chunk in this pack."""
    return {
        name
        for name, content in kept.items()
        for at in range(0, len(content), 1000)
        if place_of(keeper, content[at:]).pack == pack
    }


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda _raw: None, Kind.MISSING),
        (lambda raw: raw[:-1], Kind.ALTERED),
        (lambda raw: raw[:3000], Kind.ALTERED),
        (lambda raw: b"", Kind.ALTERED),
        (lambda raw: raw + b"more", Kind.ALTERED),
        (lambda raw: raw[:-50] + bytes([raw[-50] ^ 1]) + raw[-49:], Kind.ALTERED),
        (lambda raw: raw[:30] + bytes([raw[30] ^ 1]) + raw[31:], Kind.ALTERED),
        (lambda raw: os.urandom(len(raw)), Kind.ALTERED),
    ],
)
def test_a_hurt_pack_and_every_item_in_it_are_named_without_reading_data(
    keeper, store, change, kind
):
    kept = files(12)
    snapshot = keeper.back_up(kept, per_page=100)
    [page] = keeper.page_places(snapshot)
    pack = next(name for name in keeper.index.sizes[keeper.vault_id] if name != page.pack)
    changed = change((store / pack).read_bytes())
    if changed is None:
        (store / pack).unlink()
    else:
        (store / pack).write_bytes(changed)
    found = check(keeper)
    assert {finding.pack for finding in found} == {pack}
    assert {finding.kind for finding in found} == {kind}
    assert {finding.item for finding in found} == items_in(keeper, kept, pack) | {""}
    assert {finding.snapshot for finding in found} == {snapshot, ""}


def test_a_cut_pack_is_told_with_both_sizes(keeper, store):
    keeper.back_up(files(1, 500))
    [(pack, size)] = keeper.index.packs(keeper.vault_id)
    rewrite(store / pack, lambda raw: raw[:100])
    assert f"the pack has 100 bytes instead of {size}" in {each.detail for each in check(keeper)}


def test_swapped_packs_are_found(keeper, store):
    keeper.back_up(files(12))
    one, two = list(keeper.index.sizes[keeper.vault_id])[:2]
    raw_one, raw_two = (store / one).read_bytes(), (store / two).read_bytes()
    (store / one).write_bytes(raw_two)
    (store / two).write_bytes(raw_one)
    assert {one, two} <= {finding.pack for finding in check(keeper)}


def test_a_hurt_manifest_page_says_how_many_items_are_unknown(keeper, store):
    snapshot = keeper.back_up(files(4), per_page=2)
    _first, place = keeper.page_places(snapshot)
    rewrite(store / place.pack, flip(place.entry.offset + 30))
    [finding] = check(keeper)
    assert (finding.snapshot, finding.item, finding.pack) == (snapshot, "", place.pack)
    assert "manifest page 1 of 2, with 2 items" in finding.detail


@pytest.mark.parametrize("folder", ["snapshots", "receipts"])
def test_a_hurt_or_missing_header_or_receipt_names_its_snapshot(keeper, store, folder):
    kept = [keeper.back_up(files(2)) for _ in range(3)]
    for snapshot in kept[:2]:
        path = store / folder / keeper.vault_id.hex() / snapshot
        if snapshot == kept[0]:
            path.unlink()
        else:
            rewrite(path, flip(100))
    found = check(keeper)
    assert [(finding.kind, finding.snapshot) for finding in found] == [
        (Kind.MISSING, kept[0]),
        (Kind.ALTERED, kept[1]),
    ]


@pytest.mark.parametrize("folder", ["snapshots", "receipts"])
def test_swapped_headers_or_receipts_are_found(keeper, store, folder):
    one, two = (store / folder / keeper.vault_id.hex() / keeper.back_up(files(2)) for _ in range(2))
    raw_one, raw_two = one.read_bytes(), two.read_bytes()
    one.write_bytes(raw_two)
    two.write_bytes(raw_one)
    assert {finding.snapshot for finding in check(keeper)} == {one.name, two.name}


def test_a_vault_whose_key_is_gone_names_each_of_its_snapshots(keeper, store):
    kept = {keeper.back_up(files(2)) for _ in range(2)}
    (store / "vaults" / keeper.vault_id.hex()).unlink()
    found = check(keeper)
    assert {finding.snapshot for finding in found} == kept | {""}
    assert {finding.kind for finding in found} == {Kind.MISSING}
    [snapshot, _] = keeper.index.snapshots(keeper.vault_id)
    checker = Checker(keeper.backend, keeper.root, keeper.index)
    [finding] = checker.snapshot(keeper.vault_id, snapshot)
    assert finding.snapshot == snapshot.snapshot_id


def test_a_header_that_is_not_the_receipted_one_is_found(keeper):
    snapshot_id = keeper.back_up(files(1))
    indexed = keeper.index.headers[keeper.vault_id]
    indexed[snapshot_id] = indexed[snapshot_id]._replace(manifest_hash=bytes(32))
    [finding] = check(keeper)
    assert (finding.kind, finding.snapshot) == (Kind.CONTRADICTS, snapshot_id)


def test_a_receipt_that_the_phone_was_not_given_is_found(keeper):
    snapshot_id = keeper.back_up(files(1))
    indexed = keeper.index.headers[keeper.vault_id]
    indexed[snapshot_id] = indexed[snapshot_id]._replace(receipt="a.b.c")
    [finding] = check(keeper)
    assert (finding.kind, finding.snapshot) == (Kind.CONTRADICTS, snapshot_id)


def test_a_receipt_that_is_still_owed_is_no_damage(keeper, store):
    snapshot_id = keeper.back_up(files(1))
    (store / "receipts" / keeper.vault_id.hex() / snapshot_id).unlink()
    indexed = keeper.index.headers[keeper.vault_id]
    indexed[snapshot_id] = indexed[snapshot_id]._replace(receipt="")
    assert check(keeper) == []


def test_a_receipt_of_another_station_is_found(keeper, store):
    snapshot_id = keeper.back_up(files(1))
    name = f"receipts/{keeper.vault_id.hex()}/{snapshot_id}"
    (store / name).unlink()
    stranger = Keeper(keeper.backend)
    token = stranger._receipt(snapshot_id, b"header")
    objects.put_receipt(keeper.backend, keeper.keys, snapshot_id, token)
    [finding] = check(keeper)
    assert (finding.kind, finding.snapshot) == (Kind.ALTERED, snapshot_id)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda _place: None, Kind.MISSING),
        (lambda place: place._replace(pack="packs/ab/none"), Kind.MISSING),
        (
            lambda place: place._replace(entry=place.entry._replace(offset=place.entry.offset + 1)),
            Kind.CONTRADICTS,
        ),
        (lambda place: place._replace(entry=place.entry._replace(raw_len=7)), Kind.CONTRADICTS),
    ],
)
def test_an_index_that_lies_about_a_chunk_is_found(keeper, change, kind):
    kept = files(6)
    snapshot = keeper.back_up(kept)
    place = place_of(keeper, kept["photos/4.jpg"])
    key = (keeper.vault_id, place.entry.chunk_id)
    changed = change(place)
    if changed is None:
        del keeper.index.chunks[key]
    else:
        keeper.index.chunks[key] = changed
    found = check(keeper)
    assert [(each.kind, each.snapshot, each.item) for each in found] == [
        (kind, snapshot, "photos/4.jpg")
    ]
    assert check(keeper, READ_ALL) == found


def test_an_old_database_beside_newer_objects_is_told_what_it_lacks(keeper):
    keeper.back_up(files(2))
    old = MemoryIndex(
        dict(keeper.index.chunks),
        {vault: dict(packs) for vault, packs in keeper.index.sizes.items()},
        {vault: dict(kept) for vault, kept in keeper.index.headers.items()},
    )
    newer = keeper.back_up(files(2))
    packs = set(keeper.index.sizes[keeper.vault_id]) - set(old.sizes[keeper.vault_id])
    keeper.index = old
    found = check(keeper, READ_ALL)
    assert {finding.kind for finding in found} == {Kind.UNKNOWN}
    assert {finding.pack for finding in found} == packs | {""}
    assert {finding.snapshot for finding in found} == {newer, ""}


def test_a_vault_that_the_database_forgot_is_told(keeper):
    other = VaultKeys.new()
    objects.put_vault(keeper.backend, keeper.root, other, "iss", "sub")
    [finding] = check(keeper)
    assert (finding.kind, finding.vault) == (Kind.UNKNOWN, other.vault_id.hex())


def test_an_item_whose_chunks_are_sound_and_not_its_own_is_found(keeper):
    kept = files(1, 2000)
    forged = hashlib.sha256(kept["photos/0.jpg"]).digest()
    real = hashlib.sha256

    def lying(content=b""):
        digest = real(content)
        return real(b"other") if digest.digest() == forged else digest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.store_cast.hashlib.sha256", lying)
        snapshot = keeper.back_up(kept)
    assert check(keeper) == []
    [finding] = check(keeper, READ_ALL)
    assert (finding.snapshot, finding.item) == (snapshot, "photos/0.jpg")
    assert "the item's SHA-256" in finding.detail


def test_a_pack_that_was_rewritten_meanwhile_is_looked_up_again(keeper):
    content = os.urandom(1000)
    keeper.back_up({"a": content})
    ref = ChunkRef(hashlib.sha256(content).digest(), 1000)
    place = place_of(keeper, content)

    class Moving(MemoryIndex):
        def places(self, vault_id, chunk_ids):
            answer = super().places(vault_id, chunk_ids)
            self.chunks[vault_id, place.entry.chunk_id] = place
            return answer

    index = Moving(keeper.index.chunks, keeper.index.sizes, keeper.index.headers)
    index.chunks[keeper.vault_id, place.entry.chunk_id] = Located("packs/ab/gone", place.entry)
    looking = References(keeper.backend, keeper.keys, index)
    assert looking.read(ref) == content
    assert looking.bytes_read == 1000


def test_a_chunk_that_was_sealed_under_another_chunks_id_is_found(keeper):
    content = os.urandom(1000)
    digest = hashlib.sha256(content).digest()
    writer = keeper.writer()
    writer.add(keeper.keys.chunk_id(digest), os.urandom(1000))
    writer.finish()
    [pack] = writer.take_finished()
    keeper.index.add_pack(keeper.vault_id, pack)
    snapshot = keeper.back_up({"a": content})
    [finding] = check(keeper, READ_ALL)
    assert (finding.kind, finding.snapshot, finding.item) == (Kind.ALTERED, snapshot, "a")
    assert "a chunk has another SHA-256" in finding.detail
    assert finding.pack == pack.name


def test_a_manifest_that_gives_a_chunk_another_length_is_found(keeper):
    content = os.urandom(1000)
    keeper.back_up({"a": content})
    wrong = ChunkRef(hashlib.sha256(content).digest(), 999)
    looking = References(keeper.backend, keeper.keys, keeper.index)
    assert looking.resolve([wrong])[wrong.digest].kind is Kind.CONTRADICTS
    assert looking.resolve([wrong._replace(length=1000)]) == {}


# Sampling


def test_a_sample_reads_its_share_and_all_slices_together_everything(keeper):
    keeper.back_up(files(60, 900), per_page=100)

    def read_by(sample: Sample) -> int:
        checker = Checker(keeper.backend, keeper.root, keeper.index, sample)
        assert list(checker.run()) == []
        return checker.bytes_read

    pages = read_by(Sample(fraction=0.0))
    slices = [read_by(Sample(0.25, start)) - pages for start in (0.0, 0.25, 0.5, 0.75)]
    assert sum(slices) == 60 * 900
    assert all(900 * 3 <= share <= 900 * 30 for share in slices)
    assert read_by(READ_ALL) - pages == 60 * 900


def test_the_slices_of_a_month_find_damage_once(keeper, store):
    kept = files(20)
    keeper.back_up(kept)
    place = place_of(keeper, kept["photos/7.jpg"])
    rewrite(store / place.pack, flip(place.entry.offset + 30))
    days = [check(keeper, Sample(1 / 30, day / 30)) for day in range(30)]
    assert sum(len(found) for found in days) == 1


def test_what_snapshots_share_is_read_once(keeper):
    kept = files(10)
    for _ in range(5):
        keeper.back_up(kept)
    keeper.back_up(dict(list(kept.items())[1:]))
    checker = Checker(keeper.backend, keeper.root, keeper.index, READ_ALL)
    assert list(checker.run()) == []
    assert checker.bytes_read < 1.3 * sum(map(len, kept.values()))


# Bounds


def test_memory_does_not_grow_with_the_number_of_items(keeper, monkeypatch):
    monkeypatch.setattr(itemcheck, "_REMEMBERED", 100)  # bounds that a small store reaches too
    monkeypatch.setattr(packreader, "_OPEN_PACKS", 10)
    monkeypatch.setattr(references, "_ENTRIES", 500)
    generator = random.Random(1)

    def peak(items: int) -> int:
        keeper.back_up(
            {f"chat/{number:07d}": generator.randbytes(8) for number in range(items)},
            per_page=500,
        )
        snapshot = list(keeper.index.snapshots(keeper.vault_id))[-1]
        checker = Checker(keeper.backend, keeper.root, keeper.index, READ_ALL)
        tracemalloc.start()
        assert list(checker.snapshot(keeper.vault_id, snapshot)) == []
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    few = peak(1000)
    assert peak(6000) < 1.5 * few
