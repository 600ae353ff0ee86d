"""Which items of which snapshot hold a conversation: what is restored, or downloaded, of it."""

import posixpath
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from django.db.models import F, QuerySet, Sum

from conversations.models import Attachment, Conversation, ConversationSource, SourceRow
from transfer.itemfile import KeptItems
from transfer.models import Snapshot
from wire import limits
from wire.messages import Selection

# A phone is told them in one message, in which there is little else.
_BYTES_MAX: Final = limits.CONTROL_BYTES_MAX - 16 * limits.KIB


class Chosen(NamedTuple):
    """Items of one snapshot that hold a conversation, and what else is given with them.

    ``others`` counts conversations whose chats are in the same files; ``beyond`` counts items that
    are given only because there are too many to name each.
    """

    snapshot: Snapshot
    selection: Selection | None
    others: int = 0
    beyond: int = 0


def of_conversation(conversation: Conversation, snapshot_id: str = "") -> Chosen:
    """The items that hold this conversation in the snapshot that has most of it, or is named.

    Its chat files and the media of its messages. Where they are more than a phone can be told,
    folders that hold nothing else are named instead, and if these are too many, any folders.
    Raises ``Snapshot.DoesNotExist`` when no such snapshot holds it.
    """
    snapshot = snapshot_of(conversation, snapshot_id)
    sources = SourceRow.objects.filter(
        vault=conversation.vault, snapshot_links__snapshot__snapshot_id=snapshot.snapshot_id
    )
    telling = sources.filter(conversation_links__conversation=conversation)
    files = {name for row in telling for name in row.files}
    items = KeptItems(snapshot)
    chats = {name for file in files if (name := item_holding(items, file))}
    # Whichever snapshot they were first read from: what is kept in this one counts.
    media = Attachment.objects.filter(message__conversation=conversation).exclude(file="")
    # In their order, so that no page of the list of items is read twice.
    held = media.order_by("file").values_list("file", flat=True).distinct()
    names = chats | {name for file in held if (name := item_holding(items, file))}
    selection, beyond = _named(items, names)
    return Chosen(snapshot, selection, _others(conversation, sources, items, names), beyond)


def _others(
    conversation: Conversation, sources: QuerySet[SourceRow], items: KeptItems, names: set[str]
) -> int:
    """How many other conversations are told in these items: archives of media may have chats."""
    there = [
        row.pk
        for row in sources.only("files").iterator()
        if any(item_holding(items, file) in names for file in row.files)
    ]
    links = ConversationSource.objects.filter(source__in=there).exclude(conversation=conversation)
    return links.values("conversation").distinct().count()


def _named(items: KeptItems, names: set[str]) -> tuple[Selection | None, int]:
    """A selection of these items, and how many others it has; None is the whole snapshot."""
    if _can_be_told(names):
        return Selection(items=sorted(names)), 0
    folders = _own_folders(items, names)
    loose = {name for name in names if not _is_below(name, folders)}
    if not _can_be_told(folders, loose):
        folders |= {posixpath.dirname(name) for name in loose} - {""}
        loose = {name for name in loose if "/" not in name}
    while not _can_be_told(folders, loose) and any("/" in folder for folder in folders):
        folders = {posixpath.dirname(folder) or folder for folder in folders}
    if not _can_be_told(folders, loose):
        return None, items.header.items - len(names)
    selection = Selection(items=sorted(loose), under=sorted(folders))
    covers = selection.covering()
    return selection, sum(covers(item.name) for item in items) - len(names)


def _can_be_told(*names: set[str]) -> bool:
    if sum(map(len, names)) > limits.SELECTION_NAMES_MAX:
        return False
    return len(msgspec.json.encode(names)) <= _BYTES_MAX


def _own_folders(items: KeptItems, names: set[str]) -> set[str]:
    """The highest folders that hold nothing but these items."""
    mixed: set[str] = set()
    for item in items:
        if item.name not in names:
            mixed.update(_above(item.name))
    own = {folder for name in names for folder in _above(name)} - mixed
    return {folder for folder in own if posixpath.dirname(folder) not in own}


def _above(name: str) -> Iterator[str]:
    while name := posixpath.dirname(name):
        yield name


def _is_below(name: str, folders: set[str]) -> bool:
    return any(folder in folders for folder in _above(name))


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
