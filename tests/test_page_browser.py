"""The pages in a real Chromium against a real station."""

import io
import re
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import (
    DESKTOP,
    PHONE,
    Watched,
    accessibility_problems,
    read_code,
    shown_link,
    sign_in,
)
from tests.stations import PASSWORD, Phone, PhoneRun, Station, tree

pytestmark = pytest.mark.browser
LIGHT_AND_DARK = ["light", "dark"]


@pytest.fixture(scope="module")
def session(browser: Browser, shared_station: Station) -> dict:
    """The cookies of a signed-in owner: signing in each time would cost seconds."""
    context = browser.new_context()
    sign_in(context.new_page(), shared_station)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(watched: Watched, session: dict, shared_station: Station) -> Page:
    page = watched.open(storage_state=session)
    page.goto(shared_station.origin + "/")
    return page


# First run


def test_the_first_run_leads_from_the_terminals_link_to_a_live_code(
    watched: Watched, tmp_path: Path
) -> None:
    station = Station(tmp_path / "station").start()
    try:
        page = watched.open()
        page.goto(station.first_run)
        assert accessibility_problems(page) == ""
        page.fill("[name=username]", "alice")
        page.fill("[name=password]", PASSWORD)
        page.fill("[name=again]", PASSWORD)
        page.click("text=Become the owner")
        words = page.locator(".words li").all_inner_texts()
        assert len(words) == 24
        assert read_code(page) == " ".join(words)
        assert page.get_by_role("button", name="Print this sheet").is_visible()
        assert accessibility_problems(page) == ""
        page.click("text=I have kept them")
        assert read_code(page) == shown_link(page)
        page.goto(station.origin + "/recovery/")
        expect(page.locator(".words")).to_have_count(0)
        page.fill("[name=password]", PASSWORD)
        page.click("text=Show the words")
        assert page.locator(".words li").all_inner_texts() == words
    finally:
        station.stop()


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("colours", LIGHT_AND_DARK)
def test_the_recovery_sheet_prints_on_one_page_in_black_on_white(
    watched: Watched, session: dict, shared_station: Station, colours: str, paper: str
) -> None:
    page = watched.open(storage_state=session, color_scheme=colours, viewport=PHONE)
    page.goto(shared_station.origin + "/recovery/")
    page.fill("[name=password]", PASSWORD)
    page.click("text=Show the words")
    words = page.locator(".words li").all_inner_texts()
    printed = page.pdf(format=paper)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    page.emulate_media(media="print")
    assert read_code(page) == " ".join(words)
    for text in ("Recovery sheet", "Station id", "manage.py station --recover"):
        expect(page.locator(".sheet")).to_contain_text(text)
    expect(page.locator(".buttons")).to_be_hidden()
    shades = {colour for _count, colour in _look(page, ".words").getcolors(1 << 16)}
    assert max(shades) == (255, 255, 255)
    assert min(shades) == (0, 0, 0)
    assert _look(page, ".sheet").getpixel((1, 1)) == (255, 255, 255)


def _look(page: Page, selector: str) -> Image.Image:
    return Image.open(io.BytesIO(page.locator(selector).screenshot())).convert("RGB")


# The code


@pytest.mark.parametrize("colours", LIGHT_AND_DARK)
@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_an_independent_decoder_reads_the_link_from_a_screenshot(
    watched: Watched, session: dict, shared_station: Station, viewport: dict, colours: str
) -> None:
    page = watched.open(storage_state=session, viewport=viewport, color_scheme=colours)
    page.goto(shared_station.origin + "/")
    link = shown_link(page)
    assert link.startswith(f"http://127.0.0.1:{shared_station.port}/phone/#")
    assert read_code(page) == link
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


def test_the_code_counts_down_and_another_choice_renews_it(page: Page) -> None:
    first = shown_link(page)
    seconds = page.locator("[data-seconds]")
    start = int(seconds.inner_text())
    page.wait_for_function(
        "start => +document.querySelector('[data-seconds]').textContent < start", arg=start
    )
    page.click("text=Restore")
    page.wait_for_function("old => document.querySelector('[data-link]').value !== old", arg=first)
    assert read_code(page) == shown_link(page)
    assert "scope=restore" in page.url
    page.reload()
    assert page.locator("[value=restore]").is_checked()


@pytest.mark.slow
def test_a_new_code_takes_its_place_after_a_minute(page: Page) -> None:
    first, since = shown_link(page), time.monotonic()
    page.click("#no-camera summary")
    page.focus("#copy-link")
    page.wait_for_function(
        "old => document.querySelector('[data-link]').value !== old", arg=first, timeout=70_000
    )
    assert 55 < time.monotonic() - since < 66
    assert read_code(page) == shown_link(page)
    assert page.locator("#no-camera").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.id") == "copy-link"


def test_the_link_is_copied_where_the_clipboard_api_is_missing(page: Page) -> None:
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.click("#no-camera summary")
    page.click("#copy-link")
    expect(page.locator("#copy-link")).to_have_text("Copied")
    assert page.evaluate("document.getSelection().toString()") == shown_link(page)
    command = page.locator("#command").input_value()
    assert command.startswith(".venv/bin/python -m phone backup 'http")


def test_without_javascript_there_is_a_code_and_a_choice(
    watched: Watched, session: dict, shared_station: Station
) -> None:
    page = watched.open(storage_state=session, java_script_enabled=False)
    page.goto(shared_station.origin + "/")
    first = shown_link(page)
    assert read_code(page) == first
    page.click("text=Restore")
    page.click("text=Show this code")
    assert "scope=restore" in page.url
    assert read_code(page) == shown_link(page) != first


def test_a_page_that_lost_the_station_says_so_and_its_code_runs_out(
    watched: Watched, station: Station
) -> None:
    page = watched.open()
    page.clock.install()
    sign_in(page, station)
    expect(page.locator("[data-offline]")).to_be_hidden()
    page.wait_for_function("document.querySelectorAll('.trail .done').length > 0")
    port = station.port
    station.stop()
    expect(page.locator("[data-offline]")).to_be_visible()
    page.clock.run_for(125_000)
    expect(page.locator(".code.is-stale")).to_be_visible()
    station.start(port)
    page.clock.run_for(15_000)
    expect(page.locator("[data-offline]")).to_be_hidden()
    expect(page.locator(".code.is-stale")).to_have_count(0)
    watched.complaints = [one for one in watched.complaints if "/live/" not in one]


# The trail


def test_the_owner_allows_a_phone_and_every_step_of_its_backup_ticks(
    page: Page, phone: Phone, chats: Path, shared_station: Station
) -> None:
    enrolling = phone.begin("enrol", shown_link(page), "--name", "Pixel 8")
    card = page.locator(".approval", has_text="Pixel 8")
    expect(card).to_be_visible()
    assert accessibility_problems(page) == ""
    digits = card.locator(".digits").inner_text().replace("\N{NO-BREAK SPACE}", " ")
    card.get_by_text("Allow", exact=True).click()
    enrolling.succeed()
    assert digits in enrolling.errors
    expect(card).to_have_count(0)
    expect(page.locator(".trail .done", has_text="Phone enrolled")).to_be_visible()
    backup = phone.begin("backup", read_code(page), chats, "--label", "From a browser test")
    snapshot = page.locator(".rows li", has_text="From a browser test")
    expect(snapshot).to_contain_text("receipted")
    expect(snapshot.locator(".id")).to_have_text(backup.succeed()["snapshot_id"][:8])
    expect(page.locator(".trail .done")).to_have_count(9)
    expect(page.locator("[data-part=say]")).to_have_text("Stored")
    assert accessibility_problems(page) == ""


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_owner_lets_a_phone_take_the_place_of_another(
    watched: Watched, session: dict, chats: Path, shared_station: Station, tmp_path: Path,
    script: bool,
) -> None:  # fmt: skip
    name = f"Fairphone {script}"
    old, new = Phone(tmp_path / "old"), Phone(tmp_path / "new")
    enrolling = old.begin("enrol", shared_station.link(), "--name", name)
    shared_station.allow(enrolling)
    enrolling.succeed()
    kept = old.run("backup", shared_station.link(), chats)["snapshot_id"]
    asking = new.begin("enrol", shared_station.link(), "--name", name)
    page = watched.open(storage_state=session, java_script_enabled=script, viewport=PHONE)
    _open_until(page, shared_station, card := _question_of(page, name))
    choice = card.locator("select")
    expect(choice).to_have_value("")  # it revokes nobody unless that is chosen
    likely = choice.locator("option", has_text=f"“{name}”, last backup").first
    choice.select_option(likely.get_attribute("value"))
    if script:
        assert accessibility_problems(page) == ""
        another = Phone(tmp_path / "another")
        another_asks = another.begin("enrol", shared_station.link(), "--name", "Somebody else")
        _choose_and_have_it_drawn_again(page, choice, another_asks)
    card.get_by_text("Allow", exact=True).click()
    asking.succeed()
    rows = [row for row in shared_station.answer("phones")["enrolled"] if row["name"] == name]
    assert [row["revoked"] for row in rows] == [False, True]
    new.run("restore", shared_station.link(), kept, "--to", tmp_path / "back")
    assert tree(tmp_path / "back" / chats.name) == tree(chats)
    refused = old.begin("backup", shared_station.link(), chats)
    assert refused.finish() != 0
    assert "revoked" in refused.output + refused.errors


def _question_of(page: Page, name: str) -> Locator:
    return page.locator(".approval", has=page.locator("h2", has_text=name))


def _open_until(page: Page, station: Station, card: Locator) -> None:
    """Without JavaScript the page is loaded anew until the phone has asked."""
    deadline = time.monotonic() + 20
    page.goto(station.origin + "/")
    while not card.count() and time.monotonic() < deadline:
        page.wait_for_timeout(300)
        page.reload()
    expect(card).to_be_visible()


def _choose_and_have_it_drawn_again(page: Page, choice: Locator, asking: PhoneRun) -> None:
    """What was chosen stays when the part arrives anew, with another question."""
    chosen = choice.input_value()
    assert chosen
    other = _question_of(page, "Somebody else")
    expect(other).to_be_visible()
    expect(choice).to_have_value(chosen)
    other.get_by_text("Deny", exact=True).click()
    expect(other).to_have_count(0)
    expect(choice).to_have_value(chosen)
    assert asking.finish() != 0


# Everyone, everywhere


@pytest.mark.parametrize("colours", LIGHT_AND_DARK)
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_axe_finds_nothing_serious_on_any_page(
    watched: Watched, session: dict, shared_station: Station, language: str, colours: str
) -> None:
    page = watched.open(storage_state=session, locale=language, color_scheme=colours)
    for path in ("/", "/recovery/", "/phone/"):
        page.goto(shared_station.origin + path)
        for summary in page.locator("summary").all():
            summary.click()
        assert accessibility_problems(page) == "", path
    stranger = watched.open(locale=language, color_scheme=colours, viewport=PHONE)
    stranger.goto(shared_station.origin + "/sign-in/")
    assert accessibility_problems(stranger) == ""


def test_the_language_switches_and_stays(page: Page, shared_station: Station) -> None:
    expect(page.locator("h1")).to_have_text("Scan with your phone")
    page.click("text=中文")
    expect(page.locator("h1")).to_have_text("用手机扫码")
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")
    page.wait_for_timeout(700)
    expect(page.locator(".trail")).to_contain_text("二维码已显示")
    page.goto(shared_station.origin + "/recovery/")
    expect(page.locator("h1")).to_have_text("恢复单")
    page.click("text=English")
    expect(page.locator("h1")).to_have_text("Recovery sheet")


def test_the_page_can_be_used_by_keyboard_alone(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "scope"
    first = shown_link(page)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("old => document.querySelector('[data-link]').value !== old", arg=first)
    assert page.locator("[value=restore]").is_checked()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#no-camera')") is not None:
            break
    page.keyboard.press("Enter")
    expect(page.locator("#copy-link")).to_be_visible()


def test_the_admin_keeps_to_the_same_policy(page: Page, shared_station: Station) -> None:
    page.goto(shared_station.origin + "/admin/")
    for href in [link.get_attribute("href") for link in page.locator("th a").all()]:
        page.goto(shared_station.origin + href)
        assert page.locator("#content").is_visible()


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_lists_in_the_admin_show_all_their_columns(
    watched: Watched, session: dict, shared_station: Station, tmp_path: Path, locale: str
) -> None:
    chats = tmp_path / "chats"
    chats.mkdir()
    (chats / "a.txt").write_text("hello")
    phone = Phone(tmp_path / "phone")
    phone.enrol(shared_station)
    label = "before the new phone, with all the pictures of the whole family"
    phone.run("backup", shared_station.link(), chats, "--label", label)
    page = watched.open(storage_state=session, locale=locale)
    lists = ["snapshot", "upload", "vault", "pack", "invitation", "approval", "issuer"]
    for model in lists:
        page.goto(f"{shared_station.origin}/admin/transfer/{model}/")
        hidden = page.evaluate(
            "[...document.querySelectorAll('.results')].map(e => e.scrollWidth - e.clientWidth)"
        )
        assert hidden == [0], model


def test_chromium_is_there() -> None:
    assert shutil.which("chromium")
