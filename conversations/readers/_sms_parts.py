"""The parts of a picture message: its text, and its attachments by their places in the file."""

from typing import Final

from conversations.elements import Element
from conversations.events import Attachment, MediaKind, Place
from conversations.limits import NAME_CHARS_MAX
from conversations.readers._sms_bytes import Lifted
from conversations.readers._sms_talks import given
from conversations.source import Source

_LAYOUT: Final = "application/smil"
_TEXT: Final = "text/plain"
_KINDS: Final = {
    "image": MediaKind.IMAGE,
    "video": MediaKind.VIDEO,
    "audio": MediaKind.AUDIO,
}


class Parts:
    """What the parts of one message hold; ``remarks`` are codes of what is wrong with some."""

    def __init__(self, source: Source, record: Element) -> None:
        self.attachments: list[Attachment] = []
        self.remarks: list[str] = ["too-many-parts"] if record.left_out else []
        self._source = source
        self._texts: list[str] = []
        parts = [said for tag, said in record.inside if tag == "part"]
        for said in sorted(parts, key=_sequence):
            self._add(said)

    @property
    def text(self) -> str:
        """All texts, each from a new line."""
        return "\n".join(self._texts)

    def _add(self, said: dict[str, str]) -> None:
        media_type = given(said.get("ct")).strip().lower()
        if media_type == _LAYOUT:
            return
        text, data = given(said.get("text")), given(said.get("data"))
        if text and not data:
            self._texts.append(text)
        elif data or media_type != _TEXT:
            self._texts += [text] if text else []
            self.attachments.append(self._attachment(said, media_type, Lifted.read(data)))

    def _attachment(
        self, said: dict[str, str], media_type: str, lifted: Lifted | None
    ) -> Attachment:
        """Without a place when its bytes are missing, or are not to be decoded."""
        kind = _KINDS.get(media_type.partition("/")[0], MediaKind.DOCUMENT)
        named = (given(said.get(each)) for each in ("name", "cl", "fn", "cid"))
        name = next(filter(None, named), "")[:NAME_CHARS_MAX]
        if lifted is None:
            self.remarks.append("attachment-missing")
            return Attachment(kind, name, media_type)
        if not lifted.is_base64:
            self.remarks.append("attachment-broken")
            return Attachment(kind, name, media_type)
        place = Place(self._source.files[0], lifted.start, lifted.length, "base64")
        return Attachment(kind, name, media_type, lifted.size, place)


def _sequence(said: dict[str, str]) -> int:
    """The place of a part among the others; what is no number counts as 0."""
    written = said.get("seq", "")
    digits = written.removeprefix("-")
    if not digits.isdecimal() or len(digits) > len("65535"):
        return 0
    return int(digits) if digits == written else -int(digits)
