"""Connecting to this station as a phone would, from the same computer.

Each address is asked for ``/healthz`` over plain HTTP, all at once. The station proves by its
secret key that it is the one that answers, and not another program, or another station.
"""

import asyncio
import json
import secrets
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from django.utils.crypto import constant_time_compare, salted_hmac

from backupstation.addresses import Address

_CONNECT_SECONDS: Final = 1.2
_ANSWER_SECONDS: Final = 1.5
_ANSWER_BYTES_MAX: Final = 16 * 1024
CHALLENGE_CHARS_MAX: Final = 64


class Answer(Enum):
    """What came of a knock."""

    OURS = auto()
    REFUSED = auto()
    """Nobody listens there."""
    DROPPED = auto()
    """No answer at all: what a firewall does that lets packets vanish."""
    UNREACHABLE = auto()
    """The system, or a firewall that says no, did not let the connection out."""
    FOREIGN = auto()
    """Another program, or another station, answers."""
    SILENT = auto()
    """Somebody accepts, and says nothing."""


def proof(challenge: str) -> str:
    """What only a process with this station's secret key can answer."""
    return salted_hmac("backupstation.doctor", challenge, algorithm="sha256").hexdigest()


def knock(addresses: Sequence[Address], port: int) -> list[Answer]:
    """Ask at each of the addresses; takes less than three seconds. Not on an event loop."""
    return asyncio.run(_knock_all(addresses, port))


async def _knock_all(addresses: Sequence[Address], port: int) -> list[Answer]:
    return list(await asyncio.gather(*(_knock(str(one), port) for one in addresses)))


async def _knock(address: str, port: int) -> Answer:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return Answer.DROPPED
    except ConnectionRefusedError:
        return Answer.REFUSED
    except OSError:
        return Answer.UNREACHABLE
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await _ask(reader, writer, address)
    except TimeoutError:
        return Answer.SILENT
    except OSError:
        return Answer.FOREIGN
    finally:
        writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> Answer:
    challenge = secrets.token_hex(16)
    host = f"[{address}]" if ":" in address else address
    writer.write(
        f"GET /healthz?challenge={challenge} HTTP/1.1\r\n"
        f"Host: {host}\r\nConnection: close\r\n\r\n".encode()
    )
    answer = bytearray()
    while len(answer) < _ANSWER_BYTES_MAX and (piece := await reader.read(4096)):
        answer += piece
    return Answer.OURS if _is_ours(bytes(answer), challenge) else Answer.FOREIGN


def _is_ours(answer: bytes, challenge: str) -> bool:
    try:
        told = json.loads(answer.partition(b"\r\n\r\n")[2])
        return constant_time_compare(told["proof"], proof(challenge))
    except (ValueError, KeyError, TypeError):
        return False
