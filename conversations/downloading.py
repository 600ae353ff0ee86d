"""The original files of a snapshot, or some of them, as one zip."""

from collections.abc import Iterator

from django.utils.text import get_valid_filename
from django.utils.translation import ngettext

from conversations.zipping import Archive, Entry, Lost
from transfer.itemfile import KeptItems
from transfer.items import modified_at
from transfer.models import Snapshot
from wire.errors import Damaged, NotFound
from wire.messages import Selection


def archive(snapshot: Snapshot, selection: Selection | None = None) -> Iterator[bytes]:
    """The chosen items, byte for byte, under their own names; all of them without a selection.

    Constant memory for their bytes, however many there are. What a damaged part of the manifest
    lists is counted among what is damaged. Raises :class:`Damaged`, :class:`NotFound` or
    :class:`StoreAway` at once when its header cannot be read.
    """
    return iter(Archive(_entries(KeptItems(snapshot), selection)))


def _entries(items: KeptItems, selection: Selection | None) -> Iterator[Entry | Lost]:
    is_chosen = selection.covering() if selection else lambda _: True
    for number, page in enumerate(items.header.pages):
        try:
            listed = items.page(number)
        except (Damaged, NotFound) as error:
            yield Lost(_unnamed(page.items), str(error))
            continue
        for item in listed:
            if is_chosen(item.name):
                yield Entry(item.name, modified_at(item), items.read(item), item.size)


def _unnamed(count: int) -> str:
    told = ngettext(
        "%(count)s file whose name cannot be read",
        "%(count)s files whose names cannot be read",
        count,
    )
    return told % {"count": count}


def filename(snapshot: Snapshot) -> str:
    """What the archive is called: the label and how the id begins."""
    words = " ".join([snapshot.label or snapshot.source, snapshot.snapshot_id[:8]])
    return f"{get_valid_filename(words)}.zip"
