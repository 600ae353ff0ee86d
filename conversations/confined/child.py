"""What runs inside: it waits for commands, reads, and tells what it finds."""

import os
import socket
import sys
from collections.abc import Iterator

from conversations import limits
from conversations.archives import ArchiveTree
from conversations.confined import limiting
from conversations.confined.frames import (
    EXIT_MEMORY,
    Begun,
    Done,
    Draw,
    Drawn,
    Found,
    Read,
    Recognise,
    command_of,
    packed,
    receive,
    send,
)
from conversations.confined.patience import seconds_to_read, seconds_to_recognise
from conversations.confined.remote import RemoteTree
from conversations.confined.sendable import packed_batches, shortened
from conversations.events import Event, Message, ReadWarning
from conversations.reading import Reading
from conversations.recognising import recognise
from conversations.tree import Tree, TreeWarning


def main() -> None:
    """Serve the socket that is standard input until it ends."""
    limiting.apply()
    try:
        _serve(socket.socket(fileno=sys.stdin.fileno()))
    except (EOFError, ConnectionError):
        os._exit(0)
    except MemoryError:
        os._exit(EXIT_MEMORY)


def _serve(channel: socket.socket) -> None:
    while True:
        limiting.allow_seconds(limits.READER_SECONDS_FLOOR)
        match command_of(receive(channel)):
            case Recognise(without=without):
                _recognise(channel, RemoteTree(channel, frozenset(without)))
            case Read() as command:
                _read(channel, ArchiveTree(RemoteTree(channel)), command)
            case Draw(name=name, pixels=pixels):
                _draw(channel, RemoteTree(channel), name, pixels)


def _recognise(channel: socket.socket, remote: RemoteTree) -> None:
    limiting.allow_seconds(seconds_to_recognise(*remote.amount()))
    tree = ArchiveTree(remote)
    warnings: list[TreeWarning] = []
    sources = list(recognise(tree, warnings))
    send(channel, packed(Found(sources, tree.warnings + warnings)))


def _read(channel: socket.socket, tree: Tree, command: Read) -> None:
    size = sum(_size(tree, name) for name in command.source.files)
    limiting.allow_seconds(seconds_to_read(size))
    send(channel, packed(Begun(size)))
    reading = Reading(tree, command.source, command.date_orders)
    is_spent = False
    for events in _batches(reading):
        is_spent |= any(_out_of_memory(event) for event in events[-2:])
        for body in packed_batches(events, reading.counts):
            send(channel, body)
    send(channel, packed(Done(reading.counts, is_spent)))


def _size(tree: Tree, name: str) -> int:
    try:
        return tree.size(name)
    except (OSError, KeyError):
        return 0


def _draw(channel: socket.socket, tree: Tree, name: str, pixels: int) -> None:
    from conversations.confined import drawing  # noqa: PLC0415 - Pillow would slow every start

    try:
        with tree.open(name) as file:
            drawn = Drawn(drawing.thumbnail(file, pixels), "")
    except (drawing.Refused, OSError, KeyError) as error:
        drawn = Drawn(b"", str(error) or type(error).__name__)
    send(channel, packed(drawn))


def _out_of_memory(event: Event) -> bool:
    return isinstance(event, ReadWarning) and event.code == "too-much-memory"


def _batches(reading: Reading) -> Iterator[list[Event]]:
    batch: list[Event] = []
    chars = 0
    for event in reading:
        if isinstance(event, Message):
            chars += len(event.text)
            if len(event.text) > limits.TEXT_CHARS_MAX:
                event, remark = shortened(event)
                batch.append(remark)
        batch.append(event)
        if len(batch) >= limits.BATCH_EVENTS_MAX or chars >= limits.BATCH_CHARS_MAX:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
