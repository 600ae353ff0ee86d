"""The app of conversations."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConversationsConfig(AppConfig):
    """Reading, searching and giving back what snapshots hold."""

    name = "conversations"
    verbose_name = _("Conversations")
