"""How the process that reads foreign files asks for their bytes."""

import io
import re

import pytest

from conversations import limits
from conversations.confined.parent import Confined
from conversations.events import Message, ReadWarning
from conversations.recognising import Recognised
from tests.reading_cast import MemoryTree

COUNT = 60_000
NAME = "WhatsApp Chat with Alice.txt"


def written(head: str, line: str) -> str:
    said = (line.format(day=1 + at // 10_000, hour=at // 60 % 24, minute=at % 60, at=at) for at in
            range(COUNT))  # fmt: skip
    return head + "".join(said)


CHATS = {
    "whatsapp": written("", "{day:02}/02/2024, {hour:02}:{minute:02} - Alice: message {at}\n"),
    "line": written(
        "[LINE] Chat history with Mia\nSaved on: 2026/01/31 09:15\n\n2026/01/30(Fri)\n",
        "{hour:02}:{minute:02}\tMia\tmessage {at}\n",
    ),
    "wechat": written(
        "localId,TalkerId,Type,SubType,IsSender,CreateTime,"
        "Status,StrContent,StrTime,Remark,NickName,Sender\n",
        "1,217,1,0,0,1628863886,,message {at},,Mia,Mia,wxid_s\n",
    ),
    "kakaotalk": written(
        "Date,User,Message\n", '2024-02-0{day} {hour:02}:{minute:02}:00,"Mia","message {at}"\n'
    ),
    "signal": written("", "[2024-02-0{day} {hour:02}:{minute:02}] Mia: message {at}\n"),
    "telegram": written(
        '{"name":"Mia","type":"personal_chat","id":1,"messages":[\n',
        '{{"id":{at},"type":"message","date":"2024-02-0{day}T10:00:00","from":"Mia",'
        '"from_id":"user1","text":"message {at}"}},\n',
    )[:-2]
    + "]}",
}


class Counting(MemoryTree):
    """One chat, whose bytes from ``sound`` on cannot be read; what is asked for is counted."""

    def __init__(self, chat: str, sound: int | None = None) -> None:
        super().__init__({NAME: chat})
        self.sound = len(chat) if sound is None else sound
        self.asked: list[int] = []

    def open(self, name):
        tree = self

        class Asked(io.BytesIO):
            def read(self, size=-1):
                tree.asked.append(size)
                if self.tell() + size > tree.sound:
                    raise OSError("a chunk is damaged")
                return super().read(size)

        return Asked(self.files[name])


def read(app: str, tree: Counting):
    with Confined(tree) as reader:
        source = Recognised(app, (NAME,))
        events = [event for events in reader.read(source) for event in events]
        assert reader.counts.reconciles
    return events


def texts(events) -> list[str]:
    return [event.text for event in events if isinstance(event, Message)]


@pytest.mark.parametrize("app", CHATS)
def test_a_text_is_asked_for_in_large_parts(app: str) -> None:
    chat = CHATS[app]
    tree = Counting(chat)
    assert len(texts(read(app, tree))) == COUNT
    times = round(sum(tree.asked) / len(chat))  # looked through for encoding, dates and people
    assert 1 <= times <= 5
    assert len(tree.asked) < 60


@pytest.mark.parametrize("app", CHATS)
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_everything_before_damaged_bytes_is_read(app: str, share: float) -> None:
    chat = CHATS[app]
    sound = int(share * len(chat))
    tree = Counting(chat, sound)
    events = read(app, tree)
    assert [each.code for each in events if isinstance(each, ReadWarning)] == ["bytes-missing"]
    told = texts(events)
    assert told == [f"message {at}" for at in range(len(told))]
    lost = len(re.findall(r"message \d", chat[:sound])) - len(told)
    at_once = limits.JSON_BYTES_AT_ONCE if app == "telegram" else 8 * limits.KIB
    assert lost * len(chat) / COUNT < limits.HEAD_BYTES + at_once
    assert len(tree.asked) < 1500
