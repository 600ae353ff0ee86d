"""Exports of the same chats made at different times, with media: what merging has to put together.

Two apps; each later export has grown, repeats what the earlier ones said, edits and deletes a
little of it, and brings bytes that an earlier one had left out.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_BEGIN = datetime(2021, 1, 1, 8, 0, tzinfo=UTC)
_WORDS = ("lake", "boat", "rope", "bread", "家", "湖", "吃饭", "上海", "cat", "better", "🎉", "tea")
_PEOPLE = ("Alice", "Bob Miller", "李明")
MEDIA_EVERY = 23


class Exports:
    """Folders below ``folder``, one for each backup, oldest first; about ``messages`` in all."""

    def __init__(self, folder: Path, messages: int) -> None:
        self._random = random.Random(7)
        self._said = [self._sentence() for _ in range(messages)]
        self.folders = [
            self._whatsapp(folder / "1", messages // 3, with_media=False),
            self._telegram(folder / "2", messages // 4, edited=0),
            self._whatsapp(folder / "3", messages // 2, with_media=True),
            self._telegram(folder / "4", messages // 2, edited=9),
        ]

    def _sentence(self) -> str:
        count = self._random.choice((1, 2, 5, 12))
        return " ".join(self._random.choice(_WORDS) for _ in range(count))

    def _whatsapp(self, folder: Path, count: int, *, with_media: bool) -> Path:
        folder.mkdir(parents=True)
        lines = []
        for number in range(count):
            at = _BEGIN + timedelta(minutes=number // 3)
            text = self._said[number]
            if number % MEDIA_EVERY == 0:
                name = f"IMG-20210101-WA{number:05}.jpg"
                text = f"{name} (file attached)" if with_media else "<Media omitted>"
                if with_media:
                    (folder / name).write_bytes(b"\xff\xd8\xff" + name.encode() * 9)
            who = _PEOPLE[number % 3]
            lines.append(f"{at:%d/%m/%Y, %H:%M} - {who}: {text}\n")
        (folder / "WhatsApp Chat with Lake.txt").write_text("".join(lines))
        return folder

    def _telegram(self, folder: Path, count: int, *, edited: int) -> Path:
        folder.mkdir(parents=True)
        chats = [self._chat(folder, chat, count // 2, edited) for chat in range(2)]
        told = {"about": "", "chats": {"about": "", "list": chats}}
        (folder / "result.json").write_text(json.dumps(told, ensure_ascii=False))
        return folder

    def _chat(self, folder: Path, chat: int, count: int, edited: int) -> dict[str, Any]:
        said = []
        for number in range(count):
            who = number % 3
            at = _BEGIN + timedelta(seconds=40 * number + chat)
            record = {
                "id": number + 1,
                "type": "message",
                "date": f"{at:%Y-%m-%dT%H:%M:%S}",
                "date_unixtime": f"{int(at.timestamp())}",
                "from": _PEOPLE[who],
                "from_id": f"user{who + 1}",
                "text": self._said[-number - 1 - chat],
            }
            if edited and number % edited == 0:
                record |= {"text": f"{record['text']} (better)", "edited_unixtime": "1620000000"}
            if number % MEDIA_EVERY == 0:
                name = f"photos/photo_{chat}_{number}.jpg"
                (folder / "photos").mkdir(exist_ok=True)
                (folder / name).write_bytes(b"\xff\xd8\xff" + name.encode() * 7)
                record |= {"photo": name, "width": 1, "height": 1}
            said.append(record)
        kind = "private_group" if chat else "personal_chat"
        return {"name": f"Chat {chat}", "type": kind, "id": 100 + chat, "messages": said}
