"""Reading a conversation of a million messages: ``python -m benchmarks.reading``.

It makes the index, then asks for pages as a signed-in owner does: view, queries and template,
without the network. Exit code 1 when a kind of page is slower than its target at the 95th
percentile. ``--folder`` keeps the index for another run.
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from django.test import Client

P95_MS_MAX: Final = 100
SLUG: Final = "abcdefghijklmnop"
_VAULT: Final = "a" * 32
_ROUNDS: Final = 100
_FIRST_MS: Final = 1_388_534_400_000  # 2014-01-01
_DAYS: Final = 4380
_PEOPLE: Final = 12
_BATCH: Final = 5000


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the index is kept")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="backupstation-bench-") as name:
        folder = options.folder or Path(name)
        os.environ |= {"STATION_DATA_DIR": str(folder)}
        os.environ["DJANGO_SETTINGS_MODULE"] = "backupstation.settings"
        import django  # noqa: PLC0415 - its settings are in the folder

        django.setup()
        return _measure(_prepared(options.messages))


def _measure(browser: "Client") -> int:
    print(f"{'':28}     p50     p95     max  ms")
    missed = []
    for name, addresses in _kinds():
        taken = sorted(_times(browser, addresses))
        p95 = taken[int(len(taken) * 0.95)]
        print(f"{name:28} {statistics.median(taken):7.1f} {p95:7.1f} {taken[-1]:7.1f}")
        if p95 > P95_MS_MAX:
            missed.append(name)
    print("".join(f"\nMISSED  {name}" for name in missed) or "\nmet")
    return 1 if missed else 0


def _prepared(count: int) -> "Client":
    from django.core.management import call_command  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from accounts.models import User  # noqa: PLC0415
    from transfer.models import Vault  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("migrate", database="index", verbosity=0)
    owner = User.objects.filter(username="owner").first()
    if owner is None:
        _make(count)
        owner = User.objects.create_user("owner")
        Vault.objects.create(id=_VAULT, iss="made", sub="owner", owner=owner)
    browser = Client(headers={"host": "127.0.0.1"})
    browser.force_login(owner)
    return browser


def _make(count: int) -> None:
    """One conversation: replies, reactions, edits and media among its messages."""
    from django.db import transaction  # noqa: PLC0415

    from benchmarks.chats import said, vocabularies  # noqa: PLC0415
    from conversations.databases import INDEX  # noqa: PLC0415
    from conversations.digests import digest_of_native  # noqa: PLC0415
    from conversations.models import (  # noqa: PLC0415
        Attachment,
        Conversation,
        Message,
        Participant,
        SourceRow,
    )

    chance = random.Random(1)
    english, chinese = vocabularies(chance)
    source = SourceRow.objects.create(
        vault=_VAULT, digest="d" * 64, app="made", reader_version=1, files=["made.json"]
    )
    talk = Conversation.objects.create(
        vault=_VAULT, slug=SLUG, app="made", key="k", title="Million", kind="group", clock="utc"
    )
    talk.source_links.create(source=source, messages=count)
    people = [
        Participant.objects.create(
            conversation=talk, key=str(each), name=f"Person {each}", number=each, is_self=not each
        )
        for each in range(_PEOPLE)
    ]
    step = _DAYS * 86_400_000 / count
    rows: list[Message] = []
    for start in range(0, count, _BATCH):
        rows = [
            Message(
                id=int(_FIRST_MS + number * step) << 20,
                conversation=talk,
                sender=chance.choice(people),
                kind="text",
                text=said(chance, english, chinese),
                has_media=number % 20 == 0,
                digest=digest_of_native(str(number)),
                native_id=str(number),
                reply_to=str(chance.randrange(number)) if number % 7 == 3 else "",
                more=_more(number),
                source=source,
                last_source=source,
                file=0,
                line=number + 1,
            )
            for number in range(start, min(start + _BATCH, count))
        ]
        media = [
            Attachment(
                message=row, source=source, number=0, kind="image", name="a.jpg", file="a.jpg"
            )
            for row in rows
            if row.has_media
        ]
        with transaction.atomic(using=INDEX):
            Message.objects.bulk_create(rows)
            Attachment.objects.bulk_create(media)
    Conversation.objects.filter(pk=talk.pk).update(
        messages=count, media=count // 20, first=_FIRST_MS << 20, last=rows[-1].pk
    )


def _more(number: int) -> str:
    if number % 9 == 4:
        return json.dumps({"reactions": [["👍", ["1", "2"], 2], ["❤️", ["3"], 1]]})
    return json.dumps({"edited": 0, "earlier": ["before"]}) if number % 50 == 7 else ""


def _kinds() -> Iterator[tuple[str, list[str]]]:
    """Addresses of each kind, at places all over the conversation."""
    import datetime as dt  # noqa: PLC0415

    from conversations.bubbles import at_of  # noqa: PLC0415
    from conversations.models import Message  # noqa: PLC0415

    chance = random.Random(7)
    page = f"/conversations/{SLUG}/"
    moments = [_FIRST_MS + chance.randrange(_DAYS * 86_400_000) for _each in range(_ROUNDS)]
    ids = [moment << 20 for moment in moments]
    days = [dt.datetime.fromtimestamp(moment / 1000, dt.UTC).date() for moment in moments]
    rows = [Message.objects.filter(pk__gte=each).order_by("pk").first() for each in ids]
    yield "open", [page] * _ROUNDS
    yield "jump to a day", [f"{page}?date={day}" for day in days]
    yield "page up", [f"{page}?before={each}&part=1" for each in ids]
    yield "page down", [f"{page}?after={each}&part=1" for each in ids]
    yield "page up, whole page", [f"{page}?before={each}" for each in ids]
    yield "permalink", [f"{page}?at={at_of(row)}" for row in rows if row]
    yield "gallery", [f"{page}gallery/?before={each}" for each in ids]
    yield "the list", ["/conversations/"] * _ROUNDS


def _times(browser: "Client", addresses: Sequence[str]) -> Iterator[float]:
    """Milliseconds of each; one before them is not counted."""
    browser.get(addresses[0])
    for address in addresses:
        before = time.perf_counter()
        answer = browser.get(address)
        yield (time.perf_counter() - before) * 1000
        assert answer.status_code == 200, answer.status_code


if __name__ == "__main__":
    sys.exit(main())
