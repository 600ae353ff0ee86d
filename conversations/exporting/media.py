"""The media of an exported conversation: what they are called, and their bytes."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from conversations.contents import Contents, NotKept
from conversations.models import Attachment, Conversation
from conversations.transcript import Said, Span, said
from conversations.zipping import Entry
from wire.errors import WireError

_FOLDER: Final = "media"
_NAME_CHARS_MAX: Final = 80
_UNSAFE: Final = re.compile(r"[^\w. ()+-]+")
# A click on such a file would run what is in it, with the person's own files around it.
_ACTIVE: Final = frozenset(
    {
        *("html", "htm", "xhtml", "xht", "shtml", "svg", "svgz", "xml", "xsl", "mht", "mhtml"),
        *("js", "mjs", "vbs", "wsf", "hta", "exe", "com", "bat", "cmd", "ps1", "scr", "msi"),
        *("lnk", "url", "desktop", "jar", "sh", "app", "command"),
    }
)


def path_of(attachment: Attachment, message_number: int) -> str:
    """Where the attachment is in the archive; "" when the snapshot has no bytes of it.

    ``message_number`` counts the exported messages, so that equal names stay apart.
    """
    if not attachment.file:
        return ""
    name = unicodedata.normalize("NFC", attachment.name).replace("/", " ")
    stem, dot, ending = _UNSAFE.sub("_", name).strip(" .").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    shown = f"{stem[:_NAME_CHARS_MAX]}{dot}{ending[:10]}" or "file"
    if ending.lower() in _ACTIVE:
        shown += ".txt"
    return f"{_FOLDER}/{message_number:06}-{attachment.number}-{shown}"


def entries(conversation: Conversation, span: Span) -> Iterator[Entry]:
    """Each attachment that a snapshot has, in the order of the messages."""
    contents = Contents()
    for number, each in enumerate(said(conversation, span), 1):
        for attachment in each.attachments:
            if path := path_of(attachment, number):
                yield _entry(contents, attachment, path, each)


def _entry(contents: Contents, attachment: Attachment, path: str, each: Said) -> Entry:
    return Entry(path, each.time, _pieces(contents, attachment), attachment.size)


def _pieces(contents: Contents, attachment: Attachment) -> Iterator[bytes]:
    try:
        content = contents.of(attachment)
    except (NotKept, WireError) as error:
        raise OSError(str(error)) from None
    yield from content.read()
