"""The names that last: of a conversation in addresses, and of a message among all exports.

They are made of what is in the sources alone, so that they are the same after every reindexing.
"""

import base64
import hashlib
from collections.abc import Iterable
from typing import Final

from conversations.events import Kind, Message

SLUG_CHARS: Final = 16
DIGEST_BYTES: Final = 16
_TIME_BYTES: Final = 6
_TIMES: Final = 2**47  # those before 1970 begin with 0x78 to 0x7f
_NATIVE: Final = b"\xff"  # no time that is kept begins so
_CLASSES: Final = {Kind.DELETED: Kind.TEXT, Kind.UNREADABLE: Kind.TEXT}


def slug_of(vault_id: str, app: str, key: str) -> str:
    """The conversation's name in addresses: it tells nobody anything, and differs in each vault."""
    named = f"{app}\0{key}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(named, key=bytes.fromhex(vault_id), digest_size=10).digest()
    return base64.b32encode(digest).decode("ascii").lower()


def digest_of(message: Message, time: int | None) -> bytes:
    """16 bytes that name a message in its conversation, of its own id or of what it says.

    ``time`` is in milliseconds. Without an id, time, sender and text count. Of a message with media
    the text does not: exports that leave the media out leave the caption out as well. The time
    stands first, so that neighbours in a chat are neighbours in the database's index.
    """
    if message.id:
        return digest_of_native(message.id)
    sender = "\1" if message.sender is None else message.sender
    if not is_exact(message):
        said: tuple[str, ...] = (sender, Kind.MEDIA)
    else:
        said = (sender, _CLASSES.get(message.kind, message.kind), message.text)
    start = ((time or 0) % _TIMES).to_bytes(_TIME_BYTES, "big")
    return start + _hashed(said, DIGEST_BYTES - _TIME_BYTES)


def is_exact(message: Message) -> bool:
    """Whether messages of its digest are equal, as far as an export tells."""
    return bool(message.id) or not (message.attachments or message.kind is Kind.MEDIA)


def digest_of_native(native_id: str) -> bytes:
    """The digest of the message that its app calls so: replies name theirs by that."""
    return _NATIVE + _hashed((native_id,), DIGEST_BYTES - len(_NATIVE))


def _hashed(parts: Iterable[str], size: int) -> bytes:
    whole = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=size).digest()
