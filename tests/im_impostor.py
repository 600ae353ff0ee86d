"""What answers in the place of an IM server: any bytes, as slowly as one likes."""

import socket
import threading
import time


def answering(answer: bytes, *, pause: float = 0.0) -> tuple[str, list[bytes]]:
    """A server that sends these bytes to one request; returns its origin and what it received."""
    listening = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            received.append(_whole_request(connection))
            for at in range(0, len(answer), 1 if pause else len(answer)):
                try:
                    connection.sendall(answer[at : at + 1] if pause else answer)
                except OSError:
                    return
                time.sleep(pause)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}", received


def _whole_request(connection: socket.socket) -> bytes:
    """Head and body; they may come in separate segments."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += connection.recv(65536)
    head = request.partition(b"\r\n\r\n")[0].lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
    while len(request) < len(head) + 4 + length:
        request += connection.recv(65536)
    return request


def http(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def redirect_to(url: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()
