"""Every page of the station. The two WebSockets are in asgi.py."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from backupstation import views

urlpatterns = [
    path("", views.station, name="station"),
    path("sign-in/", LoginView.as_view(template_name="sign_in.html"), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("language/", include("django.conf.urls.i18n")),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("im/v1/", include("accounts.urls")),
    path("admin/", admin.site.urls),
]
