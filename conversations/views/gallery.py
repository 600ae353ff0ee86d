"""The media of a conversation, by month."""

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from typing import Final, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations import numbering, owned, timeline
from conversations.bubbles import at_of
from conversations.clocks import shown
from conversations.models import Attachment, Conversation, Message

PER_PAGE: Final = 60


class Tile(NamedTuple):
    """One attachment that is kept, and the message that it belongs to; None without a time."""

    attachment: Attachment
    at: str
    day: dt.date | None


class Month(NamedTuple):
    """The tiles of one month, the latest first; None for those without a time."""

    begins: dt.date | None
    tiles: Sequence[Tile]


@require_safe
@login_required
@never_cache
def gallery(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a page of it, the latest first."""
    row = owned.conversation(request, slug)
    before = numbering.cursor(request.GET.get("before", ""))
    found = timeline.with_media(row, before, PER_PAGE)
    messages = found[:PER_PAGE]
    tiles, missing = _tiles(row, messages)
    context = {
        "conversation": row,
        "months": _months(tiles),
        "missing": missing,
        "older": messages[-1].pk if len(found) > PER_PAGE else None,
        "is_further": before is not None,
    }
    return render(request, "conversations/gallery.html", context)


def _tiles(row: Conversation, messages: Sequence[Message]) -> tuple[list[Tile], int]:
    """Those that are kept, and how many the exports left out."""
    attached = timeline.attached(messages)
    tiles = [
        Tile(each, at_of(one), _day(row, one))
        for one in messages
        for each in attached[one.pk]
        if each.file
    ]
    return tiles, sum(map(len, attached.values())) - len(tiles)


def _day(row: Conversation, message: Message) -> dt.date | None:
    if not numbering.is_placed(message.pk):
        return None
    zone = timezone.get_current_timezone()
    return shown(numbering.time_of(message.pk), row.clock, zone).date()


def _months(tiles: Sequence[Tile]) -> list[Month]:
    grouped = groupby(tiles, key=lambda tile: tile.day.replace(day=1) if tile.day else None)
    return [Month(month, list(group)) for month, group in grouped]
