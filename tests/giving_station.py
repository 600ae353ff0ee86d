"""A real station with a chat that it has read, and raw connections that take what it gives."""

import os
import re
import socket
import time
from pathlib import Path
from urllib.request import Request, urlopen

from tests import chats_cast
from tests.stations import Phone, Station

VIDEO = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + os.urandom(8_000_000)


class Kept:
    """A station that has read a chat with a film in it; ``paths`` are what is given of it."""

    def __init__(self, folder: Path, station: Station) -> None:
        self.station = station
        chats = folder / "chats"
        chats.mkdir()
        attached = [chats_cast.file("video", "clip.mp4", path="clip.mp4")]
        said = [chats_cast.line("2024-01-01T10:00:00Z", "x", "hello " * 500) for _ in range(2000)]
        said.append(chats_cast.line("2024-01-02T10:00:00Z", "x", "", attachments=attached))
        people = [{"key": "x", "name": "x"}]
        (chats / "chat.jsonl").write_text(chats_cast.jsonl("us", "Us", people, said))
        (chats / "clip.mp4").write_bytes(VIDEO)
        (chats / "other.txt").write_text("not of this chat")
        self.phone = Phone(folder / "phone")
        self.phone.enrol(station)
        self.folder = chats
        self.snapshot = snapshot = self.phone.run("backup", station.link(), chats)["snapshot_id"]
        self.cookie = station.sign_in()
        talk = self._found("/conversations/", r"/conversations/[a-z0-9]{16}/")
        film = self._found(talk, rf"{talk}attachments/[0-9a-f]{{32}}-0/0/")
        self.talk = talk
        self.paths = [
            f"/conversations/snapshots/{snapshot}/download/",
            *(talk + rest for rest in ("originals/", "export.html", "export.jsonl?media=0")),
            film,
        ]

    def _found(self, path: str, pattern: str) -> str:
        """What a page shows soon after the chat was kept."""
        for _ in range(120):
            request = Request(self.station.origin + path, headers={"Cookie": self.cookie})
            with urlopen(request) as page:
                if found := re.search(pattern, page.read().decode()):
                    return found[0]
            time.sleep(0.5)
        raise AssertionError(self.station.log())

    def asked(self, path: str) -> socket.socket:
        """A raw connection that has asked for this; little of it waits at its own end."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        raw.connect(("127.0.0.1", self.station.port))
        host = f"127.0.0.1:{self.station.port}"
        raw.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {self.cookie}\r\n\r\n".encode()
        )
        return raw
