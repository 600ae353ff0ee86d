"""What the index knows of one message."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from conversations.databases import INDEX
from conversations.events import Kind
from conversations.models import Attachment, Message
from conversations.tokens import characters, tokens

# Begins every term that is no word. No token has it, so nothing that a person types meets a term.
MARK = "="


class Entry(NamedTuple):
    """One message as the index sees it. ``names`` are those of its attachments, in their order.

    ``vault``, ``conversation`` and ``sender`` are ids.
    """

    id: int
    vault: str
    conversation: int
    sender: int | None
    kind: str
    has_media: bool
    text: str
    names: tuple[str, ...] = ()


def entries(messages: Iterable[Message], vault: str) -> Iterator[Entry]:
    """The entries of stored messages of one vault; their attachments are read in one query."""
    rows = list(messages)
    names = defaultdict(list)
    with_media = [row.id for row in rows if row.has_media]
    found = Attachment.objects.using(INDEX).filter(message_id__in=with_media)
    for message, name in found.order_by("message_id", "number").values_list("message_id", "name"):
        names[message].append(name)
    for row in rows:
        yield Entry(
            id=row.id,
            vault=vault,
            conversation=row.conversation_id,
            sender=row.sender_id,
            kind=row.kind,
            has_media=row.has_media,
            text=row.text,
            names=tuple(names[row.id]),
        )


def words(entry: Entry) -> list[str]:
    """The tokens in their order; no phrase reaches from the text into a name."""
    found = tokens(entry.text)
    for name in entry.names:
        found += (MARK, *tokens(name))
    return found


def terms(entry: Entry) -> list[str]:
    """What it is found by beside its words, in no order that means anything."""
    found = [vault_term(entry.vault), conversation_term(entry.conversation)]
    if entry.sender is not None:
        found.append(sender_term(entry.sender))
    if entry.has_media:
        found.append(MEDIA_TERM)
    if entry.kind not in (Kind.TEXT, Kind.MEDIA):
        found.append(kind_term(entry.kind))
    alone = characters(entry.text).union(*map(characters, entry.names))
    found += map(character_term, sorted(alone))
    return found


MEDIA_TERM = f"{MARK}m"


def vault_term(vault: str) -> str:
    """Of every message of a vault."""
    return f"{MARK}v{vault}"


def conversation_term(conversation: int) -> str:
    """Of every message of a conversation."""
    return f"{MARK}c{conversation}"


def sender_term(sender: int) -> str:
    """Of every message of a participant."""
    return f"{MARK}s{sender}"


def kind_term(kind: str) -> str:
    """Of every message of a kind that is rarer than text and media."""
    return f"{MARK}k{kind}"


def character_term(character: str) -> str:
    """Of every message with this character of a script without spaces."""
    return f"{MARK}{character}"
