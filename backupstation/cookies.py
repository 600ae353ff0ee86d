"""Cookies of https and of plain http are two sets, though a browser keeps them in one place.

Over https each is called ``__Host-…`` and is marked Secure: it never travels without TLS, and what
somebody set without TLS is not believed (RFC 6265bis section 4.1.3.2). With one name for both, a
browser that once signed in over https could not do so over http any more.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Response = HttpResponseBase | Awaitable[HttpResponseBase]
Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
PREFIX: Final = "__Host-"


class SecureCookies:
    """Goes by the request and not by a setting: one process may be reached in both ways."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Read and set the cookies of the request's set; awaitable exactly when the next layer is.

        What is inside knows their plain names only.
        """
        if request.is_secure():
            request.COOKIES = _secure_ones(request.COOKIES)
        answer = self.get_response(request)
        if iscoroutinefunction(self):
            return _marked_later(request, cast(Awaitable[HttpResponseBase], answer))
        return _marked(request, cast(HttpResponseBase, answer))


class SecureSocketCookies:
    """The same for a WebSocket, whose cookies are in its scope already."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Pass the connection on with the cookies of its set."""
        if scope.get("scheme") == "wss":
            scope = scope | {"cookies": _secure_ones(scope["cookies"])}
        await self.inner(scope, receive, send)


def _secure_ones(cookies: dict[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX): value
        for name, value in cookies.items()
        if name.startswith(PREFIX)
    }


async def _marked_later(
    request: HttpRequest, answer: Awaitable[HttpResponseBase]
) -> HttpResponseBase:
    return _marked(request, await answer)


def _marked(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if request.is_secure():
        for name in list(response.cookies):
            cookie = response.cookies.pop(name)
            cookie.set(PREFIX + name, cookie.value, cookie.coded_value)
            cookie["secure"] = True
            response.cookies[PREFIX + name] = cookie
    return response
