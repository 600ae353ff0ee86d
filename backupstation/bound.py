"""Restore invitations that are bound to one snapshot, or to one conversation in it."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AbstractBaseUser

from conversations import selecting
from conversations.models import Conversation
from transfer.models import Snapshot
from wire.errors import WireError
from wire.messages import Binding

UNREADABLE: Final = (OSError, WireError)
"""What is raised where the store is away or damaged."""


@dataclass(frozen=True)
class Bound:
    """What a code gives back and nothing else: the snapshot, or a conversation in it."""

    snapshot: Snapshot
    binding: Binding
    conversation: Conversation | None = None
    held: int = 0
    """How many messages of the conversation are in this snapshot."""
    others: int = 0
    """How many other conversations are in the same files."""
    beyond: int = 0
    """How many items are given only because the conversation's are too many to name each."""


def bound(owner: AbstractBaseUser, snapshot_id: str, slug: str = "") -> Bound:
    """This owner's snapshot, limited to the conversation ``slug`` if one is named.

    Raises ``Snapshot.DoesNotExist`` for what this owner does not have, whoever else may, and one
    of :data:`UNREADABLE` when the list of its files cannot be read.
    """
    if "\0" in snapshot_id + slug:  # which PostgreSQL takes in no text
        raise Snapshot.DoesNotExist
    own = Snapshot.objects.receipted().filter(vault__owner_id=owner.pk)
    snapshot = own.get(snapshot_id=snapshot_id)
    if not slug:
        return Bound(snapshot, Binding(snapshot.snapshot_id))
    conversation = Conversation.objects.filter(vault=snapshot.vault_id, slug=slug).first()
    if conversation is None:
        raise Snapshot.DoesNotExist
    chosen = selecting.of_conversation(conversation, snapshot.snapshot_id)
    held = selecting.held_by(conversation, snapshot)
    binding = Binding(snapshot.snapshot_id, chosen.selection)
    return Bound(snapshot, binding, conversation, held, chosen.others, chosen.beyond)
