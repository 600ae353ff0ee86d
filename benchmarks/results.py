"""What was measured, as a table, as JSON, and held against the targets."""

import os
import platform
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from benchmarks.contenders import PHASES, Measured

OURS: Final = "Backup Station"
RSYNC: Final = "rsync over ssh"
RESTIC: Final = "restic (rclone)"

# Our median seconds, as a part of the rival's, may be at most this.
_RATIOS_MAX: Final = (
    ("first", RSYNC, 0.8),
    ("first", RESTIC, 0.6),
    ("unchanged", RSYNC, 0.5),
    ("restore", RSYNC, 0.8),
)
_HANDSHAKE_SECONDS_MAX: Final = 0.050
_SERVER_BYTES_MAX: Final = 200_000_000
# Flat in the size of the data: four times as much may cost this much more.
_GROWTH_BYTES_MAX: Final = 30_000_000


@dataclass
class Results:
    """Everything that one run measured; ``steps`` by contender and phase, one per round."""

    bytes: int
    files: int
    steps: dict[str, dict[str, list[Measured]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    handshake_seconds: float | None = None
    small_server_bytes: int | None = None

    def seconds(self, name: str, phase: str) -> float:
        """The median over the rounds."""
        return statistics.median(each.seconds for each in self.steps[name][phase])

    def cpu_seconds(self, name: str, phase: str) -> float:
        """The median of the processor's time on both sides."""
        return statistics.median(each.cpu_seconds for each in self.steps[name][phase])

    def ratio(self, phase: str, rival: str) -> float:
        """Our median as a part of the rival's."""
        return self.seconds(OURS, phase) / self.seconds(rival, phase)

    def server_bytes(self, name: str) -> int:
        """The most memory that the server's side ever held."""
        return max(each.server_bytes for rounds in self.steps[name].values() for each in rounds)

    def table(self) -> Iterator[str]:
        """A line per contender, and one per rival with our part of its time."""
        yield f"{'':20}" + "".join(f"{phase:>12}" for phase in PHASES) + "  server memory"
        for name in self.steps:
            times = "".join(f"{self.seconds(name, phase):10.2f} s" for phase in PHASES)
            yield f"{name:20}{times}{self.server_bytes(name) / 1e6:12.0f} MB"
        for name in self.steps:
            times = "".join(f"{self.cpu_seconds(name, phase):10.2f} s" for phase in PHASES)
            yield f"  CPU {name:14}{times}"
        if OURS in self.steps:
            for rival in [name for name in self.steps if name != OURS]:
                ratios = "".join(f"{self.ratio(phase, rival):10.2f} x" for phase in PHASES)
                yield f"ours / {rival:13}{ratios}"

    def verdicts(self) -> Iterator[tuple[bool, str]]:
        """Each target that this run can be held against: whether it is met, and in words."""
        if OURS not in self.steps:
            return
        for phase, rival, most in _RATIOS_MAX:
            if rival in self.steps:
                ratio = self.ratio(phase, rival)
                yield ratio <= most, f"{phase}: {ratio:.2f} x {rival}, target {most}"
        used = self.server_bytes(OURS)
        yield used <= _SERVER_BYTES_MAX, f"station's peak memory: {used / 1e6:.0f} MB, target 200"
        if self.small_server_bytes is not None:
            grown = used - self.small_server_bytes
            words = f"peak memory with four times the data: {grown / 1e6:+.0f} MB, target +30"
            yield grown <= _GROWTH_BYTES_MAX, words
        if self.handshake_seconds is not None:
            words = f"handshake, median: {self.handshake_seconds * 1000:.0f} ms, target 50"
            yield self.handshake_seconds <= _HANDSHAKE_SECONDS_MAX, words

    def as_json(self) -> dict[str, Any]:
        """Every number, and on what machine it was measured."""
        return {
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "bytes": self.bytes,
            "files": self.files,
            "handshake_seconds": self.handshake_seconds,
            "small_server_bytes": self.small_server_bytes,
            "steps": {
                name: {phase: [asdict(each) for each in rounds] for phase, rounds in phases.items()}
                for name, phases in self.steps.items()
            },
        }
