"""A network that fails on purpose: a TCP proxy that cuts, throttles, holds or loses connections.

Connections to the listening port (their first bytes say so) are counted one by one and fail as
planned; others, such as the calls to the IM server on the same port, pass.
"""

import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_PIECE_BYTES = 16 * 1024
_LISTEN = b"GET /listen/"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: close() sends RST


@dataclass
class Cut:
    """After this many bytes in one direction (up: to the station) the connection is lost.

    ``silent``: nothing passes any more, but nobody is told.
    """

    up: int | None = None
    down: int | None = None
    silent: bool = False


@dataclass
class Passed:
    """A connection to the listening port: the bytes that passed, and how it is to fail."""

    cut: Cut
    up: int = 0
    down: int = 0
    ended: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Forwards to ``port`` on this machine. Use as a context manager."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections: list[Passed] = []
        self._plan: deque[Cut] = deque()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._passing = threading.Event()
        self._passing.set()
        self._refusing = threading.Event()
        self._rate: float | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.hold(False)
        self._listener.close()
        self.cut_all()

    # What the network does

    def plan(self, *cuts: Cut) -> None:
        """Lose the next connections to the listening port like this, and forget the past ones."""
        self._plan = deque(cuts)
        self.connections = []

    def throttle(self, bytes_per_second: float | None) -> None:
        """Let each direction of a connection pass no faster than this."""
        self._rate = bytes_per_second

    def hold(self, held: bool) -> None:
        """Let nothing pass, but keep it."""
        self._passing.clear() if held else self._passing.set()

    def refuse(self, refusing: bool) -> None:
        """Reset every connection from now on."""
        self._refusing.set() if refusing else self._refusing.clear()

    def cut_all(self) -> None:
        """Reset every open connection now."""
        with self._lock:
            victims, self._open = self._open, set()
        for victim in victims:
            _reset(victim)

    @property
    def up(self) -> int:
        """Bytes to the listening port since the plan was made."""
        return sum(one.up for one in self.connections)

    @property
    def down(self) -> int:
        """Bytes from the listening port since the plan was made."""
        return sum(one.down for one in self.connections)

    # How it does that

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                phone, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(phone,), daemon=True).start()

    def _serve(self, phone: socket.socket) -> None:
        if self._refusing.is_set():
            _reset(phone)
            return
        try:
            station = socket.create_connection(("127.0.0.1", self._target))
            first = phone.recv(_PIECE_BYTES)
        except OSError:
            _reset(phone)
            return
        passed = Passed(Cut())
        with self._lock:
            if first.startswith(_LISTEN):
                passed.cut = self._plan.popleft() if self._plan else Cut()
                self.connections.append(passed)
            self._open |= {phone, station}
        pumps = [
            threading.Thread(target=self._pump, args=(passed, *way), daemon=True)
            for way in (("up", phone, station, first), ("down", station, phone, b""))
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()
        self._end(phone, station)

    def _pump(
        self, passed: Passed, way: str, source: socket.socket, to: socket.socket, first: bytes
    ) -> None:
        piece = first or _receive(source)
        while piece:
            if not self._pass(passed, way, piece, to, source):
                return
            piece = _receive(source)
        with suppress(OSError):
            to.shutdown(socket.SHUT_WR)

    def _pass(
        self, passed: Passed, way: str, piece: bytes, to: socket.socket, back: socket.socket
    ) -> bool:
        """Forward one piece; False when the connection is over."""
        self._passing.wait()
        if self._rate is not None:
            time.sleep(len(piece) / self._rate)
        limit = getattr(passed.cut, way)
        done = getattr(passed, way)
        whole = limit is None or done + len(piece) <= limit
        let_through = piece if whole else piece[: max(0, limit - done)]
        if passed.ended.is_set():
            return self._fail(passed, to, back)
        try:
            to.sendall(let_through)
        except OSError:
            return False
        setattr(passed, way, done + len(let_through))
        return whole or self._fail(passed, to, back)

    def _fail(self, passed: Passed, *sockets: socket.socket) -> bool:
        passed.ended.set()
        if passed.cut.silent:
            threading.Event().wait()  # a daemon thread: for ever
        for one in sockets:
            self._end(one)
        return False

    def _end(self, *sockets: socket.socket) -> None:
        for one in sockets:
            with self._lock:
                known = one in self._open
                self._open.discard(one)
            if known:
                _reset(one)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(_PIECE_BYTES)
    except OSError:
        return b""


def _reset(victim: socket.socket) -> None:
    """Close with RST, also under a thread that is blocked in a call on it."""
    with suppress(OSError):
        victim.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    with suppress(OSError):
        victim.shutdown(socket.SHUT_RDWR)
    victim.close()
