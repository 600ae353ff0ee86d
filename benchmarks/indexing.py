"""How fast a snapshot becomes conversations: messages a second, and the memory that it takes.

``python -m benchmarks.indexing --messages 200000``
"""

import argparse
import json
import os
import random
import resource
import shutil
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.vocabulary import CHINESE, ENGLISH

ZONE_LESS_START = datetime(2015, 1, 1)  # noqa: DTZ001 - exports tell no zone


def whatsapp(count: int, noise: random.Random) -> str:
    """A group of five."""
    at, lines = ZONE_LESS_START, []
    for _ in range(count):
        at += timedelta(seconds=noise.randrange(1, 600))
        lines.append(f"{at:%d/%m/%Y, %H:%M} - {noise.choice(NAMES)}: {said(noise)}\n")
    return "".join(lines)


def telegram(count: int, noise: random.Random) -> str:
    """The same as Telegram tells it."""
    at, messages = ZONE_LESS_START, []
    for number in range(count):
        at += timedelta(seconds=noise.randrange(1, 600))
        name = noise.choice(NAMES)
        messages.append(
            {"id": number, "type": "message", "date": f"{at:%Y-%m-%dT%H:%M:%S}",
             "date_unixtime": str(int(at.timestamp())), "from": name, "from_id": f"user{name}",
             "text": said(noise), "text_entities": []}
        )  # fmt: skip
    chat = {"name": "Us", "type": "private_group", "id": 1, "messages": messages}
    return json.dumps(chat, ensure_ascii=False)


NAMES = ("Alice", "Bob", "Carol", "Dave", "Eve")


def said(noise: random.Random) -> str:
    """Some words of English or Chinese."""
    words, glue = noise.choice(((ENGLISH, " "), (CHINESE, "")))
    return glue.join(noise.choices(words, k=noise.randrange(1, 16)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    count = parser.parse_args().messages
    folder = Path(tempfile.mkdtemp(prefix="backupstation-bench-"))
    os.environ |= {
        "STATION_DATA_DIR": str(folder),
        "DJANGO_SETTINGS_MODULE": "backupstation.settings",
    }
    try:
        measure(count)
    finally:
        shutil.rmtree(folder)


def measure(count: int) -> None:
    """Keep a snapshot, index it, tell what that took."""
    import django  # noqa: PLC0415 - the environment comes first

    django.setup()
    from backupstation import prepared  # noqa: PLC0415
    from conversations import indexing  # noqa: PLC0415
    from conversations.models import IndexedSnapshot, Message  # noqa: PLC0415
    from tests.kept_cast import keep, vault_of  # noqa: PLC0415

    prepared.migrate()
    noise = random.Random(1)
    for name, make in (
        ("whatsapp", lambda: {"WhatsApp Chat with Us.txt": whatsapp(count, noise)}),
        ("telegram", lambda: {"result.json": telegram(count, noise)}),
    ):
        snapshot = keep(vault_of(), make())
        before, begun, worked = Message.objects.count(), time.monotonic(), time.process_time()
        indexing.index(snapshot.vault_id, snapshot.snapshot_id)
        took = time.monotonic() - begun
        row = IndexedSnapshot.objects.get(snapshot_id=snapshot.snapshot_id)
        made = Message.objects.count() - before
        each = (time.process_time() - worked) / max(made, 1)
        rate = f"{made:,} messages in {took:.1f} s, {made / took:,.0f}/s"
        print(f"{name}: {rate} ({row.state}; {each * 1e6:.0f} µs of the worker for each)")
    mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory: {mine:.0f} MiB (with the generated chats), reader {child:.0f} MiB")


if __name__ == "__main__":
    main()
