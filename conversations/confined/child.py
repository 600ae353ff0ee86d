"""What runs inside: it waits for commands, reads, and tells what it finds."""

import os
import socket
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from conversations import limits
from conversations.archives import ArchiveTree
from conversations.confined import limiting
from conversations.confined.frames import (
    Batch,
    Begun,
    Done,
    Draw,
    Found,
    Frame,
    Read,
    Recognise,
    command_of,
    packed,
    receive,
    send,
)
from conversations.confined.remote import RemoteTree
from conversations.events import Counts, Event, Message, ReadWarning
from conversations.reading import Reading
from conversations.recognising import recognise
from conversations.tree import Tree

EXIT_MEMORY: Final = 77
"""The exit code of a child that had no memory left to say so."""


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
        match command_of(receive(channel)):
            case Recognise() as command:
                limiting.allow_seconds(command.cpu_seconds)
                _recognise(channel, command)
            case Read() as command:
                limiting.allow_seconds(command.cpu_seconds)
                _read(channel, command)
            case Draw() as command:
                limiting.allow_seconds(command.cpu_seconds)


def _recognise(channel: socket.socket, command: Recognise) -> None:
    tree = ArchiveTree(RemoteTree(channel, frozenset(command.without)))
    sources = list(recognise(tree))
    send(channel, packed(Found(sources, tree.warnings)))


def _read(channel: socket.socket, command: Read) -> None:
    tree = ArchiveTree(RemoteTree(channel, frozenset(command.without)))
    send(channel, packed(Begun(_size(tree, command.source.files))))
    reading = Reading(tree, command.source, command.date_orders)
    for events in _batches(reading):
        _send_batch(channel, events, reading.counts)
    send(channel, packed(Done(reading.counts)))


def _size(tree: Tree, names: tuple[str, ...]) -> int:
    return sum(tree.size(name) for name in names if name in tree)


def _batches(reading: Reading) -> Iterator[list[Event]]:
    batch: list[Event] = []
    chars = 0
    for event in reading:
        batch.append(event)
        if isinstance(event, Message):
            chars += len(event.text)
        if len(batch) >= limits.BATCH_EVENTS_MAX or chars >= limits.BATCH_CHARS_MAX:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


def _send_batch(channel: socket.socket, events: list[Event], counts: Counts) -> None:
    send(channel, packed(Batch(events, counts)))
