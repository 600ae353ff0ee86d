"""The search page."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations import listing, numbering
from conversations.search import Query, parse
from conversations.search_form import SearchForm
from conversations.search_links import Addresses
from conversations.searching import BOUND_HITS, Filters, Found, look
from conversations.titles import titled
from transfer.models import Vault


@require_safe
@login_required
@never_cache
def search(request: HttpRequest) -> HttpResponse:
    """Show what in the owner's own vault matches, newest first."""
    vault = Vault.objects.filter(owner_id=request.user.pk).first()
    if vault is None:
        return render(request, "conversations/search.html", {"state": "nothing-kept"})
    form = SearchForm(vault.pk, request.GET)
    if not form.is_valid():
        context = {"form": form, "state": "wrong"}
        return render(request, "conversations/search.html", context, status=400)
    return render(request, "conversations/search.html", _answer(vault, form, request.GET))


def _answer(vault: Vault, form: SearchForm, asked: QueryDict) -> dict[str, Any]:
    typed, filters = form.cleaned_data["q"], form.filters
    query, after = parse(typed), numbering.cursor(asked.get("after", ""))
    state = _state(typed, query, filters)
    found = Found()
    if state == "asked":
        found = look(vault.pk, query, filters, form.chosen_order, after)
    is_first_and_whole = filters == Filters() and after is None
    addresses = Addresses(asked)
    return {
        "form": form,
        "state": state,
        "found": found,
        "titled": titled(vault.pk, query) if is_first_and_whole else [],
        "bound": BOUND_HITS,
        "facets": addresses.facets(found.facets),
        "following": addresses.following(found.following),
        "first_page": addresses.first_page(),
        "is_still_reading": listing.is_still_reading(vault.pk),
    }


def _state(typed: str, query: Query, filters: Filters) -> str:
    """Say "asked", or why nothing is looked for."""
    if query.wanted or query.unwanted or (filters != Filters() and not typed):
        return "asked"
    return "no-words" if typed else "not-asked"
