"""``manage.py phones``: who waits for the owner, and the owner's answer."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.models import Phone
from backupstation import prepared
from transfer import approvals
from transfer.models import Approval


class Command(BaseCommand):
    """List waiting and enrolled phones; allow or deny one."""

    help = "List the phones that wait and those enrolled; `phones allow CODE` allows one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The code is the six digits that the phone shows."""
        parser.add_argument("action", nargs="?", choices=["list", "allow", "deny"], default="list")
        parser.add_argument("code", nargs="*", help="the six digits, with or without a space")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Do one of the three."""
        prepared.database()
        if options["action"] == "list":
            self._list(options["json"])
            return
        digits = "".join(options["code"]).replace(" ", "")
        if not digits:
            raise CommandError("Which one? Give the six digits that the phone shows.")
        try:
            waiting = Approval.objects.waiting(timezone.now()).select_related("invitation__owner")
            owner = waiting.get(digits=digits).invitation.owner
            approval = approvals.decide(owner, digits, allow=options["action"] == "allow")
        except Approval.DoesNotExist:
            raise CommandError("No phone waits with these digits.") from None
        except Approval.MultipleObjectsReturned:
            raise CommandError("Two phones show these digits: deny both on the page.") from None
        answer = {"name": approval.name, "digits": digits, "state": str(approval.state)}
        self._say(options["json"], answer, f"{approval.name}: {approval.get_state_display()}")

    def _list(self, as_json: bool) -> None:
        waiting = [
            {"digits": row.digits, "name": row.name, "kind": row.kind}
            for row in Approval.objects.waiting(timezone.now())
        ]
        enrolled = [
            {
                "name": phone.name,
                "thumbprint": phone.thumbprint,
                "account": phone.account.name,
                "revoked": phone.revoked_at is not None,
            }
            for phone in Phone.objects.select_related("account")
        ]
        lines = [
            f"waiting   {row['digits'][:3]} {row['digits'][3:]}  {row['name']}" for row in waiting
        ]
        lines += [
            f"{'revoked ' if row['revoked'] else 'enrolled'}  {row['name']}  ({row['account']})"
            for row in enrolled
        ]
        text = "\n".join(lines) or "No phone waits and none is enrolled."
        self._say(as_json, {"waiting": waiting, "enrolled": enrolled}, text)

    def _say(self, as_json: bool, answer: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(answer) if as_json else text)
