"""What an IM server answers when it runs alone."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("im/v1/", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
]
