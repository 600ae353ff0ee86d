"""How a long look through the store tells what it finds: line by line, or as one JSON object.

Findings are written as they come, since a broken disk can make very many of them. People get one
line for all items of a snapshot that one pack has hurt; JSON has every finding.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TimeElapsedColumn
from rich.text import Text

from transfer.checking import is_damage
from transfer.store.findings import Finding

_NAMES_MAX: Final = 3


def counted(number: int, noun: str) -> str:
    """``1 pack``, ``2 packs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@dataclass
class _Hurt:
    """Items of one snapshot that one pack has hurt in one way: how many, and the first names."""

    first: Finding
    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, item: str) -> None:
        self.count += 1
        if len(self.names) < _NAMES_MAX:
            self.names.append(repr(item))

    def __str__(self) -> str:
        if self.count == 1:
            return str(self.first)
        more = self.count - len(self.names)
        names = ", ".join(self.names) + (f" and {more} more" if more else "")
        return f"{self.first._replace(item='')}: {self.count} items: {names}"


class Told:
    """What goes to standard output. ``damage`` counts the findings that are damage."""

    def __init__(self, stdout: OutputWrapper, *, as_json: bool) -> None:
        self.damage = 0
        self.unknown = 0
        self._stdout = stdout
        self._as_json = as_json
        self._console: Console | None = None
        self._snapshot = ""
        self._hurt: dict[Finding, _Hurt] = {}
        if as_json:
            self._stdout.write('{"findings": [', ending="")

    def finding(self, finding: Finding) -> None:
        """Tell one finding."""
        if self._as_json:
            comma = ", " if self.damage + self.unknown else ""
            self._stdout.write(comma + json.dumps(finding._asdict()), ending="")
        else:
            self._gather(finding)
        self.damage += is_damage(finding)
        self.unknown += not is_damage(finding)

    def _gather(self, finding: Finding) -> None:
        """Items come snapshot by snapshot: at the next one, those of the last are told."""
        if finding.snapshot != self._snapshot:
            self._tell_hurt()
            self._snapshot = finding.snapshot
        if finding.item:
            alike = finding._replace(item="", detail="")
            self._hurt.setdefault(alike, _Hurt(finding)).add(finding.item)
        else:
            self._line(str(finding))

    def _tell_hurt(self) -> None:
        for hurt in self._hurt.values():
            self._line(str(hurt))
        self._hurt.clear()

    def _line(self, text: str) -> None:
        if self._console is not None:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self._stdout.write(text)

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
            try:
                yield
            finally:
                self._tell_hurt()
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
                self._tell_hurt()
                self._console = None


class _Live(ProgressColumn):
    """A text that is asked for at every refresh."""

    def __init__(self, state: Callable[[], str]) -> None:
        super().__init__()
        self._state = state

    def render(self, _task: Task) -> Text:
        """What it says now."""
        return Text(self._state())
