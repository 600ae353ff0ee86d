"""Pictures that stand in a text as Base64 are decoded in memory, so they have a bound."""

import io

import pytest

from conversations.contents import Content
from conversations.thumbnails import NoThumbnail
from conversations.views import attachments


@pytest.mark.parametrize("length", [None, attachments._DECODED_CHARS_MAX + 1])
def test_a_huge_one_is_not_decoded_for_a_thumbnail(length: int | None) -> None:
    file = io.BytesIO(b"AAAA")
    with pytest.raises(NoThumbnail):
        attachments._decoded(Content(file, 0, length, is_base64=True, size=None))
    assert file.tell() == 0


def test_a_small_one_is() -> None:
    content = Content(io.BytesIO(b"AAAA"), 0, 4, is_base64=True, size=None)
    assert attachments._decoded(content) == b"\0\0\0"
