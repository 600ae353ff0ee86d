"""The phone's JavaScript in node: its own tests, and its modules as a process to talk to."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.stations import ROOT

FOLDER = ROOT / "tests" / "js"


@dataclass(frozen=True)
class Refusal:
    """What JavaScript threw: name and code of the error, its message, the handshake's state."""

    refused: str
    code: int
    message: str
    state: str | None


class Peer:
    """One node process with the modules of static/phone/wire, which answers one call at a time."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def ask(self, operation: str, body: bytes = b"", **given: Any) -> tuple[Any, bytes]:
        """The value and the bytes that ``operation`` of tests/js/peer.mjs answers."""
        head = json.dumps(given | {"operation": operation}).encode()
        lengths = len(head).to_bytes(4) + len(body).to_bytes(4)
        assert self._process.stdin is not None
        self._process.stdin.write(lengths + head + body)
        self._process.stdin.flush()
        lengths = self._read(8)
        head, body = (
            self._read(int.from_bytes(lengths[:4])),
            self._read(int.from_bytes(lengths[4:])),
        )
        value = json.loads(head)
        if isinstance(value, dict) and "refused" in value:
            return Refusal(**value), b""
        return value, body

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(count)
        assert len(data) == count, "the node process ended; its error is above"
        return data


@contextmanager
def peer() -> Iterator[Peer]:
    """A running peer."""
    command = ["node", str(FOLDER / "peer.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Peer(process)
        process.stdin.close()


def run_tests() -> subprocess.CompletedProcess[str]:
    """Node's own test runner over every tests/js/*.test.mjs."""
    files = sorted(map(str, FOLDER.glob("*.test.mjs")))
    command = ["node", "--test", "--test-reporter=tap", *files]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
