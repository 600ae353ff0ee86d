"""Reading in a real browser: a phone backed chats up, the station read them, a person reads on."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import chats_cast
from tests.browser import PHONE, Watched, accessibility_problems, sign_in
from tests.stations import Phone, Station, running

pytestmark = pytest.mark.browser
OLD = 1500


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """One that has read what a phone backed up."""
    folder = tmp_path_factory.mktemp("reading")
    with running(folder / "station") as made:
        phone = Phone(folder / "phone")
        phone.enrol(made)
        files = chats_cast.family(OLD) | chats_cast.climbing() | chats_cast.hostile()
        phone.run("backup", made.link(), write(folder / "chats", files), "--label", "Chats")
        made.manage("reindex")
        yield made


@pytest.fixture
def page(watched: Watched, station: Station) -> Page:
    page = watched.open()
    sign_in(page, station, "/conversations/")
    return page


def opened(page: Page, title: str = "Family 家", *, scripted: bool = True) -> Page:
    page.locator(".talk", has_text=title).click()
    expect(page.locator(".chat-name h1")).to_have_text(title)
    if scripted:
        page.wait_for_selector("[data-ready]")
    return page


def in_view(page: Page, text: str) -> None:
    expect(page.locator(".message", has_text=text).first).to_be_in_viewport()


def turns() -> Iterator[None]:
    """As many as fit into the time that a busy computer may need."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        yield


def test_a_conversation_opens_at_its_end_and_pictures_are_drawn(page: Page) -> None:
    opened(page)
    in_view(page, "On our way!")
    expect(page.locator("[data-newest]")).to_be_hidden()
    picture = page.locator(".picture img").last
    picture.scroll_into_view_if_needed()
    page.wait_for_function("e => e.complete && e.naturalWidth > 0", arg=picture.element_handle())
    audio = page.locator("audio")
    audio.evaluate("e => e.play()")
    page.wait_for_function("e => e.currentTime > 0 || e.ended", arg=audio.element_handle())
    audio.focus()
    page.keyboard.press("Home")  # the player's own: back to its beginning, not the conversation's
    page.wait_for_timeout(300)
    expect(page.locator(".message", has_text="On our way!")).to_have_count(1)


def test_scrolling_goes_on_both_ways_and_holds_few_pages(page: Page) -> None:
    opened(page)
    seen: set[str] = set()
    for _turn in turns():
        page.mouse.wheel(0, -3000)
        page.wait_for_timeout(60)
        seen |= set(page.eval_on_selector_all(".message", "all => all.map((e) => e.dataset.at)"))
        assert page.locator("[data-page]").count() <= 6
        if len(seen) >= OLD + 17:
            break
    assert len(seen) == OLD + 17
    page.keyboard.press("Home")
    in_view(page, "Old message 0")
    for _turn in turns():
        page.keyboard.press("End")
        page.wait_for_timeout(60)
        if page.locator("[data-end]").count():
            break
    page.keyboard.press("End")
    in_view(page, "On our way!")
    days = page.eval_on_selector_all(".day:not(.again) time", "all => all.map((e) => e.dateTime)")
    assert days == sorted(set(days))


def test_the_day_stands_at_the_top_also_where_a_page_begins_in_its_middle(page: Page) -> None:
    opened(page)
    at_the_top = """() => [...document.querySelectorAll(".day.again.stuck time")].some((day) => {
      const { top } = day.getBoundingClientRect();
      return top > 60 && top < 120 && getComputedStyle(day).visibility === "visible" })"""
    for _turn in turns():
        page.mouse.wheel(0, -250)
        page.wait_for_timeout(60)
        if page.evaluate(at_the_top):
            return
    pytest.fail("it is never there")


def test_what_is_read_stays_where_it_is_while_pages_come(page: Page) -> None:
    opened(page)
    page.mouse.move(400, 400)
    page.wait_for_timeout(300)
    top = "() => window.reading.getBoundingClientRect().top"
    page.evaluate(
        "() => { window.reading = [...document.querySelectorAll('.message')].find("
        "(e) => e.getBoundingClientRect().top > 200) }"
    )
    before = page.evaluate(top)
    count = page.locator("[data-page]").count()
    page.evaluate("() => scrollBy({top: 1 - scrollY + 900, behavior: 'instant'})")
    page.evaluate(
        "() => { window.reading = [...document.querySelectorAll('.message')].find("
        "(e) => e.getBoundingClientRect().top > 200) }"
    )
    before = page.evaluate(top)
    page.wait_for_function(
        "count => document.querySelectorAll('[data-page]').length > count", arg=count
    )
    assert abs(page.evaluate(top) - before) < 3


def test_jumps_to_a_day(page: Page) -> None:
    opened(page)
    page.fill("#date", "2023-05-10")
    page.click(".about form:has(#date) button")
    page.wait_for_url("**/?date=2023-05-10")
    focused = page.locator(".message[data-focus]")
    expect(focused).to_be_in_viewport()
    expect(page.locator(".day-part:has([data-focus]) .day time")).to_have_attribute(
        "datetime", "2023-05-10"
    )
    expect(page.locator("[data-newest]")).to_be_visible()
    page.click("[data-newest]")
    in_view(page, "On our way!")


def test_a_permalink_is_copied_and_opens_at_its_message(page: Page, watched: Watched) -> None:
    opened(page)
    message = page.locator(".message", has_text="Meet at 9:30")
    message.locator("a.when").click()
    expect(page.locator("[data-say]")).to_have_text("Link copied")
    assert "?at=" in page.url
    name = message.get_attribute("data-at")
    page.goto(page.url)
    named = page.locator(".named")
    expect(named).to_have_attribute("data-at", str(name))
    expect(named).to_be_in_viewport()


def test_a_reply_leads_to_what_it_answers(page: Page) -> None:
    opened(page)
    page.locator(".message", has_text="there is room").locator("a.quote").click()
    expect(page.locator(".named")).to_contain_text("我们也去")
    expect(page.locator(".named")).to_be_in_viewport()


def test_keys_go_from_message_to_message_and_to_the_search(page: Page) -> None:
    opened(page)
    page.locator(".message", has_text="太美了").focus()
    page.keyboard.press("j")
    expect(page.locator(".message:focus")).to_contain_text("Packing list")
    page.keyboard.press("k")
    page.keyboard.press("k")
    expect(page.locator(".message:focus")).to_contain_text("Look what the lake looks like")
    page.keyboard.press("/")
    page.keyboard.type("太美")
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversations/search/**")
    page.locator(".hit").click()
    expect(page.locator(".named")).to_contain_text("太美了")


def test_keys_go_to_both_ends_of_a_long_conversation(page: Page) -> None:
    opened(page)
    in_view(page, "On our way!")
    page.keyboard.press("Home")
    expect(page.locator(".message:focus")).to_contain_text("Old message")
    assert page.locator("[data-turn=older]").count() == 0
    first = page.locator(".message").first
    expect(first).to_be_focused()
    expect(first).to_be_in_viewport()
    page.keyboard.press("End")
    expect(page.locator(".message:focus")).to_contain_text("On our way!")
    in_view(page, "On our way!")


def test_the_place_is_remembered(page: Page) -> None:
    opened(page)
    page.fill("#date", "2023-03-07")
    page.click(".about form:has(#date) button")
    page.wait_for_url("**/?date=2023-03-07")
    page.wait_for_timeout(900)
    shown = page.evaluate("() => Object.entries(localStorage)")
    assert shown
    page.goto(page.url.split("?")[0])
    remembered = page.locator(f'[data-at="{shown[0][1]}"]')
    expect(remembered).to_be_in_viewport()


def test_the_gallery_leads_back_to_the_message(page: Page) -> None:
    opened(page)
    page.click("text=Gallery")
    expect(page.locator(".month h2")).to_have_text("May 2024")
    pictures = page.locator(".tile.image img")
    expect(pictures).to_have_count(3)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.tile.image img')].every((e) => e.naturalWidth > 0)"
    )
    page.locator(".tile.image .tile-when").first.click()
    expect(page.locator(".named")).to_contain_text("Look what the lake looks like")


def test_a_snapshot_shows_what_it_holds(page: Page, station: Station) -> None:
    page.goto(station.origin + "/")
    page.locator("[data-part=snapshots] a.id").click()
    expect(page.locator("h1")).to_have_text("Chats")
    expect(page.locator(".rows", has_text="Family 家")).to_be_visible()
    with page.expect_download() as saved:
        page.click("text=Download")
    assert saved.value.suggested_filename.endswith(".zip")
    page.click("text=Restore to a phone")
    expect(page.locator("svg.qr")).to_be_visible()


def test_it_can_be_read_without_javascript(watched: Watched, station: Station) -> None:
    page = watched.open(java_script_enabled=False)
    sign_in(page, station, "/conversations/")
    opened(page, scripted=False)
    in_view(page, "On our way!")
    page.click("text=Older messages")
    assert "?before=" in page.url
    page.click("text=Newer messages")
    page.goto(page.url.split("?")[0] + "?date=2023-05-10")
    expect(page.locator(".day-part:has([data-focus]) .day")).to_be_in_viewport()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_every_page_is_accessible_and_fits(
    watched: Watched, station: Station, scheme: str, size: str
) -> None:
    watched.expect_complaints("/thumbnails/")  # some that say that they are pictures are none
    options = {"viewport": PHONE} if size == "phone" else {}
    page = watched.open(color_scheme=scheme, **options)
    sign_in(page, station, "/conversations/")
    addresses = ["/conversations/", "/conversations/snapshots/"]
    addresses += page.eval_on_selector_all(".talk", "all => all.map((e) => e.pathname)")
    addresses += [address + "gallery/" for address in addresses[2:]]
    page.goto(station.origin + "/conversations/snapshots/")
    addresses.append(str(page.get_attribute("a.id", "href")))
    for address in addresses:
        page.goto(station.origin + address)
        assert accessibility_problems(page) == "", address
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], address
    if size == "phone":
        page.goto(station.origin + addresses[2])
        page.click(".about-button")
        expect(page.locator("#date")).to_be_visible()
        assert accessibility_problems(page) == ""


def test_it_is_read_in_chinese(watched: Watched, station: Station) -> None:
    page = watched.open()
    sign_in(page, station, "/conversations/")
    page.click("button[value=zh-hans]")
    opened(page)
    expect(page.locator(".day time").last).to_contain_text("2024年5月5日")
    in_view(page, "太美了！")


def test_nothing_in_a_chat_is_run(page: Page, watched: Watched, station: Station) -> None:
    watched.expect_complaints("/thumbnails/")
    addresses = ["/conversations/", "/conversations/snapshots/"]
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    page.goto(station.origin + addresses[0])
    talks = page.eval_on_selector_all(".talk", "all => all.map((e) => e.pathname)")
    page.goto(station.origin + addresses[1])
    snapshot = str(page.get_attribute("a.id", "href"))
    for address in [*talks, *(talk + "gallery/" for talk in talks), snapshot, addresses[0]]:
        page.goto(station.origin + address)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.sentinel") is None, address
        assert not page.locator("main script, main iframe, main object, main embed").count()
        strange = page.eval_on_selector_all(
            "main a", "all => all.map((e) => e.protocol).filter((p) => !/^https?:$/.test(p))"
        )
        assert not strange, address
        on = page.evaluate(
            "() => [...document.querySelectorAll('main *')].flatMap((e) => e.getAttributeNames())"
            ".filter((name) => name.startsWith('on') || name === 'style')"
        )
        assert not on, address


def test_payloads_are_shown_as_they_are(page: Page) -> None:
    page.fill("#find", "payload 7")
    page.keyboard.press("Enter")
    page.locator(".hit").first.click()
    texts = page.eval_on_selector_all(".message .text", "all => all.map((e) => e.textContent)")
    for payload in chats_cast.PAYLOADS[:40]:
        assert any(payload in text for text in texts), payload
