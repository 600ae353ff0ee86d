"""What owners choose about reading their conversations; it outlives every reindexing."""

from conversations import tasks
from conversations.events import DateOrder
from conversations.models import Conversation, Participant, ReadingChoice


def set_date_order(conversation: Conversation, order: DateOrder) -> None:
    """Read the dates of this conversation in this order; it is queued to be read again."""
    _keep(conversation, date_order=order.value)
    tasks.read_anew.enqueue(conversation.slug)


def set_self(conversation: Conversation, person: Participant | None) -> None:
    """Say which of its people the owner is, or that nobody is known to be."""
    _keep(conversation, self_key=person.key if person else "")


def of(conversation: Conversation) -> ReadingChoice | None:
    """What was chosen, if anything was."""
    chosen = ReadingChoice.objects.filter(vault=conversation.vault, slug=conversation.slug)
    return chosen.first()


def _keep(conversation: Conversation, **fields: str) -> None:
    ReadingChoice.objects.update_or_create(
        vault=conversation.vault,
        slug=conversation.slug,
        defaults={"app": conversation.app, "key": conversation.key, **fields},
    )
