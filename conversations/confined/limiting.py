"""What the child takes from itself before it sees the first foreign byte. POSIX and Linux only.

Where the system has less (macOS does not limit address space), the parent watches memory.
"""

import contextlib
import ctypes
import resource
import signal
import sys
from typing import Final

from conversations import limits
from conversations.confined.walls import raise_walls

_PR_SET_PDEATHSIG: Final = 1


def apply() -> None:
    """Memory, files, new processes, privileges; and end with the thread that started this."""
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)  # the parent's may be to ignore it
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, limits.READER_FILES_MAX)
    _limit(resource.RLIMIT_AS, limits.READER_MEMORY_BYTES)
    if hasattr(resource, "RLIMIT_NPROC"):
        _limit(resource.RLIMIT_NPROC, 0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        raise_walls()


def allow_seconds(seconds: int) -> None:
    """Processor time from now on; SIGXCPU ends the process after it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


def _limit(what: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # refused where a harder one is set already
        resource.setrlimit(what, (value, value))
