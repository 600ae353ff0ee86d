"""What a check asks an index, and how it says what it found."""

from collections.abc import Container, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from transfer.store.packs import PackEntry


class Kind(StrEnum):
    """What is wrong."""

    MISSING = "missing"  # something refers to it, and it is not there
    ALTERED = "altered"  # it is there, and does not authenticate, hash or decode
    CONTRADICTS = "contradicts"  # it is sound, and not what the index says
    UNKNOWN = "unknown"  # it is in the store, and the index does not know it


class Finding(NamedTuple):
    """One damage, with all that is affected named; "" where a name does not apply."""

    kind: Kind
    detail: str
    vault: str = ""
    snapshot: str = ""
    item: str = ""
    pack: str = ""

    def __str__(self) -> str:
        names = [("snapshot", self.snapshot), ("item", repr(self.item) if self.item else "")]
        names += [("pack", self.pack), ("vault", self.vault)]
        affected = ", ".join(f"{word} {name}" for word, name in names if name)
        return f"{self.kind}: {self.detail}" + (f" ({affected})" if affected else "")


class IndexedSnapshot(NamedTuple):
    """A snapshot as the index has it: SHA-256 of its header, its receipt ("" if none is owed)."""

    snapshot_id: str
    manifest_hash: bytes
    receipt: str


class Place(Protocol):
    """Where the index says that a chunk lies."""

    @property
    def pack(self) -> str:
        """The pack's name."""

    @property
    def entry(self) -> PackEntry:
        """The chunk's entry in that pack."""


class Index(Protocol):
    """The database's side of a check. At most :data:`BATCH` names are asked for at once."""

    def vaults(self) -> Iterable[bytes]:
        """The ids of all vaults."""

    def packs(self, vault_id: bytes) -> Iterable[tuple[str, int]]:
        """Name and size in bytes of every pack of the vault, streamed."""

    def snapshots(self, vault_id: bytes) -> Iterable[IndexedSnapshot]:
        """Every snapshot of the vault that people may rely on, streamed."""

    def places(self, vault_id: bytes, chunk_ids: Sequence[bytes]) -> Mapping[bytes, Place]:
        """Where those of these chunks lie that the vault holds."""

    def known_packs(self, names: Sequence[str]) -> Container[str]:
        """Which of these packs the index has."""

    def known_snapshots(self, vault_id: bytes, ids: Sequence[str]) -> Container[str]:
        """Which of these snapshots the index has, receipted or not."""


BATCH = 4096
