"""Messenger's JSON, of "Download your information": ``message_1.json`` … of each thread."""

from typing import ClassVar

from conversations.readers._meta import MetaReader


class Messenger(MetaReader):
    """Reads Messenger's JSON."""

    app: ClassVar[str] = "messenger"
    title: ClassVar[str] = "Messenger"
    _is_instagram: ClassVar[bool] = False
