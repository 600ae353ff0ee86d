"""New folders that a power cut does not take away: a folder's name is kept by the one above it."""

import os
from pathlib import Path


def make(folder: Path) -> list[Path]:
    """Make a folder where there is none; answers the folders that hold a new name since then."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [each.parent for each in missing]


def sync(folder: Path) -> None:
    """Make the names in a folder durable; raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
