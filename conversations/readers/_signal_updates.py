"""What Signal's update messages say, in plain words."""

import re
from typing import Any, Final

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DETAILS: Final = ("newGroupName", "newName", "state", "type", "expiresInMs")


def update_text(update: dict[str, Any]) -> str:
    """``{"simpleUpdate": {"type": "JOINED_SIGNAL"}}`` is "Joined signal"."""
    name = next(iter(update), "update")
    value = update[name] if isinstance(update.get(name), dict) else {}
    if name == "simpleUpdate":
        return _words(str(value.get("type", "update")))
    if name == "groupChange":
        changes = value.get("updates") or []
        return ", ".join(_change(each) for each in changes if isinstance(each, dict))
    return _told(name, value)


def _change(change: dict[str, Any]) -> str:
    name = next(iter(change), "groupUpdate")
    value = change.get(name)
    return _told(name.removesuffix("Update"), value if isinstance(value, dict) else {})


def _told(name: str, value: dict[str, Any]) -> str:
    details = (str(value[key]) for key in _DETAILS if value.get(key))
    said = ", ".join(each.replace("_", " ").lower() if each.isupper() else each for each in details)
    words = _words(_CAPITAL.sub("_", name))
    return f"{words}: {said}" if said else words


def _words(name: str) -> str:
    return name.replace("_", " ").lower().capitalize()
