"""The 24 words as somebody gives them: in a file, piped, or typed on a terminal."""

import sys
from pathlib import Path
from typing import Final

from django.core.management.base import CommandError

from transfer.store.sheet import WORDS, WordsRefused, refuse_unknown, words_in

CANNOT: Final = 2  # exit code when nothing could be done; 1 says that damage was found


def from_file(name: str) -> str:
    """The text of this file; ``-`` is standard input."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{name}: {error.strerror}", returncode=CANNOT) from None
    except UnicodeDecodeError:
        raise CommandError(f"{name} holds no words.", returncode=CANNOT) from None


def on_terminal(asking: list[str], *, or_none: bool = False) -> str:
    """What a person types below the lines ``asking``, in any number of lines, until it is 24 words.

    A word that is not on the list is told at once, and asked for again when the others are there:
    whoever pastes a whole sheet has sent them already. ``or_none``: an empty first line is "".
    """
    _say(*asking)
    words: list[str] = []
    while len(words) < WORDS:
        line = words_in(_ask(f"{len(words) + 1:2}> "))
        if or_none and not words and not line:
            return ""
        _tell_unknown(line, len(words) + 1)
        words += line
    return " ".join(_corrected(word, at) for at, word in enumerate(words, 1))


def _corrected(word: str, at: int) -> str:
    while not _is_known(word, at):
        word = "".join(words_in(_ask(f"Word {at} again> ")))
        _tell_unknown([word], at)
    return word


def _is_known(word: str, at: int) -> bool:
    try:
        refuse_unknown([word], first=at)
    except WordsRefused:
        return False
    return True


def _tell_unknown(line: list[str], first: int) -> None:
    try:
        refuse_unknown(line, first=first)
    except WordsRefused as refused:
        _say(f"    {refused}.")


def _say(*lines: str) -> None:
    for line in lines:
        print(line)


def _ask(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise WordsRefused("the 24 words were not typed to the end") from None
