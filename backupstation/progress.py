"""How far a transfer is: bytes, items, speed, time left."""

from dataclasses import dataclass
from typing import Self

from backupstation.journey import Transfer
from backupstation.pace import Pace
from transfer.models import Step


@dataclass(frozen=True)
class Progress:
    """Numbers of one transfer. Bytes and seconds; 0 or None where nothing is known."""

    done: int
    held: int
    total: int
    items: int
    bytes_per_second: int

    @classmethod
    def of(cls, transfer: Transfer, pace: Pace, now: float) -> Self | None:
        """What the trail tells while data is under way; None otherwise. ``now`` is monotonic."""
        if transfer.is_over or transfer.last not in (Step.RECEIVING, Step.SENDING):
            return None
        detail = transfer.detail
        done = int(detail.get("received", detail.get("sent", 0)))
        held = int(detail.get("held", 0))
        speed = pace.bytes_per_second(transfer.session_id, done, now)
        total = int(detail.get("bytes", 0))
        return cls(done, held, total, int(detail.get("items", 0)), speed)

    @property
    def over(self) -> int:
        """Bytes that need not be sent any more."""
        return min(self.done + self.held, self.total) if self.total else self.done

    @property
    def percent(self) -> int | None:
        """Whole percent, rounded down."""
        return 100 * self.over // self.total if self.total else None

    @property
    def seconds_left(self) -> int | None:
        """At the present speed."""
        if not self.total or not self.bytes_per_second:
            return None
        return (self.total - self.over) // self.bytes_per_second

    @property
    def minutes_left(self) -> int | None:
        """Whole minutes, rounded up; None below one minute and a half."""
        seconds = self.seconds_left
        return None if seconds is None or seconds < 90 else -(-seconds // 60)
