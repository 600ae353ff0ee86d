"""What people see while a command works: lines on stderr, and a progress bar if it is a terminal.

``rich`` is loaded only for a bar that is on the screen long enough to be read.
"""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from phone.events import Enrolled, Event, Interrupted, OwnerAsked, Progress, Verified
from phone.sources import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

_BAR_AFTER_SECONDS: Final = 0.7
_UNITS: Final = ("kB", "MB", "GB", "TB", "PB")


def spaced(digits: str) -> str:
    """Six digits as both screens show them: 482 113."""
    return f"{digits[:3]} {digits[3:]}"


def counted(count: int, thing: str) -> str:
    """So many things: 1 item, 2 items."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def size_text(count: int) -> str:
    """Bytes for people, as the station's pages write them: 1.0 GB, 303.9 MB, 12.0 kB."""
    if count < 1000:
        return counted(count, "byte")
    amount = float(count)
    for unit in _UNITS:
        amount /= 1000
        # 999.95 would be written as 1000.0 of the smaller unit.
        if amount < 999.95 or unit == _UNITS[-1]:
            break
    return f"{amount:.1f} {unit}"


class Display:
    """Tells events on stderr. Use as a context manager: the bar disappears at its end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def tell(self, event: Event) -> None:
        """Show one event."""
        match event:
            case OwnerAsked(reason=reason, digits=digits):
                question = "this phone" if reason == "enrol" else "this account"
                self._line(
                    f"The station asks its owner to let {question} in. If its page shows"
                    f" {spaced(digits)}, press Allow there."
                )
            case Enrolled(station=station):
                self._line(f"This phone is enrolled at {station}.")
            case Interrupted(why=why, seconds=seconds):
                self._line(f"{why} Trying again in {seconds:.1f} s.")
            case Verified():
                pass
            case Progress():
                self._advance(event)

    def _line(self, text: str) -> None:
        """One line; what the station said in it moves no cursor and starts no other line."""
        text = printable(text)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _advance(self, progress: Progress) -> None:
        if self._bar is None:
            if not sys.stderr.isatty() or time.monotonic() - self._began < _BAR_AFTER_SECONDS:
                return
            self._bar, self._task = _start_bar()
        if self._task is not None:
            self._bar.update(
                self._task,
                completed=progress.done,
                total=progress.total,
                items=f"{progress.items} of {counted(progress.items_total, 'item')}",
            )


def _start_bar() -> "tuple[Bar, TaskID]":
    from rich.console import Console  # noqa: PLC0415 (50 ms that short commands do not need)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415

    bar = Bar(
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[items]}"),
        console=Console(stderr=True),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task("", total=None, items="")
