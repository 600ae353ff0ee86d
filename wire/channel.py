"""The secure channel: Noise transport messages inside WebSocket messages, and frames inside those.

One WebSocket message is n x (length u16 | Noise transport message of that length); what it decrypts
to is a whole number of frames, each type u8 | length u32 | payload. Every Noise message but the
last is full, so that nobody can make much work of one message. Numbers are big-endian. Both
directions count Noise nonces from 0, so a message that is lost, repeated, swapped or changed fails.

Bulk data passes here: ``reserve`` and ``reserve_seal`` are cheap and keep the order on the loop's
thread, ``decrypt`` and ``seal_at`` do the work on any thread, outside the interpreter lock.
"""

import threading
from enum import IntEnum
from typing import Final, NamedTuple

from cryptography.utils import Buffer

from wire import limits
from wire.cipher import CipherState
from wire.errors import MalformedMessage, TooLarge

_LENGTH: Final = limits.NOISE_LENGTH_BYTES
_TAG: Final = limits.NOISE_TAG_BYTES
_FULL: Final = limits.NOISE_PLAINTEXT_BYTES_MAX
_WHOLE, _REST = divmod(limits.WEBSOCKET_MESSAGE_BYTES_MAX, _LENGTH + limits.NOISE_MESSAGE_BYTES_MAX)
DATA_FRAME_OVERHEAD: Final = limits.FRAME_HEADER_BYTES + limits.DATA_REF_BYTES
MAX_PLAINTEXT: Final = _WHOLE * _FULL + max(0, _REST - _LENGTH - _TAG)
"""Plaintext bytes that fill one WebSocket message; more than a frame with the largest chunk."""


class _Scratch(threading.local):
    """One reused buffer per thread: joining 16 pieces of 64 KiB instead halves the speed."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(limits.WEBSOCKET_MESSAGE_BYTES_MAX))


_scratch: Final = _Scratch()


class Sealed(NamedTuple):
    """A received WebSocket message whose nonces are taken: lengths of its Noise messages."""

    message: bytes
    lengths: list[int]
    first_nonce: int
    plaintext_bytes: int


class Channel:
    """Both directions of one connection after the Noise handshake."""

    def __init__(self, send: CipherState, receive: CipherState, handshake_hash: bytes) -> None:
        self._send, self._receive = send, receive
        self.handshake_hash = handshake_hash

    def seal(self, plaintext: Buffer) -> bytes:
        """The WebSocket message that carries ``plaintext``; raises :class:`TooLarge`."""
        view = memoryview(plaintext)
        return self.seal_at(self.reserve_seal(len(view)), view)

    def open(self, message: bytes) -> bytes:
        """What a WebSocket message carries; raises as ``reserve`` and ``decrypt`` do."""
        return self.decrypt(self.reserve(message))

    def reserve_seal(self, length: int) -> int:
        """Take the nonces for sending ``length`` bytes and return the first."""
        if not 0 < length <= MAX_PLAINTEXT:
            raise TooLarge(f"{length} bytes do not fit one message")
        return self._send.reserve(-(-length // _FULL))

    def seal_at(self, first_nonce: int, plaintext: Buffer) -> bytes:
        """Seal under nonces from ``reserve_seal``; messages must be sent in that order."""
        view, target = memoryview(plaintext), _scratch.view
        end = 0
        for number, start in enumerate(range(0, len(view), _FULL)):
            piece = view[start : start + _FULL]
            start, end = end + _LENGTH, end + _LENGTH + len(piece) + _TAG
            target[start - _LENGTH : start] = (end - start).to_bytes(_LENGTH)
            self._send.encrypt_into(first_nonce + number, piece, target[start:end])
        return bytes(target[:end])

    def reserve(self, message: bytes) -> Sealed:
        """Check the structure of a received message and take its nonces.

        Raises :class:`TooLarge` or :class:`MalformedMessage`; nothing is decrypted yet.
        """
        if len(message) > limits.WEBSOCKET_MESSAGE_BYTES_MAX:
            raise TooLarge(f"message of {len(message)} bytes")
        lengths: list[int] = []
        at = 0
        while at < len(message):
            if lengths and lengths[-1] != limits.NOISE_MESSAGE_BYTES_MAX:
                raise MalformedMessage("a Noise message before the last is not full")
            length = int.from_bytes(message[at : at + _LENGTH])
            at += _LENGTH + length
            if length <= _TAG or at > len(message):
                raise MalformedMessage("Noise messages do not fill the WebSocket message")
            lengths.append(length)
        if not lengths:
            raise MalformedMessage("an empty WebSocket message")
        carried = len(message) - len(lengths) * (_LENGTH + _TAG)
        return Sealed(message, lengths, self._receive.reserve(len(lengths)), carried)

    def decrypt(self, sealed: Sealed) -> bytes:
        """The plaintext of a reserved message; raises :class:`VerificationFailed`."""
        view, target = memoryview(sealed.message), _scratch.view
        start = end = 0
        for number, length in enumerate(sealed.lengths):
            start += _LENGTH
            begin, end = end, end + length - _TAG
            noise = view[start : start + length]
            self._receive.decrypt_into(sealed.first_nonce + number, noise, target[begin:end])
            start += length
        return bytes(target[:end])


class FrameType(IntEnum):
    """What a frame's payload is: one control message as JSON, or reference u32 | bytes."""

    CONTROL = 0
    DATA = 1


class Frame(NamedTuple):
    """One frame of a decrypted message; the payload is a view of it."""

    type: FrameType
    payload: memoryview


_PAYLOAD_BYTES_MAX: Final = {
    FrameType.CONTROL: limits.CONTROL_BYTES_MAX,
    FrameType.DATA: limits.DATA_REF_BYTES + limits.CHUNK_BYTES_MAX,
}


def control_frame(payload: bytes) -> bytes:
    """A control message's JSON as a frame; raises :class:`TooLarge`."""
    if len(payload) > limits.CONTROL_BYTES_MAX:
        raise TooLarge(f"control message of {len(payload)} bytes")
    return bytes([FrameType.CONTROL]) + len(payload).to_bytes(4) + payload


def data_frame_header(ref: int, length: int) -> bytes:
    """The bytes before ``length`` bytes of a chunk with reference ``ref``; raises TooLarge."""
    if length > limits.CHUNK_BYTES_MAX:
        raise TooLarge(f"chunk of {length} bytes")
    total = limits.DATA_REF_BYTES + length
    return bytes([FrameType.DATA]) + total.to_bytes(4) + ref.to_bytes(limits.DATA_REF_BYTES)


def frames(plaintext: Buffer) -> list[Frame]:
    """The frames of one decrypted message.

    Raises :class:`MalformedMessage` unless they fill it exactly, :class:`TooLarge` above a limit.
    """
    view = memoryview(plaintext)
    found: list[Frame] = []
    at = 0
    while at < len(view):
        start = at + limits.FRAME_HEADER_BYTES
        end = start + int.from_bytes(view[at + 1 : start])
        if max(start, end) > len(view):
            raise MalformedMessage("frames do not fill the message")
        found.append(_frame(view[at], view[start:end]))
        at = end
    return found


def _frame(number: int, payload: memoryview) -> Frame:
    try:
        kind = FrameType(number)
    except ValueError:
        raise MalformedMessage(f"unknown frame type {number}") from None
    if len(payload) > _PAYLOAD_BYTES_MAX[kind]:
        raise TooLarge(f"frame of {len(payload)} bytes")
    return Frame(kind, payload)


def split_data(payload: Buffer) -> tuple[int, memoryview]:
    """The reference and the bytes of a data frame; raises :class:`MalformedMessage`."""
    view = memoryview(payload)
    if len(view) < limits.DATA_REF_BYTES:
        raise MalformedMessage("data frame without a reference")
    return int.from_bytes(view[: limits.DATA_REF_BYTES]), view[limits.DATA_REF_BYTES :]
