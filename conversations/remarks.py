"""Warnings in a person's words, by their codes. Whoever adds a code adds its sentence."""

from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

_OF_ARCHIVES: Final = {
    "archive-bad-name": _("The zip has a file whose name leads elsewhere. It was left out."),
    "archive-damaged": _("The zip is damaged. What could be read of it was read."),
    "archive-duplicate": _("The zip has two files of the same name. The first one was read."),
    "archive-encrypted": _("The zip needs a password. Make the export without one."),
    "archive-method": _("The zip is compressed in a way that is not known here."),
    "archive-overlap": _("Files in the zip lie over each other. They were left out."),
    "archive-too-deep": _("A zip in a zip in a zip is not opened."),
    "archive-too-many": _("The zip has too many files. The first ones were read."),
    "expands-too-much": _("The zip expands to far more than it should. That was not read."),
}
_OF_ENDS: Final = {
    "bad-json": _("The file is no JSON from here on."),
    "bad-xml": _("The file is no XML from here on."),
    "bytes-missing": _("The file cannot be read."),
    "counts-differ": _("The reader lost count. Please report this."),
    "empty": _("The file is empty."),
    "entities-forbidden": _("The file declares entities, which no such export does."),
    "nested-too-deep": _("It is nested too deep."),
    "no-message-header": _("No line of the file begins as a message does."),
    "reader-died": _("Reading ended before the file did."),
    "reader-killed": _("Something else ended the reading. It is tried again another day."),
    "reader-failed": _("The reader failed. Please report this."),
    "too-much-memory": _("Reading took too much memory, and was ended."),
    "too-much-time": _("Reading took too much time, and was ended."),
    "truncated": _("The file is cut off. What comes before was read."),
}
_OF_FORMATS: Final = {
    "attachment-broken": _("An attachment is damaged in the file, and cannot be shown."),
    "attachment-missing": _("The file does not have the bytes of an attachment."),
    "calendar-by-table": _("The dates are of an Islamic calendar: they may be wrong by a day."),
    "cut-short": _("A message, name or title has more in it than is kept. Its beginning was read."),
    "date-order-mixed": _("Some dates are impossible in the order of the others."),
    "half-of-day-unknown": _("Some times have a word for half of the day that is not known here."),
    "no-messages": _("The file has no message."),
    "no-time": _("The time of a message was not understood."),
    "not-a-list": _("The file is no list of messages, and was not read."),
    "not-a-message": _("This stands before the first message, and was not read."),
    "not-a-record": _("This is not a message, and was not read."),
    "not-sent": _("Some messages are drafts, or were never sent. They are shown as well."),
    "not-understood": _("This was not understood, and was not read."),
    "other-headers": _("Some lines begin as messages of another export. They count as quoted."),
    "relations-not-merged": _("There are too many edits and reactions to join all of them."),
    "shortened": _("The message is very long. Its beginning was read."),
    "text-cut": _("The message is very long. Its beginning was read."),
    "time-impossible": _("A message has a time that cannot be right. It is shown without one."),
    "too-many-parts": _("A message has too many parts. The first ones were read."),
    "too-many-talkers": _("The file has too many conversations. The first ones were read."),
    "unknown-chat": _("The message is of a chat that the export does not have."),
    "unknown-record": _("This is a record of an unknown kind, and was not read."),
    "unknown-type": _("It is not known whether a message was sent or received."),
}
SENTENCES: Final = _OF_ARCHIVES | _OF_ENDS | _OF_FORMATS


def sentence(code: str) -> str:
    """What a warning says to a person; for a code without a sentence, the code."""
    said = SENTENCES.get(code)
    return str(said) if said else gettext("Remark: %(code)s.") % {"code": code}
