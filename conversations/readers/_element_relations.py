"""What Matrix events say about other events: edits, reactions and redactions.

They may stand far from what they are about, so a first pass collects them, within bounds. What is
beyond those is not applied: such an edit is a message of its own.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from conversations.events import Reaction
from conversations.readers._values import name_of, number_of, object_of, text_of

_RELATIONS_MAX: Final = 200_000
_CHARS_MAX: Final = 16 * 1024 * 1024
_NAMES_MAX: Final = 50_000


class Edit(NamedTuple):
    """A later text of a message; ``key`` is the id of the edit itself."""

    key: str
    sender: str
    time: int | None
    text: str


def relation(content: dict[str, Any], kind: str) -> str:
    """The id of the event that this one relates to in that way, or ""."""
    relates = object_of(content.get("m.relates_to"))
    return name_of(relates.get("event_id")) if relates.get("rel_type") == kind else ""


class Relations:
    """Everything that one export says about its messages elsewhere."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.room = ""
        self.is_direct = False
        self.left_out = 0
        self.senders: set[str] = set()
        self._edits: dict[str, list[Edit]] = {}
        self._reactions: dict[str, list[tuple[str, str, str]]] = {}
        self._redacted: set[str] = set()
        self._edit_keys: set[str] = set()
        self._count = self._chars = 0

    def add(self, event: dict[str, Any]) -> None:
        """Look at one event in the first pass."""
        self.room = self.room or name_of(event.get("room_id"))
        sender = name_of(event.get("sender"))
        if len(self.senders) < _NAMES_MAX:
            self.senders.add(sender)
        content = object_of(event.get("content"))
        match event.get("type"):
            case "m.room.member":
                self._named(name_of(event.get("state_key")) or sender, content)
            case "m.room.redaction":
                target = name_of(event.get("redacts")) or name_of(content.get("redacts"))
                if self._fits(target, ""):
                    self._redacted.add(target)
            case "m.reaction":
                target = relation(content, "m.annotation")
                emoji = name_of(object_of(content.get("m.relates_to")).get("key"))
                if target and self._fits(target, emoji):
                    key = name_of(event.get("event_id"))
                    self._reactions.setdefault(target, []).append((emoji or "?", sender, key))
            case _:
                self._edit(event, content, sender)

    def _edit(self, event: dict[str, Any], content: dict[str, Any], sender: str) -> None:
        target = relation(content, "m.replace")
        text = text_of(object_of(content.get("m.new_content")).get("body"))
        if target and self._fits(target, text):
            time, key = number_of(event.get("origin_server_ts")), name_of(event.get("event_id"))
            self._edits.setdefault(target, []).append(Edit(key, sender, time, text))
            self._edit_keys.add(key)

    def _named(self, key: str, content: dict[str, Any]) -> None:
        self.is_direct = self.is_direct or content.get("is_direct") is True
        name = name_of(content.get("displayname"))
        if name and len(self.names) < _NAMES_MAX:
            self.names[key] = name

    def _fits(self, *texts: str) -> bool:
        self._count += 1
        self._chars += sum(map(len, texts))
        is_fitting = self._count <= _RELATIONS_MAX and self._chars <= _CHARS_MAX
        self.left_out += not is_fitting
        return is_fitting

    def is_redacted(self, key: str) -> bool:
        """Whether a redaction of it stands somewhere."""
        return key in self._redacted

    def has_edit(self, key: str) -> bool:
        """Whether this edit was kept."""
        return key in self._edit_keys

    def take_edits(self, target: str, sender: str) -> list[Edit]:
        """Once: those by the same sender, as the specification demands, oldest first."""
        found = [
            edit
            for edit in self._edits.pop(target, ())
            if edit.sender == sender and edit.key not in self._redacted
        ]
        return sorted(found, key=lambda edit: edit.time or 0)

    def take_reactions(self, target: str) -> tuple[Reaction, ...]:
        """Once, by emoji."""
        return tuple(self._reacted(target))

    def _reacted(self, target: str) -> Iterator[Reaction]:
        by: dict[str, list[str]] = {}
        for emoji, sender, key in self._reactions.pop(target, ()):
            if key not in self._redacted:
                by.setdefault(emoji, []).append(sender)
        for emoji, senders in by.items():
            yield Reaction(emoji, tuple(senders), len(senders))
