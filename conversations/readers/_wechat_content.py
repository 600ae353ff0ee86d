"""What a WeChat message is, by its type; stickers, files, links and quotes are small XML."""

from typing import Final, NamedTuple

from conversations import limits
from conversations.events import Attachment, Kind, MediaKind
from conversations.readers._small_xml import BadXML, small_xml

_FILES: Final = {
    "3": MediaKind.IMAGE,
    "34": MediaKind.AUDIO,
    "43": MediaKind.VIDEO,
    "47": MediaKind.STICKER,
    "62": MediaKind.VIDEO,
}
_SYSTEM: Final = ("10000", "10002")
_RECALLED: Final = ("撤回了一条消息", "撤回一条消息", "recalled a message", "撤回了一則訊息")
_APP_FILE: Final = "6"
_APP_QUOTE: Final = "57"


class Content(NamedTuple):
    """What a message says; ``is_said`` by somebody. ``remark`` is the code of a warning."""

    kind: Kind
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    remark: str = ""

    @property
    def is_said(self) -> bool:
        """Whether somebody said it."""
        return self.kind is not Kind.SYSTEM


def content_of(kind: str, sub_type: str, content: str) -> Content:
    """By type and subtype, as WeChat numbers them."""
    if kind == "1":
        return Content(Kind.TEXT, content)
    if media := _FILES.get(kind):
        return Content(Kind.MEDIA, "", (Attachment(media),))
    if kind in _SYSTEM:
        return _noted(content)
    try:
        return _structured(kind, sub_type, content)
    except BadXML:
        return Content(Kind.UNREADABLE, remark="not-understood")


def _noted(content: str) -> Content:
    text = content
    if content.lstrip().startswith("<"):
        try:
            found = small_xml(content)
        except BadXML:
            return Content(Kind.SYSTEM, remark="not-understood")
        text = found.get("replacemsg") or found.get("content") or found.get("plain") or ""
    if len(text) < 200 and any(each in text for each in _RECALLED):
        return Content(Kind.DELETED, text)
    return Content(Kind.SYSTEM, text)


def _structured(kind: str, sub_type: str, content: str) -> Content:
    found = small_xml(content)
    match kind:
        case "42" | "66":
            return Content(Kind.CONTACT, found.get("nickname", ""))
        case "48":
            return Content(Kind.LOCATION, _lines(found, "poiname", "label"))
        case "49":
            return _app(found, found.get("appmsg/type") or sub_type)
        case "50":
            return Content(Kind.CALL, found.get("msg") or found.get("display_content", ""))
        case _:
            return Content(Kind.UNREADABLE, found.get("title", ""))


def _app(found: dict[str, str], app_type: str) -> Content:
    """Links, files, quotes and whatever else an app shares."""
    title = found.get("title", "")
    if app_type == _APP_FILE:
        name = title[: limits.NAME_CHARS_MAX]
        return Content(Kind.MEDIA, "", (Attachment(MediaKind.DOCUMENT, name),))
    if app_type == _APP_QUOTE:
        return Content(Kind.TEXT, title, reply_to=found.get("refermsg/svrid", ""))
    text = _lines(found, "title", "des", "url")
    return Content(Kind.TEXT if text else Kind.UNREADABLE, text)


def _lines(found: dict[str, str], *names: str) -> str:
    return "\n".join(filter(None, (found.get(name, "").strip() for name in names)))
