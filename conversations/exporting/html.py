"""Pages that any browser shows without this program: no script, nothing from elsewhere.

A page has some thousand messages, since a browser shows no million of them at once.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from conversations import clocks, numbering
from conversations.events import MediaKind
from conversations.exporting import media
from conversations.models import Conversation, Message
from conversations.transcript import WHOLE, Said, Span, said
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
    """One message as the template shows it, at the time of its clock ("" when it has none).

    ``day`` is only set where a new day begins.
    """

    said: Said
    attachments: list[ShownAttachment]
    time: str
    day: str


def entries(conversation: Conversation, span: Span = WHOLE) -> Iterator[Entry]:
    """The pages, the first one called index.html; each is made while it is sent."""
    total = _count(conversation, span)
    pages = max(1, -(-total // PER_PAGE))
    messages = said(conversation, span)
    for page in range(1, pages + 1):
        turn = islice(messages, PER_PAGE)
        context = {
            "conversation": conversation,
            "page": page,
            "pages": [(number, page_name(number)) for number in range(1, pages + 1)],
            "total": total,
            "style": _STYLE.read_text(encoding="utf-8"),
        }
        yield Entry(page_name(page), None, _page(turn, context))


def page_name(number: int) -> str:
    """The file's name of page ``number``, from 1."""
    return "index.html" if number == 1 else f"page-{number}.html"


def _count(conversation: Conversation, span: Span) -> int:
    messages = Message.objects.filter(conversation=conversation)
    if span.first is not None:
        messages = messages.filter(pk__gte=span.first)
    if span.last is not None:
        messages = messages.filter(pk__lte=span.last)
    return messages.count()


def _page(messages: Iterator[Said], context: dict[str, object]) -> Iterator[bytes]:
    yield render_to_string("conversations/export_head.html", context).encode()
    clock = str(getattr(context["conversation"], "clock", ""))
    day = ""
    while part := list(islice(messages, _PER_PART)):
        told = [_shown(each, clock) for each in part]
        days = [each.day or day for each in told]
        new = [
            each._replace(day=now if now != before else "")
            for each, now, before in zip(told, days, [day, *days], strict=False)
        ]
        day = days[-1]
        yield render_to_string("conversations/export_part.html", {"messages": new}).encode()
    yield render_to_string("conversations/export_foot.html", context).encode()


def _shown(each: Said, clock: str) -> Shown:
    if each.time is None:
        return Shown(each, _attachments(each), "", "")
    milliseconds = numbering.time_of(each.message.pk)
    at = clocks.shown(milliseconds, clock, timezone.get_current_timezone())
    return Shown(each, _attachments(each), f"{at:%H:%M}", f"{at:%Y-%m-%d}")


def _attachments(each: Said) -> list[ShownAttachment]:
    return [
        ShownAttachment(one.name, MediaKind(one.kind), media.path_of(one))
        for one in each.attachments
    ]
