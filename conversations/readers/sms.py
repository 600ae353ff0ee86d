"""SMS Backup & Restore: the messages, picture messages and calls of a phone, as XML.

One file holds many conversations. They are keyed by the addresses of everyone in them, without
spaces, dashes and parentheses; a number with and one without its country code stay two.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar, Final

from conversations.elements import BadElements, Broken, Element, elements_of
from conversations.events import Event, Kind, Message, ReadWarning
from conversations.readers._base import Confidence, FileByFile
from conversations.readers._sms_bytes import parseable
from conversations.readers._sms_parts import Parts
from conversations.readers._sms_talks import SELF, Talk, Talks, given, key_of
from conversations.source import Source

_ROOT: Final = re.compile(rb"<(?:!DOCTYPE\s+)?(?:smses|calls)[\s>]")
_RECORDS: Final = ("sms", "mms", "call")
_RECEIVED: Final = "1"
_SENT: Final = "2"
_UNSENT: Final = {"3": "draft", "4": "outbox", "5": "failed", "6": "queued"}
_BOXES: Final = {_RECEIVED, _SENT, *_UNSENT}
_FROM: Final = "137"
_NOT_FETCHED: Final = "130"
_CALLS: Final = {
    "1": "Incoming call",
    "2": "Outgoing call",
    "3": "Missed call",
    "4": "Voicemail",
    "5": "Rejected call",
    "6": "Blocked call",
    "7": "Call answered elsewhere",
}
_OUTGOING: Final = "2"
_TIME_MAX: Final = 253_402_300_800_000  # the year 10000


class Sms(FileByFile):
    """Reads XML files of SMS Backup & Restore."""

    app: ClassVar[str] = "sms"
    title: ClassVar[str] = "SMS Backup & Restore"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:  # noqa: ARG002 - any name will do
        """The root element is ``smses`` or ``calls``."""
        is_markup = head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
        return 1.0 if is_markup and _ROOT.search(head) else 0.0

    def read(self, source: Source) -> Iterator[Event]:
        """Every message and call, in the order of the file."""
        yield from _Backup().read(source)


class _Backup:
    """One file while it is read."""

    def __init__(self) -> None:
        self._talks = Talks()
        self._unsent = Counter[str]()
        self._number = 0

    def read(self, source: Source) -> Iterator[Event]:
        """Its records, then what is to be said about all of them."""
        with source.open() as file:
            try:
                for record in source.counted(elements_of(parseable(file), _RECORDS)):
                    self._number = record.number
                    yield from self._record(source, record.value)
            except BadElements as error:
                yield self._warning(error.code, f"{error} after record {self._number}")
        if self._unsent:
            told = ", ".join(f"{count} {box}" for box, count in sorted(self._unsent.items()))
            yield ReadWarning("not-sent", detail=told)
        if not source.seen:
            yield ReadWarning("no-messages")

    def _record(self, source: Source, record: Element | Broken) -> Iterator[Event]:
        if isinstance(record, Broken):
            yield self._warning("bad-xml", record.reason, 1)
            return
        match record.tag:
            case "sms":
                yield from self._sms(record)
            case "mms":
                yield from self._mms(source, record)
            case "call":
                yield from self._call(record)
            case tag:
                yield self._warning("unknown-record", tag, 1)

    def _sms(self, record: Element) -> Iterator[Event]:
        said = record.attributes
        talk = self._talks.of(said.get("address", ""), said.get("contact_name", ""))
        yield from self._talks.announced(talk)
        sender, remark = self._sender(said.get("type", ""), talk.other)
        text = _text(given(said.get("subject")), given(said.get("body")))
        time = _time(said)
        yield Message(talk.key, time, sender, Kind.TEXT, text, 0, self._number)
        if remark or time is None:
            yield from self._remarks(talk, remark, "" if time is not None else "no-time")

    def _mms(self, source: Source, record: Element) -> Iterator[Event]:
        said = record.attributes
        talk = self._talks.of(said.get("address", ""), said.get("contact_name", ""))
        yield from self._talks.announced(talk)
        sender, remark = self._sender(said.get("msg_box", ""), _from(talk, record))
        parts, time = Parts(source, record), _time(said)
        kind = Kind.MEDIA if parts.attachments else Kind.TEXT
        if not record.inside and said.get("m_type") == _NOT_FETCHED:
            kind = Kind.UNREADABLE
        text = _text(given(said.get("sub")), parts.text)
        attachments = tuple(parts.attachments)
        yield Message(
            *(talk.key, time, sender, kind, text, 0, self._number), attachments=attachments
        )
        yield from self._remarks(
            talk, remark, "" if time is not None else "no-time", *parts.remarks
        )

    def _call(self, record: Element) -> Iterator[Event]:
        said = record.attributes
        talk = self._talks.of(said.get("number", ""), said.get("contact_name", ""))
        yield from self._talks.announced(talk)
        box, time = said.get("type", ""), _time(said)
        sender = SELF if box == _OUTGOING else talk.other
        text = _text_of_call(box, said.get("duration", ""))
        yield Message(talk.key, time, sender, Kind.CALL, text, 0, self._number)
        yield from self._remarks(
            talk,
            "" if box in _CALLS else "unknown-type",
            "" if time is not None else "no-time",
        )

    def _sender(self, box: str, other: str | None) -> tuple[str | None, str]:
        """Who said what is in this box, and a remark when that is not to be known."""
        if box == _RECEIVED:
            return other, ""
        if box == _SENT:
            return SELF, ""
        if box in _UNSENT:
            self._unsent[_UNSENT[box]] += 1
            return SELF, ""
        return None, "unknown-type"

    def _remarks(self, talk: Talk, *codes: str) -> Iterator[ReadWarning]:
        for code in codes:
            if code:
                yield ReadWarning(code, 0, self._number, conversation=talk.key)

    def _warning(self, code: str, detail: str, records: int = 0) -> ReadWarning:
        return ReadWarning(code, 0, self._number, detail, records)


def _from(talk: Talk, record: Element) -> str | None:
    """Who sent a received picture message; None in a group when the phone did not keep it."""
    if not talk.is_group:
        return talk.other
    for tag, said in record.inside:
        if tag == "addr" and said.get("type") == _FROM:
            return key_of(said.get("address", "")) or None
    return None


def _text(subject: str, body: str) -> str:
    return f"{subject}\n{body}" if subject and body else subject or body


def _time(said: dict[str, str]) -> int | None:
    date = said.get("date", "")
    if not date.isdecimal() or len(date) > len(str(_TIME_MAX)):
        return None
    return time if 0 < (time := int(date)) < _TIME_MAX else None


def _text_of_call(box: str, duration: str) -> str:
    """What kind of call, and how long it took when it did."""
    told = _CALLS.get(box, "Call")
    if not duration.isdecimal() or len(duration) > len(str(_TIME_MAX)) or not int(duration):
        return told
    minutes, seconds = divmod(int(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{told}, {hours}:{minutes:02}:{seconds:02}" if hours else f"{told}, {minutes}:{seconds:02}"
    )
