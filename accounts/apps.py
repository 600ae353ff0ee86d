"""The Django application of the IM server."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Accounts, phones and stations."""

    name = "accounts"
    verbose_name = _("IM server")
    default_auto_field = "django.db.models.BigAutoField"
