"""Text files of unknown encoding, line by line.

Chat exports are UTF-8 (with or without a byte order mark), UTF-16 (mostly with one), or of the old
encoding of their country (CP949 in Korea, GB18030 in China). A reader that knows its country says
so; else the text itself decides.
"""

import codecs
import contextlib
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from conversations import limits

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
OLD: Final = ("cp949", "gb18030")
"""What is tried when a text is no UTF-8."""
_HANGUL: Final = re.compile("[\uac00-\ud7a3\u3131-\u318e]")
_HANJA: Final = re.compile("[\u4e00-\u9fff\uf900-\ufaff]")
_FOREIGN: Final = re.compile("[^\x00-\x7f\ufffd]")


def encoding_of(head: bytes, others: tuple[str, ...] = OLD) -> str:
    """The encoding of a file that begins so; UTF-8 when nothing else fits better.

    ``head`` may end inside a character. Few broken bytes do not make UTF-8 another encoding.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if wide := _without_mark(head):
        return wide
    if _decoded(head, "utf-8") is not None or _is_mostly(head, "utf-8", 8):
        return "utf-8"
    fitting = [encoding for encoding in others if _is_mostly(head, encoding, 20)]
    return max(fitting, key=lambda encoding: _likeness(head, encoding), default="utf-8")


def _is_mostly(head: bytes, encoding: str, sound: int) -> bool:
    """Whether there are at least ``sound`` foreign characters for each broken one."""
    text = head.decode(encoding, "replace")
    broken = text.count("\ufffd") - (_decoded(head, encoding) is not None)
    return broken * sound <= len(_FOREIGN.findall(text))


def _without_mark(head: bytes) -> str:
    """UTF-16 shows by the zeros of its digits, spaces and line ends."""
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if half < 8 or even + odd < half // 10:
        return ""
    if even * 20 < odd:
        return "utf-16-le"
    return "utf-16-be" if odd * 20 < even else ""


def _decoded(head: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None


def _likeness(head: bytes, encoding: str) -> float:
    """How far what is decoded looks like its language: Korean is written in Hangul, not in Hanja.

    The two encodings share their bytes, so that Chinese read as Korean is a mixture of both.
    """
    text = head.decode(encoding, "replace")
    hangul, hanja = len(_HANGUL.findall(text)), len(_HANJA.findall(text))
    if encoding == "cp949":
        return 1.0 if hangul > 9 * hanja else 0.0
    return 0.5


def decoded_lines(
    file: BinaryIO,
    encoding: str = "",
    others: tuple[str, ...] = OLD,
    *,
    keeps_returns: bool = False,
) -> Iterator[str]:
    """Lines without their ends; bytes that are no text become U+FFFD.

    Memory is bounded: a line over :data:`limits.LINE_BYTES_MAX` characters comes in pieces.
    ``keeps_returns``: of CRLF the CR stays, for formats where it tells something.
    """
    encoding = encoding or _encoding_in(file, others)
    with io.TextIOWrapper(file, encoding, errors="replace", newline="\n") as text:
        while line := text.readline(limits.LINE_BYTES_MAX):
            line = line.removesuffix("\n")
            yield line if keeps_returns else line.removesuffix("\r")


def head_text(head: bytes, others: tuple[str, ...] = OLD) -> str:
    """The beginning of a text file, for recognising it."""
    text = head.decode(encoding_of(head, others), "replace")
    return text.removeprefix("\ufeff")


def _encoding_in(file: BinaryIO, others: tuple[str, ...]) -> str:
    """Judged by the first part of the file that is not plain ASCII."""
    encoding = "utf-8"
    with contextlib.suppress(OSError):  # of a damaged file, what comes before the damage is read
        head = file.read(limits.HEAD_BYTES)
        while head:
            encoding = encoding_of(head, others)
            if encoding != "utf-8" or not head.isascii():
                break
            head = file.read(limits.MIB)
    file.seek(0)
    return encoding
