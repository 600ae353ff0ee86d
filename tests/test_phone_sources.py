"""Which files become items, and that nothing is dropped without a word."""

import os
import socket
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from phone.errors import SourceMissing
from phone.sources import Problem, Reason, scan


def write(path: Path, content: bytes = b"hello") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(found) -> list[str]:
    return [entry.name for entry in found.entries]


def reasons(found) -> list[tuple[str, Reason]]:
    return [(Path(problem.path).name, problem.reason) for problem in found.problems]


def test_names_are_relative_to_the_folders_parent_and_sorted(tmp_path):
    for name in ("b/2.txt", "b/10.txt", "a.txt", "b/a/x.jpg", "B.txt"):
        write(tmp_path / "chats" / name)
    assert names(scan([tmp_path / "chats"])) == [
        "chats/B.txt",
        "chats/a.txt",
        "chats/b/10.txt",
        "chats/b/2.txt",
        "chats/b/a/x.jpg",
    ]


def test_a_single_file_is_called_by_its_own_name(tmp_path):
    assert names(scan([write(tmp_path / "WhatsApp Chat with Zoë.txt")])) == [
        "WhatsApp Chat with Zoë.txt"
    ]


def test_current_folder_is_called_by_its_name(tmp_path, monkeypatch):
    write(tmp_path / "exports" / "a.txt")
    monkeypatch.chdir(tmp_path / "exports")
    assert names(scan(["."])) == ["exports/a.txt"]


def test_folders_of_the_same_name_are_kept_apart(tmp_path):
    write(tmp_path / "old" / "chats" / "a.txt", b"old")
    write(tmp_path / "new" / "chats" / "a.txt", b"new")
    found = scan([tmp_path / "old" / "chats", tmp_path / "new" / "chats"])
    assert names(found) == ["chats (2)/a.txt", "chats/a.txt"]
    assert {Path(entry.path).read_bytes() for entry in found.entries} == {b"old", b"new"}


def test_the_same_folder_named_twice_is_taken_once(tmp_path):
    write(tmp_path / "chats" / "a.txt")
    (tmp_path / "link").symlink_to(tmp_path / "chats")
    assert len(scan([tmp_path / "chats", tmp_path / "chats/", tmp_path / "link"]).entries) == 1


def test_a_link_named_itself_is_followed_and_keeps_its_name(tmp_path):
    (tmp_path / "latest.txt").symlink_to(write(tmp_path / "2024-05.txt"))
    (tmp_path / "current").symlink_to(write(tmp_path / "chats" / "a.txt").parent)
    found = scan([tmp_path / "latest.txt", tmp_path / "current"])
    assert names(found) == ["current/a.txt", "latest.txt"]
    assert not any(Path(entry.path).is_symlink() for entry in found.entries)


def test_size_counts_every_entry(tmp_path):
    write(tmp_path / "c" / "a", b"123")
    write(tmp_path / "c" / "b", b"4567")
    assert scan([tmp_path / "c"]).size == 7


def test_links_below_are_reported_and_not_followed(tmp_path):
    secret = write(tmp_path / "outside" / "secret.txt")
    folder = tmp_path / "chats"
    write(folder / "a.txt")
    (folder / "file-link").symlink_to(secret)
    (folder / "folder-link").symlink_to(secret.parent)
    (folder / "loop").symlink_to(folder)
    (folder / "dangling").symlink_to("nowhere")
    found = scan([folder])
    assert names(found) == ["chats/a.txt"]
    assert reasons(found) == [
        (name, Reason.SYMLINK) for name in ("dangling", "file-link", "folder-link", "loop")
    ]


def test_pipes_and_sockets_are_reported_and_never_opened(tmp_path):
    write(tmp_path / "a.txt")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        found = scan([tmp_path])
    assert len(found.entries) == 1
    assert reasons(found) == [("pipe", Reason.SPECIAL), ("socket", Reason.SPECIAL)]


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system refuses such names")
@pytest.mark.parametrize(
    "name",
    [b"caf\xe9.txt", b"a\\b.txt", b"line\nbreak.txt", b"bell\x07.txt", b"\xff\xfe"],
)
def test_names_that_cannot_be_kept_are_reported_printably(tmp_path, name):
    (tmp_path / os.fsdecode(name)).write_bytes(b"x")
    found = scan([tmp_path])
    assert found.entries == []
    (problem,) = found.problems
    assert problem.reason is Reason.UNNAMEABLE
    assert str(problem).isprintable()
    str(problem).encode()


def test_a_folder_that_cannot_be_named_is_reported_once_with_its_content_left_out(tmp_path):
    write(tmp_path / os.fsdecode(b"bad\xff") / "inner.txt")
    found = scan([tmp_path])
    assert not found.entries
    assert [problem.reason for problem in found.problems] == [Reason.UNNAMEABLE]


def test_a_name_longer_than_the_limit_is_reported(tmp_path):
    deep = tmp_path
    for _ in range(6):
        deep /= "d" * 200
    write(deep / "a.txt")
    found = scan([tmp_path])
    assert not found.entries
    assert [problem.reason for problem in found.problems] == [Reason.UNNAMEABLE]


@contextmanager
def without_roots_powers():
    """Root reads everything; as nobody it is refused like anybody else."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_a_folder_that_may_not_be_read_is_reported():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        write(folder / "a.txt")
        (folder / "closed").mkdir(mode=0)
        with without_roots_powers():
            found = scan([folder])
        assert reasons(found) == [("closed", Reason.UNREADABLE)]


def test_a_file_larger_than_an_item_may_be_is_reported(tmp_path):
    with (tmp_path / "huge.bin").open("wb") as file:
        file.truncate(20 * 1024**3)
    found = scan([tmp_path])
    assert reasons(found) == [("huge.bin", Reason.TOO_LARGE)]


def test_a_missing_path_is_an_error_that_names_it(tmp_path):
    with pytest.raises(SourceMissing, match=r"nothing-here.*No such file"):
        scan([tmp_path / "nothing-here"])


def test_problems_read_as_sentences():
    assert str(Problem("a/pipe", Reason.SPECIAL)) == (
        "a/pipe is not a regular file (a device, pipe or socket)"
    )
    assert str(Problem("x", Reason.UNREADABLE, "Permission denied")) == (
        "x cannot be read (Permission denied)"
    )
