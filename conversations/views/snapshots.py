"""The snapshots of a person, and what is in one of them."""

import datetime as dt
from operator import itemgetter
from typing import Final

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Max, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations import holdings, owned
from conversations.typed import text_of
from transfer import items
from transfer.items import ItemsPage
from transfer.models import Snapshot, SnapshotQuerySet
from wire.errors import WireError

PER_PAGE: Final = 30
PHONES_LISTED: Final = 100
_ID_CHARS_MAX: Final = 26


@require_safe
@login_required
@never_cache
def snapshots(request: HttpRequest) -> HttpResponse:
    """List them, the latest first: all, or those of an ``id``, a ``phone`` and a ``date``."""
    vault = owned.vault_or_none(request)
    wanted = {name: text_of(request.GET, name).strip() for name in ("id", "phone", "date")}
    wanted["id"] = _id(wanted["id"])
    mine = Snapshot.objects.receipted().filter(vault=vault)
    found = _found(mine, wanted).defer("receipt").newest_first()
    context = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "wanted": wanted,
        "phones": _phones(mine),
    }
    return render(request, "conversations/snapshots.html", context)


@require_safe
@login_required
@never_cache
def snapshot(request: HttpRequest, snapshot_id: str) -> HttpResponse:
    """Show its conversations, what could not be read, and a page of its items."""
    row = owned.snapshot(request, snapshot_id)
    context = {
        "snapshot": row,
        "holding": holdings.of_snapshot(row),
        "items": _items(row, request.GET.get("page", "")),
    }
    return render(request, "conversations/snapshot.html", context)


def _found(mine: SnapshotQuerySet, wanted: dict[str, str]) -> SnapshotQuerySet:
    """Those whose ID begins so, of this phone, stored on this day of the station's zone."""
    if wanted["id"]:
        mine = mine.filter(snapshot_id__istartswith=wanted["id"])
    if wanted["phone"]:
        mine = mine.filter(phone=wanted["phone"])
    if day := _day(wanted["date"]):
        mine = mine.filter(stored_at__date=day)
    return mine


def _day(text: str) -> dt.date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _phones(mine: SnapshotQuerySet) -> list[tuple[str, str]]:
    """Each phone that sent one, with what it called itself in the newest; the latest phones."""
    newest = mine.newest_first().filter(phone=OuterRef("phone")).values("source")[:1]
    rows = mine.order_by().values("phone").annotate(last=Max("stored_at"), name=Subquery(newest))
    found = rows.order_by("-last", "phone").values_list("phone", "name")
    return sorted(found[:PHONES_LISTED], key=itemgetter(1))


def _items(row: Snapshot, page: str) -> ItemsPage | None:
    """None when the stored list of items is damaged, or its store is away."""
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 10 else 1
    try:
        return items.page_of(row, number)
    except (WireError, OSError):
        return None


def _id(typed: str) -> str:
    """As people type it: with spaces, in small letters."""
    return "".join(char for char in typed.upper() if char.isalnum())[:_ID_CHARS_MAX]
