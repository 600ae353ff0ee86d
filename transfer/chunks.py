"""The index of chunks: which pack of a vault holds what. Written in bulk, asked in batches."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from transfer import station
from transfer.models import Chunk, Pack, SnapshotPack, Vault
from transfer.store.packs import FinishedPack, PackEntry

BATCH: Final = 4096
log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Place(NamedTuple):
    """Where a chunk lies: the pack's name and the entry in it (lengths and offset in bytes)."""

    pack: str
    entry: PackEntry


Held = tuple[str, int]
"""The name of the pack that holds a chunk, and the chunk's length in bytes."""


def batches(values: Iterable[_T], size: int = BATCH) -> Iterator[list[_T]]:
    """``values`` in lists of at most ``size``."""
    source = iter(values)
    while batch := list(islice(source, size)):
        yield batch


def packs_of(vault: Vault, chunk_ids: Sequence[bytes]) -> dict[bytes, str]:
    """For those of at most 4,096 chunk ids that this vault holds: the pack's name."""
    rows = Chunk.objects.filter(vault=vault, chunk_id__in=chunk_ids)
    return {bytes(chunk_id): pack for chunk_id, pack in rows.values_list("chunk_id", "pack_id")}


def places_of(vault: Vault, chunk_ids: Sequence[bytes]) -> dict[bytes, Place]:
    """For those of at most 4,096 chunk ids that this vault has: where they lie, sound or not."""
    rows = Chunk.objects.filter(vault=vault, chunk_id__in=chunk_ids)
    return {
        bytes(chunk_id): Place(pack, PackEntry(bytes(chunk_id), offset, sealed, raw))
        for chunk_id, pack, offset, sealed, raw in rows.values_list(
            "chunk_id", "pack_id", "offset", "sealed_length", "raw_length"
        )
    }


def held_of(vault: Vault, chunk_ids: Sequence[bytes]) -> dict[bytes, Held]:
    """What this vault holds of at most 4,096 chunk ids, in packs that are not known as damaged.

    Every announced chunk passes here: nothing is read or made that is not needed.
    """
    rows = Chunk.objects.filter(vault=vault, chunk_id__in=chunk_ids, pack__damaged_at=None)
    return {
        bytes(chunk_id): (pack, length)
        for chunk_id, pack, length in rows.values_list("chunk_id", "pack_id", "raw_length")
    }


def set_apart(names: Iterable[str]) -> int:
    """Note that these packs are damaged or gone; returns how many were not known to be.

    Their chunks are not held from now on. What can still be read is still given back. A disk that
    went away has no pack at all, and that is no damage: raises :class:`StoreAway`.
    """
    station.identity().require_store()
    count = 0
    for batch in batches(names):
        fresh = Pack.objects.filter(pk__in=batch, damaged_at=None)
        count += fresh.update(damaged_at=timezone.now())
    if count:
        log.error("%d damaged packs were set apart; the next backups send their chunks", count)
    return count


def are_among(pack: Pack, entries: Iterable[PackEntry]) -> bool:
    """Whether every chunk that is said to lie in this pack is one of the pack's ``entries``."""
    there = set(entries)
    rows = Chunk.objects.filter(pack=pack)
    placed = rows.values_list("chunk_id", "offset", "sealed_length", "raw_length")
    return all(PackEntry(bytes(each), *where) in there for each, *where in placed)


def take_back(name: str) -> None:
    """Note that every byte of this pack was read and is sound: its chunks are held."""
    if Pack.objects.filter(pk=name).exclude(damaged_at=None).update(damaged_at=None):
        log.warning("pack %s was set apart and is sound: it counts again", name)


_INSERT: Final = (
    "INSERT INTO {chunk} (vault_id, chunk_id, pack_id, {offset}, sealed_length, raw_length)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (vault_id, chunk_id)"
)
_KEEP: Final = " DO NOTHING"
_MOVE: Final = (
    " DO UPDATE SET pack_id = excluded.pack_id, {offset} = excluded.{offset},"
    " sealed_length = excluded.sealed_length, raw_length = excluded.raw_length"
    " WHERE {chunk}.pack_id IN (SELECT name FROM {pack} WHERE damaged_at IS NOT NULL)"
    " AND excluded.pack_id NOT IN (SELECT name FROM {pack} WHERE damaged_at IS NOT NULL)"
)


def add_packs(vault: Vault, finished: Sequence[FinishedPack]) -> None:
    """Remember durable packs and their chunks, in one transaction.

    ``executemany`` through the cursor is five times as fast as ``bulk_create`` here. A chunk that
    two uploads stored at once keeps its first place. One whose pack was set apart moves to the new
    pack, which every snapshot that needed the old one needs from now on.
    """
    quote = connection.ops.quote_name
    names = {
        "chunk": quote(Chunk._meta.db_table),
        "pack": quote(Pack._meta.db_table),
        "offset": quote("offset"),
    }
    rows = [
        (vault.pk, entry.chunk_id, pack.name, entry.offset, entry.sealed_len, entry.raw_len)
        for pack in finished
        for entry in pack.entries
    ]
    with transaction.atomic():
        Pack.objects.bulk_create(
            [Pack(name=pack.name, vault=vault, size=pack.size) for pack in finished],
            ignore_conflicts=True,
        )
        heals = Pack.objects.filter(vault=vault).exclude(damaged_at=None).exists()
        if heals:
            _refer_to_new(vault, finished)
        with connection.cursor() as cursor:
            cursor.executemany((_INSERT + (_MOVE if heals else _KEEP)).format(**names), rows)


def _refer_to_new(vault: Vault, finished: Sequence[FinishedPack]) -> None:
    """Snapshots that need a chunk's damaged pack need the pack that it moves to."""
    for pack in finished:
        damaged: set[str] = set()
        for batch in batches(entry.chunk_id for entry in pack.entries):
            moving = Chunk.objects.filter(vault=vault, chunk_id__in=batch)
            damaged.update(
                moving.exclude(pack__damaged_at=None).values_list("pack_id", flat=True).distinct()
            )
        needing = SnapshotPack.objects.filter(pack_id__in=damaged)
        SnapshotPack.objects.bulk_create(
            [
                SnapshotPack(snapshot_id=number, pack_id=pack.name)
                for number in needing.values_list("snapshot_id", flat=True).distinct()
            ],
            ignore_conflicts=True,
        )
