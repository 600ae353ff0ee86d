"""Names in archives: every file comes out on Windows too, and is known by its own name."""

import io
import random
import re
import time
import zipfile
from itertools import product
from pathlib import PureWindowsPath

import pytest

from conversations.exporting.media import path_of
from conversations.models import Attachment
from conversations.portable import Names
from conversations.zipping import Archive, Entry


def archived(*names: str, damaged: str = "") -> dict[str, bytes]:
    """What is in an archive of files whose bytes are their own names."""

    def pieces(name: str):
        yield name.encode()
        if name == damaged:
            raise OSError("a chunk is missing")

    entries = [Entry(name, None, pieces(name)) for name in names]
    with zipfile.ZipFile(io.BytesIO(b"".join(Archive(entries)))) as archive:
        assert len(set(archive.namelist())) == len(archive.namelist())
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_note_of_ours_takes_no_files_place() -> None:
    files = archived("damaged.TXT", "x", damaged="x")
    assert files["damaged.TXT"] == b"damaged.TXT"
    assert b"x: a chunk is missing" in files["DAMAGED (2).txt"]


def test_names_that_every_system_holds_stay_as_they_are() -> None:
    names = [
        "a b/ü.txt",
        "a b/.nomedia",
        "console.txt",
        "com10",
        "x.aux",
        "家/照片 (1).jpg",
        "NAMES.md",
    ]
    assert archived(*names) == {name: name.encode() for name in names}


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (["CON"], ["_CON"]),
        (["a/aux.txt", "nul.tar.gz"], ["a/_aux.txt", "_nul.tar.gz"]),
        (["a./b ", "LPT1 .x"], ["a_/b_", "_LPT1 .x"]),
        (["10:30.jpg", "a\\b", 'q"?*<>|'], ["10_30.jpg", "a_b", "q______"]),
        (["Cat.jpg", "cat.JPG", "cat.jpg"], ["Cat.jpg", "cat (2).JPG", "cat (3).jpg"]),
        (["a:b", "a?b", "a_b"], ["a_b", "a_b (2)", "a_b (3)"]),
        (["Chat", "chat/x", "chat/y"], ["Chat", "chat (2)/x", "chat (2)/y"]),
        (["chat/x", "Chat"], ["chat/x", "Chat (2)"]),
        (["A/x", "a/X", "a/y"], ["A/x", "a/X (2)", "a/y"]),
        (["caf\u00e9", "cafe\u0301"], ["caf\u00e9", "cafe\u0301 (2)"]),
    ],
)
def test_other_names_are_changed_and_the_real_ones_told(names, called) -> None:
    files = archived(*names)
    told = files.pop("NAMES.txt").decode()
    assert files == {new: old.encode() for new, old in zip(called, names, strict=True)}
    changed = {new: old for new, old in zip(called, names, strict=True) if new != old}
    assert dict(line.split(" -> ") for line in told.splitlines() if " -> " in line) == changed


@pytest.mark.parametrize("seed", range(50))
def test_whatever_the_names_no_two_files_meet_on_windows(seed: int) -> None:
    rng = random.Random(seed)
    parts = [
        "a",
        "A",
        "a.",
        "a ",
        "a_",
        "a:",
        "con",
        "CON.txt",
        "_con",
        "a (2)",
        "é",
        "e\u0301",
        "NUL",
    ]
    names = list({"/".join(rng.choices(parts, k=rng.randint(1, 3))) for _ in range(60)})
    called = Names()
    files = [called.of(name) for name in names]
    paths = [PureWindowsPath(name) for name in files]
    folders = {parent for path in paths for parent in path.parents}
    assert len(set(paths)) == len(names)
    assert folders.isdisjoint(paths)
    for part in {part for name in files for part in name.split("/")}:
        assert not PureWindowsPath(part).is_reserved()
        assert not re.search(r'[<>:"\\|?*]|[. ]$', part)
    assert dict(called.changed) == {
        new: old for new, old in zip(files, names, strict=True) if new != old
    }


def test_very_many_of_one_name_are_told_apart_in_no_time() -> None:
    names = ["".join(each) for each in product(*map(sorted, ["aA", "bB", "cC"] * 5))]
    called = Names()
    begun = time.process_time()
    assert called.of(names[0]) == names[0]
    assert [called.of(name) for name in names[1:]] == [
        f"{name} ({number})" for number, name in enumerate(names[1:], start=2)
    ]
    assert time.process_time() - begun < 20  # a few tenths of a second, not a quarter of an hour


@pytest.mark.parametrize(
    "name", ["a.bcdefghij klm", "x" * 79 + ". y", "CON", "aux.", "..", "Q?.jpg"]
)
def test_media_of_an_export_are_called_as_its_pages_say(name: str) -> None:
    paths = {
        path_of(Attachment(name=one, file="x", source_id=1)) for one in (name, name.swapcase())
    }
    called = Names()
    assert {called.of(path) for path in paths} == paths


@pytest.mark.parametrize(
    "name",
    ["x.EXE", "x.pif", "x.svg ", "x.html.", "x.jpg.exe", f"x.exe{' ' * 10}y"],
)
def test_what_a_click_would_run_is_called_a_text(name: str) -> None:
    path = path_of(Attachment(name=name, file="x", source_id=1))
    assert path.endswith(".txt"), path
