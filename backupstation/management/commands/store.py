"""``manage.py store``: check what is kept, rebuild the database from it, show the 24 words."""

import secrets
import sys
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.filesize import decimal

from accounts.models import User
from backupstation import occupied, prepared, rebuilt, relinking, words
from backupstation.told import Told, counted
from transfer import station
from transfer.checking import NotedCheck
from transfer.models import Snapshot, SnapshotState
from transfer.store.itemcheck import Sample
from wire.errors import WireError


class Command(BaseCommand):
    """Look after the store."""

    help = "Check the store, rebuild the database from it, or print the recovery words."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One subcommand for each of the three."""
        actions = parser.add_subparsers(dest="action", required=True)
        check = actions.add_parser("check", help="find what is damaged, and name it")
        check.add_argument("--read-data", action="store_true", help="read and hash every byte")
        check.add_argument("--sample", type=_share, metavar="5%", help="read this share of it")
        check.add_argument("--json", action="store_true", help="print one JSON object")
        rebuild = actions.add_parser("rebuild", help="refill the database from the store")
        rebuild.add_argument("--words-file", help="a file with the 24 words; - is standard input")
        rebuild.add_argument("--owner", help="give the vault that has no owner to this site user")
        rebuild.add_argument("--vault", default="", help="which one, by how its id begins")
        rebuild.add_argument("--json", action="store_true", help="print one JSON object")
        shown = actions.add_parser("words", help="print the 24 recovery words")
        shown.add_argument("--yes", action="store_true", help="do not ask first")

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Do one of the three."""
        try:
            match options["action"]:
                case "check":
                    self._check(options)
                case "rebuild":
                    with occupied.by_this_process():
                        self._rebuild(options)
                case _:
                    self._words(sure=options["yes"])
        except (WireError, relinking.LinkRefusedError) as error:
            raise CommandError(str(error), returncode=words.CANNOT) from None

    def _check(self, options: dict[str, Any]) -> None:
        words.require_root()
        words.require_store()
        prepared.database()
        check = NotedCheck(_sample(options))
        total = check.count()
        told = Told(self.stdout, as_json=options["json"])
        with told.progress(lambda: f"{check.snapshots} of {total} snapshots{_read(check)}"):
            for finding in check.run():
                told.finding(finding)
        owed = Snapshot.objects.filter(state=SnapshotState.COMMITTED).count()
        answer = {
            "owed_receipts": owed,
            "snapshots": check.snapshots,
            "damaged_snapshots": check.damaged_snapshots,
            "bytes_read": check.bytes_read,
        }
        told.end(answer, _checked(check, told, owed))
        if told.damage:
            sys.exit(1)

    def _rebuild(self, options: dict[str, Any]) -> None:
        words.require_store()
        words.bring_back_root(options["words_file"])
        prepared.migrate()
        owner = self._owner(options["owner"])
        told = Told(self.stdout, as_json=options["json"])
        rebuild = rebuilt.fill(told)
        linked = relinking.link(owner, options["vault"]) if owner else None
        answer = asdict(rebuild.tally) | {"linked": linked.pk if linked else None}
        lines = rebuilt.summary(rebuild)
        if linked is not None:
            lines.append(f"Vault {linked.pk[:8]} belongs to {linked.owner} again.")
        told.end(answer, "\n".join([*lines, *rebuilt.ownerless()]))
        if told.damage:
            sys.exit(1)

    def _owner(self, name: str | None) -> User | None:
        if name is None:
            return None
        try:
            return User.objects.get(username=name)
        except User.DoesNotExist:
            raise CommandError(
                f"There is no user {name}: make one with `manage.py createsuperuser` first.",
                returncode=words.CANNOT,
            ) from None

    def _words(self, *, sure: bool) -> None:
        words.require_root()
        if not sure and sys.stdin.isatty() and sys.stdout.isatty():
            self.stdout.write("Whoever sees these words can read every backup on this station.")
            if input("Show them here? [y/N] ").strip().lower() not in ("y", "yes"):
                raise CommandError("Not shown.", returncode=words.CANNOT)
        self.stdout.write(station.identity().root.words())


def _share(text: str) -> float:
    """A share of the data: ``5%`` or ``0.05``."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0
    if not 0 < share <= 1:
        raise ArgumentTypeError("give a share like 5%, of at most 100%")
    return share


def _sample(options: dict[str, Any]) -> Sample | None:
    """Which items are read; a share begins at a random place, so that each run reads another."""
    share: float | None = options["sample"]
    if share is None:
        return Sample() if options["read_data"] else None
    return Sample(share, secrets.randbelow(2**32) / 2**32)


def _read(check: NotedCheck) -> str:
    return f", {decimal(check.bytes_read)} read" if check.bytes_read else ""


def _checked(check: NotedCheck, told: Told, owed: int) -> str:
    text = f"{counted(check.snapshots, 'snapshot')} checked{_read(check)}: "
    if not told.damage:
        text += "nothing is damaged."
    else:
        text += f"{check.damaged_snapshots} of them damaged."
    if owed:
        text += (
            f"\nWithout a receipt yet: {counted(owed, 'snapshot')}; a running station writes it"
            " within ten minutes, or its log says why it cannot."
        )
    if told.unknown:
        text += (
            f"\nNot in the database: {counted(told.unknown, 'object')}, of uploads that were cut"
            " off; but if the database is older than the store, run `manage.py store rebuild`."
        )
    return text
