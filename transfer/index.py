"""The main database as a check sees it: streamed by key, asked in batches, never row by row."""

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Final

from django.db.models import QuerySet

from transfer import chunks
from transfer.chunks import Place
from transfer.models import Pack, Snapshot, SnapshotState, Vault
from transfer.store.findings import BATCH, IndexedSnapshot

# The chunks of one manifest page, at most, are looked up together and then read one by one.
_REMEMBERED: Final = 32_768
_ROWS: Final = 1000


class DatabaseIndex:
    """What the database remembers, for :class:`transfer.store.check.Checker`."""

    def __init__(self) -> None:
        self._places: dict[tuple[bytes, bytes], Place] = {}

    def vaults(self) -> list[bytes]:
        """The ids of all vaults."""
        names = Vault.objects.order_by("pk").values_list("pk", flat=True)
        return [bytes.fromhex(name) for name in names]

    def packs(self, vault_id: bytes) -> Iterator[tuple[str, int]]:
        """Name and size in bytes of every pack of the vault, in the order of their names.

        Streamed by key, so that no read transaction stays open for the hours of a check.
        """
        rows = Pack.objects.filter(vault_id=vault_id.hex()).order_by("pk")
        last = ""
        while found := list(rows.filter(pk__gt=last).values_list("name", "size")[:_ROWS]):
            yield from found
            last = found[-1][0]

    def snapshots(self, vault_id: bytes) -> Iterator[IndexedSnapshot]:
        """Every snapshot that people may rely on, receipted or about to be, oldest first."""
        rows = promised(Snapshot.objects.filter(vault_id=vault_id.hex())).order_by("pk")
        last = 0
        while found := list(rows.filter(pk__gt=last)[:BATCH]):
            for row in found:
                yield indexed(row)
            last = found[-1].pk

    def places(self, vault_id: bytes, chunk_ids: Sequence[bytes]) -> Mapping[bytes, Place]:
        """Where those of these chunks lie that the vault holds.

        A check asks for a page's chunks at once and then again for each that it reads. The second
        answer comes from memory and is forgotten: a third question, after a pack was rewritten,
        reaches the database.
        """
        if len(chunk_ids) == 1:
            known = self._places.pop((vault_id, chunk_ids[0]), None)
            if known is not None:
                return {chunk_ids[0]: known}
        found = chunks.places_of(Vault(pk=vault_id.hex()), chunk_ids)
        if len(chunk_ids) > 1:
            self._remember(vault_id, found)
        return found

    def _remember(self, vault_id: bytes, found: Mapping[bytes, Place]) -> None:
        if len(self._places) + len(found) > _REMEMBERED:
            self._places.clear()
        self._places.update({(vault_id, chunk_id): place for chunk_id, place in found.items()})

    def known_packs(self, names: Sequence[str]) -> Container[str]:
        """Which of these packs the database has."""
        return set(Pack.objects.filter(pk__in=names).values_list("pk", flat=True))

    def known_snapshots(self, vault_id: bytes, ids: Sequence[str]) -> Container[str]:
        """Which of these snapshots the database has, receipted or not."""
        rows = Snapshot.objects.filter(vault_id=vault_id.hex(), snapshot_id__in=ids)
        return set(rows.values_list("snapshot_id", flat=True))


def promised(rows: QuerySet[Snapshot]) -> QuerySet[Snapshot]:
    """Those that were receipted, or whose receipt is still owed."""
    return rows.filter(state__in=[SnapshotState.RECEIPTED, SnapshotState.COMMITTED])


def indexed(row: Snapshot) -> IndexedSnapshot:
    """The row as a check compares it with the store."""
    return IndexedSnapshot(row.snapshot_id, bytes.fromhex(row.manifest_hash), row.receipt)
