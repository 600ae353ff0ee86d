"""Whose chat a WhatsApp export is, by the name of its file, as every language names it.

Android: ``WhatsApp Chat with X.txt``, also inside a zip of the same name. iPhone: ``_chat.txt``
inside ``WhatsApp Chat - X.zip``. Public knowledge: the app's own file names.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

from conversations import limits
from conversations.readers._whatsapp_words import unmarked

_APP: Final = r"(?:whats[\s-]?app|واتساب|واتس آب|وٹس ایپ|व्हाट्सऐप|व्हाट्सएप)"
_BEFORE: Final = (  # the name of the chat follows
    rf"{_APP} chat (?:with|mit|met|-|–)",
    rf"{_APP}[- ]?(?:chat|chatt)(?: history)? (?:with|mit|met|med|-|–)",
    rf"chat(?:verlauf)? (?:de |do |di )?{_APP} (?:con|com|avec|dengan|with)",
    rf"chat {_APP} s (?:uživatelem|používateľom)",
    rf"(?:conversaci[oó]n|conversa|conversație) (?:de |do |no )?{_APP} (?:con|com|amb|cu)",
    rf"xat (?:de |del )?{_APP} amb",
    rf"discussion {_APP} avec",
    rf"chat {_APP}(?: -)?",
    rf"(?:czat|rozmowa) (?:w )?{_APP} z(?: użytkownikiem)?:?",
    rf"чат {_APP} (?:с контактом|с группой|с|з контактом|з|із|със|са)",
    rf"(?:переписка|чат) в {_APP} с",
    rf"{_APP}[- ]?(?:čavrljanje|razgovor|ćaskanje|klepet) (?:s|sa|z|-)",
    rf"{_APP}[- ]?(?:pokalbis|tērzēšana|vestlus|beszélgetés) (?:su|ar|kasutajaga|-)",
    rf"{_APP}[- ]?keskustelu(?::| -)?",
    rf"συνομιλία (?:στο )?{_APP} με",
    rf"{_APP} sohbeti -",
    rf"(?:sembang|obrolan) {_APP} dengan",
    rf"(?:cuộc trò chuyện|đoạn chat|trò chuyện) (?:trên )?{_APP} với",
    rf"แชท ?{_APP} ?กับ",
    rf"(?:محادثة|دردشة|الدردشة) {_APP} مع",
    rf"(?:گفتگوی|گپ|چت) {_APP} با",
    rf"(?:צ['׳]אט|שיחת) (?:ב-?)?{_APP} עם",
    rf"{_APP} ?(?:聊天(?:记录|紀錄)?|對話|对话|チャット|トーク|대화|채팅) ?[-–]",
    rf"{_APP} ?(?:chat|conversation)? ?[-–]",
)
_AROUND: Final = (  # the name of the chat stands inside
    rf"[与與和跟]\s?(?P<name>.+?)\s?的\s?{_APP}\s?(?:聊天(?:记录|紀錄|記錄)?|對話|对话)",
    rf"(?P<name>.+?) ?との ?{_APP} ?(?:チャット|トーク)(?:履歴)?",
    rf"(?P<name>.+?) ?님?[과와]의 {_APP} ?(?:대화|채팅)",
    rf"(?P<name>.+?) ile {_APP} (?:sohbeti|yazışması)",
    rf"(?P<name>.+?) के साथ {_APP} चैट",
    rf"(?P<name>.+?) کے ساتھ {_APP} چیٹ",
    rf"{_APP} chat (?P<name>.+?) (?:kanssa|partnerrel)",
)
_NAMED: Final = re.compile(
    "|".join(
        [rf"(?:{before})\s*(?P<name{at}>.+)" for at, before in enumerate(_BEFORE)]
        + [
            around.replace("?P<name>", f"?P<name{at}>")
            for at, around in enumerate(_AROUND, len(_BEFORE))
        ]
    ),
    re.IGNORECASE,
)
_MENTIONS_APP: Final = re.compile(_APP, re.IGNORECASE)
_COPY: Final = re.compile(r"(?<=.)\s?\(\d{1,3}\)$")
_NAMELESS: Final = re.compile(rf"_?chat|{_APP}[\s_-]?chat|{_APP}", re.IGNORECASE)
_ENDING: Final = re.compile(r"\.(?:txt|zip)$", re.IGNORECASE)


def chat_name(file: str) -> str:
    """The chat's name; "" when neither the file nor the folder or zip around it tells one.

    A number in brackets at the end is a copy's: ``X (1)`` is another export of ``X``.
    """
    parts = [_stem(part) for part in file.split("/")[-3:]][::-1]
    for at, stem in enumerate(parts):
        is_far = at > 1 and not _MENTIONS_APP.search(stem)
        if not is_far and not _NAMELESS.fullmatch(stem):
            return _told(stem)[: limits.TITLE_CHARS_MAX]
    return ""


def is_named(file: str) -> bool:
    """Whether a file's name says that it is an export of WhatsApp."""
    stem = _stem(file.rsplit("/", 1)[-1])
    return stem.casefold() == "_chat" or _MENTIONS_APP.search(stem) is not None


def _stem(part: str) -> str:
    if "%20" in part:
        part = unquote(part)
    stem = unmarked(unicodedata.normalize("NFC", part))
    while (shorter := _COPY.sub("", _ENDING.sub("", stem)).strip()) != stem:
        stem = shorter
    return stem


def _told(stem: str) -> str:
    """The name in a stem, which may have underscores for spaces."""
    for form in (stem, stem.replace("_", " ")):
        found = _NAMED.fullmatch(form)
        if found is not None and found.lastgroup is not None:
            return found[found.lastgroup].strip()
    return stem
