"""WhatsApp: the text that "Export chat" writes on Android and on the iPhone, in any language.

docs/conversations.md says which variants there are. The grammar of headers is in
``_whatsapp_headers``, the order of dates in ``_whatsapp_dates``, what bodies say in
``_whatsapp_said``, words of languages in ``_whatsapp_words`` and ``_whatsapp_notices``.
"""

from collections.abc import Iterator
from hashlib import sha256
from typing import ClassVar, Final

from conversations.decoding import encoding_of
from conversations.events import (
    Continuation,
    Conversation,
    ConversationKind,
    Dates,
    Event,
    Kind,
    Message,
    Person,
    ReadWarning,
)
from conversations.readers._base import Confidence, FileByFile
from conversations.readers._whatsapp_body import Body
from conversations.readers._whatsapp_dates import DAY_MS, Calendar
from conversations.readers._whatsapp_files import widen
from conversations.readers._whatsapp_headers import shape_of
from conversations.readers._whatsapp_names import chat_name, is_named
from conversations.readers._whatsapp_said import said, told
from conversations.readers._whatsapp_senders import is_called
from conversations.readers._whatsapp_survey import Survey, surveyed
from conversations.source import Source

_NAMED_BY_PEOPLE: Final = 3
_SURE_AFTER: Final = 3
_CR: Final = "\r"


class WhatsApp(FileByFile):
    """Reads WhatsApp's exported chats."""

    app: ClassVar[str] = "whatsapp"
    title: ClassVar[str] = "WhatsApp"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:
        """A text file that begins with a header, or is named as exports are."""
        ending = name.rsplit("/", 1)[-1].rpartition(".")[2].lower()
        if ending != "txt" or b"\0" in head[:2].strip(b"\xff\xfe"):
            return 0.0
        lines = head.decode(encoding_of(head), "replace").splitlines()
        shapes = [shape_of(line) for line in lines if line.strip()]
        if is_named(name):
            return 1.0 if any(shapes) else 0.2
        found = [shape for shape in shapes if shape is not None]
        if not found or (shapes[0] is None and len(found) < _SURE_AFTER):
            return 0.0
        if found[0].is_shared:
            return 0.3
        return 0.4 if shapes[0] is None else 1.0  # other formats may be quoted below

    def read(self, source: Source) -> Iterator[Event]:
        """The chat of one file."""
        widen(source)
        survey = surveyed(source)
        if survey is None:
            yield from _unread(source)
        else:
            yield from Chat(source, survey).events()


def _unread(source: Source) -> Iterator[Event]:
    """No header anywhere: every line is in one warning."""
    for _ in source.lines():
        pass
    code = "no-message-header" if source.seen else "empty"
    yield ReadWarning(code, line=min(source.seen, 1), records=source.seen)


class Chat:
    """One chat as it is read: its messages, each from its header to the next."""

    def __init__(self, source: Source, survey: Survey) -> None:
        self._source = source
        self._survey = survey
        name = chat_name(source.files[0]) or survey.notified
        self._title, self.key = _called(name, survey)
        self._senders = survey.senders
        self._senders.settle(self._title)
        self._family = survey.shape.family
        self._calendar = Calendar(
            survey.shape.first, survey.decided(), source.date_orders.get(self.key)
        )

    def events(self) -> Iterator[Event]:
        """The conversation, how its dates were understood, who talks, and the messages."""
        kind = self._survey.kind(self._title)
        calendar = self._calendar
        yield Conversation(self.key, self._title, kind)
        yield Dates(self.key, calendar.order, calendar.is_sure)
        if kind is ConversationKind.DIRECT:
            yield from self._two()
        yield from self._messages()
        yield from self._remarks()

    def _remarks(self) -> Iterator[ReadWarning]:
        """What may be wrong with the whole."""
        calendar, strangers = self._calendar, self._survey.strangers
        if calendar.is_by_table:
            yield ReadWarning("calendar-by-table", conversation=self.key)
        if halves := self._survey.matcher.unknown_halves:
            yield ReadWarning(
                "half-of-day-unknown", detail=", ".join(halves), conversation=self.key
            )
        if calendar.swapped_at:
            detail = f"{calendar.swapped} dates are none in the order of the others"
            yield ReadWarning("date-order-mixed", 0, calendar.swapped_at, detail, 0, self.key)
        if strangers:
            detail = f"{strangers} lines begin as messages of another export do"
            yield ReadWarning("other-headers", detail=detail, conversation=self.key)

    def _two(self) -> Iterator[Person]:
        """In a chat of two that is named by one, the other is who exported it."""
        for name in sorted(self._senders.speakers()):
            yield Person(self.key, name, name, is_self=not is_called(name, self._title))

    def _messages(self) -> Iterator[Event]:
        matcher, day_of_header = self._survey.matcher, self._calendar.day
        has_ends, ended = self._survey.has_ends, _CR
        body: Body | None = None
        for number, text in self._source.lines(keeps_returns=has_ends):
            header = matcher(text)
            if has_ends:
                header, ended = header if ended == _CR else None, text[-1:]
            day = None if header is None else day_of_header(header[0], number)
            if header is None or day is None:
                if body is None:
                    yield self._before(number, text)
                else:
                    body.add(text.removesuffix(_CR) if has_ends else text)
                continue
            if body is not None:
                yield self._finished(body)
                if body.is_cut:
                    yield self._cut(body)
            _, time_of_day, end = header
            first = text.removesuffix(_CR) if has_ends else text
            body = Body(number, day * DAY_MS + time_of_day, first[end:])
        if body is not None:
            yield self._finished(body)
            if body.is_cut:
                yield self._cut(body)

    def _cut(self, body: Body) -> ReadWarning:
        """That the text was longer than texts may be."""
        return ReadWarning("text-cut", 0, body.number, conversation=self.key)

    def _before(self, number: int, text: str) -> Event:
        """A line before the first header."""
        if not text.strip():
            return Continuation(1, self.key)
        return ReadWarning("not-a-message", 0, number, records=1, conversation=self.key)

    def _finished(self, body: Body) -> Message:
        lines, sender = body.lines(), None
        split = self._senders.split(lines[0])
        if split is None:
            understood = told(lines)
        else:
            sender, lines[0] = split
            understood = said(self._source, self._family, lines)
        if understood.kind is Kind.SYSTEM:
            sender = None
        return Message(
            self.key,
            body.time,
            sender,
            understood.kind,
            understood.text,
            0,
            body.number,
            body.span,
            attachments=understood.attachments,
            edited=understood.edited,
        )


def _called(name: str, survey: Survey) -> tuple[str, str]:
    """Title and key of a chat; one whose file does not tell is called by who talks in it."""
    if name:
        return name, name
    people = sorted(survey.senders.speakers())
    title = ", ".join(people[:_NAMED_BY_PEOPLE]) or "WhatsApp"
    rest = len(people) - _NAMED_BY_PEOPLE
    key = sha256("\n".join(people).encode(errors="replace")).hexdigest()[:32]
    return (f"{title} +{rest}" if rest > 0 else title), f"people:{key}"
