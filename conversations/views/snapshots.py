"""The snapshots of a person, and what is in one of them."""

from typing import Final

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations import holdings, owned
from transfer import items
from transfer.items import ItemsPage
from transfer.models import Snapshot
from wire.errors import WireError

PER_PAGE: Final = 30
_ID_CHARS_MAX: Final = 26


@require_safe
@login_required
@never_cache
def snapshots(request: HttpRequest) -> HttpResponse:
    """List them, the latest first, or those whose ID begins with ``id``."""
    vault = owned.vault_or_none(request)
    wanted = _id(request.GET.get("id", ""))
    mine = Snapshot.objects.receipted().filter(vault=vault)
    if wanted:
        mine = mine.filter(snapshot_id__istartswith=wanted)
    pages = Paginator(mine.defer("receipt").order_by("-stored_at", "-id"), PER_PAGE)
    page = pages.get_page(request.GET.get("page"))
    return render(request, "conversations/snapshots.html", {"page": page, "wanted": wanted})


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
