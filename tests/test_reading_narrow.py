"""Pages on a phone, of a chat in which nothing has a place to break a line."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Page

from tests import chats_cast
from tests.browser import PHONE, Watched, accessibility_problems, sign_in
from tests.stations import Phone, Station, running

pytestmark = pytest.mark.browser
KINDS = {"image": ".jpg", "document": ".pdf", "audio": ".wav", "video": ".mp4"}


def unbroken(folder: Path) -> Path:
    """A chat whose title, people, texts and files are words without end."""
    people = [
        {"key": "a", "name": "N" * 190},
        {"key": "b", "name": "家" * 190, "is_self": True},
    ]
    attached = [
        chats_cast.file(kind, "n" * 240 + ending, path=f"f{ending}")
        for kind, ending in KINDS.items()
    ]
    said = [
        chats_cast.line("2024-01-01T10:00:00Z", "a", "w" * 5000, id="1"),
        chats_cast.line(
            "2024-01-01T10:01:00Z",
            "b",
            f"https://example.org/{'x' * 1500}",
            id="2",
            reply_to="1",
            edited=True,
            earlier=["e" * 4000],
            forwarded_from="F" * 200,
            reactions=[{"emoji": "R" * 60, "by": ["a", "b"], "count": 123456}],
        ),
        chats_cast.line("2024-01-01T10:02:00Z", "a", "", "media", id="3", attachments=attached),
        chats_cast.line(
            "2024-01-01T10:03:00Z",
            "b",
            attachments=[chats_cast.file("document", "m" * 250)],
        ),
        chats_cast.line("2024-01-01T10:04:00Z", None, "s" * 3000, "system"),
    ]
    folder.mkdir()
    chat = chats_cast.jsonl("k", "W" * 180, people, said)
    (folder / f"{'t' * 200}.jsonl").write_text(chat + "no line\n")
    for ending in KINDS.values():
        (folder / f"f{ending}").write_bytes(chats_cast.picture("red"))
    return folder


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    folder = tmp_path_factory.mktemp("narrow")
    with running(folder / "station") as made:
        phone = Phone(folder / "phone")
        phone.enrol(made)
        phone.run("backup", made.link(), unbroken(folder / "chats"), "--label", "L" * 190)
        made.manage("reindex")
        yield made


def fits(page: Page, address: str) -> None:
    page.goto(address)
    for summary in page.locator("main details > summary").all():
        if summary.is_visible():
            summary.click()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], address


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_no_page_scrolls_sideways(watched: Watched, station: Station, language: str) -> None:
    page = watched.open(viewport=PHONE, locale=language)
    sign_in(page, station, "/conversations/")
    talk = str(page.get_attribute(".talk", "href"))
    page.goto(f"{station.origin}/conversations/snapshots/")
    snapshot = str(page.get_attribute("a.id", "href"))
    slug, snapshot_id = talk.split("/")[-2], snapshot.split("/")[-2]
    for path in (
        "/conversations/",
        "/conversations/snapshots/",
        snapshot,
        talk,
        f"{talk}?date=2030-01-01",
        f"{talk}gallery/",
        f"{talk}export/",
        f"/conversations/search/?q=www&chat={slug}",
        "/conversations/search/?q=nnn",
        f"/restore/{snapshot_id}/",
        f"/restore/{snapshot_id}/?conversation={slug}",
    ):
        fits(page, station.origin + path)
        assert accessibility_problems(page) == "", path


def test_no_exported_page_scrolls_sideways(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    page = watched.open(viewport=PHONE)
    sign_in(page, station, "/conversations/")
    address = f"{station.origin}{page.get_attribute('.talk', 'href')}export.html"
    with urlopen(Request(address, headers={"Cookie": station.sign_in()})) as answer:
        (tmp_path / "export.zip").write_bytes(answer.read())
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        archive.extractall(tmp_path / "export")
    fits(page, (tmp_path / "export" / "index.html").as_uri())
    assert accessibility_problems(page) == ""
