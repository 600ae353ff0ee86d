"""``manage.py inspect``: what would be read of some files, on a machine without a station."""

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from conversations.inspecting import inspect
from conversations.progress import Progress
from conversations.remarks import SENTENCES
from conversations.shown import lines_of, printable
from tests.reading_cast import MemoryTree
from tests.stations import ROOT

HEADER = {
    "format": "backupstation.chat/1", "key": "c", "title": "Us", "kind": "direct", "clock": "utc",
    "people": [{"key": "a", "name": "Alice"}],
}  # fmt: skip
SAID = [
    {"kind": "text", "sender": "a", "text": "Hello", "time": "2024-01-05T14:56:01.500Z"},
    {"kind": "media", "sender": "b", "text": "你好", "time": "2023-01-05T14:56:01Z",
     "attachments": [{"kind": "image", "path": "cat.jpg"}, {"kind": "image", "path": "dog.jpg"}]},
    {"kind": "system", "text": "b left"},
]  # fmt: skip


def written(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chats").mkdir()
    (tmp_path / "chats/us.jsonl").write_text(written(HEADER, *SAID))
    (tmp_path / "chats/cat.jpg").write_bytes(b"cat")
    return tmp_path / "chats"


def ran(*arguments: object) -> subprocess.CompletedProcess[str]:
    """On a machine where no data folder can be made."""
    environment = {**os.environ, "STATION_DATA_DIR": "/proc/no/such/folder", "HOME": "/proc/no"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "manage.py", "inspect", *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip


def test_tells_people(folder) -> None:
    done = ran(folder)
    assert (done.returncode, done.stderr) == (0, "")
    for told in (
        "Backup Station JSON Lines: chats/us.jsonl",
        "4 lines or records = 2 messages + 1 system + 1 continued + 0 not read",
        "Us (direct)",
        "2: Alice, b",
        "2023-01-05T14:56:01Z to 2024-01-05T14:56:01.500Z",
        "1 present, 1 missing",
    ):
        assert told in done.stdout


def test_tells_programs(folder) -> None:
    with zipfile.ZipFile(folder.parent / "chats.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    done = ran(folder.parent / "chats.zip", "--json")
    told = json.loads(done.stdout)
    (source,) = told["sources"]
    assert (done.returncode, told["is_whole"], source["format"]) == (0, True, "chat1")
    assert source["files"] == ["chats.zip/us.jsonl"]
    assert source["counts"] == {
        "seen": 4, "messages": 2, "system": 1, "continuations": 1, "warned": 0, "reconciles": True,
    }  # fmt: skip
    assert (source["media_present"], source["media_missing"]) == (1, 1)
    assert (source["first"], source["last"]) == ("2023-01-05T14:56:01Z", "2024-01-05T14:56:01.500Z")
    (conversation,) = source["conversations"]
    assert conversation["participants"] == ["Alice", "b"]
    assert (conversation["date_order"], conversation["is_date_order_sure"]) == (None, True)


def test_tells_each_message(folder) -> None:
    done = ran(folder, "--messages")
    first, second, _ = map(json.loads, done.stdout.split("\n")[:3])
    assert (first["time"], first["sender"], first["text"]) == (
        "2024-01-05T14:56:01.500Z", "Alice", "Hello",
    )  # fmt: skip
    assert [each["file"] for each in second["attachments"]] == ["chats/cat.jpg", None]
    assert (second["kind"], second["text"], second["place"]) == (
        "media",
        "你好",
        "chats/us.jsonl:3",
    )


def test_names_the_place_of_what_was_not_read(folder) -> None:
    (folder / "us.jsonl").write_text(written(HEADER) + "what\n" + written(*SAID))
    done = ran(folder)
    assert done.returncode == 1
    assert (
        "! chats/us.jsonl:2: This is not a message, and was not read. Not read: 1." in done.stdout
    )


def test_a_named_file_that_is_no_chat_is_told_and_ends_with_a_code(folder) -> None:
    (folder / "notes.txt").write_text("Nothing was said here.")
    named = [folder / "us.jsonl", folder / "cat.jpg", folder / "notes.txt"]
    done = ran(*named)
    assert done.returncode == 1
    assert "! notes.txt: This is no chat that can be read here" in done.stdout
    assert "cat.jpg:" not in done.stdout
    assert ran(*named[:2]).returncode == 0


def test_a_named_file_without_bytes_is_told(folder) -> None:
    os.mkfifo(folder / "pipe")
    done = ran(folder / "us.jsonl", folder / "pipe")
    assert done.returncode == 1
    assert "! pipe: " in done.stdout


def test_a_name_that_is_no_text_is_told_by_escapes(folder) -> None:
    odd = os.fsencode(folder) + b"/caf\xe9.txt"
    try:
        with open(odd, "w") as file:  # noqa: PTH123 - the name is bytes
            file.write("Nothing was said here.")
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    assert r"(chats/caf\xe9.txt)" in ran(folder).stdout
    assert r"! caf\xe9.txt: " in ran(os.fsdecode(odd)).stdout


def test_files_of_a_folder_that_are_no_chats_are_counted(folder) -> None:
    for number in range(7):
        (folder / f"n{number}.txt").write_text("Nothing was said here.")
    done = ran(folder)
    assert done.returncode == 0
    told = "Files that are no chat and belong to none: 7 (chats/n0.txt, chats/n1.txt,"
    assert told in done.stdout
    assert "chats/n4.txt and 2 more)" in done.stdout
    found = json.loads(ran(folder, "--json").stdout)["unrecognised"]
    assert found["count"] == len(found["others"]) == 7
    assert found["named"] == []


def test_a_zip_with_a_chat_or_with_its_media_is_recognised(folder) -> None:
    with zipfile.ZipFile(folder.parent / "chats.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.name)
    with zipfile.ZipFile(folder.parent / "other.zip", "w") as archive:
        archive.writestr("notes.txt", "Nothing was said here.")
    done = ran(folder.parent / "chats.zip", folder.parent / "other.zip", "--json")
    assert json.loads(done.stdout)["unrecognised"]["named"] == ["other.zip"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_terminal_is_told_how_far_it_is(folder, options) -> None:
    """Programs are told nothing: with --json the same terminal stays empty."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "manage.py", "inspect", str(folder), *options],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        out, _ = process.communicate(timeout=60)
    try:
        told = os.read(ours, 10_000).decode()
    except OSError:  # nothing was written, and the other end is closed
        told = ""
    os.close(ours)
    assert ("2 messages so far" in told) is (not options)
    assert "so far" not in out


def test_progress_is_told_once_a_second_and_on_terminals_alone() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    now = iter([0.0, 0.0, 0.5, 1.0, 1.0])
    terminal, file = Terminal(), io.StringIO()
    progress = Progress(terminal, lambda: next(now))
    for number in range(3):
        progress.say(lambda number=number: f"<{number}>")  # type: ignore[misc]
        Progress(file).say(lambda: "never")
    progress.clear()
    assert re.findall("<.>", terminal.getvalue()) == ["<0>", "<2>"]
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert not file.getvalue()


@pytest.mark.parametrize(
    ("files", "code"),
    [(["docs/store.md"], 1), (["no/such"], 2), ([], 2), (["docs", "tests/../docs"], 1)],
)
def test_ends_with_a_code(files, code) -> None:
    done = ran(*files)
    assert done.returncode == code
    assert "Traceback" not in done.stderr


def test_two_of_one_name_are_not_mixed_up(tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "us.jsonl").write_text(written(HEADER, *SAID))
    assert ran(tmp_path / "a/us.jsonl", tmp_path / "b/us.jsonl").returncode == 2


def test_a_damaged_zip_is_not_whole_and_is_told() -> None:
    report = inspect(MemoryTree({"x.zip": b"PK\x03\x04", "us.jsonl": written(HEADER, *SAID)}))
    assert not report.is_whole
    assert list(lines_of(report))[-1].startswith("! x.zip: The zip is damaged.")


def test_many_warnings_are_counted_and_some_told() -> None:
    report = inspect(MemoryTree({"us.jsonl": written(HEADER) + "what\n" * 5000}))
    (source,) = report.sources
    assert len(source.warnings) + source.warnings_untold == source.counts.warned == 5000
    assert len(source.warnings) == 200


def test_how_a_source_ended_is_told_after_many_warnings() -> None:
    cut = '{"name": "Us", "type": "personal_chat", "id": 1, "messages": [' + "1, " * 300
    (source,) = inspect(MemoryTree({"result.json": cut})).sources
    assert [each.code for each in source.warnings] == ["not-a-record"] * 200 + ["bad-json"]
    assert source.warnings_untold == 100


def test_nothing_in_a_chat_controls_the_terminal() -> None:
    evil = {**HEADER, "title": "\x1b]0;owned\x07\u202eevil\r\n"}
    report = inspect(MemoryTree({"us.jsonl": written(evil, *SAID)}))
    assert all(printable(line) == line for line in lines_of(report))


def test_every_code_has_a_sentence() -> None:
    """Codes are the words with hyphens that warnings and errors begin with."""
    warns = re.compile(
        r'(?:Warning|NotReadable|Damaged|Ended|Bad\w+|_[a-z]\w*)\(\s*"([a-z]+-[a-z-]+)"'
    )
    told = set()
    for path in (ROOT / "conversations").rglob("*.py"):
        if "management" not in path.parts and "migrations" not in path.parts:
            told |= set(warns.findall(path.read_text()))
    assert {"reader-died", "archive-overlap", "not-a-record"} <= told
    assert told <= set(SENTENCES), told - set(SENTENCES)
