"""The bytes of an attachment: an item of a snapshot, or a part of one.

They are read from the store by what the index says; nothing that a browser sent becomes a name.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, Final

from conversations.archives import ArchiveTree
from conversations.kept import SnapshotTree
from conversations.models import Attachment, SourceRow
from transfer.models import Snapshot

_READ_BYTES: Final = 256 * 1024  # a multiple of four, so that base64 is cut between its groups
_SNAPSHOTS_HELD: Final = 4
_BLANKS: Final = b" \t\r\n"


class NotKept(Exception):
    """No snapshot has the bytes: the export left them out, or what had them was forgotten."""


@dataclass(frozen=True)
class Content:
    """An attachment's bytes. ``size`` is None when only reading to the end would tell."""

    file: BinaryIO
    start: int
    length: int | None
    is_base64: bool
    size: int | None

    def read(self, first: int = 0) -> Iterator[bytes]:
        """Pieces from byte ``first`` to the end; the file is closed at their end.

        Raises OSError where the bytes are damaged.
        """
        with self.file:
            if self.is_base64:
                yield from _without(first, _decoded(self._stored(0)))
            else:
                yield from self._stored(first)

    def head(self, count: int) -> bytes:
        """The first ``count`` bytes, or all if there are fewer; reading may follow."""
        pieces, head = (_decoded(self._stored(0)) if self.is_base64 else self._stored(0)), b""
        for piece in pieces:
            head += piece
            if len(head) >= count:
                break
        return head[:count]

    def _stored(self, first: int) -> Iterator[bytes]:
        self.file.seek(self.start + first)
        left = None if self.length is None else max(0, self.length - first)
        while left is None or left > 0:
            piece = self.file.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
            if not piece:
                return
            if left is not None:
                left -= len(piece)
            yield piece


class Contents:
    """Opens attachments, one after the other; the snapshots that they are in stay open."""

    def __init__(self) -> None:
        self._tree = lru_cache(maxsize=_SNAPSHOTS_HELD)(_tree_of)

    def of(self, attachment: Attachment) -> Content:
        """The bytes of ``attachment``; raises :class:`NotKept`, or OSError when damaged."""
        if not attachment.file:
            raise NotKept("the export left it out")
        tree = self._tree(attachment.source_id)
        try:
            size, file = tree.size(attachment.file), tree.open(attachment.file)
        except KeyError:
            raise NotKept("it is no longer where it was") from None
        encoded = attachment.encoding == "base64"
        known = attachment.length if attachment.length is not None else size - attachment.start
        size_told = None if encoded else max(0, known)
        return Content(file, attachment.start, attachment.length, encoded, size_told)


def _tree_of(source_id: int) -> ArchiveTree:
    return ArchiveTree(SnapshotTree(snapshot_with(SourceRow.objects.get(pk=source_id))))


def snapshot_with(source: SourceRow) -> Snapshot:
    """The newest receipted snapshot that holds this source; raises :class:`NotKept`."""
    holding = source.snapshot_links.values_list("snapshot__snapshot_id", flat=True)
    found = Snapshot.objects.receipted().filter(
        vault_id=source.vault, snapshot_id__in=list(holding)
    )
    newest = found.select_related("vault").order_by("-sequence").first()
    if newest is None:
        raise NotKept("no snapshot has it any more")
    return newest


def _decoded(stored: Iterator[bytes]) -> Iterator[bytes]:
    """Base64 with or without line ends; what is no base64 ends it, as a damaged file does."""
    rest = b""
    for piece in stored:
        rest += piece.translate(None, _BLANKS)
        whole = len(rest) - len(rest) % 4
        yield _decode(rest[:whole])
        rest = rest[whole:]
    if rest:
        yield _decode(rest + b"=" * (-len(rest) % 4))


def _decode(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise OSError(f"no base64: {error}") from None


def _without(count: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """All but the first ``count`` bytes."""
    for piece in pieces:
        if count < len(piece):
            yield piece[count:]
        count = max(0, count - len(piece))
