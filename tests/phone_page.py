"""The phone page in a Chromium with a phone's viewport, on an origin that is no secure context."""

import re
from pathlib import Path
from typing import Self

from playwright.sync_api import Download, Page, expect

from tests.browser import LAN_NAME, PHONE, Watched, accessibility_problems
from tests.stations import Station

SECONDS = 60_000


def at_lan_name(link: str) -> str:
    """The same link or origin, at a name as it would be in the LAN."""
    return link.replace("127.0.0.1", LAN_NAME)


class PhonePage:
    """A person with a phone's browser."""

    def __init__(
        self, watched: Watched, station: Station, *, looks: bool = False, **options: object
    ) -> None:
        """``looks``: each view is looked at with axe, and must not be wider than the phone."""
        self.station = station
        self._looks = looks
        self.page: Page = watched.open(viewport=PHONE, accept_downloads=True, **options)

    @classmethod
    def in_page(cls, page: Page, station: Station) -> Self:
        """A person with a browser that runs already."""
        phone = cls.__new__(cls)
        phone.station, phone.page, phone._looks = station, page, False
        return phone

    def scan(self, *options: str) -> None:
        """Open a fresh code's link, as the camera app does."""
        self.open(self.station.link(*options))

    def open(self, link: str) -> None:
        """Open this link."""
        self.page.goto("about:blank")
        self.page.goto(at_lan_name(link))

    def sees(self, view: str, milliseconds: int = SECONDS) -> None:
        """Wait for a view of the page."""
        expect(self.page.locator("body")).to_have_attribute(
            "data-shown", re.compile(rf"^({view})$"), timeout=milliseconds
        )
        if self._looks:
            assert accessibility_problems(self.page) == ""
            width = self.page.evaluate("document.documentElement.scrollWidth")
            assert width == PHONE["width"], f"{view} is {width} pixels wide"

    def press(self, selector: str) -> None:
        """Press what is visible of this."""
        self.page.click(f"{selector}:visible")

    def ask_to_be_let_in(self, name: str = "Alice's phone") -> str:
        """Ask to be let in; the six digits."""
        self.sees("enrol")
        self.page.fill("#phone-name", name)
        self.press("[data-enrol] button")
        self.sees("waiting")
        return self.page.inner_text("[data-digits]").replace(" ", "").replace("\xa0", "")

    def enrol(self, name: str = "Alice's phone") -> None:
        """Be let in by the owner's command line."""
        self.scan()
        self.station.manage("phones", "allow", self.ask_to_be_let_in(name))
        self.sees("start")

    def choose(self, *files: Path) -> None:
        """Begin a backup and choose these files."""
        self.press("[data-open=backup]")
        self.sees("choose")
        self.page.set_input_files("[data-pick] >> nth=0", list(files))

    def send(self) -> None:
        """Send what was chosen; it must be stored."""
        self.press("[data-send-button]")
        self.sees("stored")

    @property
    def snapshot(self) -> str:
        """The first eight characters of the stored snapshot's ID."""
        return re.sub(r"\s", "", self.page.inner_text("[data-snapshot-id]"))

    def results(self) -> str:
        """What the page says of a stored backup."""
        return " ".join(self.page.locator("[data-results] li").all_inner_texts())

    def look_into(self, snapshot: str) -> None:
        """Open a restore and this snapshot's contents."""
        self.press("[data-open=restore]")
        self.sees("snapshots")
        self.page.click(f"[data-snapshots] button:text-is('{snapshot}')")
        self.sees("contents")

    def restore(self) -> None:
        """Restore what is ticked."""
        self.press("[data-restore-button]")
        self.sees("restored")

    def download(self, selector: str) -> Download:
        """What this button saves."""
        with self.page.expect_download() as saved:
            self.page.click(selector)
        return saved.value

    def failure(self) -> str:
        """The sentence of the failed view."""
        self.sees("failed")
        return self.page.inner_text("[data-failure]")
