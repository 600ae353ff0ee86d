"""Make the pictures of README.md anew: ``make screenshots``.

A real station, a real Chromium and the sample chats, as a person would see them.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Browser, Page, expect

from tests import chats_cast
from tests.browser import DESKTOP, LAN_NAME, PHONE, Watched, chromium, sign_in
from tests.phone_page import PhonePage
from tests.stations import Phone, Station, running

ROOT: Final = Path(__file__).resolve().parent.parent
IMAGES: Final = ROOT / "docs" / "images"
SAMPLES: Final = ROOT / "tests" / "samples"
_PHONE_IN_HAND: Final = {"locale": "en-GB", "device_scale_factor": 1}


def main() -> None:
    """Make all of them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        station = running(folder / "station", STATION_ALLOWED_HOSTS=LAN_NAME)
        with station as started, chromium() as browser:
            _pictures(browser, started, folder)


def _pictures(browser: Browser, station: Station, folder: Path) -> None:
    watched = Watched(browser)
    owner = watched.open(viewport=DESKTOP)
    sign_in(owner, station)
    phone = PhonePage(watched, station, **_PHONE_IN_HAND)
    _enrol(phone, owner)
    _back_up(phone, folder)
    _restore(phone)
    phone.page.close()
    _station_pages(watched, station, owner)
    _conversations(watched, station, owner, folder)
    watched.close()


def _save(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


def _enrol(phone: PhonePage, owner: Page) -> None:
    phone.scan()
    phone.ask_to_be_let_in("Alice's phone")
    card = owner.locator(".approval")
    expect(card).to_be_visible()
    _save(owner, "station-page-allow")
    _save(phone.page, "phone-waiting")
    card.locator("button[name=allow]").click()
    phone.sees("start")
    _save(phone.page, "phone-start")


def _back_up(phone: PhonePage, folder: Path) -> None:
    film = folder / "VID-20260714-WA0003.mp4"
    film.write_bytes(b"".join(number.to_bytes(8) * 1024 for number in range(15_000)))
    chats = sorted((SAMPLES / "whatsapp" / "bubbly").iterdir())
    phone.choose(*chats, film)
    phone.page.fill("#label", "before the new phone")
    _save(phone.page, "phone-choose")
    phone.press("[data-send-button]")
    expect(phone.page.locator("[data-bar]")).not_to_have_js_property("value", 0)
    phone.page.wait_for_timeout(1200)
    _save(phone.page, "phone-working")
    phone.sees("stored")
    _save(phone.page, "phone-stored")


def _restore(phone: PhonePage) -> None:
    snapshot = phone.snapshot
    phone.scan()
    phone.sees("start")
    phone.press("[data-open=restore]")
    phone.sees("snapshots")
    _save(phone.page, "phone-snapshots")
    phone.page.click(f"[data-snapshots] button:text-is('{snapshot}')")
    phone.sees("contents")
    _save(phone.page, "phone-contents")
    phone.restore()
    _save(phone.page, "phone-restored")


def _station_pages(watched: Watched, station: Station, owner: Page) -> None:
    owner.wait_for_timeout(1500)
    owner.reload()
    _save(owner, "station-page")
    state = owner.context.storage_state()
    dark = watched.open(viewport=PHONE, color_scheme="dark", storage_state=state)
    dark.goto(station.origin + "/")
    _save(dark, "station-page-phone-dark")
    chinese = watched.open(viewport=DESKTOP, locale="zh-CN", storage_state=state)
    chinese.goto(station.origin + "/")
    _save(chinese, "station-page-chinese")


def _conversations(watched: Watched, station: Station, owner: Page, folder: Path) -> None:
    """Of a chat that was made up to have something of everything."""
    sender = Phone(folder / "sender")
    sender.enrol(station)
    for name, data in chats_cast.family(old=200).items():
        path = folder / "chats" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    sender.run("backup", station.link(), folder / "chats", "--label", "The family's chats")
    station.manage("reindex")
    state = owner.context.storage_state()
    page = watched.open(viewport=DESKTOP, storage_state=state)
    address = _open_family(page, station)
    _save(page, "conversation")
    page.goto(f"{station.origin}/conversations/search/?q=孩子")
    _save(page, "search-chinese")
    hand = {"viewport": PHONE, "storage_state": state, "color_scheme": "dark"}
    phone = watched.open(**hand, locale="zh-CN")
    phone.goto(address)
    phone.wait_for_load_state("networkidle")
    _save(phone, "conversation-phone-dark-chinese")


def _open_family(page: Page, station: Station) -> str:
    page.goto(f"{station.origin}/conversations/")
    page.locator(".talk", has_text="Family").click()
    page.wait_for_load_state("networkidle")
    return page.url


if __name__ == "__main__":
    main()
