"""A conversation, read like a chat, and what its owner chooses about it."""

import datetime as dt
from typing import Any, Final, NamedTuple

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from conversations import choices, listing, numbering, owned, selecting, timeline
from conversations.bubbles import bubbles_of, speaker_of
from conversations.clocks import shown
from conversations.events import DateOrder
from conversations.models import Conversation, ReadingChoice
from conversations.timeline import Page
from conversations.typed import text_of
from transfer.models import Snapshot

PEOPLE_OFFERED: Final = 100
_ORDERS: Final = {
    DateOrder.DMY: _("day, month, year"),
    DateOrder.MDY: _("month, day, year"),
    DateOrder.YMD: _("year, month, day"),
}


class Place(NamedTuple):
    """The part of a conversation that an address asks for.

    ``focus`` is the id of the message to look at, None for the end; ``is_named`` when the address
    names it, ``note`` says why something else than what was asked for is shown.
    """

    page: Page
    focus: int | None = None
    is_named: bool = False
    note: Promise | str = ""


@require_safe
@login_required
@never_cache
def conversation(request: HttpRequest, slug: str) -> HttpResponse:
    """Show its end, or the part that is asked for; ``part`` is what the page's script asks for."""
    row = owned.conversation(request, slug)
    chosen = choices.of(row)
    place = _place(row, request.GET)
    context = {
        "conversation": row,
        "place": place,
        "bubbles": bubbles_of(row, place.page.messages, chosen.self_key if chosen else ""),
        "is_group": row.kind != "direct",
    }
    if "part" in request.GET:
        return render(request, "conversations/parts/page.html", context)
    return render(request, "conversations/conversation.html", context | _about(row, chosen))


@require_POST
@login_required
def choose_self(request: HttpRequest, slug: str) -> HttpResponse:
    """Keep which of its people the owner is; "" leaves it to the export."""
    row = owned.conversation(request, slug)
    key = text_of(request.POST, "person")
    choices.set_self(row, get_object_or_404(row.people, key=key) if key else None)
    return redirect("conversations:conversation", slug)


@require_POST
@login_required
def choose_dates(request: HttpRequest, slug: str) -> HttpResponse:
    """Read its dates in another order; it is read anew, and shown as far as that is."""
    row = owned.conversation(request, slug)
    try:
        order = DateOrder(request.POST.get("order", ""))
    except ValueError:
        raise Http404 from None
    choices.set_date_order(row, order)
    return redirect("conversations:conversation", slug)


def _place(row: Conversation, asked: QueryDict) -> Place:
    """Whatever else the address says, one of these is shown."""
    if asked.get("at"):
        return _at(row, asked.get("at", ""))
    if asked.get("date"):
        return _on(row, asked.get("date", ""))
    for name, page in (("before", timeline.before), ("after", timeline.after)):
        place = numbering.cursor(asked.get(name, ""))
        if place is not None:
            return Place(page(row, place))
    return Place(timeline.latest(row))


def _at(row: Conversation, text: str) -> Place:
    name = timeline.at(text)
    message = timeline.named(row, name) if name else None
    if message is None:
        gone = _("This message is not kept here any more. These are the latest ones.")
        return Place(timeline.latest(row), note=gone)
    return Place(timeline.around(row, message), message.pk, is_named=True)


def _on(row: Conversation, text: str) -> Place:
    day = _day(text)
    if day is None:
        return Place(timeline.latest(row), note=_("There is no such day. These are the latest."))
    message = timeline.on(row, day, timezone.get_current_timezone())
    if message is None:
        later = _("There is no message on this day or after it. These are the latest ones.")
        return Place(timeline.latest(row), note=later)
    return Place(timeline.around(row, message), message.pk)


def _day(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _about(row: Conversation, chosen: ReadingChoice | None) -> dict[str, Any]:
    """What stands beside the messages; an order of dates that is sure is nobody's question."""
    own, order = (chosen.self_key, chosen.date_order) if chosen else ("", "")
    is_read_anew = bool(order) and choices.is_unheeded(row, order)
    people = list(row.people.order_by("number", "pk")[: PEOPLE_OFFERED + 1])
    return {
        "app": listing.title_of(row.app),
        "people": [speaker_of(person, own) for person in people[:PEOPLE_OFFERED]],
        "has_more_people": len(people) > PEOPLE_OFFERED,
        "own": own,
        "order": order if is_read_anew else row.date_order,
        "orders": _ORDERS.items() if order or not row.is_date_order_sure else (),
        "is_read_anew": is_read_anew,
        "is_still_reading": listing.is_still_reading(row.vault),
        "snapshot_id": _snapshot_id(row),
        "first_day": _day_of(row, row.first),
        "last_day": _day_of(row, row.last),
    }


def _day_of(row: Conversation, message_id: int | None) -> dt.date | None:
    if message_id is None or not numbering.is_placed(message_id):
        return None
    time = numbering.time_of(message_id)
    return shown(time, row.clock, timezone.get_current_timezone()).date()


def _snapshot_id(row: Conversation) -> str:
    try:
        return selecting.snapshot_of(row).snapshot_id
    except Snapshot.DoesNotExist:
        return ""
