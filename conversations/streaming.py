"""Answers of any length, in constant memory: one piece at a time, as fast as the peer takes them.

The server suspends ``send`` while the peer is behind; pieces are made on threads that may use the
database, never on the event loop.
"""

import functools
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from contextlib import suppress
from typing import Final, ParamSpec, cast

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.http import content_disposition_header

from transfer.workers import in_database

PIECE_BYTES: Final = 256 * 1024
_Asked = ParamSpec("_Asked")
# What would end the header, or show a name's end in its middle.
_UNSHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


async def pieces(made: Iterator[bytes], language: str) -> AsyncGenerator[bytes, None]:
    """Each of ``made``, gathered to about 256 KiB; it is closed when nobody reads on.

    They are made in this ``language``, whatever thread they are made on.
    """
    gathered = _Gathered(made, language)
    try:
        while (piece := await in_database(gathered.next)) != b"":
            yield piece
    finally:
        gathered.leave()


class _Gathered:
    """Pieces of about 256 KiB; once it is left, whoever makes them is let go."""

    def __init__(self, made: Iterator[bytes], language: str) -> None:
        self._pieces = _gathered(made)
        self._language = language
        self._is_left = False

    def next(self) -> bytes:
        """The next one, empty at the end."""
        try:
            with translation.override(self._language):
                return next(self._pieces, b"")
        finally:
            if self._is_left:
                self._close()

    def leave(self) -> None:
        """Nobody waits for another one; one that is being made on its thread is the last."""
        self._is_left = True
        self._close()

    def _close(self) -> None:
        with suppress(ValueError):  # it is at work, and is closed as soon as that is done
            self._pieces.close()


def _gathered(made: Iterator[bytes]) -> Generator[bytes, None, None]:
    waiting: list[bytes] = []
    length = 0
    try:
        for piece in made:
            waiting.append(piece)
            length += len(piece)
            if length >= PIECE_BYTES:
                yield b"".join(waiting)
                waiting, length = [], 0
        if length:
            yield b"".join(waiting)
    finally:
        if isinstance(made, Generator):
            made.close()


class Streamed(StreamingHttpResponse):
    """An answer that closes what it is made of as soon as its peer is gone.

    Django closes its own iterator alone: ours would wait for the garbage collector.
    """

    def __init__(self, made: AsyncGenerator[bytes, None], content_type: str, status: int) -> None:
        super().__init__(made, content_type=content_type, status=status)
        self._made = made

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Its pieces."""
        try:
            async for piece in super().__aiter__():
                yield piece
        finally:
            await self._made.aclose()


def headed(view: Callable[_Asked, HttpResponseBase]) -> Callable[_Asked, HttpResponseBase]:
    """A view of streamed answers, which makes nothing of one whose head alone is asked for."""

    @functools.wraps(view)
    def answered(*asked: _Asked.args, **more: _Asked.kwargs) -> HttpResponseBase:
        response = view(*asked, **more)
        request = cast(HttpRequest, asked[0])
        if request.method != "HEAD" or not response.streaming:
            return response
        response.close()
        return HttpResponse(status=response.status_code, headers=dict(response.items()))

    return answered


def at_most(made: Iterator[bytes], length: int) -> Iterator[bytes]:
    """The first ``length`` bytes of ``made``."""
    for piece in made:
        yield piece[:length]
        length -= len(piece)
        if length <= 0:
            return


def answer(
    made: Iterator[bytes],
    content_type: str,
    *,
    filename: str = "",
    length: int | None = None,
    status: int = 200,
) -> StreamingHttpResponse:
    """Stream ``made``; with a ``filename`` as a download. ``length`` is in bytes, when known."""
    told_in = pieces(made, translation.get_language() or settings.LANGUAGE_CODE)
    response = Streamed(told_in, content_type, status)
    if filename:
        response["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=_UNSHOWN.sub("_", filename)
        )
    if length is not None:
        response["Content-Length"] = str(length)
    response["Cache-Control"] = "private, no-store"
    _let_databases_go()
    return response


def _let_databases_go() -> None:
    """The thread that answers waits as long as the peer takes: for hours, with nothing to ask.

    It would keep its connections to the databases open meanwhile. Pieces are made on other threads.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
