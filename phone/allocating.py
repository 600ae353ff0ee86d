"""Telling the C library to keep freed memory while megabytes come and go.

glibc returns freed blocks of a megabyte to the system and gets them again page by page: measured
over a backup of 1 GB, 290,000 page faults instead of 24,000, and 15 % more processor time.
"""

import ctypes
import sys
from functools import lru_cache
from typing import Final

from wire import limits

_M_TRIM_THRESHOLD: Final = -1  # malloc.h of glibc
_M_MMAP_THRESHOLD: Final = -3


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Raise glibc's thresholds once per process; other C libraries are left alone."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 * limits.MIB)
        mallopt(_M_TRIM_THRESHOLD, 128 * limits.MIB)
