"""Signal: its own export (a folder with ``main.jsonl``), and the text of signal-export.

Both are of one app, so that their conversations have one place; what their files look like is in
:mod:`conversations.readers._signal_frames` and :mod:`conversations.readers._signal_text`.
"""

from collections.abc import Iterator
from typing import ClassVar

from conversations import limits
from conversations.events import Event
from conversations.readers import _signal_frames, _signal_text
from conversations.readers._base import Confidence, FileByFile
from conversations.source import Source


class Signal(FileByFile):
    """Reads Signal's exports."""

    app: ClassVar[str] = "signal"
    title: ClassVar[str] = "Signal"
    version: ClassVar[int] = 2

    def sniff(self, name: str, head: bytes) -> Confidence:
        """Backup frames as JSON, or lines that begin with an ISO date in brackets."""
        return max(_signal_frames.sniff(head), _signal_text.sniff(name, head))

    def read(self, source: Source) -> Iterator[Event]:
        """By what the file is."""
        with source.open() as file:
            head = file.read(limits.HEAD_BYTES)
        if _signal_frames.sniff(head):
            return _signal_frames.read(source)
        return _signal_text.read(source)
