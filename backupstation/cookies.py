"""Cookies that were set over https never travel without it."""

from collections.abc import Awaitable, Callable
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Response = HttpResponseBase | Awaitable[HttpResponseBase]


class SecureCookies:
    """Goes by the request and not by a setting: one process may be reached in both ways."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Mark what the answer sets; awaitable exactly when the next layer is."""
        answer = self.get_response(request)
        if iscoroutinefunction(self):
            return _marked_later(request, cast(Awaitable[HttpResponseBase], answer))
        return _marked(request, cast(HttpResponseBase, answer))


async def _marked_later(
    request: HttpRequest, answer: Awaitable[HttpResponseBase]
) -> HttpResponseBase:
    return _marked(request, await answer)


def _marked(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if request.is_secure():
        for cookie in response.cookies.values():
            cookie["secure"] = True
    return response
