"""What a source of a snapshot is, by content: the same in two snapshots is read once.

Nothing is read for it, since the manifest knows the SHA-256 of every item. A source in an archive
is named by the archive. Otherwise the files beside it count as well: an export whose media came
later is another source.
"""

import hashlib
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from conversations import limits
from conversations.kept import SnapshotTree
from conversations.readers import BY_APP
from conversations.recognising import Recognised
from transfer.itemfile import KeptItems

DIGEST_BYTES: Final = 24


def digests_of(tree: SnapshotTree, sources: Iterable[Recognised]) -> list[str]:
    """The digest of each source, in hex."""
    sources = list(sources)
    items = [_items_of(tree.items, source.files) for source in sources]
    beside = _beside(tree.items, {name for found in items for name in found})
    return [_digest(source, found, beside) for source, found in zip(sources, items, strict=True)]


def are_sound(tree: SnapshotTree, files: Sequence[str]) -> bool:
    """Whether every byte of what these files are, or are in, can be read."""
    try:
        for name in _items_of(tree.items, files):
            with tree.open(name) as file:
                while file.read(limits.MIB):
                    pass
    except OSError:
        return False
    return True


def _items_of(items: KeptItems, files: Sequence[str]) -> dict[str, bytes]:
    """The items that these files are, or are in, with their SHA-256."""
    found: dict[str, bytes] = {}
    for name in files:
        parts = name.split("/")
        for end in range(len(parts), 0, -1):
            item = items.get("/".join(parts[:end]))
            if item is not None:
                found[item.name] = item.sha256
                break
    return found


def _beside(items: KeptItems, in_sources: set[str]) -> dict[str, bytes]:
    """By folder with sources, a digest of the other files in it and below it.

    A file counts for the nearest such folder alone.
    """
    hashes = {posixpath.dirname(name): hashlib.blake2b() for name in in_sources}
    for item in items:
        if item.name in in_sources:
            continue
        folder = _nearest(posixpath.dirname(item.name), hashes)
        if folder is not None:
            hashes[folder].update(f"{item.name}\0".encode() + item.sha256)
    return {folder: each.digest() for folder, each in hashes.items()}


def _nearest(folder: str, known: Mapping[str, object]) -> str | None:
    while folder not in known:
        if not folder:
            return None
        folder = posixpath.dirname(folder)
    return folder


def _digest(source: Recognised, items: dict[str, bytes], beside: dict[str, bytes]) -> str:
    whole = hashlib.blake2b(digest_size=DIGEST_BYTES)
    reader = BY_APP.get(source.app)
    whole.update(f"{source.app}\0{reader.version if reader else 0}\0".encode())
    for name in source.files:
        whole.update(f"{name}\0".encode())
    for name, digest in items.items():
        whole.update(f"{name}\0".encode() + digest)
        if name in source.files:  # what is in an archive has its files there
            whole.update(beside[posixpath.dirname(name)])
    return whole.hexdigest()
