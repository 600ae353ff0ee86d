"""What the phone in the browser decides is what the phone in Python decides."""

import base64
import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone import asking, chunking
from phone.sources import Entry, Stamp
from tests import node
from wire import limits, messages
from wire.manifest import Item

BLOCK = chunking.BLOCK_BYTES


@pytest.fixture(scope="module")
def peer():
    with node.peer() as running:
        yield running


def item_of(folder, name, content) -> Item:
    path = folder / "file"
    path.write_bytes(content)
    entry = Entry(name, str(path), Stamp.of(path.stat()))
    reading = chunking.read_item(entry)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return end.value.item


def blocks_of(size):
    return [min(BLOCK, size - at) for at in range(0, size, BLOCK)]


def same_boundaries(peer, folder, name, content):
    wanted = [ref.length for ref in item_of(folder, name, content).refs()]
    size = len(content)
    found, _ = peer.ask("cut", content, name=name, size=size, blocks=blocks_of(size))
    assert found == wanted
    assert sum(found) == size


def chat(seed, size):
    noise = random.Random(seed)
    words = "hello 你好 the and photo 12:30 see you tomorrow ok lol 😀 wann kommst du".split()  # noqa: SIM905
    text = " ".join(noise.choice(words) for _ in range(size // 4))
    return text.encode()[:size]


KIB = limits.KIB
SIZES = [0, 1, 15, 16 * KIB - 1, 16 * KIB, 16 * KIB + 1, 64 * KIB, 512 * KIB, BLOCK - 1, BLOCK]
SIZES += [BLOCK + 1, 2 * BLOCK + 12_345, 5_000_001]


@pytest.mark.parametrize("size", SIZES)
def test_text_is_cut_at_the_same_places(peer, tmp_path, size):
    same_boundaries(peer, tmp_path, "chat.txt", chat(size, size))


@pytest.mark.parametrize("size", SIZES)
def test_media_is_cut_at_the_same_places(peer, tmp_path, size):
    same_boundaries(peer, tmp_path, "film.mp4", random.Random(size).randbytes(size))


@pytest.mark.parametrize(
    "name", ["x.JSON", "a/b.txt/c", ".txt", "a..txt", "x.md", "noending", "é.vcf"]
)
def test_the_same_names_are_texts(peer, tmp_path, name):
    same_boundaries(peer, tmp_path, name, chat(1, 3_000_000))


def test_dull_bytes_are_cut_at_the_same_places(peer, tmp_path):
    """No boundary in the content: every chunk has the longest length."""
    same_boundaries(peer, tmp_path, "zeros.txt", bytes(3_000_000))
    same_boundaries(peer, tmp_path, "lines.csv", b"a,b\n" * 700_000)


@given(
    seed=st.integers(0, 2**32),
    size=st.integers(0, 200_000),
    at=st.integers(0, 200_000),
    repeats=st.integers(1, 40),
)
def test_any_text_is_cut_at_the_same_places(peer, tmp_path_factory, seed, size, at, repeats):
    noise = random.Random(seed)
    content = noise.randbytes(size)
    content = content[:at] + content[at : at + 500] * repeats + content[at:]
    same_boundaries(peer, tmp_path_factory.getbasetemp(), "x.txt", content)


def test_large_texts_aim_at_the_same_larger_chunks(peer):
    """By announced size alone: nobody reads gigabytes for this."""
    content = chat(7, BLOCK)
    for size in (73_000_000, 74_000_000, 10**9, 2 * 10**9, 10**10):
        found, _ = peer.ask("cut", content, name="chat.txt", size=size, blocks=[BLOCK])
        average = chunking.average_chunk_bytes("chat.txt", size)
        if average is None:
            assert found == [limits.CHUNK_BYTES_MAX] * 2
        else:
            assert all(average // 4 <= length <= average * 8 for length in found)
            assert BLOCK - sum(found) <= average * 8


def test_the_same_names_have_the_same_media_types(peer):
    endings = (
        "jpg JPEG png gif webp heic heif bmp tiff svg mp4 mov mkv webm avi 3gp mp3 m4a opus aac amr"
        " wav pdf zip gz 7z tar txt srt json jsonl ndjson csv tsv xml html htm md vcf vtt eml doc"
        " xls tex ogg docx xlsx log sql yaml mbox rtf nothing"
    )
    names = [f"a/x.{ending}" for ending in endings.split()] + ["noending", ".hidden"]
    found, _ = peer.ask("mediaTypes", names=names)
    assert dict(zip(names, found, strict=True)) == {n: chunking.media_type(n) for n in names}


# Which chunks the station must be sent


class Script:
    """A random backup against a random station: the steps, and what Python's Asking did."""

    def __init__(self, seed):
        self.noise = random.Random(seed)
        self.asking = asking.Asking()
        self.released = 0
        self.steps, self.outcomes = [], []
        self.open = {}
        self.owners = {}

    @staticmethod
    def digest(number):
        return bytes([number & 255]) * 16 + bytes([number >> 8]) * 16

    def note(self, step, answer):
        it = self.asking
        self.steps.append(step)
        self.outcomes.append([answer, self.released, it.awaiting, it.idle, it.overburdened])

    def release(self, size):
        self.released += size

    def offer(self):
        number, size = self.noise.randrange(40), self.noise.randrange(1, 3_000_000)
        lot = asking.Lot(1, size, self.release)
        self.asking.offer(self.digest(number), memoryview(bytes(size)), lot)
        self.note(["offer", number, size], None)

    def expect(self):
        number, owner = self.noise.randrange(40), self.noise.randrange(4)
        self.asking.expect(self.digest(number), owner)
        self.note(["expect", number, owner], None)

    def question(self):
        eager = self.noise.random() < 0.5
        asked = self.asking.next_question(eager=eager)
        if asked is not None:
            self.open[asked.start] = len(asked.digests) // 32
        self.note(["question", eager], asked and [asked.start, asked.digests.hex()])

    def answer(self):
        if not self.open:
            return
        start = self.noise.choice(list(self.open))
        refs = [
            ref for ref in range(start, start + self.open.pop(start)) if self.noise.random() < 0.6
        ]
        must_read = self.asking.answer(messages.ChunksLack(start, refs))
        self.note(["answer", start, refs], sorted(must_read))

    def abandon(self):
        owner = self.noise.randrange(4)
        gone = self.asking.abandon(owner)
        self.note(["abandon", owner], sorted(digest.hex() for digest in gone))
        for digest in gone:
            if self.noise.random() < 0.5:
                number, other = digest[0] + 256 * digest[16], self.noise.randrange(4)
                self.asking.reassign(digest, other)
                self.note(["reassign", number, other], None)

    def take(self):
        taken = []
        while self.asking.ready:
            chunk = self.asking.ready.popleft()
            chunk.lot.settle()
            taken.append([chunk.ref, len(chunk.data)])
        self.note(["take"], taken)

    def run(self, length):
        kinds = [self.offer] * 4 + [self.expect] * 3
        kinds += [self.question, self.question, self.answer, self.answer, self.abandon, self.take]
        for _ in range(length):
            self.noise.choice(kinds)()
        return self.steps, self.outcomes


@pytest.mark.parametrize("seed", range(60))
def test_the_same_chunks_are_asked_for_and_sent(peer, seed):
    steps, outcomes = Script(seed).run(120)
    found, _ = peer.ask("asking", steps=steps)
    assert found == outcomes


def test_an_answer_to_no_question_is_refused(peer):
    refused, _ = peer.ask("asking", steps=[["answer", 5, []]])
    assert refused.refused == "MalformedMessage"


def test_the_gear_table_is_that_of_fastcdc():
    """Each entry is half of an MD5; the table's text says so, and its bytes must agree."""
    text = (node.FOLDER.parent.parent / "static" / "phone" / "gear.js").read_text()
    table = base64.b64decode(
        "".join(line.split('"')[1] for line in text.splitlines() if line.startswith('  "'))
    )
    wanted = b"".join(hashlib.md5(bytes([value]) * 64).digest()[:8] for value in range(256))
    assert table == wanted
