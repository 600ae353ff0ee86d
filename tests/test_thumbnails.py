"""Thumbnails: small, upright, without metadata; what is no picture is refused."""

import io
import struct
import zlib

import pytest
from PIL import Image

from conversations.media_types import UNKNOWN, is_inline, media_type_of
from conversations.thumbnails import NoThumbnail, thumbnail

ORIENTATION = 0x0112


def picture(form: str = "JPEG", size=(400, 300), mode: str = "RGB", **more) -> bytes:
    out = io.BytesIO()
    image = Image.new(mode, size, "red")
    image.paste("blue", (0, 0, size[0] // 2, size[1]))
    image.save(out, form, **more)
    return out.getvalue()


def drawn(data: bytes, pixels: int = 100) -> Image.Image:
    return Image.open(io.BytesIO(thumbnail(data, pixels)))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP"])
def test_pictures_become_small_webps(form) -> None:
    small = drawn(picture(form))
    assert (small.format, small.size) == ("WEBP", (100, 75))
    red, _, blue = small.convert("RGB").getpixel((80, 40))
    assert red > 200 > 50 > blue


def test_small_pictures_stay_small_and_transparency_stays() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (20, 10), (0, 0, 0, 0)).save(out, "PNG")
    small = drawn(out.getvalue())
    assert (small.size, small.mode, small.getpixel((5, 5))[3]) == ((20, 10), "RGBA", 0)


@pytest.mark.parametrize(
    ("turned", "size", "left"),
    [(1, (100, 75), "blue"), (2, (100, 75), "red"), (3, (100, 75), "red"), (4, (100, 75), "blue"),
     (5, (75, 100), "blue"), (6, (75, 100), "blue"), (7, (75, 100), "red"), (8, (75, 100), "red")],
)  # fmt: skip
def test_orientation_is_honoured(turned, size, left) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = turned
    small = drawn(picture(exif=exif))
    assert small.size == size
    at = (10, 37) if turned < 5 else (37, 10)  # what was left is now left, right, above or below
    red, _, blue = small.convert("RGB").getpixel(at)
    assert ("red" if red > blue else "blue") == left


def test_metadata_is_dropped() -> None:
    exif = Image.Exif()
    exif[0x010E] = "at home, 52.5 N 13.4 E"
    data = thumbnail(picture(exif=exif, icc_profile=b"profile" * 100, comment=b"secret"), 100)
    assert b"home" not in data
    assert b"EXIF" not in data
    assert b"ICCP" not in data


def test_a_file_of_somebody_else_stays_open() -> None:
    file = io.BytesIO(picture())
    file.seek(100)
    assert thumbnail(file, 100)
    assert not file.closed


def png_that_says(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png_that_says(60_000, 60_000), "too-many-pixels"),
        (png_that_says(5000, 5000), "not-a-picture"),
        (picture()[:600], "not-a-picture"),
        (picture("PNG")[:100], "not-a-picture"),
        (b"\xff\xd8\xff" + b"x" * 1000, "not-a-picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-picture"),
        (b"%PDF-1.7", "not-a-picture"),
        (b"", "not-a-picture"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(data, code) -> None:
    with pytest.raises(NoThumbnail) as refused:
        thumbnail(data, 100)
    assert refused.value.code == code


def test_a_picture_that_takes_too_much_memory_is_refused() -> None:
    with pytest.raises(NoThumbnail) as refused:
        thumbnail(picture("WEBP", (5600, 5600), "RGBA"), 100)
    assert refused.value.code in ("too-much-memory", "not-a-picture")


def iso(brand: bytes, *compatible: bytes) -> bytes:
    rest = brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(rest) + 8) + b"ftyp" + rest


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (picture("JPEG"), "image/jpeg"), (picture("PNG"), "image/png"),
        (picture("GIF"), "image/gif"), (picture("WEBP"), "image/webp"),
        (picture("AVIF"), "image/avif"), (picture("BMP"), "image/bmp"),
        (iso(b"heic"), "image/heic"), (iso(b"mif1", b"heic"), "image/heic"),
        (iso(b"isom", b"mp41"), "video/mp4"), (iso(b"qt  "), "video/quicktime"),
        (iso(b"M4A "), "audio/mp4"), (iso(b"3gp4"), "video/3gpp"),
        (b"\x1aE\xdf\xa3" + b"\x42\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3" + b"\x42\x82\x88matroska", "video/x-matroska"),
        (b"OggS" + bytes(24) + b"OpusHead", "audio/ogg"), (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"), (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"#!AMR\n", "audio/amr"), (b"RIFF\x24\x08\0\0WAVEfmt ", "audio/wav"),
        (b"%PDF-1.4", "application/pdf"), (b"PK\x03\x04", "application/zip"),
        (b"<svg onload=alert(1)>", UNKNOWN), (b"<!DOCTYPE html>", UNKNOWN),
        (b"<?xml version='1.0'?>", UNKNOWN), (b"alert(1)", UNKNOWN), (b"", UNKNOWN),
        (b"\xff\xfe<\0s\0v\0g\0", UNKNOWN), (b"GIF87", UNKNOWN), (b"RIFF", UNKNOWN),
    ],
)  # fmt: skip
def test_types_are_told_by_content(head, media_type) -> None:
    assert media_type_of(head) == media_type


def test_only_what_runs_nothing_is_shown_inline() -> None:
    for never in (UNKNOWN, "application/pdf", "image/svg+xml", "text/html", "application/zip"):
        assert not is_inline(never)
    assert is_inline("image/jpeg")
