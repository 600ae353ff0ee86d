"""What a person typed, as phrases of tokens. Nothing of it ever reaches an engine as syntax."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from conversations.tokens import is_dense, tokens

QUERY_CHARS_MAX: Final = 200
PHRASES_MAX: Final = 20
PREFIX_CHARS_MIN: Final = 3  # shorter beginnings are those of too many words

_QUOTES: Final = '"“”„‟＂「」『』«»'
_PARTS: Final = re.compile(
    f"(?P<minus>[-−－](?=[^\\s]))?(?:[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)(?:[{_QUOTES}]|$)"
    f"|(?P<plain>[^\\s{_QUOTES}]+))"
)


class Phrase(NamedTuple):
    """Tokens that stand next to each other; with ``is_prefix`` the last one may go on."""

    tokens: tuple[str, ...]
    is_prefix: bool = False


class Query(NamedTuple):
    """All of ``wanted`` and none of ``unwanted``. Empty when nothing in it can be searched for."""

    wanted: tuple[Phrase, ...] = ()
    unwanted: tuple[Phrase, ...] = ()


def parse(typed: str) -> Query:
    """Words, "quoted phrases" and -excluded ones.

    A plain last word of three letters or more also finds longer words that begin with it. What
    is beyond 200 characters or 20 phrases is not looked at.
    """
    parts = list(_PARTS.finditer(typed[:QUERY_CHARS_MAX]))
    wanted = [phrase for part in parts if not part["minus"] for phrase in _phrases(part)]
    unwanted = [phrase for part in parts if part["minus"] for phrase in _phrases(part)]
    if wanted and parts[-1]["plain"] and not parts[-1]["minus"]:
        wanted[-1] = _going_on(wanted[-1])
    return Query(_distinct(wanted), _distinct(unwanted))


def _phrases(part: re.Match[str]) -> Iterator[Phrase]:
    found = tokens(part["quoted"] or part["plain"] or "")
    if not found:
        return
    if len(found[-1]) > 1 or not is_dense(found[-1]):
        yield Phrase(tuple(found))
    elif len(found) > 1 and len(found[-2]) == 2 and is_dense(found[-2]):
        yield Phrase(tuple(found[:-1]))  # the run may go on in the text
    else:
        yield Phrase(tuple(found), is_prefix=True)


def _going_on(phrase: Phrase) -> Phrase:
    last = phrase.tokens[-1]
    if len(last) < PREFIX_CHARS_MIN or is_dense(last):
        return phrase
    return phrase._replace(is_prefix=True)


def _distinct(phrases: list[Phrase]) -> tuple[Phrase, ...]:
    return tuple(dict.fromkeys(phrases))[:PHRASES_MAX]
