"""``manage.py inspect``: what would be read of some files, without storing anything."""

import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from django.core.management.base import BaseCommand, CommandError

from conversations.inspecting import Said, inspect
from conversations.progress import Progress
from conversations.reports import Report, as_data
from conversations.shown import lines_of
from conversations.tree import FolderTree, as_text

_NOT_WHOLE: Final = 1
_WRONG: Final = 2
_encode: Final = msgspec.json.Encoder().encode


class Command(BaseCommand):
    """Tell what was found.

    Exit code 1: nothing was recognised, a file that was named is no chat and belongs to none, or
    something was not read.
    """

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
        paths = [path.resolve() for path in _existing(options["files"])]
        tree, named = _tree(paths), {as_text(path.name) for path in paths if not path.is_dir()}
        heard = self._print if options["messages"] else None
        is_quiet = options["json"] or (heard and sys.stdout.isatty())
        progress = None if is_quiet else Progress(sys.stderr)
        report = inspect(tree, heard, named=named, told=partial(_say, progress))
        if progress:
            progress.clear()
        if options["messages"]:
            _tell(lines_of(report), self.stderr.write)
        else:
            self._tell(report, as_json=options["json"])
        if not report.is_expected:
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


def _say(progress: Progress | None, messages: int) -> None:
    if progress:
        progress.say(lambda: f"{messages:,} messages so far")


def _existing(paths: list[Path]) -> list[Path]:
    for path in paths:
        if not path.exists():
            raise CommandError(f"{path}: there is no such file or folder.", returncode=_WRONG)
    return paths


def _tree(paths: list[Path]) -> FolderTree:
    """The files below the paths. Two of the same name would be one in a backup as well."""
    if len({path.name for path in paths}) < len(set(paths)):
        raise CommandError(
            "Two of these have the same name: inspect them apart.", returncode=_WRONG
        )
    try:
        return FolderTree(*paths)
    except OSError as error:
        raise CommandError(f"{error.filename}: {error.strerror}.", returncode=_WRONG) from None
