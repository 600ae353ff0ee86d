"""The phone page in a real Chromium: enrolment, backup, resuming and restore, on plain http.

Its origin is a name that is no secure context, so that what a phone in the LAN lacks
(crypto.subtle, service workers, wake locks, the clipboard) is missing here too.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import LAN_NAME, Watched, accessibility_problems, chromium, shown_link, sign_in
from tests.phone_page import PhonePage, at_lan_name
from tests.stations import Phone, Station, running, tree

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running_browser:
        yield running_browser


@pytest.fixture
def watched(browser: Browser) -> Iterator[Watched]:
    watched = Watched(browser)
    yield watched
    watched.close()


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    folder = tmp_path_factory.mktemp("phone-page") / "station"
    with running(folder, STATION_ALLOWED_HOSTS=LAN_NAME) as running_station:
        yield running_station


@pytest.fixture
def exports(chats: Path) -> list[Path]:
    """Files of several apps' exports."""
    return [
        path for path in sorted(chats.rglob("*")) if path.is_file() and path.name != "README.md"
    ]


def same(items: dict[str, bytes], files: list[Path]) -> bool:
    """Whether these are the files' bytes; of equal names, all but one have a number."""
    names = {path.name for path in files}
    numbered = {re.sub(r" \(\d+\)(?=\.\w+$)", "", name) for name in items}
    contents = sorted(path.read_bytes() for path in files)
    return numbered == names and sorted(items.values()) == contents


def unpacked(saved: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(saved.read_bytes())) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_person_with_a_stock_browser_enrols_backs_up_and_restores(
    watched: Watched, station: Station, exports: list[Path], tmp_path: Path
) -> None:
    """The whole way, with Allow on the station page in a second browser context."""
    owner = watched.open()
    sign_in(owner, station)
    phone = PhonePage(watched, station)
    phone.open(shown_link(owner))
    assert phone.page.evaluate("[window.isSecureContext, typeof crypto.subtle]") == [
        False,
        "undefined",
    ]

    digits = phone.ask_to_be_let_in("Alice's phone")
    card = owner.locator(".approval")
    expect(card).to_contain_text("Alice's phone")
    assert card.locator(".digits").inner_text().replace("\xa0", "") == digits
    card.locator("button[name=allow]").click()
    phone.sees("start")

    phone.choose(*exports)
    phone.page.fill("#label", "before the new phone")
    phone.send()
    snapshot = phone.snapshot
    expect(owner.locator("[data-part=snapshots]")).to_contain_text(snapshot)
    expect(owner.locator("[data-part=snapshots]")).to_contain_text("before the new phone")
    expect(owner.locator("[data-part=phones]")).to_contain_text("Alice's phone")

    phone.scan()
    phone.sees("start")
    phone.look_into(snapshot)
    phone.restore()
    saved = tmp_path / "all.zip"
    phone.download("[data-save-all]").save_as(saved)
    assert same(unpacked(saved), exports)
    expect(owner.locator("[data-part=trail]")).to_contain_text("checked and correct")


def test_what_the_browser_stored_the_command_line_restores(
    watched: Watched, station: Station, exports: list[Path], tmp_path: Path
) -> None:
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.choose(*exports)
    phone.send()
    other = Phone(tmp_path / "phone")
    other.enrol(station)
    other.run("restore", station.link(), phone.snapshot, "--to", tmp_path / "back")
    assert same(tree(tmp_path / "back"), exports)


def test_the_code_is_sent_nowhere_and_survives_a_change_of_language(
    watched: Watched, station: Station
) -> None:
    link = station.link()
    payload = link.partition("#")[2]
    phone = PhonePage(watched, station)
    asked: list[str] = []
    phone.page.on(
        "request",
        lambda request: asked.append(f"{request.url} {request.all_headers()} {request.post_data}"),
    )
    phone.open(link)
    phone.sees("enrol")
    phone.page.click("text=中文")
    expect(phone.page.locator("[data-view=enrol] h1")).to_have_text("这部手机是第一次来")
    station.manage("phones", "allow", phone.ask_to_be_let_in())
    phone.sees("start")
    assert len(asked) > 30
    assert not [request for request in asked if payload in request]


@pytest.mark.parametrize(
    ("fragment", "view"),
    [("", "none"), ("#", "none"), ("#x", "failed"), ("#" + "A" * 250, "failed")],
)
def test_a_page_without_a_code_says_where_there_is_one(
    watched: Watched, station: Station, fragment: str, view: str
) -> None:
    phone = PhonePage(watched, station)
    phone.page.goto(at_lan_name(station.origin) + "/phone/" + fragment)
    phone.sees(view)
    assert "Scan the QR code" in phone.page.inner_text("main") or view == "none"
    assert accessibility_problems(phone.page) == ""
