"""An application that reads too slowly, writes too much or does not stop, to try the server with.

Run as ``python -m tests.apps.bounded '{"stall_seconds": 1, ...}'``: serves on a free port of
loopback and prints one line of JSON per event, the first with the port.
"""

import asyncio
import hashlib
import json
import logging
import sys
from pathlib import Path
from urllib.parse import parse_qs

from backupstation.flow import PeerGone, ServerLimits
from backupstation.server import serve
from backupstation.tls import Certificate

BLOCK = bytes(range(256)) * 1024  # 256 KiB


def report(event, **details):
    print(json.dumps({"event": event, **details}), flush=True)


async def application(scope, receive, send):
    kind = {"websocket": SOCKETS, "http": PAGES}[scope["type"]]
    query = {key: value[0] for key, value in parse_qs(scope["query_string"].decode()).items()}
    await kind[scope["path"].rsplit("/", 1)[1]](scope, receive, send, query)


# WebSockets


async def accept(receive, send, greet=True):
    await receive()
    await send({"type": "websocket.accept"})
    if greet:
        await send({"type": "websocket.send", "text": "hello"})


async def deaf(scope, receive, send, query):
    """Never takes a message."""
    await accept(receive, send)
    await asyncio.Event().wait()


async def mute(scope, receive, send, query):
    """Accepts and says nothing first; then echoes lengths."""
    await accept(receive, send, greet=False)
    while (message := await receive())["type"] == "websocket.receive":
        length = len(message.get("bytes") or message.get("text"))
        await send({"type": "websocket.send", "text": str(length)})


async def digest(scope, receive, send, query):
    """Takes its time for each message; answers "end" with count and hash of what came."""
    await asyncio.sleep(float(query.get("accept_after", 0)))
    await accept(receive, send)
    count, seen = 0, hashlib.sha256()
    await asyncio.sleep(float(query.get("start_after", 0)))
    while (message := await receive()).get("text") != "end":
        if message["type"] == "websocket.disconnect":
            return
        count += 1
        seen.update(len(message["bytes"]).to_bytes(4) + message["bytes"])
        if len(message["bytes"]) > 10_000:
            await asyncio.sleep(0.002)
    await send({"type": "websocket.send", "text": f"{count} {seen.hexdigest()}"})


async def flood(scope, receive, send, query):
    """Writes until it cannot, or as many blocks as it was asked for, and then closes."""
    await accept(receive, send, greet=False)
    sent = 0
    try:
        while sent < int(query.get("blocks", 1 << 60)):
            await send({"type": "websocket.send", "bytes": sent.to_bytes(4) + BLOCK})
            sent += 1
    except PeerGone:
        report("gone", sent=sent)
        return
    await send({"type": "websocket.close", "code": 4400})


async def seal(scope, receive, send, query):
    """Needs a moment after the disconnect, as an upload does that seals its pack."""
    await accept(receive, send)
    while (message := await receive())["type"] != "websocket.disconnect":
        pass
    await asyncio.sleep(float(query.get("seconds", 0.3)))
    report("sealed", code=message["code"])


async def leave(scope, receive, send, query):
    """Returns without closing."""
    await accept(receive, send)


async def undecided(scope, receive, send, query):
    """Neither accepts nor refuses."""
    await receive()
    message = await receive()
    report("undecided", saw=message["type"])


async def scheme(scope, receive, send, query):
    """Says by which scheme it was reached."""
    if scope["type"] == "http":
        await respond(send, scope["scheme"].encode())
        return
    await accept(receive, send, greet=False)
    await send({"type": "websocket.send", "text": scope["scheme"]})


# Pages


async def respond(send, body, more=False):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def hello(scope, receive, send, query):
    await respond(send, scope["root_path"].encode() + b"hello")


async def later(scope, receive, send, query):
    await asyncio.sleep(0.4)
    await respond(send, b"hello")


async def upload(scope, receive, send, query):
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    await respond(send, str(length).encode())


async def stream(scope, receive, send, query):
    await respond(send, b"", more=True)
    for number in range(int(query.get("blocks", 10_000))):
        await send(
            {"type": "http.response.body", "body": number.to_bytes(4) + BLOCK, "more_body": True}
        )
    await send({"type": "http.response.body", "body": b""})


async def block(scope, receive, send, query):
    await respond(send, BLOCK * int(query.get("blocks", 1)))


async def reload(scope, receive, send, query):
    """Reads the certificate's files again."""
    certificate.load(*files)
    await respond(send, b"reloaded")


async def fail(scope, receive, send, query):
    raise RuntimeError("the view failed")


async def fail_midway(scope, receive, send, query):
    await respond(send, b"the beginning", more=True)
    raise RuntimeError("the rest cannot be read")


SOCKETS = {
    each.__name__: each
    for each in (
        deaf,
        mute,
        digest,
        flood,
        seal,
        leave,
        undecided,
        scheme,
    )
}
PAGES = {
    each.__name__: each
    for each in (hello, later, upload, stream, block, fail, fail_midway, scheme, reload)
}


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    settings = json.loads(sys.argv[1])
    port = settings.pop("port", 0)
    https_port = settings.pop("https_port", 0)
    files = [Path(path) for path in settings.pop("certificate", [])]
    certificate = Certificate(*files) if files else None
    try:
        serve(
            application,
            "127.0.0.1",
            port,
            ready=lambda *ports: report("ready", ports=ports),
            limits=ServerLimits(**settings),
            certificate=certificate,
            https_port=https_port,
        )
    except OSError as error:
        report("failed", reason=str(error))
    report("stopped")
