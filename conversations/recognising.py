"""Which files of a tree are chats, and which reader reads them.

Every file is looked at but those whose name says that they are media; what no reader knows is no
chat, and stays what it is: bytes.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from conversations import limits
from conversations.readers import READERS, Reader
from conversations.tree import Tree

_MEDIA: Final = tuple(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "png", "gif", "webp", "heic", "heif", "bmp", "svg", "tgs", "thumb"),
        *("mp4", "mov", "3gp", "avi", "mkv", "webm"),
        *("mp3", "m4a", "aac", "ogg", "opus", "oga", "amr", "wav", "flac"),
        *("pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "apk", "vcf"),
    )
)


class Recognised(msgspec.Struct, frozen=True, array_like=True):
    """One source: the files that the reader of ``app`` reads together, the main one first."""

    app: str
    files: tuple[str, ...]


def recognise(tree: Tree) -> Iterator[Recognised]:
    """The sources of a tree, by reader and name."""
    recognised: dict[str, list[str]] = defaultdict(list)
    for name in tree.names():
        if name.lower().endswith(_MEDIA):
            continue
        reader = best_for(name, head_of(tree, name))
        if reader is not None:
            recognised[reader.app].append(name)
    for reader in READERS:
        for files in reader.gather(tree, recognised.get(reader.app, [])):
            yield Recognised(reader.app, files)


def best_for(name: str, head: bytes) -> Reader | None:
    """The most confident reader, if there is any."""
    chosen = max(READERS, key=lambda reader: reader.sniff(name, head))
    return chosen if chosen.sniff(name, head) > 0 else None


def head_of(tree: Tree, name: str) -> bytes:
    """The first 4 KiB of a file."""
    with tree.open(name) as file:
        return file.read(limits.HEAD_BYTES)
