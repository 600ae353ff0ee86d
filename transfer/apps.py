"""The Django application of the backup terminal."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TransferConfig(AppConfig):
    """Transfer between phones and this station."""

    name = "transfer"
    verbose_name = _("Backups")
