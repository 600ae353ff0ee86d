"""QR codes as SVG paths, dark on white whatever the page's colours are."""

from typing import Final, NamedTuple

import qrcode
from qrcode.constants import ERROR_CORRECT_M

QUIET_ZONE_MODULES: Final = 4  # ISO/IEC 18004 asks for four


class Drawing(NamedTuple):
    """A code drawn in a square of ``size`` modules, quiet zone included."""

    size: int
    path: str


def draw(text: str) -> Drawing:
    """Draw ``text`` as one path of horizontal runs: small, and without seams between modules."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_ZONE_MODULES)
    code.add_data(text)
    matrix = code.get_matrix()
    runs = (run for y, row in enumerate(matrix) for run in _runs(y, row))
    return Drawing(len(matrix), "".join(runs))


def _runs(y: int, row: list[bool]) -> list[str]:
    runs = []
    x = 0
    while x < len(row):
        end = x
        while end < len(row) and row[end]:
            end += 1
        if end > x:
            runs.append(f"M{x} {y}h{end - x}v1h{x - end}z")
        x = end + 1
    return runs
