"""Small pictures of large ones, inside the child: only Pillow's decoders see foreign pixels."""

import io
from typing import BinaryIO, Final

from PIL import AvifImagePlugin, ExifTags, Image

from conversations import limits

_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")
_QUALITY: Final = 75
_TURNED: Final = {  # what each EXIF orientation asks for
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Sizes are checked here, after a JPEG was told to come small; and one process has no threads.
Image.MAX_IMAGE_PIXELS = None
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class Refused(Exception):
    """No thumbnail can be made; the message is a stable code."""


def thumbnail(file: BinaryIO, pixels: int) -> bytes:
    """A WebP of the first frame, upright, at most ``pixels`` wide and high, without metadata.

    Raises :class:`Refused`.
    """
    try:
        return _drawn(file, pixels)
    except MemoryError:
        raise Refused("too-much-memory") from None
    except Refused:
        raise
    except Exception:  # Pillow's decoders raise whatever they stumble over
        raise Refused("not-a-picture") from None


def _drawn(file: BinaryIO, pixels: int) -> bytes:
    with Image.open(file, formats=_FORMATS) as image:
        image.draft("RGB", (pixels, pixels))
        if image.width * image.height > limits.PICTURE_PIXELS_MAX:
            raise Refused("too-many-pixels")
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
        image.thumbnail((pixels, pixels))
        small = _plain(image)
    if turned in _TURNED:
        small = small.transpose(_TURNED[turned])
    written = io.BytesIO()
    small.save(written, "WEBP", quality=_QUALITY)
    return written.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    """The pixels alone, of a mode that every browser shows."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    plain = Image.new(mode, image.size)
    plain.paste(image.convert(mode))
    return plain
