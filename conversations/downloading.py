"""The original files of a snapshot, or some of them, as one zip."""

from collections.abc import Iterator

from django.utils.text import get_valid_filename

from conversations.zipping import Archive, Entry
from transfer.itemfile import KeptItems
from transfer.items import modified_at
from transfer.models import Snapshot
from wire.messages import Selection


def archive(snapshot: Snapshot, selection: Selection | None = None) -> Iterator[bytes]:
    """The chosen items, byte for byte, under their own names; all of them without a selection.

    Constant memory for their bytes, however many there are. Raises :class:`Damaged`,
    :class:`NotFound` or :class:`StoreAway` at once when the manifest cannot be read.
    """
    return iter(Archive(_entries(KeptItems(snapshot), selection)))


def _entries(items: KeptItems, selection: Selection | None) -> Iterator[Entry]:
    is_chosen = selection.covering() if selection else lambda _: True
    for item in items:
        if is_chosen(item.name):
            yield Entry(item.name, modified_at(item), items.read(item), item.size)


def filename(snapshot: Snapshot) -> str:
    """What the archive is called: the label and how the id begins."""
    words = " ".join([snapshot.label or snapshot.source, snapshot.snapshot_id[:8]])
    return f"{get_valid_filename(words)}.zip"
