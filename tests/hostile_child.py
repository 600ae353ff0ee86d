"""A child whose readers mean harm; ``python -m tests.hostile_child`` serves as the real one does.

What a file's first word says is what its reader does.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import ClassVar

from conversations import reading, recognising
from conversations.confined import child
from conversations.events import (
    Attachment,
    Continuation,
    Conversation,
    Kind,
    MediaKind,
    Message,
    Person,
    Place,
    Reaction,
    ReadWarning,
)
from conversations.readers._base import FileByFile

MODULE = "tests.hostile_child"


class Hostile(FileByFile):
    app: ClassVar[str] = "hostile"
    title: ClassVar[str] = "Hostile"
    version: ClassVar[int] = 1

    def sniff(self, name, head):
        if head.startswith(b"sniff-dies"):
            os.kill(os.getpid(), signal.SIGSEGV)
        return 1.0

    def read(self, source):
        yield Conversation("c", "C")
        lines = source.lines()
        word = next(lines).text
        yield Message("c", 1, "a", Kind.TEXT, word, 0, 1)
        yield from getattr(self, word)(source, lines)

    def good(self, source, lines):
        for line in lines:
            yield Message("c", 1, "a", Kind.TEXT, line.text, 0, line.number)

    def batch_then_dies(self, source, lines):
        for line in lines:
            yield Message("c", 1, "a", Kind.TEXT, line.text, 0, line.number)
        os.kill(os.getpid(), signal.SIGKILL)

    def eats_memory(self, source, lines):
        eaten = [bytearray(1024 * 1024)]
        while eaten:
            eaten.append(bytearray(8 * 1024 * 1024))
        yield

    def loops(self, source, lines):
        while True:
            pass
        yield

    def burns(self, source, lines):
        """Its wall time is not over when its processor time is."""
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (1, resource.RLIM_INFINITY))
        yield from self.loops(source, lines)

    def sleeps(self, source, lines):
        time.sleep(3600)
        yield

    def exits(self, source, lines):
        os._exit(3)
        yield

    def floods(self, source, lines):
        while True:
            yield Message("c", 1, "a", Kind.TEXT, "", 0, 1)

    def garbage(self, source, lines):
        self._channel().sendall(b"\x00\x00\x00\x04what")
        yield

    def huge_frame(self, source, lines):
        self._channel().sendall(b"\xff\xff\xff\xff")
        yield

    def asks_elsewhere(self, source, lines):
        with source.tree._tree.open(source.files[0]) as file:
            file.raw._name = "/etc/passwd"
            file.raw._next = 0
            yield Message("c", 1, "a", Kind.TEXT, file.read().decode(), 0, 1)

    def opens(self, source, lines):
        """What the process can do: each line names one thing, and the message says how it ended."""
        for line in lines:
            yield Message("c", 1, "a", Kind.TEXT, attempt(line.text), 0, line.number)

    def swallows(self, source, lines):
        """Every byte, in large pieces; tells how many there are."""
        with source.open() as file:
            count = sum(map(len, iter(lambda: file.read(1024 * 1024), b"")))
        yield Message("c", 1, "a", Kind.TEXT, f"{count}", 0, 1)

    def unsendable(self, source, lines):
        yield Message("c", 2**80, "a", Kind.TEXT, "half \ud800 pair", 0, 1)
        yield Message("c", 1, "a", Kind.TEXT, "x" * 20_000_000, 0, 1)

    def lies(self, source, lines):
        """What is in no export, and in no column of the index either."""
        long = "k" * 10_000
        place = Place("f" * 10_000, -1, 2**63, "rot13")
        file = Attachment(MediaKind.IMAGE, long, long, 2**64 - 1, place)
        held = Attachment(MediaKind.IMAGE, "x", "", -1, Place("x", -1, -1))
        yield Conversation(long, long)
        yield Person(long, long, long)
        yield Message(
            long, 1, long, Kind.TEXT, "x" * 300_000, 2**40, -1, 2**60,
            id=long, reply_to=long, attachments=(file, held) * 150, forwarded_from=long,
            reactions=(Reaction(long, (long,) * 3, 2**62),) * 150, earlier=("e" * 1000,) * 500,
        )  # fmt: skip
        yield Continuation(-5, long)
        yield ReadWarning(long, -1, 2**62, long, 2**62, long)

    def _channel(self):
        return socket.socket(fileno=os.dup(sys.stdin.fileno()))


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def attempt(what: str) -> str:
    try:
        match what:
            case "write":
                Path("/tmp/confined-was-here").write_bytes(b"x")
            case "fork":
                if os.fork() == 0:
                    os._exit(0)
            case "environment":
                return ",".join(sorted(os.environ))
            case "folder":
                return str(Path.cwd())
            case "django":
                return str("django" in sys.modules)
            case "descriptors":
                return str(sum(map(is_open, range(256))))
            case "connect":
                socket.create_connection(("127.0.0.1", 9), timeout=1)
            case "udp":
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            case "read":
                return Path("/etc/passwd").read_text()[:10]
            case "run":
                os.execv("/bin/true", ["true"])
    except OSError as error:
        return type(error).__name__
    return "done"


if __name__ == "__main__":
    hostile = Hostile()
    recognising.READERS = (hostile,)
    reading.BY_APP = {"hostile": hostile}
    child.main()
