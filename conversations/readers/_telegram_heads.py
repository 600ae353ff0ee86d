"""What a Telegram export says about a chat beside its messages: kind, id and name, or who is in it.

These stand before the messages, as a rule. Where they do not, or there is no name, the file is gone
through once more.
"""

from typing import Any, Final

from conversations.events import ConversationKind
from conversations.pulling import BadRecords, Json
from conversations.readers._telegram_actions import DELETED_ACCOUNT
from conversations.readers._values import (
    TITLE_NAMES_MAX,
    called_after,
    name_of,
    object_of,
    untitled,
)
from conversations.source import Source

KINDS: Final = {
    "bot_chat": ("user", ConversationKind.DIRECT),
    "personal_chat": ("user", ConversationKind.DIRECT),
    "saved_messages": ("user", ConversationKind.DIRECT),
    "private_group": ("group", ConversationKind.GROUP),
    "private_channel": ("channel", ConversationKind.CHANNEL),
    "private_supergroup": ("channel", ConversationKind.GROUP),
    "public_channel": ("channel", ConversationKind.CHANNEL),
    "public_supergroup": ("channel", ConversationKind.GROUP),
}
SAVED: Final = "saved_messages"
HEAD: Final = frozenset({"name", "type", "id"})
_NAMELESS: Final = {  # the app has words of its own for these, and exports no name
    SAVED: "Saved Messages",
    "replies": "Replies",
    "verification_codes": "Verification Codes",
}
_PEOPLE: Final = "people"  # ours, in a head that was looked for
_LOOKED_AT: Final = 200


def name_in(head: dict[str, Any]) -> str:
    """The chat's name; "" when it has none, nor words of the app's for it."""
    if name := name_of(head.get("name")):
        return name
    kind = head.get("type")
    if not isinstance(kind, str):
        return ""
    if kind in _NAMELESS:
        return _NAMELESS[kind]
    is_person = kind in KINDS and KINDS[kind][0] == "user"
    return DELETED_ACCOUNT if is_person and "name" in head else ""


def title_of(head: dict[str, Any], source: Source) -> str:
    """The chat's name, else those of its people, else the file's."""
    return name_in(head) or called_after(head.get(_PEOPLE, ())) or untitled(source)


def is_complete(head: dict[str, Any]) -> bool:
    """Whether nothing more has to be looked for."""
    return "id" in head and "type" in head and name_in(head) != ""


def holds_chats(source: Source) -> bool:
    """Whether a bare list is one of chats: its first element has messages."""
    with source.pulled() as json:
        for _ in json.elements():
            return any(key == "messages" for key in json.members())
    return False


class Heads:
    """The heads of all lists of messages, from going through the file once without those."""

    def __init__(self, source: Source) -> None:
        self._found: list[dict[str, Any]] = []
        try:
            with source.pulled() as json:
                if json.peek() != "[" or holds_chats(source):
                    self._look(json)
                else:
                    self._add({}, json)
        except (BadRecords, OSError):
            pass  # told where the messages themselves end

    def get(self, number: int) -> dict[str, Any]:
        """That of a list, by its number from 0; empty when there is none."""
        return self._found[number] if number < len(self._found) else {}

    def _look(self, json: Json) -> None:
        head: dict[str, Any] = {}
        if json.peek() == "[":
            for _ in json.elements():
                self._look(json)
        for key in json.members():
            if key == "messages" and json.peek() == "[":
                self._add(head, json)
            elif key in HEAD:
                head[key] = json.value()
            elif key in {"chats", "left_chats"}:
                for inner in json.members():
                    if inner == "list":
                        self._look(json)

    def _add(self, head: dict[str, Any], json: Json) -> None:
        """With who says something in the first messages of the list that is next."""
        people: dict[str, None] = {}  # no more than a title has: an account has thousands of chats
        head[_PEOPLE] = people
        self._found.append(head)
        for at, _ in enumerate(json.elements()):
            if at < _LOOKED_AT and len(people) <= TITLE_NAMES_MAX:
                people[name_of(object_of(json.value()).get("from"))] = None
