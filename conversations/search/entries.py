"""What the index knows of one message."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from conversations.databases import INDEX
from conversations.events import Kind
from conversations.limits import NAME_CHARS_MAX
from conversations.models import Attachment, Message
from conversations.tokens import characters, tokens

# Begins every term that is no word. No token has it, so nothing that a person types meets a term.
MARK: Final = "="

_COMMON_KINDS: Final = frozenset((Kind.TEXT, Kind.MEDIA))


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


class Document(NamedTuple):
    """All that an entry is found by: words in their order, and terms whose order means nothing."""

    words: list[str]
    terms: list[str]


def document(entry: Entry) -> Document:
    """The tokens and terms of an entry; no phrase reaches from its text into a name.

    Names count as far as rows keep them: an entry made from the row has to give the same.
    """
    words = tokens(entry.text)
    for name in entry.names:
        words += (MARK, *tokens(name[:NAME_CHARS_MAX]))
    terms = [vault_term(entry.vault), conversation_term(entry.conversation)]
    if entry.sender is not None:
        terms.append(sender_term(entry.sender))
    if entry.has_media:
        terms.append(MEDIA_TERM)
    if entry.kind not in _COMMON_KINDS:
        terms.append(kind_term(entry.kind))
    terms += [MARK + character for character in characters(words)]
    return Document(words, terms)


MEDIA_TERM: Final = f"{MARK}m"


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
