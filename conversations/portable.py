"""Names in archives that every system can unpack side by side, Windows among them.

Names stay what they are where they can. One that Windows cannot hold, or that differs from an
earlier one only by case, gets another, and what it is really called is told.
"""

import re
import unicodedata
from typing import Final

_FORBIDDEN: Final = re.compile(r'[<>:"\\|?*\x00-\x1f]')
# Without case, and whatever ending they have.
_DEVICE: Final = re.compile(
    r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)"
)


class Names:
    """The names of one archive; ``changed`` are (as it is there, as it really is)."""

    def __init__(self) -> None:
        self.changed: list[tuple[str, str]] = []
        self._files: set[int] = set()
        self._folders: set[int] = set()
        self._numbers: dict[int, int] = {}

    def of(self, name: str) -> str:
        """What the file ``name`` is to be called."""
        told = self.free(name)
        if told != name:
            self.changed.append((told, name))
        return told

    def free(self, name: str) -> str:
        """A name like this that no file has, for what is called nothing by itself."""
        *folders, last = name.split("/")
        path = ""
        for folder in folders:
            path = _first_free(path + _held(folder), 1, self._files)[0] + "/"
            self._folders.add(_key(path[:-1]))
        return self._free_file(path + _held(last))

    def _free_file(self, path: str) -> str:
        """Of many that would be called the same, each has the number after that of the last."""
        key = _key(path)
        taken = (self._files, self._folders)
        told, number = _first_free(path, self._numbers.get(key, 1), *taken)
        if number > 1:
            self._numbers[key] = number
        self._files.add(_key(told))
        return told


def _held(part: str) -> str:
    """The name of one file or folder as Windows can hold it."""
    part = _FORBIDDEN.sub("_", part)
    if part.endswith((".", " ")):
        part = part[:-1] + "_"
    return f"_{part}" if _DEVICE.match(part) else part


def _first_free(path: str, number: int, *taken: set[int]) -> tuple[str, int]:
    """The path with the first number that nothing has, from ``number`` on; 1 is not written."""
    before, slash, last = path.rpartition("/")
    stem, ending = _split(last)
    while True:
        told = path if number == 1 else f"{before}{slash}{stem} ({number}){ending}"
        if not any(_key(told) in each for each in taken):
            return told, number
        number += 1


def _split(last: str) -> tuple[str, str]:
    stem, dot, ending = last.rpartition(".")
    return (stem, dot + ending) if stem else (last, "")


def _key(path: str) -> int:
    """Equal for paths that some system takes for one; a number, since there may be very many."""
    return hash(unicodedata.normalize("NFC", path).casefold())
