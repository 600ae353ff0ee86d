"""The child as its parent has it: started, listened to for a bounded time, ended."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil

from conversations import limits
from conversations.confined.frames import (
    EXIT_MEMORY,
    LENGTH,
    Frame,
    Nonsense,
    length_in,
    packed,
    told_in,
)

_ROOT: Final = Path(__file__).resolve().parents[2]
_WATCHED: Final = sys.platform != "linux"  # where RLIMIT_AS does not hold
_TICK_SECONDS: Final = 0.25
KILLED: Final = "reader-killed"
_FROM_OUTSIDE: Final = (-signal.SIGKILL, -signal.SIGTERM)


class Ended(Exception):
    """The child is no more; ``code`` is that of the warning."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail or code)
        self.code = code
        self.detail = detail


class Killed(Ended):
    """Something else ended it: the system that was short of memory, or what stops the station."""

    def __init__(self, detail: str) -> None:
        super().__init__(KILLED, detail)


class Process:
    """One child. Its time runs while it is listened to and served, not while its finds are used."""

    def __init__(self, module: str) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", module],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                close_fds=True,
                start_new_session=True,
                cwd="/",
                env=_environment(),
            )
        self._began = self._deadline = 0.0

    def begin(self, seconds: float) -> None:
        """A command is given now, and may take so long in all."""
        self._began = time.monotonic()
        self._deadline = self._began + seconds

    def allow(self, seconds: float) -> None:
        """The command may take so long in all: it is known to be more than was thought."""
        self._deadline = max(self._deadline, self._began + seconds)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Its time does not run meanwhile."""
        began = time.monotonic()
        try:
            yield
        finally:
            waited = time.monotonic() - began
            self._began += waited
            self._deadline += waited

    def tell(self, frame: Frame) -> None:
        """Send a frame. Raises :class:`Ended`."""
        body = packed(frame)
        self._send(LENGTH.pack(len(body)))
        self._send(body)

    def told(self) -> Any:  # noqa: ANN401 - one of frames.TOLD
        """The next frame. Raises :class:`Ended`."""
        try:
            return told_in(self._exactly(length_in(self._exactly(LENGTH.size))))
        except Nonsense as error:
            raise self.distrusted(f"it sent nonsense: {error}") from None

    def distrusted(self, detail: str) -> Ended:
        """End it, since it does what no child of ours does."""
        self.end()
        return Ended("reader-died", detail[: limits.DETAIL_CHARS_MAX])

    def end(self) -> None:
        """Kill it and whatever it may have started."""
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._channel.close()

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._patiently()
            try:
                rest = rest[self._channel.send(rest) :]
            except TimeoutError:
                continue
            except OSError:
                raise self._died() from None

    def _exactly(self, count: int) -> bytearray:
        body = bytearray(count)
        at = memoryview(body)
        while at:
            self._patiently()
            try:
                came = self._channel.recv_into(at)
            except TimeoutError:
                continue
            except OSError:
                came = 0
            if came == 0:
                raise self._died()
            at = at[came:]
        return body

    def _patiently(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            self.end()
            raise Ended("too-much-time")
        if _WATCHED and self._memory() > limits.READER_MEMORY_BYTES:
            self.end()
            raise Ended("too-much-memory")
        self._channel.settimeout(min(left, _TICK_SECONDS) if _WATCHED else left)

    def _memory(self) -> int:
        try:
            return int(psutil.Process(self._child.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _died(self) -> Ended:
        """Why there is nothing more to come from it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=1)
        code = self._child.returncode  # what ends it here is not what ended it
        self.end()
        match code:
            case None:
                return Ended("reader-died", "it closed its end")
            case code if code in _FROM_OUTSIDE:
                return Killed(signal.Signals(-code).name)
            case code if code == EXIT_MEMORY:
                return Ended("too-much-memory")
            case code if code == -signal.SIGXCPU:
                return Ended("too-much-time")
            case code if code < 0:
                return Ended("reader-died", signal.Signals(-code).name)
            case code:
                return Ended("reader-died", f"exit code {code}")


def _environment() -> dict[str, str]:
    """Nothing of ours but where the code is."""
    return {
        "PYTHONPATH": str(_ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "LC_ALL": "C.UTF-8",
    }
