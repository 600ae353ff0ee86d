"""Texts of Discord: what the exporter left as Discord keeps it, as people saw it.

It writes names itself, unless it was told ``--markdown false``, and for whom it did not know.
"""

import posixpath
import re
from functools import cached_property
from typing import Any, Final

from conversations.readers._values import People, name_of, object_of, objects_of, text_of
from conversations.source import Source

_PERSON: Final = re.compile(r"<@!?(\w+)>")
_ROLE: Final = re.compile(r"<@&(\w+)>")
_CHANNEL: Final = re.compile(r"<#(\w+)>")
_EMOJI: Final = re.compile(r"<a?(:\w+:)\d+>")
_WORD: Final = re.compile(r"[\w+-]+", re.ASCII)
_FILE: Final = re.compile(r"(?:.* - )?(?P<name>.+?) \[(?P<id>\d+)\](?: \[part \d+\])?\.json")
_ROLES_MAX: Final = 1000


class Words:
    """Says the texts of one channel, with names where the export has them."""

    def __init__(self, source: Source, channel: dict[str, Any], people: People) -> None:
        self._source = source
        self._people = people
        self._roles: dict[str, str] = {}
        self._known = {
            name_of(channel.get(key)): name_of(channel.get(name))
            for key, name in (("categoryId", "category"), ("id", "name"))
        }

    def meet(self, person: dict[str, Any]) -> None:
        """Learn what the roles of somebody are called."""
        for role in objects_of(person.get("roles")):
            if len(self._roles) < _ROLES_MAX:
                self._roles[name_of(role.get("id"))] = name_of(role.get("name"))

    def said(self, content: object) -> str:
        """The text; an id that has no name in the export stays as it is."""
        text = text_of(content)
        if "<" not in text:
            return text
        text = _EMOJI.sub(r"\1", text)
        text = _CHANNEL.sub(lambda found: self._channel(found[1]) or found[0], text)
        text = _ROLE.sub(lambda found: _led("@", self._roles.get(found[1])) or found[0], text)
        return _PERSON.sub(lambda found: self._person(found[1]) or found[0], text)

    def _person(self, key: str) -> str:
        name = self._people.name(key)
        return "" if name == key else f"@{name}"

    def _channel(self, key: str) -> str:
        return _led("#", self._known.get(key) or self._beside.get(key))

    @cached_property
    def _beside(self) -> dict[str, str]:
        """Other channels of the same export, by the names of their files."""
        folder = posixpath.dirname(self._source.files[0])
        found = {}
        for name in self._source.tree.names():
            if posixpath.dirname(name) == folder:
                match = _FILE.fullmatch(posixpath.basename(name))
                if match:
                    found[match["id"]] = match["name"]
        return found


def emoji_of(reaction: dict[str, Any]) -> str:
    """The character; of one that a server made, or that has a name alone, that as ``:name:``."""
    emoji = object_of(reaction.get("emoji"))
    name = name_of(emoji.get("name")) or name_of(emoji.get("code")) or "?"
    return f":{name}:" if name_of(emoji.get("id")) or _WORD.fullmatch(name) else name


def _led(mark: str, name: str | None) -> str:
    return f"{mark}{name}" if name else ""
