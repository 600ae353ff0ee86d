"""Start-up of Django: the one place where the IM server and the station are tied together."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BackupstationConfig(AppConfig):
    """The station's pages and commands."""

    name = "backupstation"
    verbose_name = _("Station")

    def ready(self) -> None:
        """Tie the roles together."""
        from backupstation import roles  # noqa: PLC0415 - models must be loaded first

        roles.tie()
