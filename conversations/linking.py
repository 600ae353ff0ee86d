"""Addresses in texts, for pages that make links of them; the text itself is never markup."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_ADDRESS: Final = re.compile(
    r"(?i)(?<![0-9A-Za-z_@])https?://[^\s<>\"'`\x00-\x20\u3000-\u303f\uff00-\uffef]+"
)
_TRAILING: Final = ".,:;!?…*_~"
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}
_URL_CHARS_MAX: Final = 2048


class Segment(NamedTuple):
    """A piece of a text; ``href`` is "" where it is no link."""

    text: str
    href: str = ""


def segments(text: str) -> list[Segment]:
    """The pieces of ``text`` in order; joined they are the text again.

    Links are http and https only. Marks that end a sentence, and a bracket that was opened before
    the address, do not belong to it.
    """
    return list(_segments(text))


def cut(pieces: Sequence[Segment], chars: int) -> tuple[list[Segment], list[Segment]]:
    """The pieces of about the first ``chars`` characters, and the others; a link stays whole."""
    shown: list[Segment] = []
    for number, piece in enumerate(pieces):
        if len(piece.text) > chars:
            ends = 0 if piece.href else chars
            shown += [Segment(piece.text[:ends])] if ends else []
            return shown, [piece._replace(text=piece.text[ends:]), *pieces[number + 1 :]]
        shown.append(piece)
        chars -= len(piece.text)
    return shown, []


def _segments(text: str) -> Iterator[Segment]:
    at = 0
    for found in _ADDRESS.finditer(text):
        address = _without_trailing(found[0])
        if not _is_whole(address):
            continue
        if found.start() > at:
            yield Segment(text[at : found.start()])
        yield Segment(address, address)
        at = found.start() + len(address)
    if at < len(text):
        yield Segment(text[at:])


def _without_trailing(address: str) -> str:
    counts = {mark: address.count(mark) for mark in "()[]{}"}
    end = len(address)
    while end:
        last = address[end - 1]
        if last in _CLOSING and counts[last] > counts[_CLOSING[last]]:
            counts[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return address[:end]


def _is_whole(address: str) -> bool:
    """Whether it has a host, and nothing before it that only looks like one."""
    if len(address) > _URL_CHARS_MAX:
        return False
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False
