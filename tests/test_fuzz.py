"""Every reader under random files for a moment; docs/development.md tells how to do more."""

import subprocess
import sys

import pytest

from conversations.readers import READERS
from tests.stations import ROOT

_OPTIONS = ["-seed=1", "-runs=3000", "-max_total_time=5", "-max_len=8192", "-timeout=10"]


def fuzzed(app: str, tmp_path) -> subprocess.CompletedProcess[str]:
    kept = f"-artifact_prefix={tmp_path}/"
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.readers", app, *_OPTIONS, kept],
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.app)
def test_no_file_breaks_the_reader(reader, tmp_path) -> None:
    done = fuzzed(reader.app, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Done" in done.stderr
