"""Taking out of the index what is not kept any more, or has to be read anew.

Sources that tell of the same conversation are merged message by message, so what one of them said
cannot be taken out alone: all that hangs together is taken out, and what is still kept is read
again. It is a view; nothing is lost by it.
"""

from typing import Final

from django.db import connections, transaction

from conversations import search
from conversations.databases import INDEX
from conversations.models import (
    Conversation,
    ConversationSource,
    IndexedSnapshot,
    IndexState,
    Message,
    SnapshotSource,
    SourceRow,
    Told,
)

_AT_ONCE: Final = 1000
_EVERYTHING: Final = (
    "told", "attachment", "message", "warningrow", "participant", "conversationsource",
    "conversation", "snapshotsource", "sourcerow", "indexedsnapshot",
)  # fmt: skip


def forget_snapshot(vault_id: str, snapshot_id: str) -> None:
    """The snapshot is not kept any more: what it alone held goes."""
    rows = IndexedSnapshot.objects.filter(vault=vault_id, snapshot_id=snapshot_id)
    SnapshotSource.objects.filter(snapshot__in=rows).delete()
    forget_unheld()
    rows.delete()  # at last: while it is there, this is tried again


def forget_unheld() -> int:
    """Forget sources that no snapshot holds; returns how many there were."""
    unheld = list(SourceRow.objects.filter(snapshot_links=None).values_list("pk", flat=True))
    if unheld:
        read_anew(unheld)
        SourceRow.objects.filter(pk__in=unheld).delete()
        Conversation.objects.filter(source_links=None, messages=0).delete()
    return len(unheld)


def read_anew(sources: list[int]) -> None:
    """Take out these sources, and all that tell of the same conversations, to be read again."""
    together, talks = _hanging_together(set(sources))
    # What is not read yet cannot be taken for read, however far this comes.
    with transaction.atomic(using=INDEX):
        SourceRow.objects.filter(pk__in=together).update(state=IndexState.WAITING, done=0)
        IndexedSnapshot.objects.filter(source_links__source__in=together).update(
            state=IndexState.WAITING
        )
    for talk in talks:
        _empty(talk)
    with transaction.atomic(using=INDEX):
        ConversationSource.objects.filter(source__in=together).delete()
        Told.objects.filter(source__in=together).delete()
        for row in SourceRow.objects.filter(pk__in=together):
            row.warnings.all().delete()
        SourceRow.objects.filter(pk__in=together).update(
            seen=0, messages=0, system=0, continuations=0, warned=0
        )


def go_on() -> None:
    """End what :func:`read_anew` had begun: sources that wait, and still tell of conversations."""
    begun = SourceRow.objects.filter(state=IndexState.WAITING).exclude(conversation_links=None)
    if sources := list(begun.values_list("pk", flat=True)):
        read_anew(sources)


def _hanging_together(sources: set[int]) -> tuple[set[int], set[int]]:
    """All sources and conversations that can be reached from these sources."""
    talks: set[int] = set()
    fresh = sources
    while fresh:
        found = ConversationSource.objects.filter(source__in=fresh)
        new_talks = set(found.values_list("conversation", flat=True)) - talks
        talks |= new_talks
        telling = ConversationSource.objects.filter(conversation__in=new_talks)
        fresh = set(telling.values_list("source", flat=True)) - sources
        sources = sources | fresh
    return sources, talks


def _empty(conversation_id: int) -> None:
    """Delete its messages, some in each transaction: a person may be waiting for the database."""
    conversation = Conversation.objects.get(pk=conversation_id)
    messages = Message.objects.filter(conversation=conversation).order_by("pk")
    while batch := list(messages[:_AT_ONCE]):
        with transaction.atomic(using=INDEX):
            search.remove(INDEX, search.entries(batch, conversation.vault))
            messages.filter(pk__lte=batch[-1].pk).order_by().delete()
    conversation.messages = conversation.media = 0
    conversation.first = conversation.last = None
    conversation.save(update_fields=["messages", "media", "first", "last"])


def forget_everything() -> None:
    """Empty the index: everything kept will be read again."""
    with transaction.atomic(using=INDEX), connections[INDEX].cursor() as cursor:
        search.clear(INDEX)
        for name in _EVERYTHING:
            cursor.execute(f"DELETE FROM conversations_{name}")  # noqa: S608 - names from above
