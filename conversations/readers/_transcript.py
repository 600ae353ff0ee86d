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


Events = tuple[Event, ...]

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
        self.cut = line if self.chars > limits.TEXT_CHARS_MAX else 0

    def add(self, text: str) -> None:
        """One line more; beyond the bound it is counted only."""
        self.span += 1
        self.chars += len(text) + 1
        if self.chars > limits.TEXT_CHARS_MAX:
            self.cut = self.cut or self.line + self.span - 1
            return
        self.texts.append(text)


class Transcript:
    """Turns recognised lines into events, in their order: each call gives those that are due."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._draft: _Draft | None = None
        self._known: set[tuple[str, str]] = set()
        self.told = 0

    def said(
        self, conversation: str, time: int | None, sender: str, line: Line, text: str | None
    ) -> Events:
        """A message of somebody begins on this line; its text on the next one when it is None."""
        due = self.pause() if self._draft is not None else ()
        sender = sender[: limits.NAME_CHARS_MAX]
        self._draft = _Draft(conversation, time, sender, line.number, text, Kind.TEXT)
        return due

    def noted(self, conversation: str, time: int | None, line: Line, text: str | None) -> Events:
        """Something that nobody said begins on this line."""
        due = self.pause() if self._draft is not None else ()
        self._draft = _Draft(conversation, time, None, line.number, text, Kind.SYSTEM)
        return due

    def more(self, conversation: str, line: Line) -> Events:
        """What belongs to the message before; there must be one, unless the line is blank."""
        if self._draft is not None:
            self._draft.add(line.text)
            return ()
        if line.text.strip("\ufeff \t"):
            return (ReadWarning("not-understood", 0, line.number, "", 1, conversation),)
        return (Continuation(1, conversation),)

    def heading(self, conversation: str, lines: int = 1) -> Events:
        """A line of the export itself: what was being said ends before it."""
        return (*self.pause(), Continuation(lines, conversation))

    def person(self, person: Person) -> Events:
        """Announces who has another name than their key, once."""
        who = (person.conversation, person.key)
        if who in self._known or len(self._known) >= _PEOPLE_MAX:
            return ()
        self._known.add(who)
        return (person,)

    def pause(self) -> Events:
        """What was being said is complete."""
        draft, self._draft = self._draft, None
        if draft is None:
            return ()
        self.told += 1
        message = self._message(draft)
        if draft.cut:
            return ReadWarning("text-cut", 0, draft.cut, conversation=draft.conversation), message
        return (message,)

    def end(self) -> Events:
        """Nothing follows; a file without a message says so."""
        due = self.pause()
        return due if self.told else (*due, ReadWarning("no-messages"))

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
