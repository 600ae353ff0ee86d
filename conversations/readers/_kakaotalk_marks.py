"""What KakaoTalk writes in place of what is no text, and the wording of nobody's lines."""

import re
from typing import Final

from conversations.events import Kind, MediaKind
from conversations.readers._transcript import Meaning, media

_WORDS: Final = {
    MediaKind.IMAGE: ("사진", "Photo", "Photos", "写真"),
    MediaKind.VIDEO: ("동영상", "Video", "動画"),
    MediaKind.AUDIO: (
        "음성메시지",
        "음성 메시지",
        "Voice Message",
        "Voice message",
        "ボイスメッセージ",
    ),
    MediaKind.STICKER: ("이모티콘", "Emoticons", "Emoticon", "Sticker", "スタンプ"),
}
_MARKS: Final = {word: media(kind) for kind, words in _WORDS.items() for word in words}
_MANY: Final = re.compile(r"(?:사진 (\d{1,2})장|(\d{1,2}) [Pp]hotos|Photos? (\d{1,2}))")
_FILE: Final = re.compile(r"(?:파일|File) ?: (.+)")
_IMAGE: Final = re.compile(r"[0-9a-f]{40,64}\.(?:jpe?g|png|gif|webp|mp4|m4a)")
_DELETED: Final = (
    r"삭제된 메시지입니다\.?|메시지가 삭제되었습니다\.?"
    r"|(?:This|The) message (?:was|has been) deleted\.?"
)
_CALL: Final = (
    r"(?:보이스톡|페이스톡|그룹콜|그룹 ?보이스톡|라이브톡|음성통화|영상통화)(?: .{0,40})?"
    r"|(?:Voice|Video|Group) ?[Cc]all(?: .{0,40})?"
)
_KINDS: Final = tuple(
    (kind, re.compile(pattern, re.DOTALL))
    for kind, pattern in (
        (Kind.DELETED, _DELETED),
        (Kind.CALL, _CALL),
        (Kind.POLL, r"투표: .*|Poll: .*"),
        (Kind.LOCATION, r"지도: .*|Map: .*"),
        (Kind.CONTACT, r"(?:연락처|카카오톡 프로필): .*|Contact: .*"),
    )
)
_BEGINNINGS: Final = frozenset(
    (
        *("삭제", "메시", "보이", "페이", "그룹", "라이", "음성", "영상", "투표", "지도", "연락"),
        *("카카", "Th", "Vo", "Vi", "Gr", "Po", "Ma", "Co"),
    )
)
"""How those begin, since most messages do not."""
_NOTICE: Final = re.compile(
    r".{1,200}님(?:이|을|은|께서) .{0,200}"
    r"(?:들어왔습니다|나갔습니다|초대(?:하였|했)습니다|내보냈습니다|되었습니다|바꿨습니다)\.?"
    r"|.{1,200} (?:joined|left) this chatroom\.|.{1,200} invited .{1,200} to this chatroom\."
    r"|.{1,200} has (?:joined|left) this .{1,40}\."
    r"|채팅방 관리자가 메시지를 가렸습니다\.|메시지가 삭제되었습니다\."
    r"|The message has been deleted\."
    r"|(?:운영정책을 위반한|타인, 기관 등의 사칭).{0,300}"
)


def is_notice(text: str) -> bool:
    """Whether a line without a name says what happened, and is no part of a message."""
    return (
        4 < len(text) < 400 and text.endswith((".", "다", "요")) and bool(_NOTICE.fullmatch(text))
    )


def unquoted(text: str) -> str:
    """A CSV field; one whose quotes do not end it is kept as it is."""
    if len(text) > 1 and text[0] == '"' and text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def csv_meaning(text: str) -> Meaning | None:
    """The same for a CSV field, which loses its quotes."""
    plain = unquoted(text)
    found = meaning(plain)
    if found is None and plain != text:
        return Meaning(Kind.TEXT, plain)
    return found


def meaning(text: str) -> Meaning | None:
    """What a body means that is no text."""
    if len(text) > 300:
        return None
    if mark := _MARKS.get(text):
        return mark
    if many := _MANY.fullmatch(text) if len(text) < 12 else None:
        one = _MARKS["사진"].attachments
        return Meaning(Kind.MEDIA, "", one * min(int(many[1] or many[2] or many[3]), 30))
    if len(text) > 40 and _IMAGE.fullmatch(text):
        return media(MediaKind.IMAGE, text)
    if text.startswith(("파일", "File")) and (named := _FILE.fullmatch(text)):
        return media(MediaKind.DOCUMENT, named[1])
    if text[:2] not in _BEGINNINGS:
        return None
    kinds = (kind for kind, pattern in _KINDS if pattern.fullmatch(text))
    kind = next(kinds, None)
    return Meaning(kind, text) if kind else None
