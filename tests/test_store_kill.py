"""kill -9 at random moments: what was reported durable opens wholly, no half pack has a name."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.store_child import VAULT, content_of
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import VaultKeys
from transfer.store.packs import PackReader

PROJECT = Path(__file__).parents[1]


def kill_after(store: Path, seconds: float) -> list[tuple[str, int, int]]:
    """Let a child pack for so long, kill it; the packs that it reported: name, size, chunks."""
    command = [sys.executable, "-m", "tests.store_child", str(store)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        time.sleep(seconds)
        child.kill()
        lines = child.stdout.read().splitlines(keepends=True)
    reported = [line.split() for line in lines if line.endswith("\n")]
    return [(name, int(size), int(count)) for name, size, count in reported]


@pytest.mark.parametrize("generation", range(3))
def test_what_was_reported_survives_a_kill_and_nothing_half_made_has_a_name(tmp_path, generation):
    store = tmp_path / "store"
    reported: list[tuple[str, int, int]] = []
    for _ in range(4):
        reported += kill_after(store, random.uniform(0.0, 0.25))
        backend = PosixBackend(store)
        backend.sweep_spool()
        assert list((store / "spool").iterdir()) == []
    sizes = dict(backend.list("packs/"))
    reader = PackReader(backend, VaultKeys(*VAULT))
    counts = {}
    for name in sizes:
        entries = reader.directory(name)
        counts[name] = len(entries)
        for entry in entries:
            assert reader.read(name, entry) == content_of(entry.chunk_id)
    assert reported
    for name, size, count in reported:
        assert (sizes[name], counts[name]) == (size, count)
