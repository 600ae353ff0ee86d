"""What a page says when it needs the store, and the store cannot give it."""

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

from wire.errors import WireError

log = logging.getLogger(__name__)
_Asked = ParamSpec("_Asked")


def told(view: Callable[_Asked, HttpResponseBase]) -> Callable[_Asked, HttpResponseBase]:
    """A view that answers 503 where the store is away or damaged: not that nothing is there."""

    @functools.wraps(view)
    def answered(*asked: _Asked.args, **more: _Asked.kwargs) -> HttpResponseBase:
        try:
            return view(*asked, **more)
        except (OSError, WireError) as error:
            log.warning("what is stored cannot be read: %s", error)
            return render(cast(HttpRequest, asked[0]), "unreadable.html", status=503)

    return answered
