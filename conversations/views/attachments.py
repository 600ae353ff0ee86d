"""The bytes of attachments: typed by content, sandboxed, and never run."""

import threading
from typing import Final

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from conversations import media_types, owned, ranges, streaming, timeline, unreadable
from conversations.contents import Content, Contents, NotKept
from conversations.limits import MIB
from conversations.models import Attachment
from conversations.thumbnails import NoThumbnail
from conversations.thumbnails import thumbnail as draw
from wire.errors import WireError

THUMBNAIL_PIXELS: Final = 480
_DECODED_CHARS_MAX: Final = 32 * MIB
_FOR_A_WEEK: Final = "private, max-age=604800, immutable"
_SANDBOX: Final = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# Each takes a process with up to 256 MiB.
_drawing: Final = threading.BoundedSemaphore(2)


@require_safe
@login_required
@streaming.headed
@unreadable.told
def attachment(request: HttpRequest, slug: str, at: str, number: int) -> HttpResponseBase:
    """One attachment; what browsers only draw or play is shown, anything else is saved."""
    row = _row(request, slug, at, number)
    content = _content(row)
    media_type = media_types.media_type_of(content.head(media_types.HEAD_BYTES))
    is_shown = media_types.is_inline(media_type) and "download" not in request.GET
    name = "" if is_shown else row.name or "attachment"
    response = _ranged(request, content, media_type, name)
    response["Content-Security-Policy"] = _SANDBOX
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["Cache-Control"] = _FOR_A_WEEK
    return response


@require_safe
@login_required
def thumbnail(request: HttpRequest, slug: str, at: str, number: int) -> HttpResponse:
    """A small WebP of a picture; 404 for what is none."""
    row = _row(request, slug, at, number)
    try:
        drawn = _drawn(_content(row))
    except (NoThumbnail, OSError, WireError):
        raise Http404 from None
    response = HttpResponse(drawn, content_type="image/webp")
    response["Content-Security-Policy"] = _SANDBOX
    response["Cache-Control"] = _FOR_A_WEEK
    return response


def _drawn(content: Content) -> bytes:
    with content.file, _drawing:
        picture = _decoded(content) if content.size is None else content.file
        return draw(picture, THUMBNAIL_PIXELS)


def _decoded(content: Content) -> bytes:
    """A picture that stands in a text, in memory; raises :class:`NoThumbnail` for a huge one."""
    if content.length is None or content.length > _DECODED_CHARS_MAX:
        raise NoThumbnail("too-large")
    return b"".join(content.read())


def _row(request: HttpRequest, slug: str, at: str, number: int) -> Attachment:
    """Named by its message, as it is after every reindexing: browsers keep what they were given."""
    name = timeline.at(at)
    if name is None:
        raise Http404
    return get_object_or_404(
        Attachment,
        message__conversation=owned.conversation(request, slug),
        message__digest=name.digest,
        message__nth=name.nth,
        number=number,
    )


def _content(row: Attachment) -> Content:
    try:
        return Contents().of(row)
    except NotKept:
        raise Http404 from None


def _ranged(request: HttpRequest, content: Content, media_type: str, name: str) -> HttpResponseBase:
    if content.size is None:
        return streaming.answer(content.read(), media_type, filename=name)
    try:
        wanted = ranges.asked(request.headers.get("Range", ""), content.size)
    except ranges.Unsatisfiable:
        content.file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{content.size}"})
    if wanted is None:
        response = streaming.answer(content.read(), media_type, filename=name, length=content.size)
    else:
        made = streaming.at_most(content.read(wanted.first), wanted.length)
        response = streaming.answer(
            made, media_type, filename=name, length=wanted.length, status=206
        )
        response["Content-Range"] = f"bytes {wanted.first}-{wanted.last}/{content.size}"
    response["Accept-Ranges"] = "bytes"
    return response
