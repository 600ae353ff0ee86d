"""``manage.py inspect``: what would be read of some files, without storing anything."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

import msgspec
from django.core.management.base import BaseCommand, CommandError

from conversations.inspecting import Said, inspect
from conversations.reports import Report, as_data
from conversations.shown import lines_of
from conversations.tree import FolderTree

_NOT_WHOLE: Final = 1
_WRONG: Final = 2
_encode: Final = msgspec.json.Encoder().encode


class Command(BaseCommand):
    """Tell what was found. Exit code 1: nothing was recognised, or something was not read."""

    help = "Read chats from files or folders, and tell what is in them. Nothing is stored."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Files, and in which form to tell."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="or a folder")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print one JSON object")
        form.add_argument(
            "--messages", action="store_true", help="print each message, one JSON object a line"
        )

    def handle(self, **options: Any) -> None:  # noqa: ANN401 - Django's
        """Read, and tell."""
        tree = _tree(options["files"])
        if options["messages"]:
            report = inspect(tree, self._print)
            _tell(lines_of(report), self.stderr.write)
        else:
            report = inspect(tree)
            self._tell(report, as_json=options["json"])
        if not report.is_whole:
            sys.exit(_NOT_WHOLE)

    def _print(self, said: Said) -> None:
        self.stdout.write(_encode(said).decode())

    def _tell(self, report: Report, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(_encode(as_data(report)).decode())
        else:
            _tell(lines_of(report), self.stdout.write)


def _tell(lines: Any, write: Any) -> None:  # noqa: ANN401
    for line in lines:
        write(line)


def _tree(paths: list[Path]) -> FolderTree:
    """The files below the paths. Two of the same name would be one in a backup as well."""
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path}: there is no such file or folder.", returncode=_WRONG)
    resolved = [path.resolve() for path in paths]
    if len({path.name for path in resolved}) < len(set(resolved)):
        raise CommandError(
            "Two of these have the same name: inspect them apart.", returncode=_WRONG
        )
    try:
        return FolderTree(*resolved)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}.", returncode=_WRONG) from None
