"""The fields of a Slack message, whatever they hold: nothing in a record is trusted to be there.

See https://docs.slack.dev/reference/events/message for the subtypes.
"""

import re
from typing import Any, Final, TypeGuard

from conversations import limits
from conversations.events import Attachment, Kind, Reaction
from conversations.readers._slack_words import list_in, text_in

_TS: Final = re.compile(r"(\d{1,11})(?:\.(\d{1,9}))?", re.ASCII)
_SYSTEM: Final = re.compile(
    r"(?:channel|group|bot|app|reminder|pinned|unpinned)_\w+|pinned_item|unpinned_item|joiner_\w+"
)
_CALLS: Final = frozenset({"sh_room_created", "sh_room_shared", "huddle_thread"})
_DELETED: Final = frozenset({"tombstone", "message_deleted"})


def kind_of(said: dict[str, Any], files: tuple[Attachment, ...]) -> Kind:
    """What it is, by its subtype."""
    subtype = text_in(said, "subtype")
    if subtype in _DELETED:
        return Kind.DELETED
    if subtype in _CALLS:
        return Kind.CALL
    if subtype != "bot_message" and _SYSTEM.fullmatch(subtype):
        return Kind.SYSTEM
    return Kind.MEDIA if files else Kind.TEXT


def sender_of(said: dict[str, Any]) -> str | None:
    """A person, the author of a comment on a file, or a bot (by its name when it has no id)."""
    named = (
        text_in(said, "user"),
        text_in(said.get("comment"), "user"),
        text_in(said, "bot_id"),
        text_in(said, "username"),
    )
    return next(filter(None, named), None)


def called(said: dict[str, Any]) -> str:
    """What a message itself calls its sender, for bots and guests that no list has."""
    profile, bot = said.get("user_profile"), said.get("bot_profile")
    named = (
        text_in(said, "username"),
        text_in(bot, "name"),
        text_in(profile, "display_name"),
        text_in(profile, "real_name"),
    )
    return next(filter(None, named), "")[: limits.NAME_CHARS_MAX]


def reactions_of(said: dict[str, Any]) -> tuple[Reaction, ...]:
    """Each emoji by its name, without colons, and the ids of who reacted."""
    found = []
    for each in list_in(said, "reactions"):
        by = tuple(user for user in list_in(each, "users") if isinstance(user, str))
        count = each.get("count") if isinstance(each, dict) else None
        if name := text_in(each, "name"):
            found.append(Reaction(name, by, count if is_size(count) else len(by)))
    return tuple(found)


def edited_of(said: dict[str, Any]) -> int | None:
    """When it was edited; 0 when only the fact is known."""
    edited = said.get("edited")
    return (milliseconds(id_of(edited)) or 0) if isinstance(edited, dict) else None


def forwarded_of(said: dict[str, Any]) -> str:
    """Whose message is shared in this one."""
    for each in list_in(said, "attachments"):
        if isinstance(each, dict) and each.get("is_share"):
            return text_in(each, "author_name") or text_in(each, "author_id")
    return ""


def id_of(said: dict[str, Any]) -> str:
    """``ts`` as text; some tools write it as a number."""
    ts = said.get("ts")
    if isinstance(ts, float):
        return f"{ts:.6f}"
    if is_size(ts):
        return str(ts)
    return ts[: limits.NAME_CHARS_MAX] if isinstance(ts, str) else ""


def milliseconds(ts: str) -> int | None:
    """Milliseconds since 1970 of a ``ts``; None when it is none."""
    found = _TS.fullmatch(ts)
    return int(found[1]) * 1000 + int(f"{found[2] or ''}000"[:3]) if found else None


def is_size(value: object) -> TypeGuard[int]:
    """Whether this is a number of bytes or people."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
