"""Where the files are that a WhatsApp chat names.

They lie beside the text. The app's own folder of media may have been backed up there as well: what
the app itself named is found in it.
"""

import posixpath
import re
from typing import Final

from conversations import limits
from conversations.events import Attachment, MediaKind
from conversations.source import Source

GIVEN: Final = re.compile(
    r"(?:IMG|VID|AUD|PTT|STK|DOC)-(?P<day>\d{8})-WA\d{4,}\b.*"
    r"|\d{8}-(?:PHOTO|VIDEO|AUDIO|GIF|STICKER|DOCUMENT|PTT)-(?P<date>\d{4}-\d\d-\d\d)\b.*"
)
"""Names that WhatsApp gives."""
_PLACES: Final = (
    "Media",
    "WhatsApp/Media",
    "WhatsApp Business/Media",
    "Android/media/com.whatsapp/WhatsApp/Media",
    "Android/media/com.whatsapp.w4b/WhatsApp Business/Media",
)


def widen(source: Source) -> None:
    """Let the chat name what is in the app's own folder, where that is beside it."""
    folder = posixpath.dirname(source.files[0])
    source.widen(posixpath.join(folder, place) for place in _PLACES)


def attachment(source: Source, kind: MediaKind, name: str) -> Attachment:
    """What a chat calls so; with its place when it is there.

    No name of the app has a slash, so one that has leads nowhere.
    """
    last = posixpath.basename(name.replace("\\", "/"))[: limits.NAME_CHARS_MAX]
    if last != name[: limits.NAME_CHARS_MAX]:
        return Attachment(kind, last)
    found = source.attachment(kind, name)
    if found.place is None or GIVEN.fullmatch(name):
        return found
    is_beside = posixpath.dirname(found.place.file) == posixpath.dirname(source.files[0])
    return found if is_beside else Attachment(kind, last)
