"""Debian's Chromium for tests, watched: a script error or a CSP violation fails the test."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.stations import OWNER, PASSWORD, Station

CHROMIUM = Path("/usr/bin/chromium")
# A name of this machine that is no secure context for a browser, as an address in the LAN is none.
LAN_NAME = "station.lan"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {LAN_NAME} 127.0.0.1",
]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error("CSP", event.violatedDirective, event.blockedURI, event.sample));
"""


@contextmanager
def chromium(*arguments: str, home: Path | None = None) -> Iterator[Browser]:
    """A running Chromium; missing is a failure, because nothing would have been tested.

    ``home`` is a home folder of its own, with the certificates that it trusts.
    """
    assert CHROMIUM.exists(), "install Debian's chromium package"
    environment = dict(os.environ) | ({"HOME": str(home)} if home else {})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=[*ARGUMENTS, *arguments], env=environment
        )
        yield browser
        browser.close()


class Watched:
    """Contexts of one test and what went wrong in any of their pages."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self._expected: tuple[str, ...] = ()

    def expect_complaints(self, *parts: str) -> None:
        """This test brings about what the browser itself complains of, in texts like these."""
        self._expected = parts

    def open(self, **options: Any) -> Page:
        """A page in a context of its own."""
        context = self._browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB"} | options)
        context.set_default_timeout(30_000)
        self._contexts.append(context)
        if options.get("java_script_enabled", True):
            context.add_init_script(_REPORT_VIOLATIONS)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        return page

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def close(self) -> None:
        """End the test; complain now."""
        for context in self._contexts:
            context.close()
        unexpected = [
            complaint
            for complaint in self.complaints
            if not any(part in complaint for part in self._expected)
        ]
        assert not unexpected, "\n".join(unexpected)


def sign_in(page: Page, station: Station, path: str = "/", origin: str = "") -> None:
    """As a person does it."""
    origin = origin or station.origin
    page.goto(f"{origin}/sign-in/?next={path}")
    page.fill("[name=username]", OWNER)
    page.fill("[name=password]", PASSWORD)
    page.click("main button.primary")
    page.wait_for_url(f"{origin}{path}")


def read_code(page: Page, selector: str = "svg.qr") -> str:
    """What an independent decoder reads from a screenshot of the code."""
    picture = Image.open(io.BytesIO(page.locator(selector).screenshot()))
    # Left to itself the decoder now and then finds a linear code in a QR code's rows as well.
    (code,) = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return str(code.text)


def shown_link(page: Page) -> str:
    """The link as text."""
    return str(page.locator("[data-link]").first.input_value())


def accessibility_problems(page: Page) -> str:
    """What axe finds serious or critical, one line each."""
    found = Axe().run(page).response["violations"]
    return "\n".join(
        f"{one['impact']} {one['id']}: {[node['target'] for node in one['nodes']]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    )
