"""The recovery sheet: 32 bytes as 24 words of BIP-39's English list, the last with a checksum.

What people type is forgiven everything but its letters: capitals, commas, line breaks, the numbers
that stand before the words, and the wide letters of East Asian keyboards.
"""

import difflib
import re
import unicodedata
from functools import cache
from typing import Final

from mnemonic import Mnemonic

from wire.errors import MalformedMessage

WORDS: Final = 24
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_NAMED_MAX: Final = 3
_SHOWN_MAX: Final = 20  # characters of a word; those of the list have eight at most


class WordsRefused(MalformedMessage):
    """What was typed is not the 24 words of a recovery sheet (unknown word or wrong checksum)."""


@cache
def _english() -> Mnemonic:
    return Mnemonic("english")


def written(secret: bytes) -> str:
    """The 24 words that stand for these 32 bytes."""
    return str(_english().to_mnemonic(secret))


def words_in(typed: str) -> list[str]:
    """The words of what somebody typed, whether or not they are on the list."""
    return _LETTERS.findall(unicodedata.normalize("NFKC", typed).lower())


def refuse_unknown(words: list[str], *, first: int = 1) -> None:
    """Raise :class:`WordsRefused` naming those that are not on the list; ``first`` has its number.

    What is named is said to whoever typed it, and is no word of any sheet.
    """
    known = set(_english().wordlist)
    unknown = [(at, word) for at, word in enumerate(words, first) if word not in known]
    if unknown:
        named = "; ".join(_named(at, word) for at, word in unknown[:_NAMED_MAX])
        more = len(unknown) - _NAMED_MAX
        raise WordsRefused(named + (f"; and {more} more are not either" if more > 0 else ""))


def read(typed: str) -> bytes:
    """The 32 bytes that these words stand for; raises :class:`WordsRefused`."""
    words = words_in(typed)
    if len(words) != WORDS:
        raise WordsRefused(f"a recovery sheet has {WORDS} words, not {len(words)}")
    refuse_unknown(words)
    try:
        return bytes(_english().to_entropy(words))
    except ValueError as error:
        raise WordsRefused(
            "all of these words are on the list, but together they are no recovery sheet: one is"
            " another than on the sheet, or two changed places. Compare each with it"
        ) from error


def _named(at: int, word: str) -> str:
    near = difflib.get_close_matches(word[:_SHOWN_MAX], _english().wordlist, n=1)
    meant = f' (is it "{near[0]}"?)' if near else ""
    return f'word {at}, "{word[:_SHOWN_MAX]}", is not on the list{meant}'
