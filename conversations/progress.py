"""How far long work is, on a terminal: one line that is written over, and gone at the end."""

import time
from collections.abc import Callable
from typing import Final, TextIO

_SECONDS: Final = 1.0
_ERASE: Final = "\r\x1b[K"


class Progress:
    """Says something on ``stream`` at most once a second, and nothing where that is no terminal.

    ``clock`` is in seconds, and never goes back.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream.isatty() else None
        self._clock = clock
        self._said_at = float("-inf")

    def say(self, text: Callable[[], str]) -> None:
        """Say what ``text`` makes, which is asked for when its time has come."""
        if self._stream is None or self._clock() - self._said_at < _SECONDS:
            return
        self._said_at = self._clock()
        self._stream.write(_ERASE + text())
        self._stream.flush()

    def clear(self) -> None:
        """Leave the line as it was before; what is said next begins a new one."""
        if self._stream is not None and self._said_at > float("-inf"):
            self._stream.write(_ERASE)
            self._stream.flush()
        self._said_at = float("-inf")
