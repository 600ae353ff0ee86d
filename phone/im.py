"""The phone's calls to the IM server (protocol section 2): connect, and enrol by a one-time code.

The IM server is either the station itself (the link's own origin, plain http inside the local
network) or stands elsewhere, and then only https will do. Nothing secret is ever posted: a proof
serves once, and a ticket serves only this phone's key.
"""

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from phone.errors import NotCertified, Unreachable, Untrusted
from wire import im, tokens
from wire.errors import MalformedMessage, WireError

SECONDS: Final = 10.0
_PIECE_BYTES: Final = 4096
_LOCAL_NAME: Final = re.compile(
    r"[a-z0-9-]+(\.(local|lan|home|internal|home\.arpa))?", re.IGNORECASE
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_Reply = TypeVar("_Reply", bound=im.Body)
_Answer = TypeVar("_Answer")


def connect(origin: str, request: im.ConnectRequest) -> im.ConnectReply:
    """Let the IM server authenticate a scanned invitation (patent claims 2 and 7).

    Raises :class:`wire.im.Refused`, :class:`Unreachable`, :class:`Untrusted` or, by https,
    :class:`NotCertified`.
    """
    return _post(origin, im.CONNECTIONS_PATH, request, im.ConnectReply)


def enrol(origin: str, request: im.EnrolRequest) -> im.EnrolReply:
    """Make this phone one of the account that the code was printed for; raises as above."""
    return _post(origin, im.PHONES_PATH, request, im.EnrolReply)


def keys(origin: str) -> list[bytes]:
    """The issuer's keys as it publishes them now; only a proven address is asked for them.

    Raises :class:`Untrusted` for one that is reached neither by https nor on this machine.
    """
    parts = urlsplit(origin)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise Untrusted(
            f"{origin} cannot prove which keys are its own: it is not reached by https."
        )
    return _call(origin, "GET", im.KEYS_PATH, b"", _published)


def _published(body: bytes) -> list[bytes]:
    try:
        return tokens.keys_from_jwk_set(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(f"JWK set: {error}") from None


def check_origin(origin: str) -> None:
    """Raise :class:`Untrusted` unless ``origin`` is https, or http inside the local network."""
    parts = urlsplit(origin)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme != "http" or not parts.hostname or not _is_local(parts.hostname):
        raise Untrusted(f"{origin} is outside the local network and not reached by https.")


def _is_local(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return _LOCAL_NAME.fullmatch(host) is not None
    return address.is_private or address.is_loopback or address.is_link_local


def _post(origin: str, path: str, request: im.Body, kind: type[_Reply]) -> _Reply:
    return _call(origin, "POST", path, im.encode(request), lambda body: im.decode(kind, body))


def _call(
    origin: str, method: str, path: str, content: bytes, read: Callable[[bytes], _Answer]
) -> _Answer:
    check_origin(origin)
    try:
        status, body = _exchange(origin, method, path, content)
    except ssl.SSLCertVerificationError as error:
        raise NotCertified(
            f"{origin} did not prove to be what it says ({error.verify_message.rstrip('.')})."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"Nobody answers at {origin} ({_why(error)}).") from None
    if status != http.client.OK:
        raise im.Refused.from_reply(body)
    try:
        return read(body)
    except WireError:
        raise Untrusted(f"What {origin} answers is not this protocol.") from None


def _exchange(origin: str, method: str, path: str, content: bytes) -> tuple[int, bytes]:
    """One request; neither redirects nor proxies are followed, and the answer is bounded."""
    parts = urlsplit(origin)
    secure = parts.scheme == "https"
    connection_type = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connection_type(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.connect()
        with _cut_off_after(SECONDS, connection.sock):
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, _read(response)
    finally:
        connection.close()


@contextmanager
def _cut_off_after(seconds: float, sock: socket.socket) -> Iterator[None]:
    """Bound the whole exchange: a server that drips renews every timeout of its own."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():
            raise TimeoutError("the answer took too long")


def _read(response: http.client.HTTPResponse) -> bytes:
    body = bytearray()
    while len(body) <= im.BODY_BYTES_MAX and (piece := response.read1(_PIECE_BYTES)):
        body += piece
    return bytes(body)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
