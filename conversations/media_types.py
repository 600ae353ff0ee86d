"""What a file is, by its first bytes. Names and claims of an export are never believed.

What is not known here is ``application/octet-stream``: SVG, HTML and XML among it, because a
browser would run what is in them.
"""

from typing import Final

HEAD_BYTES: Final = 4096
UNKNOWN: Final = "application/octet-stream"

_PREFIXES: Final = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR", "audio/amr"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
)
_RIFF: Final = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS: Final = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"hevx": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"qt  ": "video/quicktime",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp",
    b"3gp6": "video/3gpp",
    b"3g2a": "video/3gpp2",
}
_EBML: Final = b"\x1aE\xdf\xa3"

INLINE: Final = frozenset(
    {
        *("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"),
        *("audio/mpeg", "audio/ogg", "audio/mp4", "audio/aac", "audio/wav", "audio/flac"),
        *("video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/3gpp"),
    }
)
"""What a page may show by itself: browsers draw or play these, and run nothing in them."""


def media_type_of(head: bytes) -> str:
    """The type of a file that begins so; its first :data:`HEAD_BYTES` are enough."""
    for prefix, media_type in _PREFIXES:
        if head.startswith(prefix):
            return _ogg(head) if prefix == b"OggS" else media_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _iso(head)
    if head.startswith(_EBML):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return _without_magic(head)


def _iso(head: bytes) -> str:
    """ISO media: the major brand, or for the general ones what it is compatible with."""
    major = head[8:12]
    end = min(int.from_bytes(head[:4]), len(head))
    compatible = {head[at : at + 4] for at in range(16, end - 3, 4)}
    if major in (b"mif1", b"msf1"):
        for brand, media_type in _BRANDS.items():
            if brand in compatible and media_type in ("image/avif", "image/heic"):
                return media_type
    return _BRANDS.get(major, "video/mp4")


def _ogg(head: bytes) -> str:
    return "video/ogg" if b"theora" in head[:64] else "audio/ogg"


def _without_magic(head: bytes) -> str:
    """Formats whose signature is short; the bits beside it must fit as well."""
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0" and len(head) > 26:
        return "image/bmp"
    if len(head) < 4 or head[0] != 0xFF:
        return UNKNOWN
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    is_mpeg = head[1] & 0xE0 == 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06
    return (
        "audio/mpeg" if is_mpeg and head[2] & 0xF0 != 0xF0 and head[2] & 0x0C != 0x0C else UNKNOWN
    )


def is_inline(media_type: str) -> bool:
    """Whether a page may show such a file by itself; everything else is only downloaded."""
    return media_type in INLINE
