"""The IM server's HTTP calls, /im/v1/: JSON in, JSON out, nothing read from cookies.

Any page may call them (CORS ``*`` without credentials): what counts is the signature in the body.
wire/im.py has the types, docs/protocol.md section 2 the meaning.
"""

import functools
import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from accounts import enrolment, issuer, throttle, tickets
from wire import im, tokens
from wire.errors import MalformedMessage, TooLarge
from wire.im import Refusal, Refused

logger = logging.getLogger(__name__)

_JSON: Final = "application/json"
_NO_DATABASE: Final = "The IM server cannot use its database now. Is its disk full?"
_PREFLIGHT_SECONDS: Final = 3600
_Request = TypeVar("_Request", bound=im.Body)
View = Callable[[HttpRequest], HttpResponse]
Call = Callable[[HttpRequest, int], bytes]


def call(method: str) -> Callable[[Call], View]:
    """Make a view of a function that answers one request at a time of day, or raises Refused."""

    def decorate(answer: Call) -> View:
        @csrf_exempt
        @functools.wraps(answer)
        def view(request: HttpRequest) -> HttpResponse:
            if request.method == "OPTIONS":
                return _preflight(method)
            return _open_to_pages(_answered(request, method, answer))

        return view

    return decorate


@call("POST")
def phones(request: HttpRequest, now: int) -> bytes:
    """Enrol a phone by a one-time code."""
    return im.encode(enrolment.enrol_by_code(_body(request, im.EnrolRequest), now))


@call("POST")
def connections(request: HttpRequest, now: int) -> bytes:
    """Authenticate a scanned invitation; answer with indication and ticket."""
    return im.encode(tickets.connect(_body(request, im.ConnectRequest), now))


@call("POST")
def stations(request: HttpRequest, now: int) -> bytes:
    """Register a station by a one-time code."""
    return im.encode(enrolment.register(_body(request, im.RegisterRequest), now))


@call("GET")
def keys(_request: HttpRequest, now: int) -> bytes:
    """Publish the issuer's live keys as a JWK set."""
    return msgspec.json.encode(tokens.jwk_set(issuer.current().live_keys(now)))


def _answered(request: HttpRequest, method: str, answer: Call) -> HttpResponse:
    """Turn an answer into a response, and a refusal into its status and name."""
    now = int(time.time())
    address = request.META.get("REMOTE_ADDR", "")
    try:
        if throttle.is_flooding(address, now):
            raise Refused(Refusal.TOO_MANY)
        if request.method != method:
            raise Refused(Refusal.WRONG_METHOD)
        return HttpResponse(answer(request, now), content_type=_JSON)
    except Refused as error:
        refused = error
    except DatabaseError:
        logger.exception("%s failed", request.path)
        refused = Refused(Refusal.UNKNOWN, _NO_DATABASE)
    throttle.note_refusal(address, now)
    logger.info("refused %s from %s: %s", request.path, address, refused.refusal.value)
    response = HttpResponse(
        im.encode(refused.reply()), content_type=_JSON, status=refused.refusal.status
    )
    if refused.refusal is Refusal.WRONG_METHOD:
        response["Allow"] = f"{method}, OPTIONS"
    return response


def _body(request: HttpRequest, kind: type[_Request]) -> _Request:
    if request.content_type != _JSON:
        raise Refused(Refusal.NOT_JSON)
    try:
        return im.decode(kind, request.read(im.BODY_BYTES_MAX + 1))
    except TooLarge:
        raise Refused(Refusal.TOO_LARGE) from None
    except MalformedMessage as error:
        raise Refused(Refusal.MALFORMED, f"{Refusal.MALFORMED.sentence} {error}") from None


def _preflight(method: str) -> HttpResponse:
    response = _open_to_pages(HttpResponse(status=204))
    response["Access-Control-Allow-Methods"] = method
    response["Access-Control-Allow-Headers"] = "content-type"
    response["Access-Control-Max-Age"] = str(_PREFLIGHT_SECONDS)
    return response


def _open_to_pages(response: HttpResponse) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = "no-store"
    return response
