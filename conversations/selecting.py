"""Which items of which snapshot hold a conversation: what is restored, or downloaded, of it."""

import posixpath
from typing import NamedTuple

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
    """The items that hold this conversation in its newest snapshot, or in the one that is named.

    Its chat files and the media of its messages. Where they are more than a selection may name,
    whole folders are meant. Raises ``Snapshot.DoesNotExist`` when no such snapshot holds it.
    """
    snapshot = snapshot_of(conversation, snapshot_id)
    sources = SourceRow.objects.filter(
        conversation_links__conversation=conversation,
        snapshot_links__snapshot__snapshot_id=snapshot.snapshot_id,
    )
    files = {name for row in sources for name in row.files}
    media = Attachment.objects.filter(message__conversation=conversation, source__in=sources)
    files.update(media.exclude(file="").values_list("file", flat=True).distinct())
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
    """The newest receipted snapshot that holds it, or the one that is named.

    Raises ``Snapshot.DoesNotExist`` when there is none.
    """
    links = conversation.source_links.values_list(
        "source__snapshot_links__snapshot__snapshot_id", flat=True
    )
    holding = [each for each in links.distinct() if each]
    found = Snapshot.objects.receipted().filter(
        vault_id=conversation.vault, snapshot_id__in=holding
    )
    if snapshot_id:
        found = found.filter(snapshot_id=snapshot_id)
    newest = found.select_related("vault").order_by("-created_at", "-id").first()
    if newest is None:
        raise Snapshot.DoesNotExist
    return newest
