"""Connecting to this station as a phone would, from the same computer.

Each address is asked for ``/healthz`` over plain HTTP, and by TLS where there is https, all at
once. The station proves by its secret key that it is the one that answers, and not another
program, or another station; so its certificate is looked at, and need not be trusted.
"""

import asyncio
import json
import secrets
import ssl
from collections.abc import Sequence
from enum import Enum, auto
from typing import Final, NamedTuple

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


class Knock(NamedTuple):
    """An answer, and the certificate (DER) that was shown; empty by plain HTTP."""

    answer: Answer
    certificate: bytes = b""


class Knocks(NamedTuple):
    """What came of the knocks at each of the addresses, in their order."""

    plain: list[Answer]
    secure: list[Knock]
    """Empty when there is no https."""


def knock(addresses: Sequence[Address], port: int, https_port: int = 0) -> Knocks:
    """Ask at each of the addresses; takes less than three seconds. Not on an event loop.

    ``https_port`` is 0 when there is no https.
    """
    return asyncio.run(_knock_all([str(one) for one in addresses], port, https_port))


async def _knock_all(addresses: Sequence[str], port: int, https_port: int) -> Knocks:
    plain = [_knock(one, port, None) for one in addresses]
    tls = _unverified()
    secure = [_knock(one, https_port, tls) for one in addresses if https_port]
    answers = await asyncio.gather(*plain, *secure)
    return Knocks([one.answer for one in answers[: len(plain)]], answers[len(plain) :])


def _unverified() -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


async def _knock(address: str, port: int, tls: ssl.SSLContext | None) -> Knock:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        return Knock(Answer.DROPPED)
    except ConnectionRefusedError:
        return Knock(Answer.REFUSED)
    except OSError:
        return Knock(Answer.UNREACHABLE)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            if tls is not None:
                await writer.start_tls(tls)
            answer = await _ask(reader, writer, address)
            return Knock(answer, _shown(writer))
    except TimeoutError:
        return Knock(Answer.SILENT)
    except OSError:  # that of TLS is one too
        return Knock(Answer.FOREIGN)
    finally:
        writer.close()


def _shown(writer: asyncio.StreamWriter) -> bytes:
    secured: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    return (secured and secured.getpeercert(binary_form=True)) or b""


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
