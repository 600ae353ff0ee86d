"""What happened in a Telegram chat, in words: the ``action`` of service messages."""

from typing import Any, Final

from conversations.readers._values import duration, name_of, number_of, text_of

DELETED_ACCOUNT: Final = "Deleted Account"

_SENTENCES: Final = {
    "allow_sending_messages": "{actor} allowed the bot to send messages",
    "attach_menu_bot_allowed": "{actor} allowed the bot to send messages",
    "boost_apply": "{actor} boosted the group {boosts} times",
    "bot_allowed": "{actor} allowed the bot to send messages",
    "chat_no_forwards_toggle": "{actor} changed whether messages may be forwarded",
    "clear_history": "{actor} cleared the history",
    "create_channel": "{actor} created the channel “{title}”",
    "create_group": "{actor} created the group “{title}” with {members}",
    "custom_action": "{information_text}",
    "delete_chat_photo": "{actor} removed the photo of the group",
    "delete_group_photo": "{actor} removed the photo of the group",
    "edit_chat_theme": "{actor} changed the theme to {emoticon}",
    "edit_group_photo": "{actor} changed the photo of the group",
    "edit_group_title": "{actor} renamed the group to “{title}”",
    "gift_code_prize": "{actor} received a prize",
    "giveaway_launch": "{actor} launched a giveaway",
    "giveaway_results": "A giveaway ended with {winners} winners",
    "group_call": "{actor} started a group call",
    "group_call_scheduled": "{actor} scheduled a group call",
    "invite_members": "{actor} invited {members}",
    "invite_to_group_call": "{actor} invited {members} to the group call",
    "join_group_by_link": "{actor} joined by an invite link of {inviter}",
    "join_group_by_request": "{actor} was let in by an administrator",
    "joined_telegram": "{actor} joined Telegram",
    "migrate_from_group": "The group “{title}” became this supergroup",
    "migrate_to_supergroup": "This group became a supergroup",
    "paid_messages_price_change": "{actor} changed the price of messages",
    "pin_message": "{actor} pinned a message",
    "proximity_reached": "{from} came within {distance} m of {to}",
    "remove_members": "{actor} removed {members}",
    "requested_peer": "{actor} shared a chat with the bot",
    "score_in_game": "{actor} scored {score} in a game",
    "send_passport_values": "{actor} sent passport values: {values}",
    "send_payment": "{actor} paid {amount} {currency}",
    "send_premium_gift": "{actor} gave Telegram Premium for {months} months",
    "send_star_gift": "{actor} sent a gift",
    "send_stars_gift": "{actor} gave {stars} stars",
    "set_chat_theme": "{actor} changed the theme to {emoticon}",
    "set_chat_wallpaper": "{actor} changed the wallpaper",
    "set_messages_ttl": "{actor} set messages to disappear after {period} s",
    "set_same_chat_wallpaper": "{actor} took over the same wallpaper",
    "suggest_profile_photo": "{actor} suggested a profile photo",
    "take_screenshot": "{actor} took a screenshot",
    "todo_append_tasks": "{actor} added tasks to a list",
    "todo_completions": "{actor} completed tasks of a list",
    "topic_created": "{actor} created the topic “{title}”",
    "topic_edit": "{actor} changed the topic to “{new_title}”",
    "web_app_message": "{actor} sent “{text}” through the bot's app",
}
_CALLS: Final = {
    "busy": "Call: busy",
    "disconnect": "Call: disconnected",
    "hangup": "Call",
    "missed": "Missed call",
}


class _Fields(dict[str, str]):
    """What a sentence asks for and the record lacks is a dash."""

    def __missing__(self, key: str) -> str:
        return "—"


def told(record: dict[str, Any], actor: str) -> str:
    """One sentence about a service message; an action of tomorrow is told by its own name."""
    action = name_of(record.get("action"))
    sentence = _SENTENCES.get(action)
    if sentence is None:
        return f"{actor}: {action.replace('_', ' ') or 'unknown event'}"
    fields = _Fields((key, name_of(value)) for key, value in record.items() if name_of(value))
    fields.update(actor=actor, members=_names(record.get("members")))
    return sentence.format_map(fields)


def call(record: dict[str, Any]) -> str:
    """A phone call: how it ended, and how long it was."""
    reason = text_of(record.get("discard_reason"))
    how = _CALLS.get(reason, f"Call: {reason}" if reason else "Call")
    seconds = number_of(record.get("duration_seconds"))
    return f"{how}, {duration(seconds)}" if seconds else how


def _names(members: object) -> str:
    if not isinstance(members, list):
        return "—"
    return ", ".join(name_of(each) or DELETED_ACCOUNT for each in members[:100]) or "—"
