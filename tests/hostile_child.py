"""A child whose readers mean harm; ``python -m tests.hostile_child`` serves as the real one does.

What a file's first word says is what its reader does.
"""

import math
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
    Dates,
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


BIG = 2**63
TOO_FAR = Place("../../../../etc/passwd", BIG - 1, BIG - 1, "base64")
LIES = [
    *(Message("c", 1, "a", Kind.TEXT, "", file, 1) for file in (-1, 2**31, BIG)),
    *(Message("c", 1, "a", Kind.TEXT, "", 0, line) for line in (-1, BIG)),
    *(Message("c", 1, "a", Kind.TEXT, "", 0, 1, span) for span in (-5, 2**31)),
    *(
        Message("c", 1, "a", Kind.TEXT, "", 0, 1, attachments=(lie,))
        for lie in (
            Attachment(MediaKind.IMAGE, size=-1),
            Attachment(MediaKind.IMAGE, size=BIG),
            Attachment(MediaKind.IMAGE, place=Place("x", start=-1)),
            Attachment(MediaKind.IMAGE, place=Place("x", length=-1)),
            Attachment(MediaKind.IMAGE, place=Place("x", 0, BIG)),
            Attachment(MediaKind.IMAGE, place=Place("x", encoding="rot13")),
            Attachment("script", "x"),
        )
    ),
    Message("c", math.nan, "a", Kind.TEXT, "", 0, 1),
    Message("c", 1.5, "a", Kind.TEXT, "", 0, 1),
    Message("c", "1", "a", Kind.TEXT, "", 0, 1),
    Message("c", 1, ["a"], Kind.TEXT, "", 0, 1),
    Message("c", 1, "a", "shouted", "", 0, 1),
    Message(None, 1, "a", Kind.TEXT, "", 0, 1),
    Message("c", 1, "a", Kind.TEXT, b"\xff", 0, 1),
    Message("c", 1, "a", Kind.TEXT, "", 0, 1, reactions=(Reaction("x", (), -1),)),
    Continuation(-1),
    Continuation(2**31),
    ReadWarning("x", -1),
    ReadWarning("x", 0, BIG),
    ReadWarning("x", 0, 0, "", -1),
    Conversation("c", "C", "club"),
    Conversation("c", "C", clock="moon"),
]


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

    def excess(self, source, lines):
        """More than any export has in one event."""
        long = "k" * 10_000
        file = Attachment(MediaKind.IMAGE, long, long, BIG - 1, Place("f" * 10_000))
        yield Conversation(long, long)
        yield Person(long, long, long)
        yield Message(
            long, 1, long, Kind.TEXT, "x" * 300_000, 0, 1, 1,
            id=long, reply_to=long, attachments=(file,) * 300, forwarded_from=long,
            reactions=(Reaction(long, (long,) * 3, BIG - 1),) * 150, earlier=("e" * 1000,) * 500,
        )  # fmt: skip
        yield Continuation(1, long)
        yield ReadWarning(long, 0, 1, long, 1, long)

    def lies(self, source, lines):
        """What no reader finds: each line is the number of a lie."""
        for line in lines:
            yield LIES[int(line.text)]

    def boasts(self, source, lines):
        """What has the right types, and is as odd as these let it be."""
        long = "x\0é中" * 20_000
        for key in ("", "\0", long, "c"):
            yield Conversation(key, key, clock="utc")
            yield Person(key, key, key, is_self=True)
            yield Dates(key, "dmy", is_sure=False)
            picture = Attachment(MediaKind.IMAGE, long[:5000], long[:5000], BIG - 1, TOO_FAR)
            for at in (None, 0, -BIG, 2**42):
                yield Message(
                    key, at, key, Kind.MEDIA, key, 2**31 - 1, BIG - 1, 2**31 - 1, key, key,
                    (picture,) * 50, (Reaction(key, (key,), BIG - 1),), -BIG, key, (key,),
                )  # fmt: skip
            yield ReadWarning(long, 2**31 - 1, BIG - 1, long, 2**31 - 1, key)
            yield ReadWarning("", conversation="nobody announced this")
            yield Continuation(2**31 - 1, key)

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
