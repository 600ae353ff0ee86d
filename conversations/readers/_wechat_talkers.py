"""With whom each conversation of a WeChat CSV is."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from conversations import limits
from conversations.events import ConversationKind
from conversations.readers._csv_rows import Row
from conversations.readers._names import stem

if TYPE_CHECKING:
    from conversations.readers.wechat import Columns

SELF: Final = "self"
_SELF_NAME: Final = "我"
_TALKERS_MAX: Final = 20_000


class Talker(msgspec.Struct):
    """One conversation. Tools name the other in every row, or the sender of each in groups."""

    number: str
    key: str = ""
    title: str = ""
    kind: ConversationKind = ConversationKind.UNKNOWN
    senders: dict[str, str] = {}  # the first two, by key

    def sender(self, columns: "Columns", fields: list[str]) -> tuple[str, str]:
        """Key and name of who wrote a row."""
        if columns.is_sender >= 0 and fields[columns.is_sender] == "1":
            return SELF, _SELF_NAME
        name = _field(fields, columns.remark) or _field(fields, columns.nickname)
        key = _field(fields, columns.sender) or name or self.key or self.number
        return key[: limits.NAME_CHARS_MAX], (name or self.title)[: limits.NAME_CHARS_MAX] or key


def talkers(columns: "Columns", rows: Iterable[Row], file: str) -> dict[str, Talker]:
    """All talkers by their numbers, from all rows; memory is bounded."""
    found: dict[str, Talker] = {}
    for row in rows:
        if not row.fields:
            continue
        number = row.fields[columns.talker]
        talker = found.get(number)
        if talker is None:
            if len(found) >= _TALKERS_MAX:
                continue
            talker = found[number] = Talker(number)
        if len(talker.senders) < 2:
            sender, name = talker.sender(columns, row.fields)
            if sender not in (SELF, number):
                talker.senders[sender] = name
    for talker in found.values():
        _name(talker, stem(file) if len(found) == 1 else "")
    return found


def _name(talker: Talker, file_name: str) -> None:
    """Its key lasts where the export has anything that lasts."""
    if len(talker.senders) == 1:
        ((talker.key, talker.title),) = talker.senders.items()
        talker.kind = ConversationKind.DIRECT
        if talker.key.endswith("@chatroom"):
            talker.kind = ConversationKind.GROUP
        return
    talker.key = talker.title = file_name or f"TalkerId {talker.number}"
    if talker.senders:
        talker.kind = ConversationKind.GROUP


def _field(fields: list[str], column: int) -> str:
    return fields[column].strip() if column >= 0 else ""
