"""What happened in a Matrix room, in words."""

from typing import Any, Final

from conversations.readers._values import name_of, object_of

_SENTENCES: Final = {
    "m.room.avatar": "{sender} changed the picture of the room",
    "m.room.canonical_alias": "{sender} changed the address of the room",
    "m.room.create": "{sender} created the room",
    "m.room.encryption": "{sender} turned on encryption",
    "m.room.guest_access": "{sender} changed whether guests may join",
    "m.room.history_visibility": "{sender} changed who may read the history",
    "m.room.join_rules": "{sender} changed who may join",
    "m.room.name": "{sender} named the room “{name}”",
    "m.room.pinned_events": "{sender} changed the pinned messages",
    "m.room.power_levels": "{sender} changed permissions",
    "m.room.server_acl": "{sender} changed which servers may take part",
    "m.room.third_party_invite": "{sender} invited {display_name}",
    "m.room.tombstone": "{sender} replaced the room by another",
    "m.room.topic": "{sender} set the topic “{topic}”",
    "m.call.answer": "{sender} answered the call",
    "m.call.hangup": "{sender} ended the call",
    "m.call.reject": "{sender} declined the call",
    "m.key.verification.request": "{sender} asked to verify",
}
_MEMBERSHIPS: Final = {
    "join": "{who} joined",
    "invite": "{sender} invited {who}",
    "leave": "{who} left",
    "ban": "{sender} banned {who}",
    "knock": "{who} asked to join",
}


def told(event: dict[str, Any], sender: str, who: str) -> str:
    """One sentence; ``who`` is the name of whom a change of membership is about."""
    kind, content = name_of(event.get("type")), object_of(event.get("content"))
    if kind == "m.room.member":
        return _membership(event, content, sender, who)
    if kind not in _SENTENCES:
        return f"{sender}: {kind or 'unknown event'}"
    names = {key: name_of(content.get(key)) for key in ("name", "topic", "display_name")}
    return _SENTENCES[kind].format(sender=sender, **names)


def _membership(event: dict[str, Any], content: dict[str, Any], sender: str, who: str) -> str:
    now = name_of(content.get("membership"))
    unsigned = object_of(event.get("unsigned"))
    before = object_of(unsigned.get("prev_content")) or object_of(event.get("prev_content"))
    if now == "join" and before.get("membership") == "join":
        return f"{who} changed name or picture"
    if now == "leave" and sender != who:
        return f"{sender} removed {who}"
    return _MEMBERSHIPS.get(now, "{who}: {now}").format(sender=sender, who=who, now=now or "?")
