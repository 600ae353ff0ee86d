"""A code for one conversation, at a phone's command line: it tells what the code gives."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.giving_station import Kept
from tests.stations import ROOT, running


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("part")
    with running(folder / "station", STATION_INDEXING="on") as station:
        yield Kept(folder, station)


def link(kept: Kept, *, whole: bool = False) -> str:
    """A code of the restore page, for the conversation or for the whole snapshot."""
    chosen = "" if whole else f"?conversation={kept.talk.split('/')[2]}"
    address = f"{kept.station.origin}/restore/{kept.snapshot}/{chosen}"
    with urlopen(Request(address, headers={"Cookie": kept.cookie})) as page:
        found = re.search(r'value="([^"]+)" data-link', page.read().decode())
    assert found
    return found[1]


def said(kept: Kept, *arguments: str) -> str:
    """What a person reads."""
    return subprocess.run(
        [sys.executable, "-m", "phone", *arguments],
        cwd=ROOT,
        env=os.environ | {"PHONE_HOME": str(kept.phone.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout


def sizes(kept: Kept, *names: str) -> int:
    return sum((kept.folder / name).stat().st_size for name in names)


def test_the_list_counts_what_the_code_gives(kept: Kept) -> None:
    told = kept.phone.run("list", link(kept))
    (row,) = told["snapshots"]
    assert told["part"]
    assert (row["items"], row["bytes"]) == (2, sizes(kept, "chat.jsonl", "clip.mp4"))
    assert "This link gives a part of the snapshot" in said(kept, "list", link(kept))
    told = kept.phone.run("list", link(kept, whole=True))
    assert (told["part"], told["snapshots"][0]["items"]) == (False, 3)


def test_the_contents_are_counted_and_what_they_are_a_part_of(kept: Kept) -> None:
    told = kept.phone.run("list", link(kept), kept.snapshot)
    assert [item["name"] for item in told["items"]] == ["chats/chat.jsonl", "chats/clip.mp4"]
    assert told["bytes"] == sizes(kept, "chat.jsonl", "clip.mp4")
    last = said(kept, "list", link(kept), kept.snapshot).splitlines()[-1]
    assert re.fullmatch(rf"2 items, [^,]+, of 3 items, [^,]+, in snapshot {kept.snapshot}", last)


def test_the_phone_gets_the_conversation_and_nothing_else(kept: Kept, tmp_path: Path) -> None:
    kept.phone.run("restore", link(kept), "--to", tmp_path / "back")
    back = {path.name for path in (tmp_path / "back").rglob("*") if path.is_file()}
    assert back == {"chat.jsonl", "clip.mp4"}
