"""Unmasking what clients send (RFC 6455 section 5.3), the one loop over every byte of a backup.

websockets' C function does it with one copy, a third less processor than autobahn's native code
(NVX) for the whole of receiving; autobahn's pure Python receives 11 MB/s. The function is not
documented, so autobahn's own takes its place when it is gone.
"""

from typing import Any, Final

from autobahn.websocket import USES_NVX

try:
    from websockets.speedups import apply_mask
except ImportError:
    apply_mask = None  # type: ignore[assignment]

is_native: Final = apply_mask is not None or USES_NVX


class Masker:
    """Takes the place of autobahn's maskers: one frame's payload, piece by piece."""

    __slots__ = ("_at", "_mask")

    def __init__(self, mask: bytes) -> None:
        self._mask, self._at = mask, 0

    def pointer(self) -> int:
        """How many bytes were processed."""
        return self._at

    def process(self, data: bytes) -> bytes:
        """The next piece, unmasked."""
        turn = self._at & 3
        self._at += len(data)
        return apply_mask(data, self._mask[turn:] + self._mask[:turn])


def fastest(mask: bytes | None, autobahns: Any) -> Any:  # noqa: ANN401 (autobahn's has no type)
    """A masker for one frame: ours, or the one that autobahn chose."""
    return autobahns if mask is None or apply_mask is None else Masker(mask)
