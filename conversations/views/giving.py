"""Giving back: the original files as a zip, and conversations written down."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import chain

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.text import get_valid_filename
from django.views.decorators.http import require_safe

from conversations import clocks, downloading, numbering, owned, selecting, streaming
from conversations.exporting import html, jsonl, media
from conversations.models import Conversation
from conversations.transcript import Span
from conversations.typed import text_of
from conversations.zipping import Archive, Entry
from transfer.models import Snapshot
from wire import limits
from wire.errors import WireError
from wire.messages import Selection

_ZIP = "application/zip"
_DAY = timedelta(days=1)


@require_safe
@login_required
def download(request: HttpRequest, snapshot_id: str) -> StreamingHttpResponse:
    """Every original file of a snapshot; or those that ``item`` and ``under`` name."""
    snapshot = owned.snapshot(request, snapshot_id)
    return _archive(snapshot, _selection(request), downloading.filename(snapshot))


@require_safe
@login_required
def originals(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """The original files of one conversation, from the snapshot with most of it or ``snapshot``."""
    conversation = owned.conversation(request, slug)
    try:
        chosen = selecting.of_conversation(conversation, text_of(request.GET, "snapshot"))
    except Snapshot.DoesNotExist:
        raise Http404 from None
    return _archive(chosen.snapshot, chosen.selection, _filename(conversation, "zip"))


def _archive(
    snapshot: Snapshot, selection: Selection | None, filename: str
) -> StreamingHttpResponse:
    try:
        made = downloading.archive(snapshot, selection)
    except WireError:
        raise Http404 from None
    return streaming.answer(made, _ZIP, filename=filename)


def _selection(request: HttpRequest) -> Selection | None:
    items, under = request.GET.getlist("item"), request.GET.getlist("under")
    if len(items) + len(under) > limits.SELECTION_NAMES_MAX:
        raise Http404
    return Selection(items=items, under=under) if items or under else None


@require_safe
@login_required
def export_jsonl(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """``backupstation.chat/1``: with its media in a zip, or with ``media=0`` the lines alone."""
    conversation = owned.conversation(request, slug)
    span = _span(request, conversation)
    if request.GET.get("media") == "0":
        made = jsonl.lines(conversation, span, media_too=False)
        name = _filename(conversation, "jsonl")
        return streaming.answer(made, "application/jsonl; charset=utf-8", filename=name)
    lines = Entry("conversation.jsonl", None, jsonl.lines(conversation, span, media_too=True))
    return _exported(conversation, chain([lines], media.entries(conversation, span)))


@require_safe
@login_required
def export_html(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """Pages that any browser shows, with their media, in a zip."""
    conversation = owned.conversation(request, slug)
    span = _span(request, conversation)
    pages = html.entries(conversation, span)
    return _exported(conversation, chain(pages, media.entries(conversation, span)))


def _exported(conversation: Conversation, entries: Iterator[Entry]) -> StreamingHttpResponse:
    name = _filename(conversation, "zip")
    return streaming.answer(iter(Archive(entries)), _ZIP, filename=name)


def _filename(conversation: Conversation, ending: str) -> str:
    stem = get_valid_filename(conversation.title.strip(" .") or "conversation")[:100]
    return f"{stem}.{ending}"


def _span(request: HttpRequest, conversation: Conversation) -> Span:
    """From the day ``from`` to the day ``to``, both included, by the conversation's clock."""
    first, last = (_day(request.GET.get(name, "")) for name in ("from", "to"))
    zone = timezone.get_current_timezone()
    clock = conversation.clock
    try:
        return Span(
            numbering.first_id(clocks.day_begins(first, clock, zone)) if first else None,
            numbering.first_id(clocks.day_begins(last + _DAY, clock, zone)) - 1 if last else None,
        )
    except OverflowError:
        raise Http404 from None


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise Http404
    return day
