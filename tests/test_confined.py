"""The process that reads foreign files: what it does to itself, it does to itself alone."""

import codecs
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from conversations import limits
from conversations.confined import process
from conversations.confined.parent import Confined
from conversations.confined.walls import landlock_version
from conversations.events import Kind, Message, ReadWarning
from conversations.recognising import Recognised
from conversations.tree import FolderTree
from tests import hostile_child
from tests.reading_cast import MemoryTree
from tests.stations import ROOT

HEADER = '{"format":"backupstation.chat/1","key":"c","title":"Us"}\n'
SOURCE = Recognised("chat1", ("us.jsonl",))
SAID = '{"kind":"text","text":"Hello"}\n'


def hostile(files):
    return Confined(MemoryTree(files), module=hostile_child.MODULE)


def read(reader, name="x"):
    source = Recognised("hostile", (name,))
    return [event for events in reader.read(source) for event in events]


def ended(text: str):
    """The last event of a source, after which another one must still be read well."""
    with hostile({"x": text, "y": "good\nmore\n"}) as reader:
        events = read(reader)
        assert reader.counts.reconciles
        assert [each.text for each in read(reader, "y")[1:]] == ["good", "more"]
        assert reader.counts.messages == 2
    assert isinstance(events[-1], ReadWarning), events[-1]
    return events[-1]


def test_reads_what_is_there() -> None:
    with Confined(MemoryTree({"us.jsonl": HEADER + SAID * 5000, "us.jpg": b"x"})) as reader:
        sources, warnings = reader.recognise()
        assert (sources, warnings) == ([Recognised("chat1", ("us.jsonl",))], [])
        batches = list(reader.read(sources[0]))
    assert [len(batch) for batch in batches] == [2000, 2000, 1002]
    assert reader.counts.reconciles
    assert reader.counts.messages == 5000


def test_child_is_gone_when_the_parent_leaves_early() -> None:
    with Confined(MemoryTree({"us.jsonl": HEADER + SAID * 50_000})) as reader:
        for _ in reader.read(Recognised("chat1", ("us.jsonl",))):
            child = reader._process._child
            break
    assert child.returncode is not None


@pytest.mark.parametrize(
    ("word", "code", "says"),
    [
        ("eats_memory", "too-much-memory", ""),
        ("exits", "reader-died", "exit code 3"),
        ("batch_then_dies", "reader-killed", "SIGKILL"),
        ("garbage", "reader-died", "nonsense"),
        ("huge_frame", "reader-died", "4294967295 bytes"),
        ("floods", "reader-died", "more events"),
    ],
)
def test_ends_in_a_warning_and_the_next_source_is_read(word, code, says) -> None:
    warning = ended(word + "\nx" * 5000)
    assert warning.code == code
    assert says in warning.detail


@pytest.mark.parametrize("word", ["loops", "sleeps"])
def test_wall_time_is_bounded(word, monkeypatch) -> None:
    monkeypatch.setattr(limits, "READER_SECONDS_FLOOR", 1)
    began = time.monotonic()
    assert ended(word).code == "too-much-time"
    assert time.monotonic() - began < 5


def test_processor_time_is_bounded() -> None:
    began = time.monotonic()
    assert ended("burns").code == "too-much-time"
    assert time.monotonic() - began < 10


def test_time_does_not_run_while_the_finds_are_used(monkeypatch) -> None:
    monkeypatch.setattr(limits, "READER_SECONDS_FLOOR", 1)
    with Confined(MemoryTree({"us.jsonl": HEADER + SAID * 5000})) as reader:
        for _ in reader.read(Recognised("chat1", ("us.jsonl",))):
            time.sleep(0.5)
    assert reader.counts.messages == 5000


def test_what_was_read_before_the_end_is_kept() -> None:
    with hostile({"x": "batch_then_dies" + "\nx" * 5000}) as reader:
        events = read(reader)
    messages = [event for event in events if isinstance(event, Message)]
    assert len(messages) == reader.counts.messages == 4000 - 1
    assert reader.counts.reconciles


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_is_killed_says_nothing_about_its_source(number) -> None:
    tree = MemoryTree({"us.jsonl": HEADER + SAID * 9000})
    with Confined(tree) as reader:
        whole = [event for events in reader.read(SOURCE) for event in events]
    with Confined(tree) as reader:
        events, kills = [], 0
        for some in reader.read(SOURCE):
            events += some
            if kills < limits.READER_KILLS_MAX - 1:
                reader._process._child.send_signal(number)
                kills += 1
        assert kills == limits.READER_KILLS_MAX - 1
        assert events == whole
        assert reader.counts.messages == 9000


def test_a_child_that_is_killed_hides_no_file() -> None:
    class Killing(MemoryTree):
        left = limits.READER_KILLS_MAX - 1

        def open(self, name):
            if self.left:
                self.left -= 1
                reader._process._child.kill()
            return super().open(name)

    with Confined(Killing({"us.jsonl": HEADER + SAID})) as reader:
        assert reader.recognise() == ([SOURCE], [])


def test_a_file_that_ends_the_child_does_not_hide_the_others() -> None:
    with hostile({"bad": "sniff-dies", "worse": "sniff-dies", "good": "good\n"}) as reader:
        sources, warnings = reader.recognise()
    assert [source.files for source in sources] == [("good",)]
    assert [(each.code, each.name, each.detail) for each in warnings] == [
        ("reader-died", "bad", "SIGSEGV"),
        ("reader-died", "worse", "SIGSEGV"),
    ]


def test_names_that_end_the_child_are_not_tried_again() -> None:
    class Endless(MemoryTree):
        began = 0

        def names(self):
            self.began += 1
            return (f"{number:0900}" for number in range(10**9))

        def size(self, name):
            return 0

    tree = Endless({})
    with Confined(tree) as reader:
        sources, (warning,) = reader.recognise()
    assert (sources, warning.code, warning.name) == ([], "too-much-memory", "")
    assert tree.began == 1


def test_has_nothing_of_ours(monkeypatch) -> None:
    monkeypatch.setenv("STATION_SECRET_KEY", "secret")
    wants = "opens\nenvironment\nfolder\ndjango\ndescriptors\n"
    with hostile({"x": wants}) as reader:
        environment, folder, django, descriptors = (each.text for each in read(reader)[2:])
    assert "STATION_SECRET_KEY" not in environment
    assert (folder, django) == ("/", "False")
    assert int(descriptors) <= 4  # the three, and the socket that the first one is


def test_cannot_reach_files_network_or_programs() -> None:
    wants = ["connect", "udp", "fork", "run"]
    wants += ["write", "read"] if landlock_version() > 0 else []
    with hostile({"x": "opens\n" + "\n".join(wants)}) as reader:
        results = {want: each.text for want, each in zip(wants, read(reader)[2:], strict=True)}
    assert set(results.values()) == {"PermissionError"}, results


def test_unlisted_names_are_refused() -> None:
    with hostile({"x": "asks_elsewhere\n"}) as reader:
        last = read(reader)[-1]
    assert (last.code, "passwd" in last.detail) == ("bytes-missing", True)


def test_what_cannot_be_sent_is_mended() -> None:
    with hostile({"x": "unsendable\n"}) as reader:
        events = read(reader)
    half, *remarks, long = events[2:6]
    assert (half.text, half.time) == ("half ? pair", None)
    assert [remark.code for remark in remarks] == ["time-impossible", "shortened"]
    assert len(long.text) == limits.TEXT_CHARS_MAX


def test_a_child_ends_with_its_parent() -> None:
    script = (
        "from tests.test_confined import MemoryTree, hostile, read\n"
        "class Telling(MemoryTree):\n"
        "    def open(self, name):\n"
        "        print(reader._process._child.pid, flush=True)\n"
        "        return super().open(name)\n"
        "reader = hostile({})\n"
        "reader._served._tree = Telling({'x': 'loops'})\n"
        "read(reader)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(0.3)
        assert child.status() != psutil.STATUS_ZOMBIE
        parent.kill()
        _, alive = psutil.wait_procs([child], timeout=5)
    assert not alive


def test_json_a_million_deep_is_named() -> None:
    deep = "[" * 1_000_000
    files = {"us.jsonl": HEADER + f'{{"kind":"text","text":{deep}\n' + SAID}
    with Confined(MemoryTree(files)) as reader:
        events = [
            each for events in reader.read(Recognised("chat1", ("us.jsonl",))) for each in events
        ]
    (warning,) = (event for event in events if isinstance(event, ReadWarning))
    assert (warning.code, warning.line) == ("not-a-record", 2)
    assert reader.counts.reconciles
    assert reader.counts.messages == 1


def test_an_entity_bomb_is_named() -> None:
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    bomb = (
        f'<?xml version="1.0"?><!DOCTYPE smses [<!ENTITY a0 "lol">{entities}]>'
        '<smses count="1"><sms address="1" date="1" type="1" body="&a9;"/></smses>'
    )
    with Confined(MemoryTree({"sms-20240105.xml": bomb})) as reader:
        ((events,),) = (list(reader.read(each)) for each in reader.recognise().sources)
    assert "entities-forbidden" in {getattr(event, "code", "") for event in events}
    assert not any(isinstance(event, Message) for event in events)


def test_serves_a_worker_thread() -> None:
    found = []

    def work():
        with Confined(MemoryTree({"us.jsonl": HEADER + SAID})) as reader:
            found.extend(reader.recognise().sources)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(found) == 1


def peak(reader: Confined) -> int:
    """The most memory that the child has had, in bytes."""
    status = Path(f"/proc/{reader._process._child.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_gigabyte_goes_through_in_little_memory(tmp_path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.write(codecs.BOM_UTF8 + b"swallows\n")
        file.truncate(1024**3)
    with Confined(FolderTree(tmp_path / "x"), module=hostile_child.MODULE) as reader:
        assert read(reader)[2].text == str(1024**3)
        assert peak(reader) < 64 * 1024**2


def test_a_long_chat_is_read_in_its_memory(tmp_path) -> None:
    said = SAID.replace("Hello", "Hello" * 40)
    (tmp_path / "us.jsonl").write_text(HEADER + said * 200_000)
    with Confined(FolderTree(tmp_path / "us.jsonl")) as reader:
        assert sum(map(len, reader.read(Recognised("chat1", ("us.jsonl",))))) == 200_002
        assert peak(reader) < 64 * 1024**2
    assert reader.counts.messages == 200_000


def test_memory_is_watched_where_the_system_does_not(monkeypatch) -> None:
    monkeypatch.setattr(process, "_WATCHED", True)
    monkeypatch.setattr(limits, "READER_MEMORY_BYTES", 10 * 1024**2)
    with hostile({"x": "sleeps\n"}) as reader:
        assert read(reader)[-1].code == "too-much-memory"


def test_starts_quickly() -> None:
    took = []
    for _ in range(5):
        began = time.monotonic()
        with Confined(MemoryTree({})) as reader:
            assert reader.recognise() == ([], [])
        took.append(time.monotonic() - began)
    assert min(took) < 0.5


def test_kinds_survive_the_way() -> None:
    with Confined(MemoryTree({"us.jsonl": HEADER + SAID})) as reader:
        (events,) = reader.read(Recognised("chat1", ("us.jsonl",)))
    assert events[2].kind is Kind.TEXT
