"""Messages as a page shows them: who said it, when, what belongs to it, where a new day begins."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from django.utils import timezone
from django.utils.functional import Promise

from conversations import digests, linking, more, numbering, timeline
from conversations.clocks import shown
from conversations.events import Clock, Kind
from conversations.linking import Segment
from conversations.models import Attachment, Conversation, Message, Participant
from conversations.more import More
from conversations.timeline import Beside
from conversations.wording import KINDS

HUES: Final = 12
TEXT_CHARS_SHOWN: Final = 3000
_TOGETHER: Final = dt.timedelta(minutes=10)


class Speaker(NamedTuple):
    """Who said something; ``hue`` is from 0 and chooses the colour."""

    key: str
    name: str
    hue: int
    is_own: bool


class Quote(NamedTuple):
    """The message that another one answers; ``at`` is "" when it is not among those kept."""

    at: str
    name: str
    text: str
    kind_word: Promise | str


class Reacted(NamedTuple):
    """One emoji, how often, and the names of those who are known."""

    emoji: str
    times: int
    names: Sequence[str]


class Bubble(NamedTuple):
    """One message. ``at`` names it in addresses; times have no zone (see :func:`clocks.shown`).

    ``day`` is there without a time as well, if others tell where it stands; ``is_first`` says that
    another day begins, or another person to talk. ``rest`` is what of a very long text is only
    shown when it is asked for.
    """

    id: int
    at: str
    kind: str
    speaker: Speaker | None
    time: dt.datetime | None
    day: dt.date | None
    is_first: bool
    text: Sequence[Segment]
    rest: Sequence[Segment]
    quote: Quote | None
    attachments: Sequence[Attachment]
    reactions: Sequence[Reacted]
    more: More
    edited: dt.datetime | None

    @property
    def clock(self) -> str:
        """Hour and minute: made here because a template's filter takes ten times as long."""
        return f"{self.time:%H:%M}" if self.time else ""

    @property
    def is_quiet(self) -> bool:
        """Whether nobody said it: a line of the app."""
        return self.kind == Kind.SYSTEM

    @property
    def is_deleted(self) -> bool:
        """Whether it was taken away, here or in a newer export."""
        return self.more.deleted or self.kind == Kind.DELETED

    @property
    def kind_word(self) -> Promise | str:
        """What it is, for where there is nothing else to show; "" where there is."""
        if self.kind in (Kind.TEXT, Kind.SYSTEM) or self.attachments:
            return ""
        return KINDS[self.kind]


def at_of(message: Message) -> str:
    """The name of a message in addresses."""
    return f"{bytes(message.digest).hex()}-{message.nth}"


def bubbles_of(conversation: Conversation, messages: Sequence[Message], own: str) -> list[Bubble]:
    """These messages as they are shown; with the same queries whatever is in them.

    ``own`` is the key that its owner chose to be theirs, or empty.
    """
    return _Maker(conversation, messages, own).make()


class _Maker:
    def __init__(self, conversation: Conversation, messages: Sequence[Message], own: str) -> None:
        self._conversation, self._messages, self._own = conversation, messages, own
        self._zone = timezone.get_current_timezone()
        self._beside: Beside = timeline.beside(conversation, messages)
        self._more = [more.decode(message.more) for message in messages]
        keys = {key for one in self._more for each in one.reactions for key in each.by}
        self._names: Mapping[str, str] = timeline.keys_to_names(conversation, keys)

    def make(self) -> list[Bubble]:
        made: list[Bubble] = []
        for message, beyond in zip(self._messages, self._more, strict=True):
            time = self._time(numbering.time_of(message.pk))
            made.append(self._bubble(message, beyond, time, made[-1] if made else None))
        return made

    def _bubble(
        self,
        message: Message,
        beyond: More,
        time: dt.datetime,
        last: Bubble | None,
    ) -> Bubble:
        speaker = self._speaker(message)
        day = time.date() if numbering.is_placed(message.pk) else None
        told, rest = linking.cut(linking.segments(message.text), TEXT_CHARS_SHOWN)
        return Bubble(
            id=message.pk,
            at=at_of(message),
            kind=message.kind,
            speaker=speaker,
            time=time if message.is_timed else None,
            day=day,
            is_first=not _goes_on(last, speaker, time, day),
            text=told,
            rest=rest,
            quote=self._quote(message.reply_to) if message.reply_to else None,
            attachments=self._beside.attachments.get(message.pk, ()),
            reactions=[
                Reacted(one.emoji, one.count, [self._names.get(key, key) for key in one.by])
                for one in beyond.reactions
            ],
            more=beyond,
            edited=self._time(beyond.edited) if beyond.edited else None,
        )

    def _time(self, milliseconds: int) -> dt.datetime:
        try:
            return shown(milliseconds, self._conversation.clock, self._zone)
        except OverflowError:
            return shown(0, Clock.WALL, self._zone)

    def _speaker(self, message: Message) -> Speaker | None:
        person = self._beside.people.get(message.sender_id or 0)
        return speaker_of(person, self._own) if person else None

    def _quote(self, native_id: str) -> Quote:
        message = self._beside.replied.get(digests.digest_of_native(native_id))
        if message is None:
            return Quote("", "", "", "")
        said = self._speaker(message)
        excerpt = str(message.excerpt)  # type: ignore[attr-defined] # annotated
        return Quote(at_of(message), said.name if said else "", excerpt, KINDS[message.kind])


def speaker_of(person: Participant, own: str) -> Speaker:
    """``own`` is the key that was chosen to be the owner's; "" leaves it to the export."""
    is_own = person.key == own if own else person.is_self
    return Speaker(person.key, person.name, person.number % HUES, is_own)


def _goes_on(
    last: Bubble | None, speaker: Speaker | None, time: dt.datetime, day: dt.date | None
) -> bool:
    """Whether the same person goes on talking."""
    if last is None or last.speaker != speaker or last.is_quiet or last.day != day:
        return False
    return last.time is None or time - last.time < _TOGETHER
