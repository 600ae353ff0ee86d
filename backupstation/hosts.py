"""Which host names this station answers to, and which pages may open its own socket.

A web page anywhere can make a browser look up its own name as 127.0.0.1 and then talk to this
station as "the same origin" (DNS rebinding). It cannot make the browser send an IP literal in the
Host header, so IP literals, localhost and the names a person configured are all that is answered.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
REFUSAL: Final = (
    "This server answers to IP addresses, localhost and the names in STATION_ALLOWED_HOSTS.\n"
)

Response = HttpResponseBase | Awaitable[HttpResponseBase]
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def split_host(host: str, scheme: str = "http") -> tuple[str, int] | None:
    """Name (lower case, no brackets) and port of a Host header; None when it is malformed."""
    try:
        parts = urlsplit(f"{scheme}://{host}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or parts.netloc != host or set(host) & set("@%"):
        return None
    return parts.hostname, port or DEFAULT_PORTS[scheme]


def is_own_host(host: str) -> bool:
    """Whether the Host header names this station."""
    named = split_host(host)
    if named is None:
        return False
    name = named[0].rstrip(".")
    if name == "localhost" or name in {known.lower() for known in settings.STATION_ALLOWED_HOSTS}:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_same_origin(origin: str, host: str, scheme: str = "ws") -> bool:
    """Whether a socket's Origin is the host and port that it was opened on.

    A socket of https is for pages of https; a plain one may come from a proxy that does https.
    """
    try:
        parts: SplitResult = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ({"https"} if scheme == "wss" else {"http", "https"}):
        return False
    if not parts.hostname:
        return False
    return (parts.hostname, port or DEFAULT_PORTS[parts.scheme]) == split_host(host, parts.scheme)


class HostMiddleware:
    """The first middleware: a request for another host name goes no further (400)."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Answer or refuse; awaitable exactly when the next layer is."""
        if is_own_host(request.META.get("HTTP_HOST", "")):
            return self.get_response(request)
        refused = HttpResponse(REFUSAL, status=400, content_type="text/plain; charset=utf-8")
        return _soon(refused) if iscoroutinefunction(self) else refused


async def _soon(response: HttpResponse) -> HttpResponseBase:
    return response


class OwnOriginOnly:
    """Around a socket that reads cookies: only pages of this very station may open it."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Pass the connection on, or deny it before it is accepted."""
        headers = dict(scope.get("headers", []))
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if is_own_host(host) and is_same_origin(origin, host, scope.get("scheme", "ws")):
            await self.inner(scope, receive, send)
        else:
            await WebsocketDenier()(scope, receive, send)
