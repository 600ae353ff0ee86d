"""Made-up chats, English and Chinese, whose words are as unevenly common as real ones."""

import itertools
import random
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, NamedTuple

from conversations.models import Conversation, Message, Participant, SourceRow
from conversations.search import Entry

VAULT: Final = "a" * 32
OTHER_VAULT: Final = "b" * 32
CONVERSATIONS: Final = 400
FIRST_MS: Final = 1_388_534_400_000  # 2014-01-01
YEARS: Final = 12
BATCH: Final = 5000
SMALLEST: Final = 20

ENGLISH: Final = """
the to you i and a it is in that of for on we have me be my are not at this but so do just with was
can what will up if get ok yes there like know out all now see how no one good when home time
tomorrow going today think dinner station house please thanks maybe really
"""
CHINESE: Final = """
的 我 你 了 是 不 在 好 吗 我们 就 都 去 有 吧 这 那 要 说 也 没有 什么 可以 今天 明天 知道 吃饭
时候 现在 觉得 一起 回家 晚上 早上 公园 朋友 上海 北京 谢谢 不是 怎么 这个 那个 还是 已经 因为 所以
"""


class Words:
    """A vocabulary by Zipf's law: a word's share falls with its rank."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(words))))

    def draw(self, chance: random.Random, count: int) -> list[str]:
        return chance.choices(self.words, cum_weights=self.weights, k=count)


def vocabularies(chance: random.Random) -> tuple[Words, Words]:
    syllables = [
        c + v + e for c in "bcdfghklmnprstvw" for v in "aeiou" for e in ("", "n", "r", "st")
    ]
    made = {"".join(chance.choices(syllables, k=chance.choice((2, 2, 3)))) for _ in range(60_000)}
    han = Words([chr(0x4E00 + at) for at in chance.sample(range(6000), 3500)])
    coined = {"".join(han.draw(chance, chance.choice((2, 2, 2, 3, 4)))) for _ in range(40_000)}
    return Words(ENGLISH.split() + sorted(made)), Words(CHINESE.split() + sorted(coined))


def said(chance: random.Random, english: Words, chinese: Words) -> str:
    """One message's text; 1 of 50 is long."""
    length = min(400, int(chance.lognormvariate(1.8, 0.8)) + 1) * (
        8 if chance.random() < 0.02 else 1
    )
    if chance.random() < 0.5:
        return " ".join(english.draw(chance, length))
    words = chinese.draw(chance, length)
    return "，".join("".join(words[at : at + 6]) for at in range(0, length, 6))


def conversations() -> list[tuple[Conversation, list[Participant]]]:
    """400 of them, the largest as large as the next ones together; every tenth is another's."""
    made = []
    for number in range(CONVERSATIONS):
        vault = OTHER_VAULT if number % 10 == 9 else VAULT
        conversation = Conversation.objects.create(
            vault=vault,
            slug=f"{number:016x}",
            app="made",
            key=str(number),
            title=f"Chat {number}",
            kind="group",
            clock="utc",
        )
        people = [
            Participant.objects.create(
                conversation=conversation,
                key=str(each),
                name=f"Person {(number * 7 + each) % 300}",
                number=each,
            )
            for each in range(2 + number % 9)
        ]
        made.append((conversation, people))
    return made


class Batch(NamedTuple):
    """What an indexer writes in one transaction."""

    rows: list[Message]
    entries: list[Entry]


def batches(count: int, seed: int = 1) -> Iterator[Batch]:
    """About ``count`` messages, one conversation after the other, as an indexer reads them."""
    chance = random.Random(seed)
    english, chinese = vocabularies(chance)
    source = SourceRow.objects.create(
        vault=VAULT, digest="d" * 64, app="made", reader_version=1, files=["made.json"]
    )
    shares = [1 / (rank + 2) for rank in range(CONVERSATIONS)]
    numbers = itertools.count(1)
    for (conversation, people), share in zip(conversations(), shares, strict=True):
        size = max(SMALLEST, round(count * share / sum(shares)))
        times = sorted(chance.randrange(YEARS * 365 * 86_400) for _each in range(size))
        for start in range(0, size, BATCH):
            rows = [
                message(
                    next(numbers),
                    FIRST_MS + second * 1000,
                    chance.choice(people),
                    said(chance, english, chinese),
                    source,
                    has_media=chance.random() < 0.05,
                )
                for second in times[start : start + BATCH]
            ]
            yield Batch(rows, [entry(row, conversation.vault) for row in rows])


def message(
    number: int, ms: int, sender: Participant, text: str, source: SourceRow, *, has_media: bool
) -> Message:
    return Message(
        id=(ms << 20) + number % (1 << 20),
        conversation_id=sender.conversation_id,
        sender=sender,
        kind="text",
        text=text,
        has_media=has_media,
        digest=blake2b(number.to_bytes(8, "big"), digest_size=16).digest(),
        source=source,
        last_source=source,
        file=0,
        line=number,
    )


def entry(row: Message, vault: str) -> Entry:
    return Entry(
        id=row.id,
        vault=vault,
        conversation=row.conversation_id,
        sender=row.sender_id,
        kind=row.kind,
        has_media=row.has_media,
        text=row.text,
    )
