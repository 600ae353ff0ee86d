"""Zips as folders: what people have is found by name, what attackers make ends in a warning."""

import contextlib
import io
import random
import struct
import time
import tracemalloc
import zipfile
import zlib

import pytest

from conversations import limits
from conversations.archives import ArchiveTree
from conversations.confined.parent import Confined
from conversations.events import Message
from conversations.tree import Damaged
from tests.reading_cast import MemoryTree

HEADER = '{"format":"backupstation.chat/1","key":"c","title":"Us"}\n'
SAID = '{"kind":"text","text":"Hello"}\n'
DEFLATED = zipfile.ZIP_DEFLATED


def zipped(files, method=DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, data)
    return out.getvalue()


def tree_of(data: bytes, name: str = "x.zip") -> ArchiveTree:
    return ArchiveTree(MemoryTree({name: data}))


def codes(tree: ArchiveTree) -> list[str]:
    list(tree.names())
    return [warning.code for warning in tree.warnings]


def read(tree: ArchiveTree, name: str) -> bytes:
    with tree.open(name) as file:
        return file.read()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, DEFLATED])
def test_a_zip_is_a_folder(method) -> None:
    tree = tree_of(zipped({"a/b.txt": "b" * 100_000, "c.txt": "c"}, method))
    assert list(tree.names()) == ["x.zip", "x.zip/a/b.txt", "x.zip/c.txt"]
    assert (tree.size("x.zip/a/b.txt"), read(tree, "x.zip/a/b.txt")) == (100_000, b"b" * 100_000)
    assert "x.zip/a/b.txt" in tree
    assert "x.zip/a" not in tree
    assert not tree.warnings
    with pytest.raises(KeyError):
        tree.open("x.zip/none")


def test_a_file_in_it_is_found_without_listing_the_tree() -> None:
    class Unlistable(MemoryTree):
        def names(self):
            raise AssertionError

    tree = ArchiveTree(Unlistable({"a/x.zip": zipped({"in/b.txt": "b"})}))
    assert read(tree, "a/x.zip/in/b.txt") == b"b"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, DEFLATED])
def test_any_place_of_a_nested_file_can_be_read(method) -> None:
    body = bytes(random.Random(1).choices(b"abc\n", k=3_000_000))
    tree = tree_of(zipped({"in.zip": zipped({"b.txt": body, "c.txt": "c"}, method)}, method))
    draw = random.Random(2)
    with tree.open("x.zip/in.zip/b.txt") as file:
        for _ in range(200):
            at = draw.randrange(len(body))
            file.seek(at)
            assert file.read(1000) == body[at : at + 1000]
    assert read(tree, "x.zip/in.zip/c.txt") == b"c"


def test_going_back_is_cheap() -> None:
    tree = tree_of(zipped({"b.txt": bytes(200) * 250_000}))
    with tree.open("x.zip/b.txt") as file:
        file.seek(49_000_000)
        file.read(1)
        began = time.monotonic()
        for at in range(48_000_000, 0, -1_000_000):
            file.seek(at)
            file.read(1)
    assert time.monotonic() - began < 1


def test_zips_are_opened_by_name_or_by_content_and_documents_are_not() -> None:
    files = {
        "shared": zipped({"b.txt": "b"}),
        "UPPER.ZIP": zipped({"b.txt": "b"}),
        "word.docx": zipped({"b.txt": "b"}),
        "office.zip": zipped({"[Content_Types].xml": "", "b.txt": "b"}),
        "app": zipped({"META-INF/MANIFEST.MF": "", "b.txt": "b"}),
        "plain": b"no zip",
    }
    tree = ArchiveTree(MemoryTree(files))
    inside = [name for name in tree.names() if "/" in name]
    assert inside == ["UPPER.ZIP/b.txt", "shared/b.txt"]
    assert not tree.warnings


def test_names_of_old_and_new_zips() -> None:
    data = zipped({"täst.txt": "1"})
    old = zipped({"xxxx.txt": "1"}).replace(b"xxxx.txt", b"t\x84st.txt")  # CP437
    unmarked = zipped({"xxxxx.txt": "1"}).replace(b"xxxxx.txt", "täst.txt".encode())
    for each in (data, old, unmarked):
        assert "x.zip/täst.txt" in tree_of(each)


def test_marks_in_names_of_phones_are_kept_and_backslashes_are_folders() -> None:
    tree = tree_of(zipped({"\u200eChat.txt": "1", "a\\b.txt": "2", "./c//d.txt": "3"}))
    assert list(tree.names())[1:] == ["x.zip/a/b.txt", "x.zip/c/d.txt", "x.zip/\u200eChat.txt"]


@pytest.mark.parametrize(
    "name", ["../up", "a/../../up", "/etc/passwd", "C:\\x", "..\\up", "a\x1b[31m", "x" * 5000]
)
def test_names_that_lead_elsewhere_are_left_out(name) -> None:
    tree = tree_of(zipped({name: "x", "good": "g"}))
    assert list(tree.names()) == ["x.zip", "x.zip/good"]
    assert codes(tree) == ["archive-bad-name"]
    assert tree.warnings[0].name.isprintable()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_files_of_one_name_the_first_is_read() -> None:
    tree = tree_of(zipped([("a", "1"), ("a", "2")]))
    assert codes(tree) == ["archive-duplicate"]
    assert read(tree, "x.zip/a") == b"1"


def test_a_password_is_named() -> None:
    data = bytearray(zipped({"a": "1", "b": "2"}))
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    tree = tree_of(bytes(data))
    assert codes(tree) == ["archive-encrypted"]
    assert "x.zip/b" in tree


def test_other_methods_are_named() -> None:
    assert codes(tree_of(zipped({"a": "1"}, zipfile.ZIP_LZMA))) == ["archive-method"]


def test_zip64_is_read() -> None:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", DEFLATED) as archive,
        archive.open("a", "w", force_zip64=True) as member,
    ):
        member.write(b"a")
    many = zipped((f"{number:05}", "") for number in range(70_000))
    assert read(tree_of(out.getvalue()), "x.zip/a") == b"a"
    assert len(list(tree_of(many).names())) == 70_001


def test_a_zip_behind_something_else_is_read() -> None:
    assert read(tree_of(b"#!/bin/sh\n" * 100 + zipped({"a": "1"})), "x.zip/a") == b"1"


def test_of_a_cut_zip_everything_before_the_cut_is_read() -> None:
    body = random.Random(1).randbytes(1000)
    data = zipped({f"{number}": body for number in range(10)})
    tree = tree_of(data[:5500])
    assert codes(tree) == ["archive-damaged"]
    assert [read(tree, f"x.zip/{number}") for number in range(5)] == [body] * 5
    with tree.open("x.zip/5") as file:
        assert file.read1(100) == body[:100]
        with pytest.raises(Damaged, match="cut off"):
            file.read()


def test_of_a_cut_chat_the_messages_before_the_cut_are_read() -> None:
    texts = random.Random(1).randbytes(60_000).hex()
    lines = "".join(SAID.replace("Hello", texts[at : at + 60]) for at in range(0, 120_000, 60))
    data = zipped({"us.jsonl": HEADER + lines})
    with Confined(MemoryTree({"x.zip": data[: len(data) // 2]})) as reader:
        (source,), warnings = reader.recognise()
        events = [event for events in reader.read(source) for event in events]
    assert [warning.code for warning in warnings] == ["archive-damaged"]
    assert events[-1].code == "archive-damaged"
    assert 500 < len([event for event in events if isinstance(event, Message)]) < 1500
    assert reader.counts.reconciles


def test_a_wrong_checksum_is_told_at_the_end() -> None:
    data = bytearray(zipped({"a": b"x" * 1000}, zipfile.ZIP_STORED))
    data[100] ^= 1
    with tree_of(bytes(data)).open("x.zip/a") as file:
        assert len(file.read(1000)) == 1000
        with pytest.raises(Damaged, match="checksum"):
            file.read()


def test_a_text_called_zip_is_told() -> None:
    assert codes(tree_of(b"hello")) == ["archive-damaged"]


def test_nesting_has_an_end() -> None:
    data = zipped({"deep.txt": "x"})
    for _ in range(4):
        data = zipped({"in.zip": data})
    tree = tree_of(data)
    assert codes(tree) == ["archive-too-deep"]
    assert tree.warnings[0].name == "x.zip/in.zip/in.zip"
    assert "x.zip/in.zip/in.zip" in tree
    assert "x.zip/in.zip/in.zip/in.zip" not in tree


def test_a_bomb_is_refused_by_what_it_says() -> None:
    assert codes(tree_of(zipped({"a": bytes(200_000_000)}))) == ["expands-too-much"]


def test_a_bomb_that_lies_is_stopped_while_it_expands(monkeypatch) -> None:
    monkeypatch.setattr(limits, "EXPANSION_FREE_BYTES", limits.MIB)
    data = zipped({"a": bytes(20_000_000)})
    tree = tree_of(data.replace(struct.pack("<L", 20_000_000), struct.pack("<L", 1000)))
    with pytest.raises(Damaged) as told:
        read(tree, "x.zip/a")
    assert told.value.code == "expands-too-much"


def test_forty_two_nested_bombs_cost_little() -> None:
    data = zipped({f"{number}.txt": bytes(10_000_000) for number in range(4)})
    for _ in range(3):
        data = zipped({f"lib {number}.zip": data for number in range(16)})
    began = time.monotonic()
    with Confined(MemoryTree({"42.zip": data})) as reader:
        sources, warnings = reader.recognise()
    assert time.monotonic() - began < 20
    assert sources == []
    assert {warning.code for warning in warnings} == {"archive-too-deep"}


def overlapping(count: int) -> bytes:
    """Members that all have the same bytes, as in a better zip bomb."""
    kernel = zlib.compress(bytes(1_000_000), wbits=-15)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(kernel), 1_000_000, 1, 0)
    directory = b"".join(
        struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(kernel), 1_000_000,
            8, 0, 0, 0, 0, 0, 0,
        ) + f"{number:08}".encode()
        for number in range(count)
    )  # fmt: skip
    body = local + b"a" + kernel
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def test_members_that_share_bytes_are_refused() -> None:
    tree = tree_of(overlapping(1000))
    assert codes(tree) == ["archive-overlap"]
    assert list(tree.names()) == ["x.zip"]


def test_too_many_members_are_cut_off_in_little_memory(monkeypatch) -> None:
    monkeypatch.setattr(limits, "ARCHIVE_MEMBERS_MAX", 10_000)
    data = zipped((f"{number:05}", "") for number in range(20_000))
    tracemalloc.start()
    tree = tree_of(data)
    assert codes(tree) == ["archive-too-many"]
    assert tracemalloc.get_traced_memory()[1] < 8 * limits.MIB
    tracemalloc.stop()
    assert len(list(tree.names())) == 10_001


def test_no_mutation_raises_or_hangs() -> None:
    """Whatever bytes are changed: names are listed, and reading them ends, or is Damaged."""
    draw = random.Random(3)
    good = zipped({"in.zip": zipped({"a.txt": "a" * 300}), "b.txt": "b" * 300, "c": "c"})
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(len(data))] = draw.choice([0, 1, 0xFF, draw.randrange(256)])
        tree = tree_of(bytes(data[: draw.choice([len(data), draw.randrange(len(data))])]))
        for name in tree.names():
            with contextlib.suppress(Damaged):
                read(tree, name)


def test_recognising_is_fast_among_many_photos() -> None:
    files = {f"DCIM/{number:06}.jpg": b"" for number in range(100_000)}
    began = time.monotonic()
    with Confined(MemoryTree(files | {"us.jsonl": HEADER + SAID})) as reader:
        (source,), _ = reader.recognise()
    assert source.files == ("us.jsonl",)
    assert time.monotonic() - began < 5
