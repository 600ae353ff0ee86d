"""Giving back: the original files as a zip, and conversations written down."""

from collections.abc import Iterator
from itertools import chain

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.text import get_valid_filename
from django.views.decorators.http import require_safe

from conversations import downloading, listing, owned, selecting, streaming, unreadable
from conversations.export_form import ExportForm
from conversations.exporting import html, jsonl, media
from conversations.models import Conversation
from conversations.typed import text_of
from conversations.zipping import Archive, Entry
from transfer.models import Snapshot
from wire import limits
from wire.messages import Selection

_ZIP = "application/zip"


@require_safe
@login_required
@streaming.headed
@unreadable.told
def download(request: HttpRequest, snapshot_id: str) -> HttpResponseBase:
    """Every original file of a snapshot; or those that ``item`` and ``under`` name."""
    snapshot = owned.snapshot(request, snapshot_id)
    return _archive(snapshot, _selection(request), downloading.filename(snapshot))


@require_safe
@login_required
@streaming.headed
@unreadable.told
def originals(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The original files of one conversation, from the snapshot with most of it or ``snapshot``."""
    conversation = owned.conversation(request, slug)
    try:
        chosen = selecting.of_conversation(conversation, text_of(request.GET, "snapshot"))
    except Snapshot.DoesNotExist:
        raise Http404 from None
    return _archive(chosen.snapshot, chosen.selection, _filename(conversation, "zip"))


def _archive(snapshot: Snapshot, selection: Selection | None, filename: str) -> HttpResponseBase:
    return streaming.answer(downloading.archive(snapshot, selection), _ZIP, filename=filename)


def _selection(request: HttpRequest) -> Selection | None:
    items, under = request.GET.getlist("item"), request.GET.getlist("under")
    if len(items) + len(under) > limits.SELECTION_NAMES_MAX:
        raise Http404
    return Selection(items=items, under=under) if items or under else None


@require_safe
@login_required
@streaming.headed
def export(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Write the chosen days of a conversation in the chosen form; or ask which."""
    conversation = owned.conversation(request, slug)
    if "as" not in request.GET:
        return _asking(request, conversation, ExportForm(), 200)
    return _export(request, conversation, request.GET.get("as", ""))


@require_safe
@login_required
@streaming.headed
def export_jsonl(request: HttpRequest, slug: str) -> HttpResponseBase:
    """``backupstation.chat/1``: with its media in a zip, or with ``media=0`` the lines alone."""
    form = "lines" if request.GET.get("media") == "0" else "jsonl"
    return _export(request, owned.conversation(request, slug), form)


@require_safe
@login_required
@streaming.headed
def export_html(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Pages that any browser shows, with their media, in a zip."""
    return _export(request, owned.conversation(request, slug), "html")


def _export(request: HttpRequest, conversation: Conversation, form_name: str) -> HttpResponseBase:
    form = ExportForm({**request.GET.dict(), "as": form_name})
    if not form.is_valid():
        return _asking(request, conversation, form, 400)
    span = form.span(conversation)
    if form_name == "lines":
        made = jsonl.lines(conversation, span, media_too=False)
        name = _filename(conversation, "jsonl")
        return streaming.answer(made, "application/jsonl; charset=utf-8", filename=name)
    if form_name == "html":
        told = html.entries(conversation, span)
    else:
        lines = jsonl.lines(conversation, span, media_too=True)
        told = iter([Entry("conversation.jsonl", None, lines)])
    return _exported(conversation, chain(told, media.entries(conversation, span)))


def _asking(
    request: HttpRequest, conversation: Conversation, form: ExportForm, status: int
) -> HttpResponse:
    is_still_reading = listing.is_still_reading(conversation.vault)
    context = {"conversation": conversation, "form": form, "is_still_reading": is_still_reading}
    return render(request, "conversations/export.html", context, status=status)


def _exported(conversation: Conversation, entries: Iterator[Entry]) -> HttpResponseBase:
    name = _filename(conversation, "zip")
    return streaming.answer(iter(Archive(entries)), _ZIP, filename=name)


def _filename(conversation: Conversation, ending: str) -> str:
    """After its title, of which nothing is left when it is of emoji alone."""
    stem = get_valid_filename(f"{conversation.title}_").strip("._")[:100]
    return f"{stem or 'conversation'}.{ending}"
