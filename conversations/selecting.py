"""Which items of which snapshot hold a conversation: what is restored, or downloaded, of it."""

import posixpath
from typing import NamedTuple

from django.db.models import F, Sum

from conversations.models import Attachment, Conversation, SourceRow
from transfer.itemfile import KeptItems
from transfer.models import Snapshot
from wire import limits
from wire.messages import Selection


class Chosen(NamedTuple):
    """Items of one snapshot."""

    snapshot: Snapshot
    selection: Selection


def of_conversation(conversation: Conversation, snapshot_id: str = "") -> Chosen:
    """The items that hold this conversation in the snapshot that has most of it, or is named.

    Its chat files and the media of its messages. Where they are more than a selection may name,
    whole folders are meant. Raises ``Snapshot.DoesNotExist`` when no such snapshot holds it.
    """
    snapshot = snapshot_of(conversation, snapshot_id)
    sources = SourceRow.objects.filter(
        conversation_links__conversation=conversation,
        snapshot_links__snapshot__snapshot_id=snapshot.snapshot_id,
    )
    files = {name for row in sources for name in row.files}
    # Whichever snapshot they were first read from: what is kept in this one counts.
    media = Attachment.objects.filter(message__conversation=conversation).exclude(file="")
    files.update(media.values_list("file", flat=True).distinct())
    items = KeptItems(snapshot)
    names = {name for file in files if (name := item_holding(items, file))}
    if len(names) <= limits.SELECTION_NAMES_MAX:
        return Chosen(snapshot, Selection(items=sorted(names)))
    folders = sorted({posixpath.dirname(name) for name in names} - {""})
    loose = sorted(name for name in names if "/" not in name)
    return Chosen(snapshot, Selection(items=loose, under=folders))


def item_holding(items: KeptItems, file: str) -> str | None:
    """The item that is ``file``, or the archive that it is in; None when neither is kept."""
    name = file
    while name and items.get(name) is None:
        name = posixpath.dirname(name)
    return name or None


def snapshot_of(conversation: Conversation, snapshot_id: str = "") -> Snapshot:
    """The receipted snapshot with most of its messages, the newest of equal ones; or the named one.

    Raises ``Snapshot.DoesNotExist`` when there is none.
    """
    held = _held(conversation)
    found = Snapshot.objects.receipted().filter(
        vault_id=conversation.vault, snapshot_id__in=list(held)
    )
    if snapshot_id:
        found = found.filter(snapshot_id=snapshot_id)
    snapshots = list(found.select_related("vault").order_by("created_at", "id"))
    if not snapshots:
        raise Snapshot.DoesNotExist
    return max(reversed(snapshots), key=lambda each: held[each.snapshot_id])


def held_by(conversation: Conversation, snapshot: Snapshot) -> int:
    """How many of its messages this snapshot has."""
    return min(_held(conversation).get(snapshot.snapshot_id, 0), conversation.messages)


def _held(conversation: Conversation) -> dict[str, int]:
    """By snapshot, what its sources say of it; sources that overlap may count a message twice."""
    rows = (
        conversation.source_links.exclude(source__snapshot_links=None)
        .values("source__snapshot_links__snapshot__snapshot_id")
        .annotate(said=Sum(F("messages") + F("system")))
    )
    return {row["source__snapshot_links__snapshot__snapshot_id"]: row["said"] for row in rows}
