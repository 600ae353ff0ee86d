"""A process that packs until it is killed, and says each pack whose finish was reported."""

import os
import random
import sys
import threading
from pathlib import Path

from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import VaultKeys
from transfer.store.packs import PackWriter

VAULT = (b"v" * 16, b"m" * 32)


def content_of(chunk_id: bytes) -> bytes:
    """The plaintext that this chunk has, now and after the crash."""
    return random.Random(chunk_id).randbytes(3000)


def main(folder: Path) -> None:
    """Keep adding from two threads; report what is durable after every few chunks."""
    writer = PackWriter(PosixBackend(folder), VaultKeys(*VAULT), target_bytes=20_000)
    print("ready", flush=True)
    while True:
        threads = [threading.Thread(target=add_some, args=(writer,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.finish()
        for pack in writer.take_finished():
            print(pack.name, pack.size, len(pack.entries), flush=True)


def add_some(writer: PackWriter) -> None:
    for _ in range(random.randrange(1, 40)):
        chunk_id = os.urandom(32)
        writer.add(chunk_id, content_of(chunk_id))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
