"""What a zip holds that can be used, and warnings for everything else."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from conversations import limits
from conversations.tree import Damaged, TreeWarning
from conversations.zipped import (
    DEFLATED,
    STORED,
    BadZip,
    Member,
    members_from_start,
    members_of,
)

_HEADER_BYTES: Final = 30
_OFFSET_MAX: Final = 2**62
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_METHODS: Final = (STORED, DEFLATED)
_DOCUMENTS: Final = (
    "[Content_Types].xml",
    "META-INF/MANIFEST.MF",
    "META-INF/container.xml",
    "AndroidManifest.xml",
)
"""A zip with one of these is an office document, an app or a book, and no folder of chats."""

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(tuple[int, int, int, int, int, int]).decode


class Directory:
    """The members by name. Each is kept in some forty bytes, for there may be 200,000."""

    def __init__(self, file: BinaryIO) -> None:
        self.warnings: list[TreeWarning] = []
        self._packed: dict[str, bytes] = {}
        self._refused: Counter[str] = Counter()
        self._example: dict[str, str] = {}
        for member in self._read(file):
            self._add(member)
        self._drop_overlapping()
        self._tell_refused()

    @property
    def is_document(self) -> bool:
        """Whether this is something else that is kept in a zip."""
        return any(name in self._packed for name in _DOCUMENTS)

    def names(self) -> list[str]:
        """Of all files, sorted."""
        return sorted(self._packed)

    def __contains__(self, name: object) -> bool:
        return name in self._packed

    def member(self, name: str) -> Member:
        """The member; KeyError when there is none."""
        return Member(name, *_unpack(self._packed[name]))

    def _read(self, file: BinaryIO) -> Iterator[Member]:
        """By the directory; where that breaks off, by the local headers as well."""
        try:
            yield from self._bounded(members_of(file))
        except BadZip as error:
            self.warnings.append(TreeWarning("archive-damaged", "", str(error)))
            had = set(self._packed)
            for member in self._bounded(members_from_start(file)):
                if _cleaned(member.name) not in had:
                    yield member
        except (Damaged, EOFError) as error:
            self.warnings.append(TreeWarning("archive-damaged", "", str(error)))

    def _bounded(self, members: Iterator[Member]) -> Iterator[Member]:
        left, chars = limits.ARCHIVE_MEMBERS_MAX, limits.ARCHIVE_NAMES_CHARS_MAX
        for member in members:
            left, chars = left - 1, chars - len(member.name)
            if left < 0 or chars < 0:
                self.warnings.append(TreeWarning("archive-too-many", ""))
                return
            yield member

    def _add(self, member: Member) -> None:
        name = _cleaned(member.name)
        if name is None:
            return self._refuse("archive-bad-name", _printable(member.name))
        if name in self._packed:
            return self._refuse("archive-duplicate", name)
        if member.is_encrypted:
            return self._refuse("archive-encrypted", name)
        if member.method not in _METHODS:
            return self._refuse("archive-method", name)
        if max(member.header, member.compressed, member.size) > _OFFSET_MAX:
            return self._refuse("archive-damaged", name)
        if member.size > expanded_at_most(member.compressed):
            return self._refuse("expands-too-much", name)
        self._packed[name] = _pack(member[1:])
        return None

    def _refuse(self, code: str, name: str) -> None:
        self._refused[code] += 1
        self._example.setdefault(code, name)

    def _tell_refused(self) -> None:
        for code, count in self._refused.items():
            more = f"{count} files" if count > 1 else ""
            self.warnings.append(TreeWarning(code, self._example[code], more))

    def _drop_overlapping(self) -> None:
        """Two members that share bytes are a bomb, or damaged: neither is believed."""
        spans = sorted((*_unpack(packed)[:2], name) for name, packed in self._packed.items())
        reached, by = -1, ""
        for header, compressed, name in spans:
            if header < reached:
                for overlapping in (by, name):
                    if self._packed.pop(overlapping, None) is not None:
                        self._refuse("archive-overlap", overlapping)
            end = header + _HEADER_BYTES + compressed
            if end > reached:
                reached, by = end, name


def expanded_at_most(compressed: int) -> int:
    """To how many bytes a member may expand."""
    return limits.EXPANSION_FREE_BYTES + limits.EXPANSION_RATIO_MAX * compressed


def _cleaned(name: str) -> str | None:
    """A relative name with ``/``; None for one that leads elsewhere or cannot be shown."""
    name = name.replace("\\", "/")
    if name.startswith("/") or name[1:2] == ":" or len(name) > limits.PATH_CHARS_MAX:
        return None
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or _CONTROLS.search(name):
        return None
    return "/".join(parts)


def _printable(name: str) -> str:
    return _CONTROLS.sub("�", name[: limits.NAME_CHARS_MAX])
