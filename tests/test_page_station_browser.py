"""The doctor, reminders and names on the station page, in a real Chromium."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser import PHONE, Watched, accessibility_problems, sign_in
from tests.proxy import Cut, Proxy
from tests.stations import Phone, Station

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def session(browser: Browser, shared_station: Station) -> dict:
    context = browser.new_context()
    sign_in(context.new_page(), shared_station)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def page(watched: Watched, session: dict, shared_station: Station) -> Page:
    page = watched.open(storage_state=session)
    page.goto(shared_station.origin + "/")
    page.wait_for_function("document.querySelectorAll('.trail .done').length > 0")
    return page


@pytest.fixture(scope="module")
def backed_up(shared_station: Station, tmp_path_factory: pytest.TempPathFactory) -> Phone:
    """A phone that has backed up."""
    folder = tmp_path_factory.mktemp("kept")
    phone = Phone(folder / "phone")
    run = phone.begin("enrol", shared_station.link(), "--name", "Pixel 8")
    shared_station.allow(run)
    run.succeed()
    (folder / "chat.txt").write_text("hello")
    phone.run("backup", shared_station.link(), folder / "chat.txt")
    return phone


@pytest.fixture
def kept(backed_up: Phone, shared_station: Station) -> Phone:
    """The same phone; nothing was said about it yet."""
    (row,) = shared_station.answer("phones")["enrolled"]
    shared_station.manage("phones", "name", row["thumbprint"], "")
    shared_station.manage("phones", "remind", row["thumbprint"], "weekly")
    return backed_up


def _age(station: Station, days: int) -> None:
    """As if the last backups were older."""
    with closing(sqlite3.connect(station.database, timeout=30)) as database:
        older = "UPDATE transfer_snapshot SET stored_at = datetime(stored_at, ?)"
        database.execute(older, (f"-{days} days",))
        database.commit()


# The doctor


def test_opening_the_question_has_the_station_look_at_itself(page: Page) -> None:
    findings = page.locator("[data-doctor-report] .findings li")
    expect(findings).to_have_count(0)
    page.click("#trouble summary")
    broken = page.locator(".findings .is-broken")
    expect(broken).to_contain_text("The station listens at 127.0.0.1, which is this computer alone")
    expect(page.locator(".verdict")).to_have_text("Something here keeps phones away.")
    expect(page.locator("[data-doctor-say]")).to_have_text("Something here keeps phones away.")
    assert findings.count() >= 3
    assert accessibility_problems(page) == ""
    with page.expect_response("**/doctor/?part=&address=127.0.0.1"):
        page.get_by_role("link", name="Check this computer").click()


def test_what_the_doctor_found_is_said_while_the_station_has_nothing_to_say(
    watched: Watched, session: dict, shared_station: Station
) -> None:
    page = watched.open(storage_state=session)
    held = []

    def hold(socket: WebSocketRoute) -> None:
        station = socket.connect_to_server()
        station.on_message(lambda message: held.append((socket, message)))

    page.route_web_socket("**/live/", hold)
    page.goto(shared_station.origin + "/")
    page.click("#trouble summary")
    expect(page.locator(".verdict")).to_have_text("Something here keeps phones away.")
    while not held:  # the first look takes the station a moment
        page.wait_for_timeout(50)
    assert '"say": ""' in held[0][1]
    for socket, message in held:
        socket.send(message)
    held[0][0].send('{"parts": {"trail": "all arrived"}}')
    expect(page.locator("[data-part=trail]")).to_have_text("all arrived")
    said = page.locator("[aria-live]").all_inner_texts()
    assert said == ["", "Something here keeps phones away."]


def test_the_doctor_is_asked_by_keyboard(page: Page) -> None:
    page.locator("#trouble summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".findings li").first).to_be_visible()
    page.keyboard.press("Tab")
    with page.expect_response("**/doctor/**"):
        page.keyboard.press("Enter")
    expect(page.locator("[data-doctor-again]")).to_be_focused()


def test_without_javascript_the_doctor_has_a_page_of_its_own(
    watched: Watched, session: dict, shared_station: Station
) -> None:
    page = watched.open(storage_state=session, java_script_enabled=False)
    page.goto(shared_station.origin + "/")
    page.click("#trouble summary")
    page.get_by_role("link", name="Check this computer").click()
    expect(page.locator("h1")).to_have_text("The phone can't connect?")
    expect(page.locator(".findings .is-broken")).to_have_count(1)
    page.get_by_role("link", name="Back to the code").click()
    expect(page.locator("svg.qr")).to_be_visible()


def test_who_was_signed_out_meanwhile_is_asked_to_sign_in(
    watched: Watched, shared_station: Station
) -> None:
    page = watched.open()
    sign_in(page, shared_station)
    page.route("**/live/", lambda route: route.abort())
    page.context.clear_cookies()
    page.click("#trouble summary")
    page.wait_for_url("**/sign-in/")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("width", [390, 1920])
def test_nothing_serious_and_nothing_cut_off_anywhere(
    watched: Watched,
    session: dict,
    shared_station: Station,
    kept: Phone,
    width: int,
    language: str,
    colours: str,
) -> None:
    _age(shared_station, 9)
    size = {"width": width, "height": 900}
    page = watched.open(storage_state=session, viewport=size, locale=language, color_scheme=colours)
    for path in ("/", "/doctor/"):
        page.goto(shared_station.origin + path)
        for summary in page.locator("main summary").all():
            summary.click()
        expect(page.locator(".findings li").first).to_be_visible()
        assert accessibility_problems(page) == "", path
        assert page.evaluate("document.documentElement.scrollWidth") == width, path


@pytest.mark.slow
def test_a_phone_that_does_not_come_opens_the_doctor_by_itself(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    phone = Phone(tmp_path / "phone")
    phone.enrol(station)
    page = watched.open()
    sign_in(page, station)
    with Proxy(station.port) as network:
        network.plan(*[Cut(up=0, silent=True)] * 20)
        run = phone.begin("backup", station.link("--port", str(network.port)), tmp_path)
        trouble = page.locator("#trouble")
        expect(page.locator(".trail .done", has_text="Confirmed")).to_be_visible()
        expect(trouble).not_to_have_attribute("open", "")
        expect(page.locator(".findings li", has_text="Last attempt")).to_contain_text(
            "has not reached the listening port yet", timeout=30_000
        )
        page.click("#trouble summary")
        # The trail is drawn again whenever any phone takes a step.
        page.evaluate(
            "{const part = document.querySelector('[data-part=trail]');"
            "part.innerHTML = String(part.innerHTML)}"
        )
        page.wait_for_timeout(500)
        expect(trouble).not_to_have_attribute("open", "")
        run.process.kill()
        run.finish()


# Reminders and names


def test_an_overdue_phone_is_said_and_its_reminder_changed_in_place(
    page: Page, kept: Phone, shared_station: Station
) -> None:
    _age(shared_station, 12)
    reminders = page.locator(".reminders")
    expect(reminders).to_contain_text("Pixel 8: last backup")
    expect(reminders).to_contain_text("Remind: weekly")
    page.evaluate("window.isStillHere = true")
    reminders.get_by_role("link").click()
    row = page.locator(".phone")
    row.get_by_label("Name").fill("Alice's phone")
    row.get_by_label("Remind").select_option("off")
    row.get_by_role("button", name="Save").click()
    expect(row.locator(".row-title")).to_have_text("Alice's phone")
    expect(row).to_contain_text("No reminder")
    expect(row.get_by_label("Name")).to_be_hidden()
    expect(reminders).to_have_count(0)
    assert page.evaluate("window.isStillHere")
    assert shared_station.answer("phones")["enrolled"][0]["name"] == "Alice's phone"


def test_why_a_name_is_refused_is_said_beside_it(
    page: Page, watched: Watched, kept: Phone, shared_station: Station
) -> None:
    watched.expect_complaints("400 (Bad Request)")
    page.evaluate("window.isStillHere = true")
    row = page.locator(".phone")
    row.locator("summary").click()
    row.get_by_label("Name").fill("to the\N{RIGHT-TO-LEFT OVERRIDE}left")
    row.get_by_role("button", name="Save").click()
    expect(row.get_by_role("alert")).to_have_text(
        "A name has at most 100 characters, all of them visible ones."
    )
    expect(row.get_by_label("Name")).to_be_focused()
    row.get_by_label("Name").fill("Left")
    row.get_by_role("button", name="Save").click()
    expect(row.locator(".row-title")).to_have_text("Left")
    expect(row.get_by_role("alert")).to_be_hidden()
    assert page.evaluate("window.isStillHere")


def test_what_is_being_typed_survives_what_happens_meanwhile(
    page: Page, kept: Phone, shared_station: Station, tmp_path: Path
) -> None:
    row = page.locator(".phone")
    row.locator("summary").click()
    name = row.get_by_label("Name")
    name.fill("Half a na")
    row.get_by_label("Remind").select_option("daily")
    name.focus()
    before = row.locator(".row-main").inner_text()
    (tmp_path / "more.txt").write_text("more")
    kept.run("backup", shared_station.link(), tmp_path / "more.txt")
    expect(row.locator(".row-main")).not_to_have_text(before, use_inner_text=True)
    expect(name).to_have_value("Half a na")
    expect(row.get_by_label("Remind")).to_have_value("1")
    expect(name).to_be_focused()


def test_without_javascript_name_and_reminder_are_saved_too(
    watched: Watched, session: dict, kept: Phone, shared_station: Station
) -> None:
    page = watched.open(storage_state=session, java_script_enabled=False, viewport=PHONE)
    page.goto(shared_station.origin + "/")
    row = page.locator(".phone")
    row.locator("summary").click()
    row.get_by_label("Name").fill("Saved without a script")
    row.get_by_label("Remind").select_option("monthly")
    row.get_by_role("button", name="Save").click()
    expect(row.locator(".row-title")).to_have_text("Saved without a script")
    expect(row.locator("select")).to_have_value("30")
