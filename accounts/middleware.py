"""Keeps cookies away from the IM server's calls.

Any page may call them, so nothing that a browser adds by itself may count, and Django's session and
CSRF middlewares must find nothing there to renew or to clear.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

Response = HttpResponseBase | Awaitable[HttpResponseBase]

_CALLS: Final = "/im/v1/"


class CookielessCalls:
    """Must come before every middleware that reads cookies."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Response]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Response:
        """Drop the Cookie header of a call."""
        if request.path_info.startswith(_CALLS):
            request.META.pop("HTTP_COOKIE", None)
        return self.get_response(request)
