"""``manage.py phones``: who waits for the owner, the owner's answer, and what is overdue."""

import json
import re
from argparse import ArgumentParser
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.text import capfirst

from accounts.models import Phone
from backupstation import phones, prepared, replacing, words
from backupstation.asking import Question
from backupstation.phones import PhoneBackup
from backupstation.told import counted
from transfer import approvals
from transfer.models import Approval, Issuer, Reminder, Snapshot
from transfer.templatetags import measures

_ACTIONS: Final = ["list", "allow", "deny", "remind", "name"]
_EVERY: Final = [name.lower() for name in Reminder.names]
_DASHED: Final = re.compile(r"(?!--[a-z-]*$)-[\w-]{3,}$")
"""How a thumbprint may begin, and an option does not."""


class Command(BaseCommand):
    """List waiting and enrolled phones; allow or deny one, name it, say when to remind."""

    help = "List the phones that wait and those enrolled; `phones allow CODE` allows one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What is given beside the action depends on it."""
        parser.add_argument("action", nargs="?", choices=_ACTIONS, default="list")
        parser.add_argument(
            "words",
            nargs="*",
            help="allow, deny: the six digits, with or without a space; remind: the phone's name or"
            " how its thumbprint begins, then off, daily, weekly or monthly; name: the phone, then"
            " what to call it",
        )
        parser.add_argument(
            "--replace",
            metavar="PHONE",
            default="",
            help="with allow: revoke this phone of the"
            " same owner in the same step; its name, or how its thumbprint begins",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        # One thumbprint of 64 begins with a dash. What argparse takes for a number it takes for a
        # word, if it is no option; there is no public way to say so.
        parser._negative_number_matcher = _DASHED

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Do one of these."""
        prepared.database()
        if options["action"] == "list":
            self._list(options["json"])
            return
        if options["action"] in ("remind", "name"):
            self._keep(options["action"], options["words"], as_json=options["json"])
            return
        digits = "".join(options["words"]).replace(" ", "")
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

    def _keep(self, action: str, given: list[str], *, as_json: bool) -> None:
        if len(given) != 2:
            raise CommandError("Give the phone, and how often or what to call it.")
        owner, phone = _found(given[0])
        said: dict[str, Any] = {"name": given[1]}
        if action == "remind":
            if given[1].upper() not in Reminder.names:
                raise CommandError(f"Remind how often? {', '.join(_EVERY)}.")
            said = {"remind_days": Reminder[given[1].upper()]}
        try:
            phones.keep(owner, phone.thumbprint, **said)
        except phones.NameRefused as error:
            raise CommandError(f"{given[1]!r}: {error}") from None
        answer = {"thumbprint": phone.thumbprint, action: given[1]}
        self._say(as_json, answer, f"{phone.name or phone.short}: {action} {given[1]}")

    def _list(self, as_json: bool) -> None:
        waiting = Approval.objects.waiting(timezone.now()).select_related("invitation__issuer")
        questions = [Question.of(approval) for approval in waiting]
        backups, now = phones.of_all(), timezone.now()
        enrolled, elsewhere = _enrolled(backups, now), _elsewhere(backups, now)
        lines = [
            f"waiting   {one.approval.digits[:3]} {one.approval.digits[3:]}  {one.asker}"
            for one in questions
        ]
        lines += [
            f"{'revoked ' if row['revoked'] else 'enrolled'}  {row['name']}  ({row['account']})"
            f"{_told(row)}"
            for row in enrolled
        ]
        lines += [
            f"elsewhere {row['name'] or row['thumbprint'][:8]}"
            f"  (backs up for {row['owner']}, by {row['im']}){_told(row)}"
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


_Backups = Mapping[tuple[str, str], PhoneBackup]


def _enrolled(backups: _Backups, now: datetime) -> list[dict[str, Any]]:
    """Phones that the IM server inside this station knows."""
    rows = []
    for phone in Phone.objects.select_related("account__user"):
        user = phone.account.user
        backup = backups.get((user.username if user else "", phone.thumbprint))
        rows.append(
            {
                "name": (backup and backup.name) or phone.name,
                "thumbprint": phone.thumbprint,
                "account": phone.account.name,
                "revoked": phone.revoked_at is not None,
                **_last(backup, now),
            }
        )
    return rows


def _elsewhere(backups: _Backups, now: datetime) -> list[dict[str, Any]]:
    """Phones of other IM servers' accounts: here they are known by what they backed up."""
    origins = dict(Issuer.objects.exclude(origin="").values_list("iss", "origin"))
    seen = Snapshot.objects.filter(vault__iss__in=origins).order_by("vault", "phone")
    rows = []
    for thumbprint, owner, iss in seen.values_list(
        "phone", "vault__owner__username", "vault__iss"
    ).distinct():
        backup = backups.get((owner or "", thumbprint))
        rows.append(
            {
                "name": backup.name if backup else "",
                "thumbprint": thumbprint,
                "owner": owner or "nobody",
                "im": origins[iss],
                **_last(backup, now),
            }
        )
    return rows


def _last(backup: PhoneBackup | None, now: datetime) -> dict[str, Any]:
    """The last backup, and whether to remind of the next; nothing before the first one."""
    if backup is None or backup.last_at is None:
        return {"last_backup": None}
    return {
        "last_backup": backup.last_at.isoformat(),
        "bytes": backup.last_bytes,
        "remind": backup.reminder.name.lower(),
        "overdue": backup.is_overdue(now),
        "days": backup.days_since(now),
    }


def _told(row: Mapping[str, Any]) -> str:
    """What goes behind the phone's name in its line."""
    if row["last_backup"] is None:
        return "  no backup yet"
    ago = "today" if not row["days"] else f"{counted(row['days'], 'day')} ago"
    overdue = "  OVERDUE" if row["overdue"] else ""
    return f"  last backup {ago}, {measures.size(row['bytes'])}, remind {row['remind']}{overdue}"


def _found(word: str) -> tuple[AbstractBaseUser, PhoneBackup]:
    """The one phone that is meant, and whose it is."""
    owners = {phone: owner for (owner, _), phone in phones.of_all().items() if owner}
    found = phones.meant_by(word, owners)
    if not found:
        raise CommandError(f"No phone that has backed up is called {word!r}; `phones` lists them.")
    if len(found) > 1:
        prints = ", ".join(phone.short for phone in found)
        raise CommandError(f"Several phones are called {word}; say which one: {prints}")
    owner = get_user_model()._default_manager.get_by_natural_key(owners[found[0]])
    return owner, found[0]
