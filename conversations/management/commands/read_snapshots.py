"""``manage.py read_snapshots``: what a station starts when there is something to read."""

import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from conversations import worker


class Command(BaseCommand):
    """Read every queued snapshot, then end."""

    help = "Read what is queued and end; a running station starts this by itself."
    requires_system_checks: list[str] = []

    def handle(self, **_options: Any) -> None:  # noqa: ANN401 - Django's
        """Read; when another one is at it, end with 75: whoever started this tries again later."""
        worker.end_with_parent()
        worker.step_back()
        try:
            with worker.alone():
                call_command("db_worker", batch=True, startup_delay=False, verbosity=0)
        except worker.Busy:
            raise SystemExit(os.EX_TEMPFAIL) from None
