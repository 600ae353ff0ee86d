"""``manage.py createsuperuser``: Django's, also before the station's first start."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from backupstation import prepared


class Command(createsuperuser.Command):
    """Make an owner."""

    def execute(self, *arguments: Any, **options: Any) -> str | None:  # noqa: ANN401 - Django's
        """Prepare the database first."""
        prepared.database()
        return super().execute(*arguments, **options)
