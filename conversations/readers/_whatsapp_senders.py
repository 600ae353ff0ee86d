"""Where the name of a sender ends and the text begins: after which ``: ``.

A name may have one itself (``Work: Bob``). Then every message that seems to be of ``Work`` goes on
with one of a few words and a second ``: ``, and the name is taken to go on up to there; the title
of the chat decides as well.
"""

import re
from typing import Final

from conversations import limits
from conversations.readers._whatsapp_words import unmarked

_SENDERS_MAX: Final = 5000
_LONGER_MAX: Final = 8
_SURE_AFTER: Final = 10
_NOT_IN_FILE_NAMES: Final = re.compile(r"[\W_]+")
_QUOTE: Final = re.compile('["“”„‟«»「」『』]')


class Senders:
    """The names before the first ``: `` in a file, and those before the second."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._longer: dict[str, dict[str, int]] = {}
        self._mentioned: set[str] = set()
        self._shown: dict[str, str] = {}
        self._in_quotes: set[str] = set()  # in notices a group may be called "so: or so"

    def add(self, name: str, text: str) -> None:
        """A message that would be of ``name``."""
        count = self._counts.get(name, 0)
        if not count:
            if len(self._counts) >= _SENDERS_MAX:
                return
            self._longer[name] = {}
        self._counts[name] = count + 1
        longer = self._longer.get(name)
        if longer is None:
            return
        more, separator, _ = text.partition(": ")
        if separator and (more in longer or len(longer) < _LONGER_MAX):
            longer[more] = longer.get(more, 0) + 1
        else:
            del self._longer[name]

    def mention(self, name: str) -> None:
        """A notice that is ascribed to ``name``."""
        if len(self._mentioned) < _SENDERS_MAX:
            self._mentioned.add(name)

    def settle(self, title: str) -> None:
        """Decide which names go on, when all messages were seen."""
        for name, longer in list(self._longer.items()):
            is_often = sum(longer.values()) >= _SURE_AFTER * len(longer)
            if not is_often and not any(is_called(f"{name}: {more}", title) for more in longer):
                del self._longer[name]

    def split(self, body: str) -> tuple[str, str] | None:
        """The sender, as people know him, and the text; None when nobody said it."""
        name, separator, text = body.partition(": ")
        if not separator:
            return self._without_space(body)
        if name in self._longer:
            more, separator, rest = text.partition(": ")
            if separator and more in self._longer[name]:
                name, text = f"{name}: {more}", rest
        shown = self._shown.get(name)
        if shown is None:
            shown = self._remember(name)
        is_quoted = name in self._in_quotes and _has_whole_quotes(name + text[:1000])
        return (shown, text) if shown and not is_quoted else None

    def _remember(self, name: str) -> str:
        """How people know a name; "" for what is none, being too long."""
        if len(self._shown) >= _SENDERS_MAX:
            self._shown.clear()
            self._in_quotes.clear()
        self._shown[name] = (unmarked(name) or name) if _is_short(name) else ""
        if not _has_whole_quotes(name[: limits.NAME_CHARS_MAX]):
            self._in_quotes.add(name)
        return self._shown[name]

    def _without_space(self, body: str) -> tuple[str, str] | None:
        """``Name:`` with nothing, or no space, after it: believed of those who said more."""
        name, separator, _ = body[: limits.NAME_CHARS_MAX * 2].partition(":")
        if not separator or not (name in self._counts or name in self._mentioned):
            return None
        return unmarked(name), body[len(name) + 1 :]

    def speakers(self) -> set[str]:
        """Who said something, as they are shown."""
        whole = (
            found
            for name in self._counts
            for found in ([f"{name}: {more}" for more in self._longer.get(name, ())] or [name])
        )
        return {unmarked(name) for name in whole if _is_short(name) and _has_whole_quotes(name)}


def is_called(name: str, title: str) -> bool:
    """Whether a chat of this title is one with ``name``: not all of a name may be in a file's."""
    bare = _bare(name)
    return bare == _bare(title) if bare else name == title


def _bare(name: str) -> str:
    return _NOT_IN_FILE_NAMES.sub("", unmarked(name)).casefold()


def _is_short(name: str) -> bool:
    return 0 < len(name) <= limits.NAME_CHARS_MAX


def _has_whole_quotes(text: str) -> bool:
    return len(_QUOTE.findall(text)) % 2 == 0
