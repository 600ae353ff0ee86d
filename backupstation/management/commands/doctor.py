"""``manage.py doctor``: why no phone can connect, for whoever has no screen."""

import json
from argparse import ArgumentParser
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError

from backupstation import prepared, words
from backupstation.doctor import examining
from backupstation.doctor.findings import Finding, Report, State
from transfer.models import Invitation

_BROKEN: Final = 1


class Command(BaseCommand):
    """Tell what was found; exit code 1 when something is broken."""

    help = "Look for what keeps phones away: addresses, port, VPN, clocks, store."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Everything has a default."""
        parser.add_argument("--account", help="the site user whose newest code is looked at")
        parser.add_argument("--address", default="", help="the address that the code names")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Look, and tell."""
        prepared.database()
        words.require_started()
        report = examining.examine(_owner(options["account"]), options["address"])
        if options["json"]:
            self.stdout.write(json.dumps(_answer(report)))
        else:
            for finding in report.findings:
                self.stdout.write(_line(finding))
            self.stdout.write(str(report.verdict))
        if report.worst is State.BROKEN:
            raise SystemExit(_BROKEN)


def _owner(name: str | None) -> AbstractBaseUser | None:
    """Whoever is meant; without a name, whose code was made last."""
    users = get_user_model()._default_manager
    if name is not None:
        if found := users.filter(username=name).first():
            return found
        raise CommandError(f"This station has no user {name}.")
    newest = Invitation.objects.order_by("-created_at").select_related("owner").first()
    return newest.owner if newest else None


def _line(finding: Finding) -> str:
    lines = [f"{finding.state.label!s:12}  {finding.title}: {finding.sentence}"]
    return "\n".join(lines + ([f"{'':12}  {finding.remedy}"] if finding.remedy else []))


def _answer(report: Report) -> dict[str, Any]:
    return {
        "state": report.worst.word,
        "findings": [
            {
                "name": one.name,
                "state": one.state.word,
                "found": one.sentence,
                "advice": one.remedy,
            }
            for one in report.findings
        ],
    }
