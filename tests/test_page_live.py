"""The station page's own socket, and the page behind it."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
import websockets
from django.utils import timezone, translation
from websockets.exceptions import ConnectionClosed

from accounts.models import User
from backupstation.flow import PeerGone
from backupstation.live import LivePage
from backupstation.page import Page
from backupstation.showing import Choice, adopted
from tests.page_cast import alice, bob, plain, shown_to, snapshot_of, trail
from tests.stations import Phone, Station
from transfer.models import Invitation, InvitationState, TrailEntry

# The page, without a socket


@pytest.fixture
def owner(db: None) -> User:
    return alice()


@pytest.fixture
def page(owner: User) -> Page:
    return Page(owner, Choice("127.0.0.1"))


def test_only_what_changed_is_sent(page: Page) -> None:
    now = timezone.now()
    first = page.changes(now)
    assert {"code", "trail", "approvals", "snapshots", "phones", "storage"} <= first.keys()
    assert page.changes(now) == {}
    trail(page.owner, plain("scanned"), state=InvitationState.SHOWN)
    assert page.changes(now).keys() == {"trail", "say"}


def test_a_new_code_every_minute(page: Page) -> None:
    now = timezone.now()
    page.look(now)
    first = page.shown
    page.look(now + timedelta(seconds=59))
    assert page.shown is first
    page.look(now + timedelta(seconds=61))
    assert page.shown is not None
    assert page.shown.session_id != first.session_id
    assert page.shown.link != first.link


def test_a_used_code_gives_way_to_a_new_one_at_once(page: Page) -> None:
    now = timezone.now()
    page.look(now)
    used = page.shown.session_id
    TrailEntry.objects.create(invitation_id=used, step="scanned")
    page.look(now)
    assert page.shown.session_id == used
    TrailEntry.objects.create(invitation_id=used, step="connected")
    page.look(now)
    assert page.shown.session_id != used


def test_another_choice_shows_another_code_and_the_same_choice_does_not(page: Page) -> None:
    page.look(timezone.now())
    first = page.shown
    page.choose(Choice("127.0.0.1"))
    page.look(timezone.now())
    assert page.shown is first
    page.choose(Choice("127.0.0.1", "restore"))
    page.look(timezone.now())
    assert page.shown.scope == "restore"


def test_a_look_costs_the_same_queries_however_much_there_is(
    page: Page, django_assert_max_num_queries
) -> None:
    page.look(timezone.now())
    for _ in range(10):
        trail(page.owner, plain("scanned", "confirmed", "connected", "first"))
        snapshot_of(page.owner)
    with django_assert_max_num_queries(6):
        page.look(timezone.now())
    with django_assert_max_num_queries(2):
        page.look(timezone.now())


def test_the_code_that_the_view_rendered_is_taken_over(owner: User) -> None:
    shown = shown_to(owner)
    taken = adopted(owner, shown.link, Choice())
    assert taken is not None
    assert (taken.session_id, taken.link) == (shown.session_id, shown.link)
    assert 0 < taken.seconds_left <= 60


def test_foreign_used_and_altered_codes_are_not_taken_over(owner: User) -> None:
    shown = shown_to(owner)
    assert adopted(bob(), shown.link, Choice()) is None
    assert adopted(owner, shown.link[:-8] + "AAAAAAAA", Choice()) is None
    assert adopted(owner, "", Choice()) is None
    assert adopted(owner, "http://127.0.0.1/phone/#AAAA", Choice()) is None
    Invitation.objects.update(state=InvitationState.CLAIMED)
    assert adopted(owner, shown.link, Choice()) is None


def test_what_happens_is_announced_in_the_readers_language(page: Page) -> None:
    trail(page.owner, plain("scanned", "confirmed"), state=InvitationState.SHOWN)
    assert page.look(timezone.now())["say"] == "Confirmed by the IM server"
    with translation.override("zh-hans"):
        assert page.look(timezone.now())["say"] == "IM 服务器已确认"


class Left(LivePage):
    """A page that is left while something is on its way to it."""

    def _look(self) -> dict[str, str] | None:
        return {"say": "something new"}

    async def send(self, *_args: Any, **_more: Any) -> None:
        raise PeerGone("the WebSocket is closed")


def test_a_page_that_is_left_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(Left()._poll())
    assert caplog.records == []


# The socket, of a real station


class Browser:
    """What the page's script does, without a browser: signed in by cookie, parts by message."""

    def __init__(self, station: Station, cookie: str) -> None:
        self.station, self.cookie = station, cookie
        self.parts: dict[str, str] = {}

    def connect(self) -> websockets.connect:
        origin = f"http://127.0.0.1:{self.station.port}"
        return websockets.connect(
            f"ws://127.0.0.1:{self.station.port}/live/",
            origin=origin,
            additional_headers={"Cookie": self.cookie},
            max_size=None,
        )

    async def until(self, socket: Any, part: str, words: str) -> str:
        async with asyncio.timeout(30):
            while words not in self.parts.get(part, ""):
                self.parts |= json.loads(await socket.recv())["parts"]
        return self.parts[part]


HELLO = {
    "type": "hello",
    "language": "en",
    "link": "",
    "choice": {"address": "127.0.0.1", "scope": "both", "im_origin": None},
}


@pytest.fixture(scope="module")
def browser(shared_station: Station) -> Browser:
    return Browser(shared_station, shared_station.sign_in())


async def _until_closed(socket: Any) -> int:
    async with asyncio.timeout(15):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code


def _close_code(browser: Browser, *messages: str) -> int:
    async def talk() -> int:
        async with browser.connect() as socket:
            try:
                for message in messages:
                    await socket.send(message)
            except ConnectionClosed as closed:
                return closed.rcvd.code
            return await _until_closed(socket)

    return asyncio.run(talk())


def test_without_a_session_the_socket_says_sign_in(shared_station: Station) -> None:
    assert _close_code(Browser(shared_station, "sessionid=forged"), json.dumps(HELLO)) == 4401


@pytest.mark.parametrize(
    "message",
    ["", "[]", "{", '{"type": "other"}', '{"type": "hello"}', '{"type": "decide", "digits": 1}'],
)
def test_what_no_page_says_closes_the_socket(browser: Browser, message: str) -> None:
    assert _close_code(browser, message) == 4400


def test_the_page_gets_its_parts_in_its_language(browser: Browser) -> None:
    async def talk() -> str:
        browser.parts.clear()
        async with browser.connect() as socket:
            await socket.send(json.dumps(HELLO | {"language": "zh-hans"}))
            return await browser.until(socket, "trail", "二维码已显示")

    assert "已扫描" in asyncio.run(talk())


def test_a_page_that_is_gone_or_signed_out_issues_no_more_codes(
    shared_station: Station, browser: Browser
) -> None:
    guest = Browser(shared_station, shared_station.sign_in())

    async def talk() -> int:
        async with guest.connect() as socket:
            await socket.send(json.dumps(HELLO))
            await guest.until(socket, "code", "<svg")
            script = (
                "from django.contrib.sessions.models import Session;"
                f"Session.objects.filter(pk='{guest.cookie.partition('=')[2]}').delete()"
            )
            await asyncio.to_thread(shared_station.manage, "shell", "-v", "0", "-c", script)
            return await _until_closed(socket)

    assert asyncio.run(talk()) == 4401


def test_the_owner_allows_a_phone_on_the_page_and_watches_its_backup(
    shared_station: Station, browser: Browser, phone: Phone, chats: Any
) -> None:
    def link() -> str:
        return (
            browser.parts["code"]
            .partition("data-link")[0]
            .rpartition('value="')[2]
            .partition('"')[0]
        )

    async def talk() -> None:
        browser.parts.clear()
        async with browser.connect() as socket:
            await socket.send(json.dumps(HELLO))
            await browser.until(socket, "code", "<svg")
            enrolling = phone.begin("enrol", link(), "--name", "Pixel 8")
            question = await browser.until(socket, "approvals", "Pixel 8")
            digits = question.partition('name="allow" value="')[2][:6]
            assert f"{digits[:3]}&nbsp;{digits[3:]}" in question
            assert digits[:3] in browser.parts["say"]
            decide = {"type": "decide", "digits": digits, "allow": True}
            await socket.send(json.dumps(decide))
            await asyncio.to_thread(enrolling.succeed)
            await browser.until(socket, "phones", "Pixel 8")
            before = link()
            backup = phone.begin("backup", before, chats, "--label", "Live chats")
            await browser.until(socket, "snapshots", "Live chats")
            answer = await asyncio.to_thread(backup.succeed)
            assert answer["snapshot_id"][:8] in await browser.until(socket, "trail", "received")
            assert 'class="next"' not in browser.parts["trail"]
            assert link() != before

    asyncio.run(talk())


def test_a_denied_phone_is_told_and_the_trail_says_who_decided(
    shared_station: Station, browser: Browser, phone: Phone
) -> None:
    async def talk() -> None:
        browser.parts.clear()
        async with browser.connect() as socket:
            await socket.send(json.dumps(HELLO))
            enrolling = phone.begin("enrol", shared_station.link(), "--name", "Stranger")
            question = await browser.until(socket, "approvals", "Stranger")
            digits = question.partition('name="deny" value="')[2][:6]
            await socket.send(json.dumps({"type": "decide", "digits": digits, "allow": False}))
            assert await asyncio.to_thread(enrolling.finish) != 0
            assert "You:" in await browser.until(socket, "trail", "did not let")

    asyncio.run(talk())
