"""What owners choose about reading their conversations; it outlives every reindexing."""

from conversations.events import DateOrder
from conversations.models import Conversation, ConversationSource, Participant, ReadingChoice


def set_date_order(conversation: Conversation, order: DateOrder) -> None:
    """Read the dates of this conversation in this order: reconciling queues it soon."""
    _keep(conversation, date_order=order.value)


def set_self(conversation: Conversation, person: Participant | None) -> None:
    """Say which of its people the owner is, or that nobody is known to be."""
    _keep(conversation, self_key=person.key if person else "")


def of(conversation: Conversation) -> ReadingChoice | None:
    """What was chosen, if anything was."""
    chosen = ReadingChoice.objects.filter(vault=conversation.vault, slug=conversation.slug)
    return chosen.first()


def selves(vault_id: str) -> dict[str, str]:
    """The keys of the people that the owner chose to be, by the slugs of the conversations."""
    chosen = ReadingChoice.objects.filter(vault=vault_id).exclude(self_key="")
    return dict(chosen.values_list("slug", "self_key"))


def date_orders(vault_id: str, app: str) -> dict[str, DateOrder]:
    """What the owner chose for conversations of this app, by their keys."""
    chosen = ReadingChoice.objects.filter(vault=vault_id, app=app).exclude(date_order="")
    return {key: DateOrder(order) for key, order in chosen.values_list("key", "date_order")}


def is_unheeded(conversation: Conversation, order: str) -> bool:
    """Whether it was not read yet in the chosen ``order``."""
    read = set(conversation.source_links.values_list("chosen_order", flat=True))
    return read != {order}


def unheeded() -> list[str]:
    """The slugs of all conversations that were read in another order than the one chosen."""
    rows = ReadingChoice.objects.exclude(date_order="").order_by("slug")
    chosen = dict(rows.values_list("slug", "date_order"))
    links = ConversationSource.objects.filter(conversation__slug__in=chosen)
    read = set(links.values_list("conversation__slug", "chosen_order"))
    return sorted({slug for slug, order in read if order != chosen[slug]})


def _keep(conversation: Conversation, **fields: str) -> None:
    ReadingChoice.objects.update_or_create(
        vault=conversation.vault,
        slug=conversation.slug,
        defaults={"app": conversation.app, "key": conversation.key, **fields},
    )
