"""What is set once for the whole process of the server."""

import gc
from typing import Any, Final

from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    STDLibLogObserver,
    globalLogBeginner,
)

# New objects until the youngest generation is collected; Python's default is 700.
_COLLECT_AFTER: Final = 5_000


def settle_memory() -> None:
    """Spare the collector what was loaded by now and lives for ever: 5 % of a backup's work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def log_only_faults(name: str) -> None:
    """Hand faults of Twisted and autobahn to the logger ``name``; the rest names connections."""
    # Twisted types these by zope interfaces, which mypy does not know.
    critical: Any = LogLevelFilterPredicate(defaultLogLevel=LogLevel.critical)
    records: Any = STDLibLogObserver(name)
    observer: Any = FilteringLogObserver(records, [critical])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)
