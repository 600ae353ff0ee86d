"""Backup Station beside rsync over ssh and restic, in one run: ``python -m benchmarks.run``.

Every round takes the contenders in turn, each with an empty store, so that what the machine does
meanwhile falls on all of them. Ratios of medians are what counts; seconds differ from machine to
machine. Exit code 1 when a target is missed, 2 when a rival is not installed.
"""

import argparse
import filecmp
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import dataset, rivals
from benchmarks.contenders import Contender, Measured, measure
from benchmarks.ours import BackupStation
from benchmarks.results import Results

_CONTENDERS: Final[dict[str, Callable[[], Contender]]] = {
    "ours": BackupStation,
    "rsync": rivals.Rsync,
    "restic": rivals.Restic,
}
_SMALL: Final = 0.25
_FULL_SET_NEEDS_BYTES: Final = 5_000_000_000
_ROOT: Final = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if absent := rivals.missing():
        print(f"Please install: {' '.join(absent)}   (Debian: apt install)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="backupstation-bench-", dir=options.folder) as name:
        results = _measure_all(options, Path(name))
    print("\n".join(["", *results.table(), ""]))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    verdicts = list(results.verdicts())
    for met, words in verdicts:
        print(f"{'met   ' if met else 'MISSED'}  {words}")
    print(f"\nEvery number is in {options.json}")
    return 0 if all(met for met, _words in verdicts) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 1 GB")
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's /tmp)")
    parser.add_argument("--json", type=Path, default=_ROOT / "var" / "bench.json")
    parser.add_argument("--only", nargs="+", choices=_CONTENDERS, default=list(_CONTENDERS))
    return parser.parse_args(arguments)


def _measure_all(options: argparse.Namespace, folder: Path) -> Results:
    needed, free = _FULL_SET_NEEDS_BYTES * options.scale, shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(f"{folder} has {free / 1e9:.1f} GB free; {needed / 1e9:.1f} are needed.")
    source = dataset.make(folder / "phone", options.scale)
    print(f"{source.files} files, {source.bytes / 1e6:.0f} MB", flush=True)
    # Nobody's phone compiles its modules on every start, whatever this shell is set to.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results = Results(source.bytes, source.files)
    for number in range(options.rounds):
        turn = number % len(options.only)
        for kind in options.only[turn:] + options.only[:turn]:
            contender = _CONTENDERS[kind]()
            for phase, measured in _round(contender, folder / kind, source.folder):
                results.steps[contender.name][phase].append(measured)
                line = f"round {number + 1}  {contender.name:16} {phase:10}"
                print(f"{line} {measured.seconds:6.2f} s", flush=True)
    if "ours" in options.only:
        small = dataset.make(folder / "small", options.scale * _SMALL)
        results.handshake_seconds, results.small_server_bytes = _alone(folder / "alone", small)
    return results


def _round(contender: Contender, folder: Path, source: Path) -> Iterator[tuple[str, Measured]]:
    back = folder / "back"
    back.mkdir(parents=True)
    restored: list[Path] = []
    try:
        contender.open(folder)
        yield "first", _step(contender, lambda: contender.first(source))
        yield "unchanged", _step(contender, lambda: contender.unchanged(source))
        yield "restore", _step(contender, lambda: restored.append(contender.restore(source, back)))
        _compare(source, restored[0], contender.name)
    finally:
        contender.close()
        shutil.rmtree(folder)


def _step(contender: Contender, step: Callable[[], None]) -> Measured:
    contender.prepare()
    return measure(step, contender)


def _compare(source: Path, restored: Path, name: str) -> None:
    files, there = (
        sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        for folder in (source, restored)
    )
    if files != there:
        raise SystemExit(f"{name} did not bring back the same files")
    for file in files:
        if not filecmp.cmp(source / file, restored / file, shallow=False):
            raise SystemExit(f"{name} brought back other bytes in {file}")


def _alone(folder: Path, small: dataset.Dataset) -> tuple[float, int]:
    """Handshakes in seconds, and the station's peak memory with a part of the data."""
    station = BackupStation()
    folder.mkdir()
    try:
        station.open(folder)
        handshake = station.handshake()
        measured = _step(station, lambda: station.first(small.folder))
        return handshake, measured.server_bytes
    finally:
        station.close()


if __name__ == "__main__":
    sys.exit(main())
