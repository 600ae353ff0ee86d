"""The lists of a Slack export: who its people are, and which folder is which conversation."""

import posixpath
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from conversations import limits
from conversations.events import ConversationKind, ReadWarning
from conversations.readers._slack_words import list_in, text_in
from conversations.readers._values import broken
from conversations.records import BadRecords, records_of
from conversations.source import Source
from conversations.tree import Tree

USERS: Final = "users.json"
LISTS: Final = {
    "channels.json": ConversationKind.CHANNEL,
    "groups.json": ConversationKind.GROUP,
    "mpims.json": ConversationKind.GROUP,
    "dms.json": ConversationKind.DIRECT,
}
DAY: Final = re.compile(r"(?:^|/)[^/]+/\d{4}-\d\d-\d\d\.json$")


class Room(msgspec.Struct, frozen=True):
    """A channel, group or direct conversation, and who its members are, by id."""

    key: str
    title: str
    kind: ConversationKind
    members: tuple[str, ...] = ()


def root_of(name: str) -> str:
    """The folder of the export that a file of it is in."""
    folder = posixpath.dirname(name)
    return posixpath.dirname(folder) if DAY.search(name) else folder


class Export:
    """What the lists say; ``warnings`` tell which of them could not be read."""

    def __init__(self, source: Source) -> None:
        self.people: dict[str, str] = {}
        self.channels: dict[str, str] = {}
        self.warnings: list[ReadWarning] = []
        self._rooms: dict[str, Room] = {}
        lists = {posixpath.basename(name): at for at, name in enumerate(source.files)}
        if USERS in lists:
            self._users(source, lists[USERS])
        for name in LISTS:
            if name in lists:
                self._list(source, lists[name], LISTS[name])

    def room(self, folder: str) -> Room:
        """The conversation whose days are in this folder."""
        found = self._rooms.get(folder)
        return found or Room(f"folder:{folder}", folder, ConversationKind.UNKNOWN)

    def _users(self, source: Source, number: int) -> None:
        for user in self._elements(source, number):
            if key := text_in(user, "id"):
                self.people[key] = _name(user) or key

    def _list(self, source: Source, number: int, kind: ConversationKind) -> None:
        for listed in self._elements(source, number):
            key = text_in(listed, "id")
            name = text_in(listed, "name") or key
            if not key:
                continue
            members = tuple(each for each in list_in(listed, "members") if isinstance(each, str))
            self.channels[key] = name
            title = name if kind is ConversationKind.CHANNEL else self._title(name, members)
            self._rooms[name] = Room(key, title[: limits.TITLE_CHARS_MAX], kind, members)

    def _title(self, name: str, members: tuple[str, ...]) -> str:
        """Conversations that people did not name are called after their members."""
        if not members or not name.startswith(("mpdm-", "D")):
            return name
        return ", ".join(self.people.get(member, member) for member in members)

    def _elements(self, source: Source, number: int) -> Iterator[Any]:
        """The elements of a list; they are no messages, and are not counted."""
        try:
            with source.open(number) as file:
                yield from records_of(file, "item")
        except (BadRecords, OSError) as error:
            self.warnings.append(broken(error, file=number))


def files_of(tree: Tree, root: str, days: list[str]) -> tuple[str, ...]:
    """The files of one export: its lists, then its days by folder and date."""
    listed = (posixpath.join(root, name) for name in (*LISTS, USERS))
    return (*(name for name in listed if name in tree), *sorted(days))


def _name(user: object) -> str:
    """As Slack shows it: the name that was chosen, else the full one, else the account's."""
    profile = user.get("profile") if isinstance(user, dict) else None
    named = (
        text_in(profile, "display_name"),
        text_in(profile, "real_name"),
        text_in(user, "real_name"),
        text_in(user, "name"),
    )
    return next(filter(None, named), "")[: limits.NAME_CHARS_MAX]
