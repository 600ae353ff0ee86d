"""What a reader finds in a source, as frozen values that travel between processes.

A reader yields these in the order of its source. Conversations and people are announced before
the messages that name them. Times are milliseconds since 1970-01-01: of UTC when the conversation's
clock says so, else of the wall clock where the export was made (many exports tell no zone).

Every line or record of a source ends in exactly one of four ways, so that counts reconcile::

    seen = messages + system + continuations + warned

- a :class:`Message` of a person, or one of kind :attr:`Kind.SYSTEM`; its ``span`` counts the lines
  or records that it took: one of its own, the others are continuations;
- a :class:`Continuation`: what belongs to something else (headings, blank lines, edits,
  reactions);
- a :class:`ReadWarning` with ``records`` > 0: what could not be read at all. One with
  ``records`` = 0 is a remark on something that was.
"""

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

import msgspec

Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What the index can hold: a process that tells of anything else is not believed."""


class Kind(StrEnum):
    """What a message is."""

    TEXT = "text"
    MEDIA = "media"  # has attachments; may have a text as well
    CALL = "call"
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    SYSTEM = "system"  # nobody said it: joined, left, renamed, the encryption notice
    DELETED = "deleted"  # the export says that something was here
    UNREADABLE = "unreadable"  # there, but not to be decrypted or of an unknown type


class ConversationKind(StrEnum):
    """How many talk."""

    DIRECT = "direct"
    GROUP = "group"
    CHANNEL = "channel"
    UNKNOWN = "unknown"


class Clock(StrEnum):
    """What the times of a conversation are times of."""

    UTC = "utc"
    WALL = "wall"


class DateOrder(StrEnum):
    """In which order a source writes day, month and year."""

    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


class MediaKind(StrEnum):
    """How an attachment is shown; it is typed by content before it is shown."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    STICKER = "sticker"
    DOCUMENT = "document"


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where an attachment's bytes are: a file of the tree, or a part of one.

    ``file`` is a name of the :class:`conversations.tree.Tree`; ``start`` and ``length`` are bytes
    (None: to its end); ``encoding`` is "" or "base64".
    """

    file: str
    start: Amount = 0
    length: Amount | None = None
    encoding: Literal["", "base64"] = ""


class Attachment(msgspec.Struct, frozen=True, array_like=True):
    """A file of a message; ``place`` is None when the export left it out.

    ``name`` is what the export calls it, ``media_type`` what it claims ("" when it claims nothing),
    ``size`` its bytes when they are known.
    """

    kind: MediaKind
    name: str = ""
    media_type: str = ""
    size: Amount | None = None
    place: Place | None = None


class Reaction(msgspec.Struct, frozen=True, array_like=True):
    """One emoji (or its name) and who reacted; ``count`` may exceed the people who are named."""

    emoji: str
    by: tuple[str, ...] = ()
    count: Amount = 1


class Event(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of what a reader yields."""


class Conversation(Event, frozen=True):
    """Announces a conversation. ``key`` is the same in every export of it by the same app."""

    key: str
    title: str
    kind: ConversationKind = ConversationKind.UNKNOWN
    clock: Clock = Clock.WALL


class Person(Event, frozen=True):
    """Announces who takes part, by a key that messages name as their sender.

    A sender that was not announced is a person whose name is the key.
    """

    conversation: str
    key: str
    name: str
    is_self: bool = False


class Dates(Event, frozen=True):
    """How the dates of this conversation were understood, for sources where that is a question."""

    conversation: str
    order: DateOrder
    is_sure: bool


class Message(Event, frozen=True):
    """One message. ``sender`` is None for what nobody said.

    ``file`` is the number of the file in the source, ``line`` that of the line or record in it,
    from 1. ``id`` is the app's own id ("" when the format has none), unique in the conversation;
    ``reply_to`` is another's id. ``edited`` is a time, or 0 when only the fact is known.
    """

    conversation: str
    time: int | None
    sender: str | None
    kind: Kind
    text: str
    file: Number
    line: Amount
    span: Number = 1
    id: str = ""
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    edited: int | None = None
    forwarded_from: str = ""
    earlier: tuple[str, ...] = ()  # texts before edits, oldest first, when the export has them
    deleted: bool = False  # it was deleted later; what is here is what was there


class Continuation(Event, frozen=True):
    """``records`` lines or records that belong to something else; "" when to no conversation."""

    records: Number
    conversation: str = ""


class ReadWarning(Event, frozen=True):
    """Something that could not be read, or a remark (``records`` = 0).

    ``code`` is stable and lower-case; ``detail`` says more for people (what, never whole texts).
    ``line`` is 0 when the warning is about the file.
    """

    code: str
    file: Number = 0
    line: Amount = 0
    detail: str = ""
    records: Number = 0
    conversation: str = ""


class Counts(msgspec.Struct, array_like=True):
    """What became of the lines or records of a source; it reconciles (see the module)."""

    seen: Amount = 0
    messages: Amount = 0
    system: Amount = 0
    continuations: Amount = 0
    warned: Amount = 0

    @property
    def reconciles(self) -> bool:
        """Whether nothing was dropped silently, and nothing counted twice."""
        return self.seen == self.messages + self.system + self.continuations + self.warned

    def add(self, event: Event) -> None:
        """Count one event; ``seen`` is counted by whoever hands out lines and records."""
        match event:
            case Message(kind=Kind.SYSTEM, span=span):
                self.system += 1
                self.continuations += span - 1
            case Message(span=span):
                self.messages += 1
                self.continuations += span - 1
            case Continuation(records=records):
                self.continuations += records
            case ReadWarning(records=records):
                self.warned += records


EVENTS: TypeAlias = Conversation | Person | Dates | Message | Continuation | ReadWarning
"""Every event, for decoding."""
