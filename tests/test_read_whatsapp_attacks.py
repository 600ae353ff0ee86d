"""WhatsApp: files that were made to hurt. Time is bounded by lines of any kind, memory by texts."""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations import limits
from conversations.events import Kind, Message
from conversations.readers._whatsapp_headers import shape_of
from conversations.readers._whatsapp_names import chat_name
from conversations.reading import Reading
from conversations.recognising import Recognised
from tests.reading_cast import MemoryTree, Read

FILE = "WhatsApp Chat with Ann.txt"
HEADER = "18/03/22, 14:56 - "
MIB = 1 << 20


def read_within(seconds: float, data: bytes | str) -> Read:
    started = time.process_time()
    read = Read({FILE: data})
    assert time.process_time() - started < seconds
    return read


BOMBS = {
    "spaces": " " * MIB,
    "spaces in a header": "18/03/22," + " " * MIB + "14:56 - Ann: x",
    "marks": "\u200e" * MIB,
    "digits": "1" * MIB,
    "almost dates": "18/03/22, " * (MIB // 10),
    "brackets": "[" * MIB,
    "angles": "<attached: " * (MIB // 11),
    "angles closed": "<" * MIB + ": a.jpg>",
    "parentheses": "a.jpg (" * (MIB // 7) + ")",
    "colons": ": " * (MIB // 2),
    "words of time": "18/03/22, a" + " b" * MIB,
    "letters": "ab.c" * (MIB // 4),
    "edited": "<This message was edited>" * (MIB // 25),
    "addresses": "https://maps.google.com/?q=" * (MIB // 27),
    "bullets": "a.pdf • " * (MIB // 8) + "document omitted",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_takes_time_in_proportion_to_its_length(bomb: str) -> None:
    text = BOMBS[bomb]
    for line in (text, HEADER + text, f"{HEADER}Ann: {text}", f"[18/03/22, 14:56:01] Ann: {text}"):
        read_within(2, f"{HEADER}Ann: x\n{line}\n{HEADER}Ann: y\n")
        read_within(2, f"{line}\n{HEADER}Ann: y\n")


def test_a_name_is_no_bomb() -> None:
    started = time.process_time()
    for part in ("WhatsApp ", "WhatsApp chat - ", "と", "的 WhatsApp ", "(1)", "ile WhatsApp "):
        chat_name(part * 2000 + ".txt")
        chat_name("与" + part * 2000 + ".txt")
    shape_of("18/03/22 " * 100_000)
    assert time.process_time() - started < 2


def test_a_line_of_ten_megabytes_is_cut_and_told() -> None:
    line = "x" * (10 * MIB)
    read = read_within(3, f"{HEADER}Ann: {line}\n{HEADER}Bob: y\n")
    first, second = read.messages
    assert limits.TEXT_CHARS_MAX - 10 < len(first.text) <= limits.TEXT_CHARS_MAX
    assert first.span == 3
    assert (second.sender, second.text) == ("Bob", "y")
    assert [(each.code, each.line) for each in read.warnings] == [("text-cut", 1)]


def test_a_million_lines_without_a_header_are_one_text_of_bounded_size() -> None:
    export = (f"{HEADER}Ann: x\n" + "line\n" * 200_000).encode()
    tracemalloc.start()
    read = Read({FILE: export})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (message,) = read.messages
    assert message.span == 200_001
    assert len(message.text) <= limits.TEXT_CHARS_MAX
    assert most < 24 * MIB


def test_many_senders_take_bounded_memory() -> None:
    lines = (f"{HEADER}{at:0200}: x" for at in range(20_000))
    tree = MemoryTree({FILE: "\n".join(lines)})
    tracemalloc.start()
    messages = sum(
        isinstance(event, Message) for event in Reading(tree, Recognised("whatsapp", (FILE,)))
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert messages == 20_000
    assert most < 6 * MIB


def test_a_text_is_cut_where_it_is_full() -> None:
    read = Read({FILE: f"{HEADER}Ann: x\n" + "12345678\n" * 40_000})
    (message,) = read.messages
    assert message.text.endswith("\n12345678\n123")
    assert limits.TEXT_CHARS_MAX - 10 < len(message.text) <= limits.TEXT_CHARS_MAX


@pytest.mark.parametrize(
    "data",
    [
        HEADER.encode() + b"Ann: a\0b\n" + HEADER.encode() + b"Bob: \xff\xfe\xc3(\n",
        HEADER.encode() + b"Ann: a\rb\n" + HEADER.encode() + b"Bob: \xed\xa0\x80\n",
        b"\xef\xbb\xbf" + HEADER.encode() + b"Ann: a\n" + HEADER.encode() + b"Bob: \x80\n",
        f"{HEADER}Ann: a\n{HEADER}Bob: b".encode("utf-16"),
        "\ufeff\u200e".encode() + HEADER.encode() + b"Ann: a\n" + HEADER.encode() + b"Bob: b",
    ],
)
def test_bytes_that_are_no_text_stay_in_their_message(data: bytes) -> None:
    read = Read({FILE: data})
    assert [(each.sender, each.kind) for each in read.messages] == [
        ("Ann", Kind.TEXT),
        ("Bob", Kind.TEXT),
    ]
    assert read.messages[0].text.startswith("a")


PIECES = [
    *("18/03/22", "3/18/22", "2022-03-18", "31/02/22", "00/00/00", "R4/3/18", "1401/13/1", "99"),
    *(", ", " ", " - ", "] ", "[", ": ", ":", "\u200e", "\u200f", "\u202f", "\n", "\r\n", "\r"),
    *(
        "14:56",
        "14:56:01",
        "25:99",
        "2:56 PM",
        "下午2:56",
        "Ann",
        "Bob: Work",
        "null",
        "POLL:",
        "元",
    ),
    *("<attached: a.jpg>", "<Media omitted>", "a.jpg (file attached)", "image omitted", "<", ">"),
    *("<This message was edited>", "https://maps.google.com/?q=1,2", "•", "(", ")", "\0", "\ud7ff"),
]


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text(max_size=200),
    st.sampled_from(["", HEADER + "Ann: x\n", "[18/03/22, 14:56:01] Ann: x\r\n"]),
    st.sampled_from([FILE, "_chat.txt", "x.txt"]),
)
def test_whatever_is_in_a_file_is_read_without_a_fault(text: str, start: str, name: str) -> None:
    read = Read({name: start + text})
    assert {each.code for each in read.warnings} <= {
        *("empty", "no-message-header", "not-a-message", "date-order-mixed", "other-headers"),
        "calendar-by-table",
    }


def test_attachments_cannot_lead_out_of_the_tree() -> None:
    for name in ("../../etc/passwd.jpg", "/etc/passwd.jpg", "..\\x.jpg", "C:\\x.jpg", "a/../b.jpg"):
        read = Read({FILE: f"{HEADER}Ann: {name} (file attached)\n"})
        (file,) = read.messages[0].attachments
        assert file.place is None
        assert "/" not in file.name


def test_times_that_are_none_are_no_headers() -> None:
    text = f"{HEADER}Ann: x\n18/03/22, 25:56 - Ann: y\n18/03/22, 14:61 - Ann: z\n"
    assert len(Read({FILE: text}).messages) == 1
