"""What an IM server answers when it runs alone."""

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from backupstation.forms import SignInForm


class ThrottledSignIn(SignInForm, AdminAuthenticationForm):
    """The admin's own form, with the station's bound on guesses."""


def healthz(_request: HttpRequest) -> HttpResponse:
    """Say that the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


admin.site.login_form = ThrottledSignIn

urlpatterns = [
    path("im/v1/", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
]
