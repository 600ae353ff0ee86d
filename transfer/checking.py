"""Checking the store against the database, and noting on each snapshot what came of it.

``proven_at`` is set when every byte of a snapshot was read, authenticated and hashed, and all was
sound. ``damage`` is set by whatever finds damage, and only such a whole reading takes it away; the
same goes for a pack that is set apart. A disk that went away is no damage: a check ends with
:class:`~transfer.store.backends.StoreAway` then.
"""

from collections.abc import Iterator
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from transfer import chunks, manifests, station
from transfer.index import DatabaseIndex, indexed, promised
from transfer.models import Pack, Snapshot
from transfer.store.check import Checker
from transfer.store.findings import Finding, IndexedSnapshot, Kind
from transfer.store.itemcheck import Sample

_DAMAGE_CHARS: Final = 300
_WHOLE: Final = 1.0


class NotedCheck(Checker):
    """A check that keeps its results. ``sample`` None reads structure alone."""

    def __init__(self, sample: Sample | None = None) -> None:
        identity = station.identity()
        self._database = DatabaseIndex()
        super().__init__(identity.backend, identity.root, self._database, sample)
        self._proves = sample is not None and sample.fraction >= _WHOLE
        self.snapshots = 0
        self.damaged_snapshots = 0

    def count(self) -> int:
        """How many snapshots a whole check goes through, for showing progress."""
        return promised(Snapshot.objects.all()).count()

    def vault(self, vault_id: bytes) -> Iterator[Finding]:
        """Check one vault: its key object, its packs and its snapshots, noting each."""
        check = self._open(vault_id)
        if isinstance(check, Finding):
            yield check
        else:
            for finding in check.packs():
                _set_apart(finding)
                yield finding
            if self._proves:
                self._take_back(Pack.objects.filter(vault_id=vault_id.hex()))
        for snapshot in self._database.snapshots(vault_id):
            yield from self.snapshot(vault_id, snapshot)

    def snapshot(self, vault_id: bytes, snapshot: IndexedSnapshot) -> Iterator[Finding]:
        """Check one snapshot and note the result, which an abandoned check does not have."""
        first: Finding | None = None
        count = 0
        for finding in super().snapshot(vault_id, snapshot):
            first = first or finding
            count += 1
            _set_apart(finding)
            yield finding
        self.snapshots += 1
        rows = Snapshot.objects.filter(vault_id=vault_id.hex(), snapshot_id=snapshot.snapshot_id)
        if first is not None:
            station.identity().require_store()
            self.damaged_snapshots += 1
            rows.update(damage=_summary(first, count))
        elif self._proves:
            rows.update(damage="", proven_at=timezone.now())

    def held(self, pack: Pack) -> Iterator[Finding]:
        """Read one pack whole; on damage, also what its snapshots have to say, noted on each."""
        found = self._read(pack)
        if not found:
            chunks.take_back(pack.pk)
            return
        station.identity().require_store()
        for finding in found:
            _set_apart(finding)
            yield finding
        for row in promised(Snapshot.objects.filter(pack_refs__pack=pack)).order_by("pk"):
            yield from self.row(row)

    def _take_back(self, packs: QuerySet[Pack]) -> None:
        """Of those that were set apart, the ones that are sound after all."""
        for pack in packs.exclude(damaged_at=None).order_by("pk"):
            if not self._read(pack):
                chunks.take_back(pack.pk)

    def _read(self, pack: Pack) -> list[Finding]:
        """What is wrong with a pack, every byte read, or with what the database says is in it."""
        vault_id = bytes.fromhex(pack.vault_id)
        found = list(self.pack(vault_id, pack.pk, pack.size))
        if found:
            return found
        entries = manifests.reader_of(pack.vault_id).directory(pack.pk)
        if not chunks.are_among(pack, entries):
            detail = "the index places chunks in this pack that are not there"
            found.append(Finding(Kind.CONTRADICTS, detail, pack.vault_id, pack=pack.pk))
        return found

    def row(self, row: Snapshot) -> Iterator[Finding]:
        """Check the snapshot of this row."""
        yield from self.snapshot(bytes.fromhex(row.vault_id), indexed(row))


def _set_apart(finding: Finding) -> None:
    """What a check found damaged is not held any more: the next backup sends it again."""
    if finding.pack and is_damage(finding):
        chunks.set_apart([finding.pack])


def is_damage(finding: Finding) -> bool:
    """Whether something promised is affected; what the database does not know is not damage."""
    return finding.kind != Kind.UNKNOWN


def _summary(first: Finding, count: int) -> str:
    affected = f"{first.item!r}: " if first.item else ""
    more = f" (and {count - 1} more)" if count > 1 else ""
    detail = f"{affected}{first.detail}"
    if len(detail) > _DAMAGE_CHARS - len(more):
        detail = detail[: _DAMAGE_CHARS - len(more) - 1] + "…"
    return detail + more
