"""Every page of the station. The two WebSockets are in asgi.py."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from backupstation import views
from backupstation.https import views as https

urlpatterns = [
    path("", views.station, name="station"),
    path("restore/<slug:snapshot_id>/", views.restore, name="restore"),
    path("approvals/", views.approve, name="approve"),
    path("conversations/", include("conversations.urls")),
    path("doctor/", views.doctor, name="doctor"),
    path("phones/", views.keep_phone, name="keep-phone"),
    path("first-run/", views.first_run, name="first-run"),
    path("recovery/", views.recovery, name="recovery"),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("phone/", views.phone, name="phone"),
    path("phone/engine.js", views.phone_engine),
    path("https/", https.install, name="https"),
    path("https/backup-station.crt", https.certificate, name="https-certificate"),
    path("language/", include("django.conf.urls.i18n")),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("im/v1/", include("accounts.urls")),
    path("admin/login/", views.admin_sign_in),
    path("admin/", admin.site.urls),
]
