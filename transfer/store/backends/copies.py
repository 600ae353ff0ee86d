"""Local copies of packs that lie elsewhere, bounded in bytes."""

import os
import threading
from collections import OrderedDict
from pathlib import Path


class Copies:
    """Local copies of packs, the least recently used of which goes first."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[Path, int]] = OrderedDict()

    def open(self, name: str) -> int | None:
        """An open handle on the copy of ``name``, if there is one."""
        with self._lock:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return os.open(self._kept[name][0], os.O_RDONLY)

    def add(self, name: str, path: Path, size: int) -> None:
        """Remember a copy; others go while all are larger than the bound together."""
        with self._lock:
            self._kept[name] = (path, size)
            while sum(size for _path, size in self._kept.values()) > self._bytes_max:
                _oldest, (forgotten, _size) = self._kept.popitem(last=False)
                forgotten.unlink(missing_ok=True)

    def forget(self, name: str) -> None:
        """Remove the copy of ``name``, if there is one."""
        with self._lock:
            path, _size = self._kept.pop(name, (None, 0))
            if path is not None:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every copy."""
        with self._lock:
            names = list(self._kept)
        for name in names:
            self.forget(name)
