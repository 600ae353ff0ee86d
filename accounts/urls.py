"""The IM server's calls; mounted at /im/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
