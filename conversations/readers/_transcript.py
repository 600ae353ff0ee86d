"""What text exports have in common: messages that begin on one line and go on over the next ones.

A reader recognises lines; a :class:`Transcript` makes messages of them, bounded in memory, so that
every line is counted once whatever it is.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from conversations import limits
from conversations.events import (
    Attachment,
    Continuation,
    Event,
    Kind,
    MediaKind,
    Message,
    Person,
    ReadWarning,
)
from conversations.source import Line

_PEOPLE_MAX: Final = 20_000


class Meaning(NamedTuple):
    """What a body is when it is not just text."""

    kind: Kind
    text: str
    attachments: tuple[Attachment, ...] = ()


Marks = Callable[[str], Meaning | None]
"""Says what a whole body means; None when it is a text."""


def media(kind: MediaKind, name: str = "") -> Meaning:
    """The mark that an export leaves where it left out a file."""
    return Meaning(Kind.MEDIA, "", (Attachment(kind, name[: limits.NAME_CHARS_MAX]),))


class _Draft:
    """A message whose lines are still being read."""

    __slots__ = ("chars", "conversation", "cut", "kind", "line", "sender", "span", "texts", "time")

    def __init__(
        self,
        conversation: str,
        time: int | None,
        sender: str | None,
        line: int,
        text: str | None,
        kind: Kind,
    ) -> None:
        self.conversation = conversation
        self.time = time
        self.sender = sender
        self.line = line
        self.kind = kind
        self.texts = [] if text is None else [text]
        self.chars = len(text or "")
        self.span = 1
        self.cut = 0

    def add(self, text: str) -> None:
        """One line more; beyond the bound it is counted only."""
        self.span += 1
        self.chars += len(text) + 1
        if self.chars > limits.TEXT_CHARS_MAX:
            self.cut = self.cut or self.line + self.span - 1
            return
        self.texts.append(text)


class Transcript:
    """Turns recognised lines into events, in their order."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._draft: _Draft | None = None
        self._known: set[tuple[str, str]] = set()
        self.told = 0

    def said(
        self, conversation: str, time: int | None, sender: str, line: Line, text: str | None
    ) -> Iterator[Event]:
        """A message of somebody begins on this line; its text on the next one when it is None."""
        if self._draft is not None:
            yield from self.pause()
        self._draft = _Draft(conversation, time, sender, line.number, text, Kind.TEXT)

    def noted(
        self, conversation: str, time: int | None, line: Line, text: str | None
    ) -> Iterator[Event]:
        """Something that nobody said begins on this line."""
        if self._draft is not None:
            yield from self.pause()
        self._draft = _Draft(conversation, time, None, line.number, text, Kind.SYSTEM)

    def more(self, conversation: str, line: Line) -> Iterator[Event]:
        """What belongs to the message before; there must be one, unless the line is blank."""
        if self._draft is not None:
            self._draft.add(line.text)
        elif line.text.strip("\ufeff \t"):
            yield ReadWarning("not-understood", 0, line.number, "", 1, conversation)
        else:
            yield Continuation(1, conversation)

    def heading(self, conversation: str, lines: int = 1) -> Iterator[Event]:
        """A line of the export itself: what was being said ends before it."""
        yield from self.pause()
        yield Continuation(lines, conversation)

    def person(
        self, conversation: str, key: str, name: str, is_self: bool = False
    ) -> Iterator[Event]:
        """Announces who has another name than their key, once."""
        who = (conversation, key)
        if who not in self._known and len(self._known) < _PEOPLE_MAX:
            self._known.add(who)
            yield Person(conversation, key, name, is_self)

    def pause(self) -> Iterator[Event]:
        """What was being said is complete."""
        draft, self._draft = self._draft, None
        if draft is None:
            return
        self.told += 1
        if draft.cut:
            yield ReadWarning("text-cut", 0, draft.cut, conversation=draft.conversation)
        yield self._message(draft)

    def end(self) -> Iterator[Event]:
        """Nothing follows; a file without a message says so."""
        yield from self.pause()
        if not self.told:
            yield ReadWarning("no-messages")

    def _message(self, draft: _Draft) -> Message:
        text = "\n".join(draft.texts)
        if draft.span > 1:
            text = text.rstrip("\n")
        text = text[: limits.TEXT_CHARS_MAX]
        meaning = self._marks(text)
        kind = draft.kind
        attachments: tuple[Attachment, ...] = ()
        if meaning is not None and (draft.kind is Kind.TEXT or meaning.kind is Kind.DELETED):
            kind, text, attachments = meaning
        return Message(
            draft.conversation, draft.time, draft.sender, kind, text, 0, draft.line, draft.span,
            attachments=attachments,
        )  # fmt: skip


class Ahead:
    """Lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()

    def __iter__(self) -> "Ahead":
        return self

    def __next__(self) -> Line:
        return self._back.popleft() if self._back else next(self._lines)

    def put_back(self, lines: list[Line]) -> None:
        """They are the next ones again."""
        self._back.extendleft(reversed(lines))

    def until(
        self, is_last: Callable[[str], bool], is_beyond: Callable[[str], bool], most: int
    ) -> list[Line]:
        """The lines up to the last one; none when something beyond it, or ``most``, comes first."""
        taken: list[Line] = []
        chars = 0
        for line in self:
            taken.append(line)
            chars += len(line.text)
            if is_beyond(line.text) or len(taken) > most or chars > limits.TEXT_CHARS_MAX:
                break
            if is_last(line.text):
                return taken
        self.put_back(taken)
        return []
