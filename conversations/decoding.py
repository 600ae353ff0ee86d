"""Text files of unknown encoding, line by line.

Chat exports are UTF-8 (with or without a byte order mark), UTF-16 with one, or of the old encoding
of their country (CP949 in Korea, GB18030 in China).
"""

import codecs
import contextlib
import io
from collections.abc import Iterator
from typing import BinaryIO, Final

from conversations import limits

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OLD: Final = ("cp949", "gb18030")


def encoding_of(head: bytes, others: tuple[str, ...] = _OLD) -> str:
    """The encoding of a file that begins so; UTF-8 when nothing else fits better.

    ``head`` may end inside a character. Of ``others`` the first that decodes it is taken.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    for encoding in ("utf-8", *others):
        try:
            codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        return encoding
    return "utf-8"


def decoded_lines(
    file: BinaryIO, encoding: str = "", *, keeps_returns: bool = False
) -> Iterator[str]:
    """Lines without their ends; bytes that are no text become U+FFFD.

    Memory is bounded: a line over :data:`limits.LINE_BYTES_MAX` characters comes in pieces.
    ``keeps_returns``: of CRLF the CR stays, for formats where it tells something.
    """
    encoding = encoding or _encoding_in(file)
    with io.TextIOWrapper(file, encoding, errors="replace", newline="\n") as text:
        while line := text.readline(limits.LINE_BYTES_MAX):
            line = line.removesuffix("\n")
            yield line if keeps_returns else line.removesuffix("\r")


def _encoding_in(file: BinaryIO) -> str:
    """Judged by the whole file when its head is plain ASCII."""
    encoding = "utf-8"
    with contextlib.suppress(OSError):  # of a damaged file, what comes before the damage is read
        head = file.read(limits.HEAD_BYTES)
        while head:
            encoding = encoding_of(head)
            if encoding != "utf-8" or not head.isascii():
                break
            head = file.read(limits.MIB)
    file.seek(0)
    return encoding
