"""The IM server's calls; mounted at /im/v1/."""

from django.urls import path

from accounts import api

urlpatterns = [
    path("phones", api.phones),
    path("connections", api.connections),
    path("stations", api.stations),
    path("keys", api.keys),
]
