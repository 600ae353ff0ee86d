"""What is true of a whole WhatsApp export, found out before its messages are read.

The file is read twice: once for the shape of its headers, the order of its dates and its senders,
and once for its messages. Nothing of the first reading is kept but counts.

An iPhone ends messages with CRLF and lines inside of them with LF. Where both are in a file, and
headers stand after CRLF, one after LF is a quoted one.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Final

from conversations import limits
from conversations.events import ConversationKind
from conversations.readers._whatsapp_dates import Decided, Evidence, Written
from conversations.readers._whatsapp_headers import Family, Matcher, Shape, shape_of
from conversations.readers._whatsapp_media import LRM, day_told_by
from conversations.readers._whatsapp_said import begins_a_chat, is_of_a_person
from conversations.readers._whatsapp_senders import Senders, is_called
from conversations.readers._whatsapp_words import unmarked
from conversations.source import Source

_LINES_LOOKED_AT: Final = 1000
_LINE_CHARS_LOOKED_AT: Final = 2 * limits.NAME_CHARS_MAX
_SURE_SHARE: Final = 0.7
_STRANGERS_LOOKED_AT: Final = 10_000
_STRANGERS_TOLD_FROM: Final = 3
_STRANGERS_TOLD_SHARE: Final = 0.1
_STRANGE_BEGINNINGS: Final = frozenset("0123456789[\u200e\u200f")


class Survey:
    """What the first reading found; ``shape`` is that of all headers."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.matcher = Matcher(shape)
        self.senders = Senders()
        self._strangers = 0
        self._strangers_seen = 0
        self._ends = {"lines with LF": 0, "headers": 0, "headers after CRLF": 0}
        self.notified = ""  # to whom the iPhone ascribes the first notice: the chat itself
        self._evidence = Evidence(
            shape.first, is_american=shape.is_american, has_hyphens=shape.has_hyphens
        )

    def read(self, lines: Iterable[str]) -> None:
        """Look at every line of the file; dates and names are mostly those of the line before."""
        match, last, ended = self.matcher.date_of, None, ""
        ends = self._ends
        senders, evidence = self.senders, self._evidence
        is_iphone = self.shape.family is Family.BRACKETS
        for line in lines:
            found, before, ended = match(line), ended, line[-1:]
            if ended != "\r":
                ends["lines with LF"] += 1
            if found is None:
                if line[:1] in _STRANGE_BEGINNINGS:
                    self._look_at_stranger(line)
                continue
            ends["headers"] += 1
            if before == "\r":
                ends["headers after CRLF"] += 1
            written, end = found
            if written != last:
                evidence.add(written)
                last = written
            name, separator, text = line[end : end + _LINE_CHARS_LOOKED_AT].partition(": ")
            if not separator:
                continue
            if is_iphone and ends["headers"] == 1 and begins_a_chat(text):
                self.notified = unmarked(name)
            if is_iphone and text.startswith(LRM) and not is_of_a_person(text):
                senders.mention(name)
            else:
                senders.add(name, text)
            if "-WA" in text or "-20" in text:
                self._attest(written, text)

    def _look_at_stranger(self, line: str) -> None:
        """A line that begins as headers of another shape may."""
        self._strangers_seen += 1
        if self._strangers_seen <= _STRANGERS_LOOKED_AT and shape_of(line):
            self._strangers += 1

    @property
    def strangers(self) -> int:
        """How many lines have a header of another shape, when they are too many for quotes."""
        is_told = self._strangers >= _STRANGERS_TOLD_FROM
        share = _STRANGERS_TOLD_SHARE * self._ends["headers"]
        return self._strangers if is_told and self._strangers > share else 0

    @property
    def has_ends(self) -> bool:
        """Whether the ends of lines tell where messages end."""
        ends = self._ends
        after = ends["headers after CRLF"]
        is_mixed = ends["lines with LF"] > 1 and after > 0
        return is_mixed and after >= _SURE_SHARE * (ends["headers"] - 1)

    def _attest(self, written: Written, text: str) -> None:
        day = day_told_by(text)
        if day is not None:
            self._evidence.attest(written, day)

    def decided(self) -> Decided:
        """In which order the dates are."""
        return self._evidence.decided()

    def kind(self, title: str) -> ConversationKind:
        """Whether two talk or more, as far as that shows."""
        speakers = self.senders.speakers()
        if len(speakers) > 2:
            return ConversationKind.GROUP
        if any(is_called(name, title) for name in speakers):
            return ConversationKind.DIRECT
        return ConversationKind.UNKNOWN


def surveyed(source: Source) -> Survey | None:
    """The survey of a source; None when no line of its beginning is a header."""
    shape = _shape(source)
    if shape is None:
        return None
    survey = Survey(shape)
    survey.read(source.skimmed(keeps_returns=True))
    return survey


def _shape(source: Source) -> Shape | None:
    """That of the first line, as every export begins; else the one most lines have."""
    shapes: Counter[Shape] = Counter()
    written = filter(str.strip, islice(source.skimmed(keeps_returns=True), _LINES_LOOKED_AT))
    for at, line in enumerate(written):
        shape = shape_of(line)
        if shape is None:
            continue
        if not at:
            return shape
        shapes[shape] += 1
    return shapes.most_common(1)[0][0] if shapes else None
