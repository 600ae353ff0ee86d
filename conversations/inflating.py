"""The bytes of one member of a zip, as a seekable file of bounded cost.

Going back costs no more than the bytes since the last of some remembered states; what expands more
than it may, is cut off, or does not fit its checksum ends in :class:`conversations.tree.Damaged`,
after everything before it was given.
"""

import zlib
from typing import Any, BinaryIO, Final, NamedTuple

from conversations import limits
from conversations.placed import PlacedFile
from conversations.tree import Damaged
from conversations.zipped import STORED, Member

_INPUT_BYTES: Final = 64 * limits.KIB
_BUFFER_BYTES: Final = 256 * limits.KIB
_STATES: Final = 64  # each takes some 40 KiB
_STATE_EVERY: Final = limits.MIB


class _State(NamedTuple):
    """What inflating goes on with: it has taken and given so many bytes."""

    taken: int
    given: int
    pending: bytes
    inflate: Any


class MemberFile(PlacedFile):
    """Reads one member of ``archive``, whose bytes begin at ``start``. Closes ``archive``."""

    def __init__(self, archive: BinaryIO, start: int, member: Member) -> None:
        super().__init__(member.size)
        self._archive, self._start, self._member = archive, start, member
        self._summed, self._crc = 0, 0

    def close(self) -> None:
        """Close the archive as well."""
        if not self.closed:
            self._archive.close()
        super().close()

    def _sum(self, data: bytes, at: int) -> None:
        """Bytes were read from ``at`` on; those that come for the first time are summed up."""
        if at == self._summed:
            self._crc = zlib.crc32(data, self._crc)
            self._summed += len(data)

    def _check(self, end: int) -> None:
        """The member ends here: raises :class:`Damaged` where that is not as it was said."""
        if end != self._member.size:
            raise self._damaged("archive-damaged", "it is not as long as it should be")
        if self._summed == end and self._crc != self._member.crc:
            raise self._damaged("archive-damaged", "its checksum is wrong")

    def _damaged(self, code: str, detail: str) -> Damaged:
        return Damaged(code, f"{self._member.name}: {detail}")


class StoredFile(MemberFile):
    """A member that is there as it is."""

    def read_at(self, at: int, most: int) -> bytes:
        """The bytes themselves."""
        wanted = min(most, self._member.compressed - at)
        if wanted <= 0:
            self._check(self._member.compressed)
            return b""
        self._archive.seek(self._start + at)
        data = self._archive.read(wanted)
        if not data:
            raise self._damaged("archive-damaged", "it is cut off")
        self._sum(data, at)
        return data


class DeflatedFile(MemberFile):
    """A member that is inflated as it is read."""

    def __init__(self, archive: BinaryIO, start: int, member: Member) -> None:
        super().__init__(archive, start, member)
        self._states: list[_State] = []
        self._every = max(_STATE_EVERY, member.size // _STATES)
        self._states.append(_State(0, 0, b"", zlib.decompressobj(-zlib.MAX_WBITS)))
        self._restart(self._states[0])

    def read_at(self, at: int, most: int) -> bytes:
        """The bytes from ``at`` on, after inflating those before it that were not yet."""
        self._go_to(at)
        return self._inflated(most) if self._given == at else b""

    def _go_to(self, at: int) -> None:
        if at < self._given or self._is_passed(at):
            self._restart(max((each for each in self._states if each.given <= at), key=_given))
        while self._given < at and self._inflated(min(at - self._given, limits.MIB)):
            pass

    def _is_passed(self, at: int) -> bool:
        """Whether a state that was remembered is nearer than going on."""
        return any(self._given < each.given <= at for each in self._states)

    def _restart(self, state: _State) -> None:
        self._taken, self._given, self._pending = state.taken, state.given, state.pending
        self._inflate = state.inflate.copy()

    def _inflated(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end."""
        while not self._inflate.eof:
            if not self._pending:
                self._pending = self._compressed()
            try:
                data: bytes = self._inflate.decompress(self._pending, most)
            except zlib.error as error:
                raise self._damaged("archive-damaged", str(error)) from None
            self._pending = self._inflate.unconsumed_tail
            if data:
                return self._counted(data)
        self._check(self._given)
        return b""

    def _compressed(self) -> bytes:
        wanted = min(_INPUT_BYTES, self._member.compressed - self._taken)
        self._archive.seek(self._start + self._taken)
        data = self._archive.read(wanted) if wanted > 0 else b""
        if not data:
            raise self._damaged("archive-damaged", "it is cut off")
        self._taken += len(data)
        return data

    def _counted(self, data: bytes) -> bytes:
        self._sum(data, self._given)
        self._given += len(data)
        allowed = limits.EXPANSION_FREE_BYTES + limits.EXPANSION_RATIO_MAX * self._taken
        if self._given > allowed:
            raise self._damaged("expands-too-much", f"over {limits.EXPANSION_RATIO_MAX} times")
        if self._given - self._states[-1].given >= self._every and len(self._states) < _STATES:
            self._states.append(
                _State(self._taken, self._given, self._pending, self._inflate.copy())
            )
        return data


def _given(state: _State) -> int:
    return state.given


def opened(archive: BinaryIO, start: int, member: Member) -> BinaryIO:
    """The member's bytes, buffered."""
    kind = StoredFile if member.method == STORED else DeflatedFile
    return kind(archive, start, member).buffered(_BUFFER_BYTES)
