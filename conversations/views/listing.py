"""The list of conversations."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations import listing, owned
from conversations.typed import text_of

_TITLE_CHARS_MAX = 200


@require_safe
@login_required
@never_cache
def conversations(request: HttpRequest) -> HttpResponse:
    """Show what was read for the signed-in person, the latest first."""
    vault = owned.vault_or_none(request)
    if vault is None:
        return render(request, "conversations/list.html", {"has_vault": False})
    app = text_of(request.GET, "app")
    title = text_of(request.GET, "title").strip()[:_TITLE_CHARS_MAX]
    page = listing.page(vault.pk, app, title, request.GET.get("after", ""))
    context = {
        "has_vault": True,
        "apps": listing.apps(vault.pk),
        "app": app,
        "title": title,
        "rows": page.rows,
        "following": _query(app=app, title=title, after=page.following) if page.following else "",
        "is_further": bool(request.GET.get("after")),
        "progress": listing.progress(vault.pk),
    }
    return render(request, "conversations/list.html", context)


def _query(**parts: str) -> str:
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in parts.items() if value})
    return f"?{query.urlencode()}"
