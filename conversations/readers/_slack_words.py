"""What a message of Slack says: its markup, and the blocks and attachments beside its text.

See https://docs.slack.dev/messaging/formatting-message-text for ``<…>`` and the three entities.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_MARKED: Final = re.compile(r"<([^<>]*)>")
_INLINE: Final = frozenset({"rich_text_section", "rich_text_preformatted", "rich_text_quote"})
_DEPTH_MAX: Final = 64


def text_in(record: object, field: str) -> str:
    """A field of a record; "" when it is no text, or the record none."""
    value = record.get(field) if isinstance(record, dict) else None
    return value if isinstance(value, str) else ""


def list_in(record: object, field: str) -> list[Any]:
    """A field of a record; empty when it is no list, or the record none."""
    value = record.get(field) if isinstance(record, dict) else None
    return value if isinstance(value, list) else []


class Words:
    """Resolves references with the names that the export has for people and channels."""

    def __init__(self, people: Mapping[str, str], channels: Mapping[str, str]) -> None:
        self._people = people
        self._channels = channels

    def text(self, written: str) -> str:
        """The text as people saw it: names for ids, labels for links, entities decoded."""
        if "<" in written:
            written = "".join(self._resolved(written))
        return _decoded(written)

    def said(self, record: Mapping[str, Any]) -> str:
        """A record's text; what its blocks, else its attachments, say when it has none."""
        if written := text_in(record, "text"):
            return self.text(written)
        blocks = "\n".join(filter(None, map(self._block, list_in(record, "blocks"))))
        return blocks or "\n".join(
            filter(None, map(self._attached, list_in(record, "attachments")))
        )

    def _resolved(self, written: str) -> Iterator[str]:
        end = 0
        for found in _MARKED.finditer(written):
            yield written[end : found.start()]
            reference, _, label = found[1].partition("|")
            yield self._reference(reference, label)
            end = found.end()
        yield written[end:]

    def _reference(self, reference: str, label: str) -> str:
        """What one ``<reference|label>`` stands for."""
        match reference[:1]:
            case "@":
                return "@" + (label.removeprefix("@") or self._person(reference[1:]))
            case "#":
                return "#" + (label.removeprefix("#") or self._channel(reference[1:]))
            case "!":
                return label or "@" + reference[1:].partition("^")[0]
            case _:
                return _link(reference, label)

    def _person(self, key: str) -> str:
        return self._people.get(key, key)

    def _channel(self, key: str) -> str:
        return self._channels.get(key, key)

    def _attached(self, attachment: object) -> str:
        parts = [text_in(attachment, part) for part in ("pretext", "title", "text")]
        found = list(filter(None, parts)) or [text_in(attachment, "fallback")]
        return self.text("\n".join(found))

    def _block(self, block: object, depth: int = 0) -> str:
        """A block, or one of what is inside it: runs of text in a line, the rest line by line."""
        if not isinstance(block, dict) or depth > _DEPTH_MAX:
            return ""
        if (leaf := self._leaf(block)) is not None:
            return leaf
        inside = [block.get("text"), *list_in(block, "fields"), *list_in(block, "elements")]
        told = filter(None, (self._block(each, depth + 1) for each in inside))
        return ("" if block.get("type") in _INLINE else "\n").join(told)

    def _leaf(self, block: Mapping[str, Any]) -> str | None:
        match block.get("type"):
            case "text":
                return text_in(block, "text")
            case "mrkdwn" | "plain_text":
                return self.text(text_in(block, "text"))
            case "link":
                return _link(text_in(block, "url"), text_in(block, "text"))
            case "user":
                return "@" + self._person(text_in(block, "user_id"))
            case "channel":
                return "#" + self._channel(text_in(block, "channel_id"))
            case "emoji":
                return f":{text_in(block, 'name')}:"
            case "broadcast":
                return "@" + text_in(block, "range")
        return None


def _link(address: str, label: str) -> str:
    """The label, and the address as well where the label does not show it."""
    if not label or address.endswith(label):
        return label if address.startswith(("mailto:", "tel:")) and label else address
    return f"{label} ({address})"


def _decoded(text: str) -> str:
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
