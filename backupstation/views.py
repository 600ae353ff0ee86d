"""The pages of the station."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def station(_request: HttpRequest) -> HttpResponse:
    """Show the station page."""
    return HttpResponse("Backup Station", content_type="text/plain")


@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Say that the process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Say whether the station can work."""
    connection.ensure_connection()
    return JsonResponse({"status": "ok"})
