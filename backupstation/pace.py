"""How fast a transfer goes, from what the page saw in the last seconds."""

from collections import deque
from typing import Final

_WINDOW_SECONDS: Final = 5.0
_SESSIONS_MAX: Final = 16


class Pace:
    """Speeds by session id. ``now`` is a monotonic clock in seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def bytes_per_second(self, session_id: str, count: int, now: float) -> int:
        """Note that ``count`` bytes are over by ``now``; 0 until there is something to tell."""
        seen = self._seen.setdefault(session_id, deque())
        if len(self._seen) > _SESSIONS_MAX:
            self._seen.pop(next(iter(self._seen)))
        seen.append((now, count))
        while len(seen) > 2 and seen[0][0] < now - _WINDOW_SECONDS:
            seen.popleft()
        (since, before), span = seen[0], now - seen[0][0]
        return max(0, int((count - before) / span)) if since < now else 0
