"""A real Chromium that trusts the station's authority, and nothing more than it may."""

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from backupstation.https import authorities
from tests.browser import (
    DESKTOP,
    LAN_NAME,
    PHONE,
    Watched,
    accessibility_problems,
    chromium,
    read_code,
    shown_link,
    sign_in,
)
from tests.phone_page import PhonePage
from tests.stations import Station, running

pytestmark = pytest.mark.browser
STRANGE = "bank.test"


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    folder = tmp_path_factory.mktemp("https") / "station"
    with running(folder, STATION_HTTPS="auto", STATION_ALLOWED_HOSTS=LAN_NAME) as started:
        yield started


@pytest.fixture(scope="module")
def browser(station: Station, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Trusts the authority as a person made it: by the list of the user's own certificates."""
    home = tmp_path_factory.mktemp("home")
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    authority = authorities.in_use(station.folder / "https", datetime.now(UTC))
    assert authority is not None
    (home / "root.crt").write_bytes(authority.root_pem)
    place = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*place, "-N", "--empty-password"], check=True)
    trusted = ["-A", "-n", "station", "-t", "C,,", "-i", str(home / "root.crt")]
    subprocess.run([*place, *trusted], check=True)
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in (LAN_NAME, STRANGE))
    with chromium(f"--host-resolver-rules={rules}", home=home) as started:
        yield started


@pytest.fixture(scope="module")
def session(browser: Browser, station: Station) -> dict:
    context = browser.new_context()
    sign_in(context.new_page(), station, origin=station.https_origin)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(watched: Watched, session: dict, station: Station) -> Page:
    page = watched.open(storage_state=session)
    page.goto(station.https_origin + "/")
    return page


def test_the_station_page_is_live_by_https(page: Page) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda opened: sockets.append(opened.url))
    page.reload()
    expect(page.locator(".trail .done").first).to_be_visible()
    expect(page.locator("[data-offline]")).to_be_hidden()
    assert page.evaluate("isSecureContext")
    first = shown_link(page)
    page.click("text=Restore")
    page.wait_for_function("old => document.querySelector('[data-link]').value !== old", arg=first)
    assert {url.split("/")[0] for url in sockets} == {"wss:"}


def test_the_link_is_plain_until_a_secure_one_is_chosen(page: Page, station: Station) -> None:
    first = shown_link(page)
    assert first.startswith(station.origin)
    page.get_by_label("Secure link (https)").check()
    page.wait_for_function("() => document.querySelector('[data-link]').value.startsWith('https:')")
    assert read_code(page) == shown_link(page)
    assert shown_link(page).startswith(f"{station.https_origin}/phone/#")
    assert accessibility_problems(page) == ""
    page.reload()
    assert shown_link(page).startswith("https:")
    page.goto(shown_link(page))
    expect(page.locator("body")).to_have_attribute("data-shown", "enrol")


def test_without_javascript_a_secure_link_can_be_chosen(
    watched: Watched, session: dict, station: Station
) -> None:
    page = watched.open(storage_state=session, java_script_enabled=False)
    page.goto(station.https_origin + "/")
    page.get_by_label("Secure link (https)").check()
    page.click("text=Show this code")
    assert read_code(page) == shown_link(page)
    assert shown_link(page).startswith("https:")


def test_whoever_is_signed_in_by_https_signs_in_by_http_as_well(
    watched: Watched, session: dict, station: Station
) -> None:
    page = watched.open(storage_state=session)
    page.goto(station.origin + "/")
    expect(page).to_have_url(re.compile("/sign-in/"))
    sign_in(page, station)
    expect(page.locator(".trail .done").first).to_be_visible()
    page.goto(station.https_origin + "/")
    expect(page.locator(".trail .done").first).to_be_visible()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_the_install_page_fits_and_its_certificate_downloads(
    watched: Watched, station: Station, viewport: dict, locale: str
) -> None:
    page = watched.open(viewport=viewport, locale=locale)
    page.goto(station.origin + "/https/")
    for summary in page.locator("summary").all():
        summary.click()
    assert accessibility_problems(page) == ""
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    with page.expect_download() as download:
        page.locator("a[href$='.crt']").click()
    authority = authorities.in_use(station.folder / "https", datetime.now(UTC))
    assert authority is not None
    assert Path(download.value.path()).read_bytes() == authority.root_pem
    page.locator(f"a[href='{station.https_origin}/']").click()
    expect(page).to_have_url(f"{station.https_origin}/sign-in/")


def test_a_phones_browser_backs_up_and_restores_through_wss(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    chat = tmp_path / "chat.txt"
    chat.write_bytes(b"[01/02/2026, 10:00] Alice: hello\n" * 100_000)
    phone = PhonePage(watched, station)
    sockets: list[str] = []
    phone.page.on("websocket", lambda opened: sockets.append(opened.url))
    phone.scan("--https")
    station.manage("phones", "allow", phone.ask_to_be_let_in())
    phone.sees("start")
    assert phone.page.evaluate("isSecureContext")
    phone.choose(chat)
    phone.send()
    snapshot = phone.snapshot
    phone.scan("--https")
    phone.look_into(snapshot)
    phone.restore()
    saved = phone.download("[data-restored-list] button")
    assert Path(saved.path()).read_bytes() == chat.read_bytes()
    assert len(sockets) >= 3
    place = f"wss://{LAN_NAME}:{station.https_port}/listen/v1/"
    assert all(url.startswith(place) for url in sockets)


@contextmanager
def impostor(folder: Path, station: Station, host: str) -> Iterator[int]:
    """A server with a certificate for ``host`` that whoever stole the data folder has made."""
    authority = authorities.in_use(station.folder / "https", datetime.now(UTC))
    assert authority is not None
    (folder / "forged.pem").write_bytes(authority.issue([host], datetime.now(UTC)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "forged.pem")
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        threading.Thread(target=answer, args=(listening, context), daemon=True).start()
        yield listening.getsockname()[1]


def answer(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            raw, _address = listening.accept()
        except OSError:
            return
        try:
            with context.wrap_socket(raw, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        except OSError:
            continue


def test_a_stolen_authority_does_not_make_a_web_site(
    browser: Browser, station: Station, tmp_path: Path
) -> None:
    page = browser.new_page()
    with impostor(tmp_path, station, "localhost") as port:
        page.goto(f"https://localhost:{port}/")  # what it may do shows that the test can tell
        assert page.inner_text("body") == "hello"
    with impostor(tmp_path, station, STRANGE) as port, pytest.raises(Error, match="ERR_CERT"):
        page.goto(f"https://{STRANGE}:{port}/")
    page.close()
