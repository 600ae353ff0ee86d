"""How a long look through the store tells what it finds: line by line, or as one JSON object.

Findings are written as they come, since a broken disk can make very many of them.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
from rich.text import Text

from transfer.checking import is_damage
from transfer.store.findings import Finding


class Told:
    """What goes to standard output. ``damage`` counts the findings that are damage."""

    def __init__(self, stdout: OutputWrapper, *, as_json: bool) -> None:
        self.damage = 0
        self.unknown = 0
        self._stdout = stdout
        self._as_json = as_json
        self._console: Console | None = None
        if as_json:
            self._stdout.write('{"findings": [', ending="")

    def finding(self, finding: Finding) -> None:
        """Tell one finding."""
        if self._as_json:
            comma = ", " if self.damage + self.unknown else ""
            self._stdout.write(comma + json.dumps(finding._asdict()), ending="")
        elif self._console is not None:
            self._console.print(str(finding), markup=False, highlight=False, soft_wrap=True)
        else:
            self._stdout.write(str(finding))
        self.damage += is_damage(finding)
        self.unknown += not is_damage(finding)

    def end(self, answer: dict[str, Any], text: str) -> None:
        """Tell how it ended: ``answer`` goes into the JSON object, ``text`` to people."""
        if self._as_json:
            whole = {"damage": self.damage, "unknown": self.unknown} | answer
            self._stdout.write(f"], {json.dumps(whole)[1:]}")
        else:
            self._stdout.write(text)

    @contextmanager
    def progress(self, state: Callable[[], str]) -> Iterator[None]:
        """On a terminal, show what ``state`` says, many times a second, and the time gone by."""
        if self._as_json or not sys.stderr.isatty():
            yield
            return
        console = Console(stderr=True)
        columns = (SpinnerColumn(), _Live(state), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as shown:
            shown.add_task("")
            # What goes to the same terminal has to go around the line that moves.
            self._console = console if sys.stdout.isatty() else None
            try:
                yield
            finally:
                self._console = None


class _Live(ProgressColumn):
    """A text that is asked for at every refresh."""

    def __init__(self, state: Callable[[], str]) -> None:
        super().__init__()
        self._state = state

    def render(self, _task: Task) -> Text:
        """What it says now."""
        return Text(self._state())
