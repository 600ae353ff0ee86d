"""Checking the store against the database, and noting on each snapshot what came of it.

``proven_at`` is set when every byte of a snapshot was read, authenticated and hashed, and all was
sound. ``damage`` is set by whatever finds damage, and only such a whole reading takes it away.
"""

from collections.abc import Iterator
from typing import Final

from django.utils import timezone

from transfer import chunks, station
from transfer.index import DatabaseIndex, indexed, promised
from transfer.models import Pack, Snapshot
from transfer.store.check import Checker
from transfer.store.findings import Finding, IndexedSnapshot, Kind
from transfer.store.itemcheck import Sample
from transfer.store.objects import OWNER
from wire.errors import NotFound, StationFault

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
            self.damaged_snapshots += 1
            rows.update(damage=_summary(first, count))
        elif self._proves:
            rows.update(damage="", proven_at=timezone.now())

    def held(self, pack: Pack) -> Iterator[Finding]:
        """Read one pack whole; on damage, also what its snapshots have to say, noted on each."""
        found = list(self.pack(bytes.fromhex(pack.vault_id), pack.pk, pack.size))
        if not found:
            return
        self._require_store()
        for finding in found:
            _set_apart(finding)
            yield finding
        for row in promised(Snapshot.objects.filter(pack_refs__pack=pack)).order_by("pk"):
            yield from self.row(row)

    def _require_store(self) -> None:
        """A disk that went away has no pack at all, and that is no damage."""
        try:
            self._backend.stat(OWNER)
        except NotFound:
            raise StationFault("the store is away") from None

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
