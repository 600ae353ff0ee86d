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
            path = _first_free(path + _held(folder), self._files) + "/"
            self._folders.add(_key(path[:-1]))
        told = _first_free(path + _held(last), self._files, self._folders)
        self._files.add(_key(told))
        return told


def _held(part: str) -> str:
    """The name of one file or folder as Windows can hold it."""
    part = _FORBIDDEN.sub("_", part)
    if part.endswith((".", " ")):
        part = part[:-1] + "_"
    return f"_{part}" if _DEVICE.match(part) else part


def _first_free(path: str, *taken: set[int]) -> str:
    before, slash, last = path.rpartition("/")
    stem, ending = _split(last)
    number = 1
    while any(_key(path) in each for each in taken):
        number += 1
        path = f"{before}{slash}{stem} ({number}){ending}"
    return path


def _split(last: str) -> tuple[str, str]:
    stem, dot, ending = last.rpartition(".")
    return (stem, dot + ending) if stem else (last, "")


def _key(path: str) -> int:
    """Equal for paths that some system takes for one; a number, since there may be very many."""
    return hash(unicodedata.normalize("NFC", path).casefold())
