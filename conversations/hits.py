"""What the search page shows of a message that was found."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

from django.db.models.functions import Left
from django.utils import timezone
from django.utils.functional import Promise

from conversations import numbering
from conversations.bubbles import at_of
from conversations.clocks import shown
from conversations.models import Attachment, Message
from conversations.search import Query
from conversations.snippets import Segment, matches, snippet
from conversations.wording import KINDS

LOOK_CHARS: Final = 4000  # of a text, where the words are looked for to show them
NAMES_SHOWN: Final = 3  # of a message that has no text


class Hit(NamedTuple):
    """A message that matches. ``at`` names it in its conversation's address.

    ``time`` has no zone: it is what a clock at the station showed, or the one where the export was
    made; None where the source tells no time. ``names`` are those of attachments that match, or the
    first ones when there is no text. ``is_further_on`` is said of a long text whose beginning does
    not have the words.
    """

    id: int
    at: str
    slug: str
    title: str
    sender: str
    is_own: bool
    kind: str
    has_media: bool
    time: dt.datetime | None
    text: Sequence[Segment]
    names: Sequence[Sequence[Segment]]
    is_further_on: bool

    @property
    def kind_word(self) -> Promise:
        """What it is, for where it has no text."""
        return KINDS[self.kind]


def hits_of(query: Query, ids: Sequence[int], own: Set[int]) -> list[Hit]:
    """The messages with these ids, in their order; ``own`` are the ids of the owner's."""
    messages = Message.objects.filter(pk__in=ids).select_related("conversation", "sender")
    found = {
        message.pk: message
        for message in messages.annotate(head=Left("text", LOOK_CHARS)).defer("text")
    }
    names = _names(found.values())
    zone = timezone.get_current_timezone()
    return [
        _hit(found[pk], query, names.get(pk, ()), zone, is_own=pk in own)
        for pk in ids
        if pk in found
    ]


def _hit(
    message: Any,  # noqa: ANN401 - annotated
    query: Query,
    names: Sequence[str],
    zone: dt.tzinfo,
    *,
    is_own: bool,
) -> Hit:
    conversation, sender = message.conversation, message.sender
    ranges = matches(message.head, query.wanted)
    told = [(name, matches(name, query.wanted)) for name in names]
    matching = [snippet(name, found) for name, found in told if found]
    shown_names = matching or (
        [] if message.head else [snippet(name, ()) for name in names[:NAMES_SHOWN]]
    )
    is_long = len(message.head) == LOOK_CHARS
    at = numbering.time_of(message.pk)
    return Hit(
        id=message.pk,
        at=at_of(message),
        slug=conversation.slug,
        title=conversation.title,
        sender=sender.name if sender else "",
        is_own=is_own,
        kind=message.kind,
        has_media=message.has_media,
        time=shown(at, conversation.clock, zone) if message.is_timed else None,
        text=snippet(message.head, ranges),
        names=shown_names,
        is_further_on=bool(is_long and query.wanted and not ranges and not matching),
    )


def _names(messages: Iterable[Message]) -> Mapping[int, Sequence[str]]:
    with_media = [message.pk for message in messages if message.has_media]
    found = Attachment.objects.filter(message_id__in=with_media).order_by("message_id", "number")
    names = defaultdict(list)
    for message, name in found.values_list("message_id", "name"):
        names[message].append(name)
    return names
