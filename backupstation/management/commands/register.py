"""``manage.py register``: make this station known to an IM server that runs elsewhere."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backupstation import prepared
from transfer import registration
from wire.errors import WireError


class Command(BaseCommand):
    """Register with a one-time code."""

    help = "Register at an IM server elsewhere, with a code from its `imserver station-code`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where, and with which code."""
        parser.add_argument("origin", help="for example https://im.example.org")
        parser.add_argument("code")
        parser.add_argument(
            "--replace-keys",
            action="store_true",
            help="trust the keys it tells now, after its operator replaced leaked ones",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask first")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Register, and pin the issuer."""
        if options["replace_keys"] and not options["yes"]:
            self._ask(options["origin"])
        prepared.database()
        try:
            issuer = registration.register(
                options["origin"], options["code"], replace_keys=options["replace_keys"]
            )
        except WireError as error:
            raise CommandError(str(error)) from None
        answer = {"iss": issuer.iss, "origin": issuer.origin, "offset": issuer.clock_offset_seconds}
        text = f"Registered. New QR codes are for accounts of {issuer.iss} at {issuer.origin}."
        self.stdout.write(json.dumps(answer) if options["json"] else text)

    def _ask(self, origin: str) -> None:
        if not sys.stdin.isatty():
            raise CommandError("To replace keys without being asked, add --yes.")
        self.stdout.write(
            f"Whoever answers at {origin} now will name the accounts whose backups are kept here."
        )
        if input("Did its operator confirm the new keys? [y/N] ").strip().lower() not in (
            "y",
            "yes",
        ):
            raise CommandError("Nothing was changed.")
