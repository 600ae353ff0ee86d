"""One HTTP exchange with an IM server that runs elsewhere: bounded in time and size.

Neither redirects nor proxies are followed: what the server behind the origin says is pinned, and
nobody else's word counts. (:mod:`phone.im` has the phone's; the roles share no code that does I/O.)
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from wire import im
from wire.errors import NotAllowed, StationFault

SECONDS: Final = 10.0
_PIECE_BYTES: Final = 4096


class Answer(NamedTuple):
    """What an IM server answered; ``date`` is in seconds since 1970, by its clock."""

    body: bytes
    date: float | None


def call(origin: str, method: str, path: str, content: bytes = b"") -> Answer:
    """Call an IM server. Raises :class:`wire.im.Refused`, NotAllowed for a redirect, StationFault.

    The body is cut a little above ``im.BODY_BYTES_MAX``, where decoding refuses it.
    """
    try:
        with _connection(origin) as connection:
            connection.request(method, path, content, {"Content-Type": "application/json"})
            response = connection.getresponse()
            body = _read(response)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no such host
        why = str(error).strip() or type(error).__name__
        raise StationFault(f"cannot reach the IM server at {origin}: {why}") from None
    if response.status // 100 == 3:
        raise NotAllowed(f"{origin} redirects, which is not followed: name the IM server itself")
    if response.status != http.client.OK:
        raise im.Refused.from_reply(body)
    return Answer(body, _date(response.headers["Date"]))


@contextmanager
def _connection(origin: str) -> Iterator[http.client.HTTPConnection]:
    """A connection that lasts for ``SECONDS`` at most, counted from before any TLS."""
    parts = urlsplit(origin)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (http.client.HTTPS_PORT if secure else http.client.HTTP_PORT)
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(host, port)
    sock = socket.create_connection((host, port), SECONDS)
    try:
        with _cut_off_after(SECONDS, sock):
            if secure:
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
            connection.sock = sock
            yield connection
    finally:
        connection.close()
        sock.close()


@contextmanager
def _cut_off_after(seconds: float, sock: socket.socket) -> Iterator[None]:
    """Bound the whole exchange: a server that drips renews every timeout of its own."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            same.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    with sock.dup() as same:  # TLS takes the socket over
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if late.is_set():
                raise TimeoutError("it took too long")


def _read(response: http.client.HTTPResponse) -> bytes:
    body = bytearray()
    while len(body) <= im.BODY_BYTES_MAX and (piece := response.read1(_PIECE_BYTES)):
        body += piece
    return bytes(body)


def _date(header: str | None) -> float | None:
    """The time of a Date header, which tells whole seconds; None without a good one."""
    try:
        return parsedate_to_datetime(header).timestamp() + 0.5 if header else None
    except (ValueError, OverflowError):
        return None
