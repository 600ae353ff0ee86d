"""Restoring from the web: one screen shows a code for one snapshot, the other brings it back."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    LAN_NAME,
    PHONE,
    Watched,
    accessibility_problems,
    shown_link,
    sign_in,
)
from tests.phone_page import PhonePage
from tests.stations import Phone, Station, running, tree

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    folder = tmp_path_factory.mktemp("restore") / "station"
    with running(folder, STATION_ALLOWED_HOSTS=LAN_NAME) as running_station:
        yield running_station


def backed_up(phone: Phone, station: Station, *what: str | Path) -> str:
    """A snapshot of this; its ID."""
    return str(phone.run("backup", station.link(), *what)["snapshot_id"])


def restore_page(watched: Watched, station: Station, snapshot: str, **options: object) -> Page:
    page = watched.open(**options)
    sign_in(page, station, f"/restore/{snapshot}/")
    return page


def test_a_snapshot_is_restored_to_a_phone_and_named_on_both_screens(
    watched: Watched, station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    phone.enrol(station)
    backed_up(phone, station, chats)  # an older one, which this code must not give
    snapshot = backed_up(phone, station, chats / "signal", "--label", "Only the notes")
    page = restore_page(watched, station, snapshot)
    expect(page.locator("h1")).to_have_text("Only the notes")
    expect(page.locator(".facts .id")).to_have_text(snapshot[:8])

    other = PhonePage(watched, station)
    other.open(shown_link(page))
    digits = other.ask_to_be_let_in("The new phone")
    expect(page.locator(".approval .digits")).to_have_text(f"{digits[:3]}\xa0{digits[3:]}")
    page.click(".approval button[name=allow]")
    other.sees("contents")
    named = other.page.inner_text("[data-contents-id]").replace(" ", "").replace("\xa0", "")
    assert named == snapshot[:8]
    expect(other.page.locator("[data-contents-label]")).to_have_text("Only the notes")
    other.restore()
    saved = tmp_path / "all.zip"
    other.download("[data-save-all]").save_as(saved)
    with zipfile.ZipFile(saved) as archive:
        back = {name: archive.read(name) for name in archive.namelist()}
    assert back == {f"signal/{name}": data for name, data in tree(chats / "signal").items()}
    expect(page.locator("[data-part=trail]")).to_contain_text("checked and correct")


def test_the_command_line_restores_with_the_command_that_the_page_shows(
    watched: Watched, station: Station, phone: Phone, chats: Path, tmp_path: Path
) -> None:
    phone.enrol(station)
    snapshot = backed_up(phone, station, chats)
    page = restore_page(watched, station, snapshot)
    assert "--to DIR" in page.input_value("#command")
    phone.run("restore", shown_link(page), "--to", tmp_path / "back")
    assert tree(tmp_path / "back") == {f"chats/{name}": data for name, data in tree(chats).items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible_and_fits_a_phone(
    watched: Watched, station: Station, phone: Phone, chats: Path, scheme: str
) -> None:
    phone.enrol(station)
    snapshot = backed_up(phone, station, chats)
    page = restore_page(watched, station, snapshot, viewport=PHONE, color_scheme=scheme)
    assert accessibility_problems(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
