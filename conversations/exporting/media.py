"""The media of an exported conversation: what they are called, and their bytes."""

import hashlib
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
        *("js", "mjs", "jse", "vbs", "vbe", "wsf", "wsh", "wsc", "sct", "hta", "ps1", "bat"),
        *("exe", "com", "cmd", "scr", "pif", "cpl", "msi", "msp", "msc", "reg", "inf", "scf"),
        *("lnk", "url", "webloc", "website", "appref-ms", "desktop", "chm", "jar", "jnlp"),
        *("sh", "bash", "csh", "zsh", "py", "pyw", "pyz", "pl", "run", "appimage"),
        *("app", "command", "terminal", "workflow"),
    }
)


def path_of(attachment: Attachment) -> str:
    """Where the attachment is in the archive; "" when the snapshot has no bytes of it.

    What was sent several times by one name is in the archive once: the path begins with a digest of
    where its bytes lie.
    """
    if not attachment.file:
        return ""
    name = unicodedata.normalize("NFC", attachment.name).replace("/", " ")
    stem, dot, ending = _UNSAFE.sub("_", name).strip(" .").rpartition(".")
    if not dot:
        stem, ending = ending, ""
    shown = f"{stem[:_NAME_CHARS_MAX]}{dot}{ending[:10]}".rstrip(" .") or "file"
    _, dot, ending = shown.rpartition(".")
    if dot and ending.lower() in _ACTIVE:
        shown += ".txt"
    # With its name, so that no two differ by case alone: see conversations.portable.
    place = (attachment.source_id, attachment.file, attachment.start, attachment.length, shown)
    digest = hashlib.blake2b(repr(place).encode("utf-8", "surrogatepass"), digest_size=6)
    return f"{_FOLDER}/{digest.hexdigest()}-{shown}"


def entries(conversation: Conversation, span: Span) -> Iterator[Entry]:
    """Each file that a snapshot has, once, in the order of the messages."""
    contents = Contents()
    written: set[str] = set()
    for each in said(conversation, span):
        for attachment in each.attachments:
            path = path_of(attachment)
            if path and path not in written:
                written.add(path)
                yield _entry(contents, attachment, path, each)


def _entry(contents: Contents, attachment: Attachment, path: str, each: Said) -> Entry:
    """With the size that its bytes have, whatever the export says."""
    try:
        content = contents.of(attachment)
    except (NotKept, OSError, WireError) as error:
        return Entry(path, each.time, _failing(str(error)))
    return Entry(path, each.time, content.read(), content.size)


def _failing(why: str) -> Iterator[bytes]:
    raise OSError(why)
    yield b""
