"""Runs :mod:`tests.apps.bounded` in its own process, and talks to it byte by byte."""

import json
import os
import resource
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil
from websockets.frames import apply_mask

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
QUICK = {
    "handshake_seconds": 0.8,
    "request_body_seconds": 0.8,
    "keep_alive_seconds": 5,
    "refusal_seconds": 0.5,
    "close_seconds": 0.3,
    "stall_seconds": 2.5,
    "ping_seconds": 0.4,
    "silence_seconds": 1.5,
    "stop_seconds": 1,
    "watch_seconds": 0.1,
}


class ServerProcess:
    """The server with quick limits; ``settings`` change them. Use as a context manager.

    ``files`` are the soft and the hard limit of open files that it is started with.
    """

    trusting = None  # by TLS: what a client of it needs to know

    def __init__(self, environment=None, files=None, **settings):
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.apps.bounded", json.dumps({**QUICK, **settings})],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, **(environment or {})},
            preexec_fn=files and partial(resource.setrlimit, resource.RLIMIT_NOFILE, files),
        )
        self._partial = b""
        first = self.event(seconds=20)
        self.port = first.get("ports", [None])[-1]
        self.first = first

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def event(self, seconds=5):
        """The next event; AssertionError when none comes in time."""
        until = time.monotonic() + seconds
        stdout = self.process.stdout.fileno()
        while b"\n" not in self._partial:
            ready = select.select([stdout], [], [], max(0, until - time.monotonic()))[0]
            piece = os.read(stdout, 65536) if ready else b""
            assert piece, f"no event; the log says {self.logged()[-2000:]}"
            self._partial += piece
        line, self._partial = self._partial.split(b"\n", 1)
        return json.loads(line)

    def logged(self):
        self.log.seek(0)
        return self.log.read().decode()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def forget_peak(self):
        """Begin to measure memory anew; ``growth`` counts from here."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        self._before = self._status("VmRSS")

    def growth(self):
        """By how many bytes resident memory ever exceeded what it was at ``forget_peak``."""
        return self._status("VmHWM") - self._before

    def _status(self, field):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        raise AssertionError(field)

    def url(self, path):
        return f"ws://127.0.0.1:{self.port}{path}"

    def is_idle(self):
        """Whether the process leaves the processor alone within two seconds."""
        process = psutil.Process(self.process.pid)
        for _ in range(10):
            before = sum(process.cpu_times()[:2])
            time.sleep(0.2)
            if sum(process.cpu_times()[:2]) - before < 0.05:
                return True
        return False

    def connect(self, receive_buffer=None):
        raw = socket.socket()
        raw.settimeout(10)
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.connect(("127.0.0.1", self.port))
        return raw

    def upgrade(self, path, headers="", receive_buffer=None):
        """A raw socket on which the WebSocket upgrade was asked for."""
        raw = self.connect(receive_buffer)
        raw.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n".encode()
        )
        return raw

    def websocket(self, path, receive_buffer=None):
        """A raw socket on which a WebSocket is open."""
        raw = self.upgrade(path, receive_buffer=receive_buffer)
        answer = receive_until(raw, b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101"), answer
        return raw


class TlsServerProcess(ServerProcess):
    """The same server, talked to at its https port; ``certificate`` is a PEM file and its key."""

    def __init__(self, certificate, **settings):
        super().__init__(certificate=[str(path) for path in certificate], **settings)
        self.trusting = ssl.create_default_context(cafile=certificate[0])

    def url(self, path):
        return super().url(path).replace("ws:", "wss:")

    def connect(self, receive_buffer=None):
        raw = super().connect(receive_buffer)
        return self.trusting.wrap_socket(raw, server_hostname="127.0.0.1")


def receive_until(raw, end):
    """What comes up to ``end``, and with anything but a blank line perhaps a little more."""
    answer = bytearray()
    while end not in answer[-65536 - len(end) :]:
        piece = raw.recv(1 if end == b"\r\n\r\n" else 65536)
        assert piece, bytes(answer)
        answer += piece
    return bytes(answer)


def receive_all(raw):
    """What comes until the peer ends the connection in whatever way."""
    answer = bytearray()
    try:
        while piece := raw.recv(65536):
            answer += piece
    except ConnectionError:
        pass
    return bytes(answer)


def frame(opcode, payload=b"", fin=True, mask=bytes(4)):
    """A client's frame (RFC 6455 section 5.2)."""
    head = bytes([opcode | (0x80 if fin else 0)])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    elif len(payload) < 65536:
        head += bytes([0x80 | 126]) + len(payload).to_bytes(2)
    else:
        head += bytes([0x80 | 127]) + len(payload).to_bytes(8)
    return head + mask + (apply_mask(payload, mask) if any(mask) else payload)


def push(raw, data, at_most, patience=0.4):
    """Send ``data`` again and again until the peer takes no more, ends, or took ``at_most``."""
    raw.setblocking(False)
    view, sent, at = memoryview(data), 0, 0
    while sent < at_most:
        if not select.select([], [raw], [], patience)[1]:
            break
        try:
            count = raw.send(view[at : at + MIB])
        except ssl.SSLWantWriteError:  # part of a record still waits: for room, as above
            continue
        except (ConnectionError, ssl.SSLError):
            break
        sent, at = sent + count, (at + count) % len(data)
    raw.settimeout(10)
    return sent
