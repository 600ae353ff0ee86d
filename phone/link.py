"""What was scanned: the text of a QR code, or a picture of one.

The link's origin is where the page is, and the IM server of a station that plays that role itself.
"""

from pathlib import Path
from typing import Final

import msgspec

from phone.errors import NotALink
from wire.invitation import Invitation, InvitationRefused, parse_link, station_id_text

_PICTURE_BYTES_MAX: Final = 64 * 1024 * 1024


class Link(msgspec.Struct, frozen=True):
    """A scanned invitation and the origin of the page that showed it."""

    origin: str
    invitation: Invitation

    @property
    def im_origin(self) -> str:
        """Where its IM server is: the invitation says it, or else it is the station itself."""
        return self.invitation.im_origin or self.origin

    @property
    def embedded_iss(self) -> str:
        """The issuer's name when the station plays the IM server's role."""
        return f"station:{station_id_text(self.invitation.station_id)}"


def read_link(given: str) -> Link:
    """The link itself, or what the QR code in an image file says; raises :class:`NotALink`."""
    text = given.strip()
    if "://" not in text and _is_file(text):
        text = _decode_picture(Path(text))
    try:
        origin, invitation = parse_link(text)
    except InvitationRefused as error:
        raise NotALink(f"This link cannot be used: {error}.") from None
    return Link(origin, invitation)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL in it
        return False


def _decode_picture(path: Path) -> str:
    try:
        import zxingcpp  # noqa: PLC0415 (only for pictures, and not part of every installation)
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415
    except ImportError:
        raise NotALink(
            "Reading a QR code from a picture needs two more packages: pip install zxing-cpp pillow"
        ) from None
    try:
        if path.stat().st_size > _PICTURE_BYTES_MAX:
            raise NotALink(f"{path} is too large for a picture of a QR code.")
        with Image.open(path) as picture:
            found = zxingcpp.read_barcodes(picture.convert("L"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        raise NotALink(f"{path} is not a picture that can be read.") from None
    texts = {code.text for code in found if "/phone/#" in code.text}
    if len(texts) != 1:
        seen = "several QR codes" if texts else "no QR code"
        raise NotALink(f"{path} shows {seen} of a backup station.")
    return texts.pop()
