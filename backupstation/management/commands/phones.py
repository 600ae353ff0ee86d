"""``manage.py phones``: who waits for the owner, and the owner's answer."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.text import capfirst

from accounts.models import Phone
from backupstation import prepared, replacing, words
from backupstation.asking import Question
from transfer import approvals
from transfer.models import Approval, Issuer, Snapshot


class Command(BaseCommand):
    """List waiting and enrolled phones; allow or deny one."""

    help = "List the phones that wait and those enrolled; `phones allow CODE` allows one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The code is the six digits that the phone shows."""
        parser.add_argument("action", nargs="?", choices=["list", "allow", "deny"], default="list")
        parser.add_argument("code", nargs="*", help="the six digits, with or without a space")
        parser.add_argument(
            "--replace",
            metavar="PHONE",
            default="",
            help="with allow: revoke this phone of the"
            " same owner in the same step; its name, or how its thumbprint begins",
        )
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
        words.refuse_lost_store()
        if options["replace"] and options["action"] != "allow":
            raise CommandError("--replace belongs to `phones allow`.")
        self._answer(
            digits, options["replace"], allow=options["action"] == "allow", as_json=options["json"]
        )

    def _answer(self, digits: str, replaced: str, *, allow: bool, as_json: bool) -> None:
        waiting = Approval.objects.waiting(timezone.now()).select_related("invitation__issuer")
        try:
            replaces = replacing.named(waiting, digits, replaced) if replaced else None
            thumbprint = replaces.thumbprint if replaces else ""
            answered = approvals.answer(waiting, digits, allow=allow, replaces=thumbprint)
        except Approval.DoesNotExist:
            raise CommandError("No phone waits with these digits.") from None
        except replacing.NotReplaceableError as error:
            raise CommandError(str(error)) from None
        except approvals.SameDigits:
            raise CommandError(
                f"Several phones show these digits: `phones deny {digits}` denies them all."
            ) from None
        instead = f", instead of {replaces.name}" if replaces else ""
        lines = [
            f"{capfirst(Question.of(one).asker)}: {one.get_state_display()}{instead}"
            for one in answered
        ]
        names, state = ", ".join(one.name for one in answered), str(answered[0].state)
        answer = {"name": names, "digits": digits, "state": state, "replaces": thumbprint}
        self._say(as_json, answer, "\n".join(lines))

    def _list(self, as_json: bool) -> None:
        waiting = Approval.objects.waiting(timezone.now()).select_related("invitation__issuer")
        questions = [Question.of(approval) for approval in waiting]
        enrolled, elsewhere = _enrolled(), _elsewhere()
        lines = [
            f"waiting   {one.approval.digits[:3]} {one.approval.digits[3:]}  {one.asker}"
            for one in questions
        ]
        lines += [
            f"{'revoked ' if row['revoked'] else 'enrolled'}  {row['name']}  ({row['account']})"
            for row in enrolled
        ]
        lines += [
            f"elsewhere {row['thumbprint'][:8]}  (backs up for {row['owner']}, by {row['im']})"
            for row in elsewhere
        ]
        if not lines:
            lines.append("No phone waits and none is enrolled.")
        for origin in Issuer.objects.joined().exclude(origin="").values_list("origin", flat=True):
            lines.append(f"Phones of accounts at {origin} are enrolled and revoked there.")
        answer = {
            "waiting": [
                {"digits": row.digits, "name": row.name, "kind": row.kind}
                for row in (one.approval for one in questions)
            ],
            "enrolled": enrolled,
            "elsewhere": elsewhere,
        }
        self._say(as_json, answer, "\n".join(lines))

    def _say(self, as_json: bool, answer: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(answer) if as_json else text)


def _enrolled() -> list[dict[str, Any]]:
    """Phones that the IM server inside this station knows."""
    return [
        {
            "name": phone.name,
            "thumbprint": phone.thumbprint,
            "account": phone.account.name,
            "revoked": phone.revoked_at is not None,
        }
        for phone in Phone.objects.select_related("account")
    ]


def _elsewhere() -> list[dict[str, str]]:
    """Phones of other IM servers' accounts: here they are known by what they backed up."""
    origins = dict(Issuer.objects.exclude(origin="").values_list("iss", "origin"))
    seen = Snapshot.objects.filter(vault__iss__in=origins).order_by("vault", "phone")
    return [
        {"thumbprint": thumbprint, "owner": owner or "nobody", "im": origins[iss]}
        for thumbprint, owner, iss in seen.values_list(
            "phone", "vault__owner__username", "vault__iss"
        ).distinct()
    ]
