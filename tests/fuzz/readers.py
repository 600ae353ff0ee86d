"""One reader under random files: ``python -m tests.fuzz.readers APP [libFuzzer's options]``.

An input is two bytes and a file: the first byte chooses one of the sample sources of the format,
the second which of its files is replaced. Whatever the file is, reading must end without an
exception, with counts that reconcile, and with events that can be sent.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["conversations"]):
    from conversations.confined.sendable import packed_batches
    from conversations.events import ReadWarning
    from conversations.reading import Reading
    from conversations.recognising import Recognised, recognise
    from conversations.tree import FolderTree
from tests.reading_cast import MemoryTree

_TESTS = Path(__file__).resolve().parents[1]
_SAMPLES = (_TESTS / "samples", _TESTS / "fuzz" / "seeds", _TESTS.parents[1] / "shared" / "samples")
_SEED_BYTES = 4096
_FAULTS = frozenset({"reader-failed", "counts-differ"})


class Harness:
    """Reads inputs as one format."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.sources = list(_sample_sources(app)) or [{"chat.txt": b""}]

    def seeds(self):
        """The samples themselves."""
        for number, files in enumerate(self.sources[:256]):
            for place, data in enumerate(list(files.values())[:16]):
                yield bytes([number, place]) + data

    def __call__(self, data: bytes) -> None:
        if len(data) < 2:
            return
        files = dict(self.sources[data[0] % len(self.sources)])
        files[list(files)[data[1] % len(files)]] = data[2:]
        tree = MemoryTree(files)
        reading = Reading(tree, Recognised(self.app, tuple(files)))
        events = list(reading)
        assert reading.counts.reconciles, reading.counts
        faults = [each for each in events if isinstance(each, ReadWarning) and each.code in _FAULTS]
        assert not faults, faults
        for start in range(0, len(events), 2000):
            list(packed_batches(events[start : start + 2000], reading.counts))


def _sample_sources(app: str):
    """The files of each source of the format, the main one first, cut to a size for fuzzing."""
    for folder in filter(Path.is_dir, _SAMPLES):
        tree = FolderTree(folder)
        for recognised in recognise(tree):
            if recognised.app == app:
                yield {name: _head(tree, name) for name in recognised.files[:16]}


def _head(tree, name: str) -> bytes:
    with tree.open(name) as file:
        return file.read(_SEED_BYTES)


def main() -> None:
    """Fuzz until libFuzzer's options say that it is enough; a crash ends it with its input."""
    app, *options = sys.argv[1:]
    harness = Harness(app)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(harness.seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], *options, corpus], harness)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
