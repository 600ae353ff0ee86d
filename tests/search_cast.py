"""Kept messages of several vaults, in the index and in its tables, for tests of searching."""

import datetime as dt
import itertools
from hashlib import blake2b
from typing import Any

from conversations import search
from conversations.databases import INDEX
from conversations.events import Kind
from conversations.models import Attachment, Conversation, Message, Participant, SourceRow

_numbers = itertools.count(1)


def ms(*when: int) -> int:
    return round(dt.datetime(*when, tzinfo=dt.UTC).timestamp() * 1000)  # type: ignore[arg-type]


class Chat:
    """One conversation of a vault; ``say`` keeps a message and makes it findable."""

    def __init__(self, vault: str, title: str, clock: str = "wall") -> None:
        number = next(_numbers)
        self.vault = vault
        self.row = Conversation.objects.create(
            vault=vault, slug=f"{number:016x}", app="made", key=title, title=title, clock=clock
        )
        self.source = SourceRow.objects.create(
            vault=vault, digest=f"{number}", app="made", reader_version=1, files=["made.json"]
        )
        self.people: dict[str, Participant] = {}

    def say(
        self,
        text: str,
        by: str = "Bob",
        at: int | None = None,
        kind: str = Kind.TEXT,
        files: tuple[str, ...] = (),
        **fields: Any,
    ) -> Message:
        number = next(_numbers)
        at = ms(2024, 5, 1) + number if at is None else at
        message = Message.objects.create(
            id=(at << 20) + number,
            conversation=self.row,
            sender=self._person(by) if by else None,
            kind=kind,
            text=text,
            has_media=bool(files),
            digest=blake2b(f"{number}".encode(), digest_size=16).digest(),
            source=self.source,
            last_source=self.source,
            file=0,
            line=number,
            **fields,
        )
        for place, name in enumerate(files):
            Attachment.objects.create(
                message=message, source=self.source, number=place, kind="document", name=name
            )
        search.add(INDEX, search.entries([message], self.vault))
        return message

    def _person(self, name: str) -> Participant:
        if name not in self.people:
            self.people[name] = Participant.objects.create(
                conversation=self.row, key=name, name=name
            )
        return self.people[name]


def forget(message: Message, vault: str) -> None:
    search.remove(INDEX, search.entries([message], vault))
    message.delete()
