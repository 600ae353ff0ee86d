"""Whose messages they are: the addresses of an SMS backup, and what its contacts are called."""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from conversations import limits
from conversations.events import Clock, Conversation, ConversationKind, Event, Person

SELF: Final = "~me"
"""Key of the phone's owner; no address has a ``~``."""
NOBODY: Final = "(Unknown)"
"""What the exporting app calls a contact without a name; here, an address that is hidden too."""

_NAMELESS: Final = frozenset({"", "null", NOBODY})
_HIDDEN: Final = frozenset({"", "null", "-1", "-2", "-3", "insert-address-token"})
# Spaces, marks of direction, dashes and parentheses: how people write one number in many ways.
_WRITTEN: Final = re.compile(
    r"[\s()\-\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069\ufeff]"
)
_KNOWN_MAX: Final = 20_000


def given(value: str | None) -> str:
    """An attribute's value; the app writes the word ``null`` for what it does not know."""
    return "" if value is None or value == "null" else value


def key_of(address: str) -> str:
    """One address, however it was written; "" when it is hidden."""
    address = address.strip()
    return "" if address in _HIDDEN else _WRITTEN.sub("", address)


class Talk:
    """One conversation: everyone whom the owner talks to in it."""

    def __init__(self, address: str, contact: str) -> None:
        written = {key_of(each): each.strip() for each in address.split("~")}
        written.pop("", None)
        self.members = dict(zip(written, _names(list(written.values()), contact), strict=True))
        self.key = _short("~".join(sorted(self.members)) or NOBODY)
        self.other = next(iter(self.members), NOBODY)

    @property
    def is_group(self) -> bool:
        """Whether a message's sender is not known by the conversation alone."""
        return len(self.members) > 1

    def announced(self) -> Iterator[Event]:
        """The conversation and who takes part."""
        title = ", ".join(self.members.values()) or NOBODY
        kind = ConversationKind.GROUP if self.is_group else ConversationKind.DIRECT
        yield Conversation(self.key, title[: limits.TITLE_CHARS_MAX], kind, Clock.UTC)
        yield Person(self.key, SELF, "Me", is_self=True)
        for key, name in self.members.items():
            yield Person(self.key, key, name)


class Talks:
    """Finds the conversation of each message; remembers a bounded number of them."""

    def __init__(self) -> None:
        self._by_address: dict[tuple[str, str], Talk] = {}
        self._announced: set[str] = set()

    def of(self, address: str, contact: str) -> Talk:
        """The conversation with these addresses, joined with ``~``."""
        talk = self._by_address.get((address, contact))
        if talk is None:
            if len(self._by_address) >= _KNOWN_MAX:
                self._by_address.clear()
                self._announced.clear()
            talk = self._by_address[address, contact] = Talk(address, contact)
        return talk

    def announced(self, talk: Talk) -> Iterator[Event]:
        """Its announcement, when that was not made before."""
        if talk.key not in self._announced:
            self._announced.add(talk.key)
            yield from talk.announced()


def _names(addresses: list[str], contact: str) -> list[str]:
    """What the members are called: the names are joined with a comma, in the addresses' order.

    A name that has a comma itself leaves more names than members; then they go by their addresses.
    """
    names = [contact] if len(addresses) == 1 else contact.split(", ")
    if len(names) != len(addresses):
        return addresses
    return [
        address if name.strip() in _NAMELESS else name.strip()[: limits.NAME_CHARS_MAX]
        for address, name in zip(addresses, names, strict=True)
    ]


def _short(key: str) -> str:
    if len(key) <= limits.NAME_CHARS_MAX:
        return key
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
