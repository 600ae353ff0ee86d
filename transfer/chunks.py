"""The index of chunks: which pack of a vault holds what. Written in bulk, asked in batches."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from django.db import connection, transaction

from transfer.models import Chunk, Pack, Vault
from transfer.store.packs import FinishedPack, PackEntry

BATCH: Final = 4096
_T = TypeVar("_T")


class Place(NamedTuple):
    """Where a chunk lies: the pack's name and the entry in it (lengths and offset in bytes)."""

    pack: str
    entry: PackEntry


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
    """For those of at most 4,096 chunk ids that this vault holds: where they lie."""
    rows = Chunk.objects.filter(vault=vault, chunk_id__in=chunk_ids)
    return {
        bytes(chunk_id): Place(pack, PackEntry(bytes(chunk_id), offset, sealed, raw))
        for chunk_id, pack, offset, sealed, raw in rows.values_list(
            "chunk_id", "pack_id", "offset", "sealed_length", "raw_length"
        )
    }


_INSERT: Final = (
    "INSERT INTO {table} (vault_id, chunk_id, pack_id, {offset}, sealed_length, raw_length)"
    " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (vault_id, chunk_id) DO NOTHING"
)


def add_packs(vault: Vault, finished: Sequence[FinishedPack]) -> None:
    """Remember durable packs and their chunks, in one transaction.

    ``executemany`` through the cursor is five times as fast as ``bulk_create`` here. A chunk that
    two uploads stored at once keeps its first place.
    """
    quote = connection.ops.quote_name
    sql = _INSERT.format(table=quote(Chunk._meta.db_table), offset=quote("offset"))
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
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)
