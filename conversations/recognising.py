"""Which files of a tree are chats, and which reader reads them.

The beginning of every file is looked at, but for those whose name says that they are media,
documents or archives; what no reader knows is no chat, and stays what it is: bytes.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import msgspec

from conversations import limits
from conversations.readers import READERS, Reader
from conversations.tree import MISSING, Damaged, Tree, TreeWarning

_NO_CHATS: Final = frozenset(
    {
        *("jpg", "jpeg", "png", "gif", "webp", "heic", "heif", "avif", "bmp", "tif", "tiff"),
        *("svg", "tgs", "thumb", "dng", "raw", "psd", "ico"),
        *("mp4", "mov", "3gp", "3gpp", "avi", "mkv", "webm", "m4v", "mpg", "mpeg", "ts"),
        *("mp3", "m4a", "aac", "ogg", "opus", "oga", "amr", "wav", "flac", "wma", "mid", "caf"),
        *("pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "epub", "rtf"),
        *("apk", "jar", "exe", "dmg", "iso", "ttf", "otf", "woff", "woff2", "vcf", "ics"),
        *("zip", "rar", "7z", "gz", "bz2", "xz", "tar"),
    }
)


class Recognised(msgspec.Struct, frozen=True, array_like=True):
    """One source: the files that the reader of ``app`` reads together, the main one first."""

    app: str
    files: tuple[str, ...]


def recognise(tree: Tree, warnings: list[TreeWarning] | None = None) -> Iterator[Recognised]:
    """The sources of a tree, by reader and name.

    Files that cannot be looked at are added to ``warnings``, and so is a reader that fails.
    """
    told: list[TreeWarning] = [] if warnings is None else warnings
    recognised: dict[str, list[str]] = defaultdict(list)
    for name in tree.names():
        if not _may_be_chat(name):
            continue
        reader = _reader_of(tree, name, told)
        if reader is not None:
            recognised[reader.app].append(name)
    for reader in READERS:
        yield from _gathered(tree, reader, recognised.get(reader.app, []), told)


def best_for(name: str, head: bytes) -> Reader | None:
    """The most confident reader, if there is any."""
    chosen, most = None, 0.0
    for reader in READERS:
        confidence = reader.sniff(name, head)
        if confidence > most:
            chosen, most = reader, confidence
    return chosen


def head_of(tree: Tree, name: str) -> bytes:
    """The first 4 KiB of a file."""
    with tree.open(name) as file:
        return file.read(limits.HEAD_BYTES)


def _may_be_chat(name: str) -> bool:
    return name.rpartition(".")[2].lower() not in _NO_CHATS


def _reader_of(tree: Tree, name: str, told: list[TreeWarning]) -> Reader | None:
    try:
        return best_for(name, head_of(tree, name))
    except (OSError, KeyError) as error:
        code = error.code if isinstance(error, Damaged) else MISSING
        told.append(TreeWarning(code, name, str(error)[: limits.DETAIL_CHARS_MAX]))
    except Exception as error:  # a fault of one reader must not hide the others' chats
        told.append(_failed(name, error))
    return None


def _gathered(
    tree: Tree, reader: Reader, names: list[str], told: list[TreeWarning]
) -> Iterator[Recognised]:
    try:
        for files in reader.gather(tree, names):
            yield Recognised(reader.app, files)
    except Exception as error:  # as above
        told.append(_failed(names[0] if names else "", error))


def _failed(name: str, error: Exception) -> TreeWarning:
    detail = f"{type(error).__name__}: {error}"
    return TreeWarning("reader-failed", name, detail[: limits.DETAIL_CHARS_MAX])
