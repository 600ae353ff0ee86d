"""Pages that any browser shows without this program: no script, nothing from elsewhere.

A page has some thousand messages, since a browser shows no million of them at once.
"""

from collections.abc import Iterator
from datetime import date
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple, cast

from django.conf import settings
from django.template.loader import render_to_string

from conversations import choices, listing
from conversations.bubbles import Bubble, bubbles_of
from conversations.events import MediaKind
from conversations.exporting import media
from conversations.models import Conversation, Message
from conversations.transcript import Span, batches
from conversations.zipping import Entry

PER_PAGE: Final = 5000
_PER_PART: Final = 250
_STYLE: Final = Path(settings.BASE_DIR) / "templates" / "conversations" / "export.css"


class ShownAttachment(NamedTuple):
    """One attachment; ``path`` is "" when it was left out of the export that was kept."""

    name: str
    kind: MediaKind
    path: str


class Shown(NamedTuple):
    """One message as the template shows it. ``day`` is only set where a new day begins."""

    bubble: Bubble
    attachments: list[ShownAttachment]
    day: date | None


def entries(conversation: Conversation, span: Span) -> Iterator[Entry]:
    """The pages, the first one called index.html; each is made while it is sent."""
    pages = max(1, -(-span.messages // PER_PAGE))
    is_still_reading = listing.is_still_reading(conversation.vault)
    messages = chain.from_iterable(batches(conversation, span))
    for page in range(1, pages + 1):
        # The last one has what was read meanwhile as well.
        turn = islice(messages, PER_PAGE if page < pages else None)
        context = {
            "conversation": conversation,
            "page": page,
            "pages": [(number, page_name(number)) for number in range(1, pages + 1)],
            "total": span.messages,
            "is_still_reading": is_still_reading,
            "style": _STYLE.read_text(encoding="utf-8"),
        }
        yield Entry(page_name(page), None, _page(turn, context))


def page_name(number: int) -> str:
    """The file's name of page ``number``, from 1."""
    return "index.html" if number == 1 else f"page-{number}.html"


def _page(messages: Iterator[Message], context: dict[str, object]) -> Iterator[bytes]:
    yield render_to_string("conversations/export_head.html", context).encode()
    conversation = cast(Conversation, context["conversation"])
    chosen = choices.of(conversation)
    day: date | None = None
    while part := list(islice(messages, _PER_PART)):
        told: list[Shown] = []
        for bubble in bubbles_of(conversation, part, chosen.self_key if chosen else ""):
            is_new = bubble.day not in (None, day)
            day = bubble.day or day
            told.append(Shown(bubble, _attachments(bubble), day if is_new else None))
        yield render_to_string("conversations/export_part.html", {"messages": told}).encode()
    yield render_to_string("conversations/export_foot.html", context).encode()


def _attachments(bubble: Bubble) -> list[ShownAttachment]:
    return [
        ShownAttachment(one.name, MediaKind(one.kind), media.path_of(one))
        for one in bubble.attachments
    ]
