"""The readers, one for each format. A new one is added to :data:`READERS`."""

import hashlib
from typing import Final

from conversations.readers._base import Confidence, NotReadable, Reader
from conversations.readers.chat1 import Chat1
from conversations.readers.discord import Discord
from conversations.readers.element import Element
from conversations.readers.instagram import Instagram
from conversations.readers.kakaotalk import KakaoTalk
from conversations.readers.line import LineText
from conversations.readers.messenger import Messenger
from conversations.readers.qq import QQ
from conversations.readers.signal import Signal
from conversations.readers.slack import Slack
from conversations.readers.sms import Sms
from conversations.readers.telegram import Telegram
from conversations.readers.wechat import WeChat
from conversations.readers.whatsapp import WhatsApp

READERS: Final[tuple[Reader, ...]] = (
    Chat1(),
    WhatsApp(),
    Telegram(),
    Sms(),
    Messenger(),
    Instagram(),
    Discord(),
    Slack(),
    LineText(),
    KakaoTalk(),
    Signal(),
    WeChat(),
    QQ(),
    Element(),
)
"""In order of precedence: among equally confident readers the first one reads."""

BY_APP: Final = {reader.app: reader for reader in READERS}


def generation() -> str:
    """16 characters that change with every reader: what older ones read is read again."""
    named = " ".join(f"{reader.app}-{reader.version}" for reader in READERS)
    return hashlib.blake2b(named.encode(), digest_size=8).hexdigest()


__all__ = ["BY_APP", "READERS", "Confidence", "NotReadable", "Reader", "generation"]
