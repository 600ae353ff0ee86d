"""``manage.py register``: make this station known to an IM server elsewhere, or leave it."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backupstation import prepared, words
from transfer import registration
from transfer.models import INSIDE, Issuer, Vault
from wire.errors import WireError


class Command(BaseCommand):
    """Register with a one-time code, or leave."""

    help = "Register at an IM server elsewhere, with a code from its `imserver station-code`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where, and with which code."""
        parser.add_argument("origin", help="for example https://im.example.org")
        parser.add_argument("code", nargs="?", help="not for --leave")
        parser.add_argument(
            "--leave", action="store_true", help="make no more codes for its accounts"
        )
        parser.add_argument(
            "--replace-keys",
            action="store_true",
            help="trust the keys it tells now, after its operator replaced leaked ones",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask first")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Register, and pin the issuer."""
        if bool(options["code"]) == options["leave"]:
            raise CommandError("Give a code to register, or --leave without one.", returncode=2)
        if options["replace_keys"] and not options["yes"]:
            self._ask(options["origin"])
        prepared.database()
        words.refuse_lost_store()
        try:
            answer, text = self._leave(options) if options["leave"] else self._register(options)
        except WireError as error:
            raise CommandError(str(error), returncode=words.returncode(error)) from None
        self.stdout.write(json.dumps(answer) if options["json"] else text)

    def _register(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        issuer = registration.register(
            options["origin"], options["code"], replace_keys=options["replace_keys"]
        )
        text = f"Registered. New QR codes are for accounts of {issuer.iss} at {issuer.origin}."
        others = Vault.objects.exclude(iss=issuer.iss).exclude(owner=None).select_related("owner")
        names = ", ".join(str(vault.owner) for vault in others)
        if names:
            text += (
                f"\nThe backups of {names} belong to accounts of other IM servers, and stay theirs."
                " Their phones go on with codes for those: choose the IM server on the page or"
                " with `invite --im`, or go back with `register --leave`."
            )
        answer = {"iss": issuer.iss, "origin": issuer.origin, "offset": issuer.clock_offset_seconds}
        return answer, text

    def _leave(self, options: dict[str, Any]) -> tuple[dict[str, Any], str]:
        registration.leave(options["origin"])
        now = Issuer.objects.filter(origin="").first() and Issuer.objects.current()
        text = f"Left. New QR codes are for accounts of {now.place if now else INSIDE}."
        return {"left": options["origin"], "origin": now.origin if now else ""}, text

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
