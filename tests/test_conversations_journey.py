"""From a phone's files to what a person finds, takes home and gives back; all by clicks."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, expect

from tests import chats_cast
from tests.browser import LAN_NAME, Watched, shown_link, sign_in
from tests.phone_page import PhonePage
from tests.stations import Phone, Station, running, tree

pytestmark = pytest.mark.browser
MARKED = "window.sentinel = 1; document.title = 'run'"
ACTIVE = {
    "evil.svg": f"<svg xmlns='http://www.w3.org/2000/svg'><script>{MARKED}</script></svg>",
    "evil.html": f"<!doctype html><title>quiet</title><script>{MARKED}</script>",
    "evil.xhtml": f"<html xmlns='http://www.w3.org/1999/xhtml'><script>{MARKED}</script></html>",
    "picture.jpg": f"<!doctype html><script>{MARKED}</script>",
    "film.mp4": f"<svg xmlns='http://www.w3.org/2000/svg'><script>{MARKED}</script></svg>",
    "note.pdf": f"<script>{MARKED}</script>",
}


def files() -> dict[str, bytes | str]:
    """A family's chat, one with hostile files, and a photo that no chat names."""
    said = [
        chats_cast.line(
            f"2024-01-{day + 1:02}T10:00:00Z",
            "eve",
            name,
            "media",
            attachments=[chats_cast.file("image" if day % 2 else "document", name, path=name)],
        )
        for day, name in enumerate(ACTIVE)
    ]
    eve = chats_cast.jsonl("eve", "Eve", [{"key": "eve", "name": "Eve"}], said)
    hostile = {f"eve/{name}": data for name, data in ACTIVE.items()}
    return chats_cast.family() | hostile | {"eve/chat.jsonl": eve, "alone.jpg": b"\xff\xd8\xff"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("journey") / "chats"
    for name, data in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


@pytest.fixture(scope="module")
def station(folder: Path) -> Iterator[Station]:
    with running(
        folder.parent / "station", STATION_INDEXING="on", STATION_ALLOWED_HOSTS=LAN_NAME
    ) as made:
        phone = Phone(folder.parent / "phone")
        phone.enrol(made)
        phone.run("backup", made.link(), folder, "--label", "Family chats")
        yield made


@pytest.fixture
def page(watched: Watched, station: Station) -> Page:
    page = watched.open(accept_downloads=True)
    sign_in(page, station, "/conversations/")
    for _ in range(60):  # read by the station itself, soon after it was stored
        if page.locator(".talk").count() == 2:
            return page
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail("nothing can be read")


def saved(page: Page, text: str) -> Download:
    with page.expect_download() as download:
        page.click(f"text={text}")
    return download.value


def unpacked(download: Download, to: Path) -> dict[str, bytes]:
    download.save_as(to)
    with zipfile.ZipFile(to) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def open_family(page: Page) -> None:
    page.locator(".talk", has_text="Family 家").click()


def test_two_characters_of_chinese_are_found_marked_and_opened(page: Page) -> None:
    page.fill("input[type=search]", "孩子")
    page.keyboard.press("Enter")
    expect(page.locator(".hit mark")).to_have_text("孩子")
    page.locator(".hit").first.click()
    expect(page.locator(".named")).to_contain_text("带上孩子们")
    expect(page.locator(".named")).to_be_in_viewport()


def test_a_snapshot_is_downloaded_byte_for_byte(page: Page, folder: Path, tmp_path: Path) -> None:
    page.click("text=Snapshots")
    page.locator("a.id").first.click()
    files = unpacked(saved(page, "Download"), tmp_path / "all.zip")
    assert files == {f"chats/{name}": data for name, data in tree(folder).items()}


def test_the_files_of_one_conversation_are_downloaded(
    page: Page, folder: Path, tmp_path: Path
) -> None:
    open_family(page)
    files = unpacked(saved(page, "Download the original files"), tmp_path / "one.zip")
    wanted = {name: data for name, data in tree(folder).items() if name.startswith("family/")}
    assert files == {f"chats/{name}": data for name, data in wanted.items()}


def test_exported_pages_show_everything_without_a_station(
    page: Page, watched: Watched, tmp_path: Path
) -> None:
    open_family(page)
    download = saved(page, "Export as pages")
    unpacked(download, tmp_path / "pages.zip")
    with zipfile.ZipFile(tmp_path / "pages.zip") as archive:
        archive.extractall(tmp_path / "pages")
    alone = watched.open(offline=True)
    alone.goto((tmp_path / "pages" / "index.html").as_uri())
    expect(alone.locator("h1")).to_have_text("Family 家")
    expect(alone.locator("article", has_text="太美了")).to_be_visible()
    alone.locator("img").last.scroll_into_view_if_needed()
    alone.wait_for_function("[...document.images].every((image) => image.naturalWidth > 0)")
    assert alone.locator("script").count() == 0


def test_exported_lines_are_the_messages(page: Page, tmp_path: Path) -> None:
    open_family(page)
    files = unpacked(saved(page, "Export as data"), tmp_path / "data.zip")
    header, *lines = map(json.loads, files["conversation.jsonl"].splitlines())
    assert (header["format"], header["title"]) == ("backupstation.chat/1", "Family 家")
    written = [json.loads(line) for line in files_of_family()]
    assert [line.get("text", "") for line in lines] == [line["text"] for line in written]
    media = [
        one["path"] for line in lines for one in line.get("attachments", []) if one.get("path")
    ]
    assert sorted(files) == sorted(["conversation.jsonl", *media])
    assert len(media) == 5


def files_of_family() -> list[str]:
    return str(chats_cast.family()[chats_cast.FAMILY]).splitlines()[1:]


def test_a_conversation_goes_back_to_a_phone(
    page: Page, watched: Watched, station: Station, folder: Path, tmp_path: Path
) -> None:
    open_family(page)
    page.click("text=Restore to a phone")
    expect(page.locator("#code-title")).to_have_text("Family 家")
    phone = PhonePage(watched, station)
    phone.open(shown_link(page))
    digits = phone.ask_to_be_let_in("New phone")
    expect(page.locator(".approval .digits")).to_have_text(f"{digits[:3]}\xa0{digits[3:]}")
    page.click(".approval button[name=allow]")
    phone.sees("contents")
    named = phone.page.inner_text("[data-contents-id]").replace(" ", "").replace("\xa0", "")
    assert named == page.inner_text(".facts .id")
    phone.restore()
    files = unpacked(phone.download("[data-save-all]"), tmp_path / "back.zip")
    wanted = {name: data for name, data in tree(folder).items() if name.startswith("family/")}
    assert files == {f"chats/{name}": data for name, data in wanted.items()}
    expect(page.locator("[data-part=trail]")).to_contain_text("checked and correct")


def test_files_that_a_browser_would_run_are_saved_and_never_run(
    page: Page, watched: Watched
) -> None:
    watched.expect_complaints("404")  # of what is said to be a picture and is none
    page.locator(".talk", has_text="Eve").click()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.sentinel") is None
    addresses = page.eval_on_selector_all(
        "[href*='/attachments/'], [src*='/attachments/']",
        "all => [...new Set(all.map((e) => e.href ?? e.src))]",
    )
    assert len(addresses) == len(ACTIVE)
    title = page.title()
    for address in addresses:
        with page.expect_download() as download:
            page.evaluate("(where) => { location.href = where; }", address)
        assert Path(download.value.path()).stat().st_size
        assert page.title() == title
