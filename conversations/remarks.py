"""Warnings in a person's words, by their codes. Whoever adds a code adds its sentence."""

from typing import Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

SENTENCES: Final = {
    "archive-bad-name": _("The zip has a file whose name leads elsewhere. It was left out."),
    "archive-damaged": _("The zip is damaged. What could be read of it was read."),
    "archive-duplicate": _("The zip has two files of the same name. The first one was read."),
    "archive-encrypted": _("The zip needs a password. Make the export without one."),
    "archive-method": _("The zip is compressed in a way that is not known here."),
    "archive-overlap": _("Files in the zip lie over each other. They were left out."),
    "archive-too-deep": _("A zip in a zip in a zip is not opened."),
    "archive-too-many": _("The zip has too many files. The first ones were read."),
    "bad-json": _("The file is no JSON from here on."),
    "bytes-missing": _("The file cannot be read."),
    "counts-differ": _("The reader lost count. Please report this."),
    "expands-too-much": _("The zip expands to far more than it should. That was not read."),
    "nested-too-deep": _("It is nested too deep."),
    "not-a-record": _("This is not a message, and was not read."),
    "reader-died": _("Reading ended before the file did."),
    "reader-failed": _("The reader failed. Please report this."),
    "shortened": _("The message is very long. Its beginning was read."),
    "too-much-memory": _("Reading took too much memory, and was ended."),
    "too-much-time": _("Reading took too much time, and was ended."),
}


def sentence(code: str) -> str:
    """What a warning says to a person; for a code without a sentence, the code."""
    said = SENTENCES.get(code)
    return str(said) if said else gettext("Remark: %(code)s.") % {"code": code}
