"""What the two processes say to each other: frames of MessagePack behind their length.

One socket joins them. The parent sends one command at a time (:data:`COMMANDS`); until the child
has ended it, the child asks for names and bytes and tells what it finds (:data:`TOLD`), and the
parent answers what was asked (:data:`ANSWERS`). The child is not believed: a frame is bounded and
decoded into these types, or the child is done with.
"""

import socket
import struct
from typing import Any, Final

import msgspec

from conversations.events import EVENTS, Counts, DateOrder
from conversations.limits import FRAME_BYTES_MAX
from conversations.recognising import Recognised
from conversations.tree import TreeWarning

LENGTH: Final = struct.Struct(">I")
EXIT_MEMORY: Final = 77
"""The exit code of a child that had no memory left to say so."""


class Nonsense(Exception):
    """A frame that is none."""


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of what is sent."""


class Recognise(Frame, frozen=True):
    """Command: which sources are there? ``without`` are names that ended an earlier attempt."""

    without: tuple[str, ...]


class Read(Frame, frozen=True):
    """Command: read this source."""

    source: Recognised
    date_orders: dict[str, DateOrder]


class Draw(Frame, frozen=True):
    """Command: make a thumbnail of this file, at most ``pixels`` wide and high."""

    name: str
    pixels: int


class NamesAnswer(Frame, frozen=True):
    """Names with their sizes in bytes (None: unknown), sorted; an empty page ends them."""

    page: list[tuple[str, int | None]]


class RangeAnswer(Frame, frozen=True):
    """Bytes; fewer than asked for at the end of the file alone."""

    data: memoryview


class FailureAnswer(Frame, frozen=True):
    """There is no such file, or its bytes are damaged."""

    is_missing: bool
    detail: str


class AskNames(Frame, frozen=True):
    """The next page of names; ``is_first`` begins anew."""

    is_first: bool


class AskRange(Frame, frozen=True):
    """Bytes of a file."""

    name: str
    start: int
    length: int


class Found(Frame, frozen=True):
    """The sources, which ends :class:`Recognise`."""

    sources: list[Recognised]
    warnings: list[TreeWarning]


class Begun(Frame, frozen=True):
    """The source has so many bytes: it may take as long as they justify."""

    size: int


class Batch(Frame, frozen=True):
    """Events, and what was counted until here."""

    events: list[EVENTS]
    counts: Counts


class Done(Frame, frozen=True):
    """The end of :class:`Read`. A child that is spent should read nothing more."""

    counts: Counts
    is_spent: bool


class Drawn(Frame, frozen=True):
    """The thumbnail, which ends :class:`Draw`; empty when it was refused, and why."""

    picture: bytes
    refusal: str


COMMANDS: Final = Recognise | Read | Draw
ANSWERS: Final = NamesAnswer | RangeAnswer | FailureAnswer
TOLD: Final = AskNames | AskRange | Found | Begun | Batch | Done | Drawn

_encoder: Final = msgspec.msgpack.Encoder()
command_of: Final = msgspec.msgpack.Decoder(COMMANDS).decode
answer_of: Final = msgspec.msgpack.Decoder(ANSWERS).decode
_told: Final = msgspec.msgpack.Decoder(TOLD)


def told_in(body: bytes | bytearray) -> Any:  # noqa: ANN401 - one of TOLD
    """What the child tells. Raises :class:`Nonsense`."""
    try:
        return _told.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Nonsense(str(error)) from None


def packed(frame: Frame) -> bytes:
    """A frame's bytes, without its length."""
    return _encoder.encode(frame)


def length_in(head: bytes | bytearray) -> int:
    """How long the body is. Raises :class:`Nonsense` when it is too long to be one."""
    (length,) = LENGTH.unpack(head)
    if length > FRAME_BYTES_MAX:
        raise Nonsense(f"a frame of {length} bytes")
    return int(length)


def send(to: socket.socket, body: bytes) -> None:
    """Send one frame."""
    if len(body) > LENGTH.size * 1024:
        to.sendall(LENGTH.pack(len(body)))
        to.sendall(body)
    else:
        to.sendall(LENGTH.pack(len(body)) + body)


def receive(channel: socket.socket) -> bytearray:
    """One frame's body, for the child: it waits as long as it must. Raises EOFError."""
    return _exactly(channel, length_in(_exactly(channel, LENGTH.size)))


def _exactly(channel: socket.socket, count: int) -> bytearray:
    body = bytearray(count)
    at = memoryview(body)
    while at:
        came = channel.recv_into(at)
        if came == 0:
            raise EOFError
        at = at[came:]
    return body
