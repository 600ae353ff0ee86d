"""The phone page in a real Chromium: enrolment, backup, resuming and restore, on plain http.

Its origin is a name that is no secure context, so that what a phone in the LAN lacks
(crypto.subtle, service workers, wake locks, the clipboard) is missing here too.
"""

import io
import random
import re
import sqlite3
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.browser import page_bytes
from tests.accounts_cast import running_imserver
from tests.attacker import Desk
from tests.browser import LAN_NAME, Watched, accessibility_problems, shown_link, sign_in
from tests.phone_page import PhonePage, at_lan_name
from tests.proxy import Cut, Proxy
from tests.stations import Phone, Station, running, tree
from wire.limits import SECRET_BYTES
from wire.tokens import b64u, unb64u

pytestmark = pytest.mark.browser
MIB = 1024 * 1024
PAGE_BYTES_MAX = 120_000  # all of it, gzipped


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
    phone = PhonePage(watched, station, looks=True)
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
    phone = PhonePage(watched, station, looks=True, color_scheme="dark", locale="zh-CN")
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
    phone = PhonePage(watched, station)
    asked: list[str] = []
    phone.page.on(
        "request",
        lambda request: asked.append(f"{request.url} {request.all_headers()} {request.post_data}"),
    )
    phone.scan()
    phone.sees("enrol")
    phone.page.click("text=中文")
    expect(phone.page.locator("[data-view=enrol] h1")).to_have_text("这部手机是第一次来")
    station.manage("phones", "allow", phone.ask_to_be_let_in())
    phone.sees("start")
    phone.scan()
    payload = phone.page.url.partition("#")[2]
    phone.sees("start")
    phone.press("[data-open=backup]")
    phone.sees("choose")
    secret = unb64u(payload)[-SECRET_BYTES:]
    forms = [payload, secret.hex(), b64u(secret), b64encode(secret).decode()[:20]]
    assert any("/im/v1/connections" in request for request in asked)
    assert not [request for request in asked for form in forms if form in request]


def test_the_whole_page_is_small(watched: Watched, station: Station) -> None:
    phone = PhonePage(watched, station)
    urls: set[str] = set()
    phone.page.on("request", lambda request: urls.add(request.url))
    phone.scan()
    phone.sees("enrol")
    assert any(url.endswith("/phone/reading.js") for url in urls)
    assert page_bytes(urls) <= PAGE_BYTES_MAX


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


def test_the_same_files_again_send_almost_nothing(
    watched: Watched, station: Station, exports: list[Path]
) -> None:
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.choose(*exports)
    phone.send()
    first = phone.snapshot
    phone.scan()
    phone.sees("start")
    phone.choose(*exports)
    phone.send()
    assert phone.snapshot != first
    sent, _, held = phone.results().partition(" sent ")
    assert sent.endswith((" byte", " bytes", " kB"))
    assert "MB were held already" in held


def test_chosen_parts_are_restored_and_nothing_else(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    folder = tmp_path / "chats"
    for name in ("family/a.txt", "family/b.txt", "work/c.txt", "d.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name * 1000)
    (folder / "empty.txt").write_bytes(b"")
    other = Phone(tmp_path / "phone")
    other.enrol(station)
    snapshot = other.run("backup", station.link(), folder)["snapshot_id"][:8]

    phone = PhonePage(watched, station)
    phone.enrol()
    phone.look_into(snapshot)
    phone.page.locator("label.all input").uncheck()
    expect(phone.page.locator("[data-restore-button]")).to_be_disabled()
    phone.page.get_by_label("chats/family").check()
    phone.page.locator("summary").first.click()
    phone.page.get_by_label("empty.txt").check()
    expect(phone.page.locator("[data-restore-button]")).to_contain_text("3 files")
    phone.page.locator(".folder:has-text('chats/family') summary").click()
    phone.page.get_by_label("b.txt").uncheck()
    phone.restore()
    names = phone.page.locator("[data-restored-list] .row-title").all_inner_texts()
    assert names == ["chats/empty.txt", "chats/family/a.txt"]
    saved = tmp_path / "saved"
    phone.download("[data-restored-list] li:has-text('a.txt') button").save_as(saved)
    assert saved.read_bytes() == (folder / "family/a.txt").read_bytes()
    phone.download("[data-save-all]").save_as(saved)
    a = (folder / "family/a.txt").read_bytes()
    assert unpacked(saved) == {"chats/empty.txt": b"", "chats/family/a.txt": a}


def film(folder: Path, size: int) -> Path:
    """A file of random bytes that no station has seen."""
    path = folder / "film.mp4"
    path.write_bytes(random.Random(str(folder)).randbytes(size))
    return path


def test_a_backup_that_is_cut_in_the_middle_goes_on(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    """Both screens say so; what arrived before the cut is not sent again."""
    watched.expect_complaints("WebSocket connection")
    size = 24 * MIB
    video = film(tmp_path, size)
    owner = watched.open()
    sign_in(owner, station)
    phone = PhonePage(watched, station)
    with Proxy(station.port) as proxy:
        phone.open(station.link("--port", str(proxy.port)))
        station.manage("phones", "allow", phone.ask_to_be_let_in())
        phone.sees("start")
        proxy.plan(Cut(up=12 * MIB))
        proxy.throttle(6 * MIB)
        phone.choose(video)
        phone.press("[data-send-button]")
        expect(owner.locator("[data-part=trail]")).to_contain_text("of 25.2 MB")
        expect(phone.page.locator("[data-numbers]")).to_contain_text("of 25.2 MB")
        proxy.throttle(None)
        phone.sees("stored")
        assert "The connection is lost" in (phone.page.text_content("[data-interrupted]") or "")
        assert len(proxy.connections) >= 2
        assert proxy.up < size + 10 * MIB
    expect(owner.locator("[data-part=snapshots]")).to_contain_text(phone.snapshot)
    other = Phone(tmp_path / "phone")
    other.enrol(station)
    other.run("restore", station.link(), phone.snapshot, "--to", tmp_path / "back")
    assert (tmp_path / "back" / "film.mp4").read_bytes() == video.read_bytes()


def test_a_restore_that_is_cut_in_the_middle_goes_on(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    watched.expect_complaints("WebSocket connection")
    size = 16 * MIB
    video = film(tmp_path, size)
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.choose(video)
    phone.send()
    snapshot = phone.snapshot
    with Proxy(station.port) as proxy:
        link = station.link("--port", str(proxy.port))
        phone.open(link)
        station.manage("phones", "allow", phone.ask_to_be_let_in("the same, at another port"))
        phone.sees("start")
        proxy.plan(Cut(down=9 * MIB))
        phone.look_into(snapshot)
        phone.restore()
        assert len(proxy.connections) == 2
        assert proxy.down < size + 10 * MIB
    saved = tmp_path / "saved"
    phone.download("[data-restored-list] button").save_as(saved)
    assert saved.read_bytes() == video.read_bytes()


def test_what_was_chosen_waits_for_a_connection_that_was_lost_meanwhile(
    watched: Watched, station: Station, exports: list[Path]
) -> None:
    """Choosing takes its time, and phones drop connections of pages that nobody looks at."""
    watched.expect_complaints("WebSocket connection")
    phone = PhonePage(watched, station)
    with Proxy(station.port) as proxy:
        phone.open(station.link("--port", str(proxy.port)))
        station.manage("phones", "allow", phone.ask_to_be_let_in())
        phone.sees("start")
        phone.choose(*exports)
        proxy.cut_all()
        phone.page.wait_for_timeout(500)
        phone.send()


# Refusals, each with its sentence


REFUSALS = {
    "expired": ("This code has run out.", "这个二维码已过期。"),
    "used": ("This code was used before, or the station is stopping.", "这个二维码已经用过"),
    "denied": (
        "The station's owner did not let this phone in.",
        "备份站的主人没有允许这部手机加入。",
    ),
    "revoked": ("This phone was revoked", "这部手机已被吊销"),
    "another account": ("This phone belongs to another account", "这部手机属于另一个账号"),
    "another scope": ("This code does not permit that.", "这个二维码不允许这样做。"),
}


@pytest.fixture(scope="module")
def desk(station: Station) -> Iterator[Desk]:
    """The owner's side, for what no page and no command does."""
    desk = Desk(station)
    yield desk
    desk.close()


def thumbprint_of(station: Station, name: str) -> str:
    enrolled = station.answer("phones")["enrolled"]
    (thumbprint,) = [phone["thumbprint"] for phone in enrolled if phone["name"] == name]
    return str(thumbprint)


def refused(phone: PhonePage, why: str, chinese: bool) -> None:
    """The page says why, in its language, and what to do."""
    assert REFUSALS[why][chinese] in phone.failure()
    assert phone.page.inner_text("[data-advice]")
    assert accessibility_problems(phone.page) == ""


@pytest.mark.parametrize("chinese", [False, True], ids=["english", "chinese"])
def test_each_refusal_has_its_sentence(
    watched: Watched, station: Station, desk: Desk, chinese: bool, exports: list[Path]
) -> None:
    watched.expect_complaints("Failed to load resource", "WebSocket connection")
    phone = PhonePage(watched, station, locale="zh-CN" if chinese else "en-GB")

    phone.scan()
    owner = watched.open()
    sign_in(owner, station)
    station.manage("phones", "deny", phone.ask_to_be_let_in())
    refused(phone, "denied", chinese)
    expect(owner.locator("[data-part=trail]")).to_contain_text("You did not let this phone in.")

    phone.enrol(name := f"a phone to refuse {chinese}")
    used = phone.page.url
    phone.choose(*exports)
    phone.send()
    phone.open(used)
    phone.sees("start")
    phone.press("[data-open=backup]")
    refused(phone, "used", chinese)

    phone.open(f"{station.origin}/phone/#{desk.invite(account='alice', seconds=-100)}")
    phone.sees("start")
    phone.press("[data-open=restore]")
    refused(phone, "expired", chinese)

    desk.revoke(thumbprint=thumbprint_of(station, name))
    phone.scan()
    phone.sees("start")
    phone.press("[data-open=backup]")
    refused(phone, "revoked", chinese)


def test_a_code_that_another_phone_used_is_named(watched: Watched, station: Station) -> None:
    watched.expect_complaints("Failed to load resource")
    first, second = PhonePage(watched, station), PhonePage(watched, station)
    first.enrol()
    second.enrol()
    link = station.link()
    for phone in (first, second):
        phone.open(link)
        phone.sees("start")
    first.press("[data-open=backup]")
    first.sees("choose")
    second.press("[data-open=backup]")
    assert second.failure() == "Another phone has used this code."


def test_a_code_for_one_thing_is_asked_for_nothing_else(
    watched: Watched, station: Station, exports: list[Path]
) -> None:
    """With one choice there is nothing to choose; a bound code shows its snapshot alone."""
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.choose(*exports[:3])
    phone.send()
    snapshot = phone.snapshot
    phone.scan("--scope", "backup")
    phone.sees("choose")
    phone.scan("--snapshot", snapshot)
    phone.sees("contents")
    assert phone.page.inner_text("[data-contents-id]") == snapshot
    phone.restore()


@pytest.mark.parametrize("chinese", [False, True], ids=["english", "chinese"])
def test_a_phone_of_another_account_is_told_so(
    watched: Watched, tmp_path: Path, chinese: bool
) -> None:
    watched.expect_complaints("Failed to load resource")
    with running(tmp_path / "station", STATION_ALLOWED_HOSTS=LAN_NAME) as station:
        phone = PhonePage(watched, station, locale="zh-CN" if chinese else "en-GB")
        phone.enrol()
        station.add_owner("bob")
        phone.scan("--account", "bob")
        phone.sees("start")
        phone.press("[data-open=backup]")
        refused(phone, "another account", chinese)


# Unlucky people


def test_a_station_that_is_killed_meanwhile_loses_nothing(watched: Watched, tmp_path: Path) -> None:
    """kill -9 in the middle of a backup; it is started again, and the phone goes on by itself."""
    watched.expect_complaints("WebSocket connection", "Failed to load resource")
    video = film(tmp_path, 40 * MIB)
    with running(tmp_path / "station", STATION_ALLOWED_HOSTS=LAN_NAME) as station:
        phone = PhonePage(watched, station)
        phone.enrol()
        phone.choose(video)
        phone.press("[data-send-button]")
        expect(phone.page.locator("[data-percent]")).not_to_have_text(re.compile("^[0-9] %"))
        station.kill()
        expect(phone.page.locator("[data-interrupted]")).to_be_visible()
        station.start()
        phone.sees("stored")
        phone.scan()
        phone.sees("start")
        phone.look_into(newest(station))
        phone.restore()
        saved = tmp_path / "saved"
        phone.download("[data-restored-list] button").save_as(saved)
        assert saved.read_bytes() == video.read_bytes()


def test_stop_is_heard_while_the_connection_is_interrupted(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    watched.expect_complaints("WebSocket connection", "Failed to load resource")
    phone = PhonePage(watched, station)
    with Proxy(station.port) as proxy:
        phone.open(station.link("--port", str(proxy.port)))
        station.manage("phones", "allow", phone.ask_to_be_let_in())
        phone.sees("start")
        before = newest(station)
        proxy.plan(Cut(up=4 * MIB))
        phone.choose(film(tmp_path, 24 * MIB))
        phone.press("[data-send-button]")
        expect(phone.page.locator("[data-percent]")).not_to_have_text("0 %")
        proxy.refuse(True)
        expect(phone.page.locator("[data-interrupted]")).to_be_visible()
        proxy.refuse(False)
        phone.press("[data-stop]")
        assert phone.failure() == "You stopped it."
    assert newest(station) == before


def test_a_snapshot_of_many_files_can_be_looked_at_again_and_again(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    """Each look costs credit, which is given back; a press too many does no harm."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3300):
        (folder / f"{number:05}-{'x' * 100}.txt").write_text(str(number))
    other = Phone(tmp_path / "phone")
    other.enrol(station)
    snapshot = other.run("backup", station.link(), folder)["snapshot_id"][:8]
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.look_into(snapshot)
    for _ in range(14):
        phone.press("[data-view=contents] [data-back]")
        phone.sees("snapshots")
        phone.page.dblclick(f"[data-snapshots] button:text-is('{snapshot}')")
        phone.sees("contents")
    phone.page.locator("label.all input").uncheck()
    phone.page.locator("summary").first.click()
    expect(phone.page.locator("[data-tree] [data-kind=item]")).to_have_count(500)


def test_a_restore_of_what_the_browser_threw_away_is_no_empty_file(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.choose(film(tmp_path, MIB))
    phone.send()
    snapshot = phone.snapshot
    phone.scan()
    phone.sees("start")
    phone.look_into(snapshot)
    phone.restore()
    phone.page.evaluate(
        """new Promise((resolve) => {
          const request = indexedDB.open("backupstation");
          request.onsuccess = () => {
            const change = request.result.transaction("parts", "readwrite");
            change.objectStore("parts").clear();
            change.oncomplete = resolve;
          };
        })"""
    )
    phone.press("[data-restored-list] button")
    assert phone.failure() == "This browser has thrown away what was restored, to make room."
    phone.press("[data-back-to-files]")
    phone.sees("restored")
    phone.press("[data-finish]")
    phone.sees("finished")


def test_a_browser_without_module_workers_is_told_so(watched: Watched, station: Station) -> None:
    watched.expect_complaints("Failed to load resource")
    phone = PhonePage(watched, station)
    phone.page.route("**/phone/reading.js", lambda route: route.fulfill(status=404))
    phone.scan()
    assert phone.failure().startswith("This browser is too old")


def test_the_keyboard_goes_through_the_page(watched: Watched, station: Station) -> None:
    """The skip link must not take the place of the code in the address."""
    phone = PhonePage(watched, station)
    phone.scan()
    phone.sees("enrol")
    address = phone.page.url
    phone.page.focus(".skip")
    phone.page.keyboard.press("Enter")
    assert phone.page.evaluate("document.activeElement.id") == "main"
    phone.page.keyboard.press("Tab")
    phone.page.keyboard.type(" of Alice")
    phone.page.keyboard.press("Enter")
    phone.page.keyboard.press("Enter")
    phone.sees("waiting")
    assert phone.page.url == address
    (waiting,) = station.answer("phones")["waiting"]
    assert waiting["name"].endswith("of Alice")
    station.manage("phones", "deny", waiting["digits"])


def newest(station: Station) -> str:
    """The first characters of the newest snapshot's ID."""
    with closing(sqlite3.connect(f"file:{station.database}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT snapshot_id FROM transfer_snapshot ORDER BY id DESC")
        return str((rows.fetchone() or [""])[0])[:8]


def test_a_file_that_changes_meanwhile_is_named_and_the_others_are_stored(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    steady, changing = tmp_path / "steady.txt", tmp_path / "changing.txt"
    for path in (steady, changing):
        path.write_text("as it was when it was chosen")
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.choose(steady, changing)
    changing.write_text("something else, and longer than before")
    phone.send()
    left = phone.page.locator("[data-left-list] li").all_inner_texts()
    assert left == ["changing.txt\n\ncannot be read, or changed while it was read"]
    phone.scan()
    phone.sees("start")
    phone.choose(changing)
    changing.unlink()
    phone.press("[data-send-button]")
    assert phone.failure() == "There is nothing that can be read."
    phone.press("[data-again]")
    phone.sees("choose")
    phone.page.click("[data-picked] button")
    phone.page.set_input_files("[data-pick] >> nth=0", [steady])
    phone.send()


def test_who_stops_a_backup_has_no_snapshot_and_sends_nothing_twice(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    owner = watched.open()
    sign_in(owner, station)
    phone = PhonePage(watched, station)
    phone.enrol()
    before = newest(station)
    phone.choose(film(tmp_path, 60 * MIB))
    phone.press("[data-send-button]")
    expect(phone.page.locator("[data-percent]")).not_to_have_text(re.compile("^[0-9] %"))
    phone.press("[data-stop]")
    assert phone.failure() == "You stopped it."
    assert phone.page.inner_text("[data-code]") == ""
    expect(owner.locator("[data-part=trail]")).to_contain_text("It was stopped on the phone.")
    assert newest(station) == before
    phone.scan()
    phone.sees("start")
    phone.choose(tmp_path / "film.mp4")
    phone.send()
    assert "were held already" in phone.results()


def test_names_and_labels_are_text_and_never_markup(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    attack = "<img src=x onerror=document.title='owned'>"
    path = tmp_path / f"{attack.replace('/', '')}.txt"
    path.write_text("harmless")
    phone = PhonePage(watched, station)
    phone.enrol(f"{attack}"[:100])
    phone.choose(path)
    phone.page.fill("#label", attack)
    assert attack in phone.page.inner_text("[data-picked]")
    phone.send()
    snapshot = phone.snapshot
    phone.scan()
    phone.sees("start")
    phone.press("[data-open=restore]")
    phone.sees("snapshots")
    assert attack in phone.page.inner_text("[data-snapshots]")
    phone.page.click(f"[data-snapshots] button:text-is('{snapshot}')")
    phone.sees("contents")
    assert phone.page.inner_text("[data-contents-label]") == attack
    phone.restore()
    assert phone.page.locator("main img").count() == 0
    assert "owned" not in phone.page.title()


def test_a_chat_that_the_command_line_sent_is_held_already(
    watched: Watched, station: Station, tmp_path: Path
) -> None:
    """Both phones cut at the same places, in the browser's own reading too."""
    chat = tmp_path / "chat.txt"
    noise = random.Random(5)
    words = ["hello", "你好", "12:30", "photo", "tomorrow", "😀", "ok"]
    chat.write_text(" ".join(noise.choice(words) + str(noise.random()) for _ in range(300_000)))
    other = Phone(tmp_path / "phone")
    other.enrol(station)
    other.run("backup", station.link(), chat)
    phone = PhonePage(watched, station)
    phone.enrol()
    phone.choose(chat)
    phone.send()
    sent, _, held = phone.results().partition(" sent ")
    assert sent.endswith((" bytes", " kB"))
    assert "MB were held already" in held


# Accounts of an IM server elsewhere


def test_a_phone_enrols_at_an_im_server_elsewhere_by_its_code(
    watched: Watched, tmp_path: Path
) -> None:
    """Three processes and a browser; the owner accepts the account once, by the same digits."""
    watched.expect_complaints("Failed to load resource")
    with (
        running_imserver(tmp_path / "im") as imserver,
        running(tmp_path / "station", STATION_ALLOWED_HOSTS=LAN_NAME) as station,
    ):
        imserver.operate("account", "alice")
        station.manage("register", imserver.origin, imserver.operate("station-code")["code"])
        phone = PhonePage(watched, station)
        phone.scan()
        phone.sees("enrol")
        expect(phone.page.locator("[data-im-origin]")).to_have_text(imserver.origin)
        phone.page.fill("#enrol-code", "AAAAA-BBBBB-CCCCC-DDDDD")
        phone.press("[data-enrol] button")
        assert phone.failure() == "This one-time code is not known."
        phone.scan()
        phone.sees("enrol")
        phone.page.fill("#enrol-code", imserver.operate("code", "alice")["code"].lower())
        phone.press("[data-enrol] button")
        phone.sees("start")
        phone.press("[data-open=backup]")
        phone.sees("waiting")
        digits = re.sub(r"\s", "", phone.page.inner_text("[data-digits]"))
        station.manage("phones", "allow", digits)
        phone.sees("choose")
        chat = tmp_path / "chat.txt"
        chat.write_text("hello")
        phone.page.set_input_files("[data-pick] >> nth=0", [chat])
        phone.send()
        phone.scan("--scope", "restore")
        phone.sees("snapshots")
