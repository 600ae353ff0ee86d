"""Instagram's JSON, of "Download your information": ``message_1.json`` … of each thread."""

from typing import ClassVar

from conversations.readers._meta import MetaReader


class Instagram(MetaReader):
    """Reads Instagram's JSON."""

    app: ClassVar[str] = "instagram"
    title: ClassVar[str] = "Instagram"
    _is_instagram: ClassVar[bool] = True
