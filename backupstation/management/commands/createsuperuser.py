"""``manage.py createsuperuser``: Django's, also before the station's first start."""

import os
from typing import Any, Final

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.models import User
from backupstation import prepared

_PASSWORD: Final = "DJANGO_SUPERUSER_PASSWORD"  # noqa: S105 - a variable's name


class Command(createsuperuser.Command):
    """Make an owner."""

    requires_system_checks: list[str] = []

    def execute(self, *arguments: Any, **options: Any) -> str | None:  # noqa: ANN401 - Django's
        """Prepare the database first."""
        prepared.database()
        return super().execute(*arguments, **options)

    def handle(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Without a terminal Django takes any password; the first run's page does not."""
        password = os.environ.get(_PASSWORD, "")
        if not options["interactive"] and password:
            user = User(username=options["username"] or "")
            try:
                validate_password(password, user)
            except ValidationError as error:
                raise CommandError(f"{_PASSWORD}: {' '.join(error.messages)}") from None
        super().handle(*arguments, **options)
