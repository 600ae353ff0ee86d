"""Several phones of one owner at once: real phones, one real station, one page."""

import os
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.enrolment import enrol_embedded
from accounts.models import Phone as EnrolledPhone
from accounts.models import User
from backupstation import journey, page, phones
from tests.browser import DESKTOP, PHONE, Watched, accessibility_problems, chromium, sign_in
from tests.page_cast import alice, bob, plain, snapshot_of, trail
from tests.proxy import Proxy
from tests.stations import Phone, Station
from transfer import approvals
from transfer.models import ApprovalKind, Invitation

NAMES = ["Alice's Pixel", "Alice's tablet", "Work phone", "Old Nokia", "奶奶的手机"]
BYTES = 12_000_000
PROVED = plain("scanned", "confirmed", "connected", "first", "second", "verified")


# Told from the trail


@pytest.fixture
def owner(db: None) -> User:
    return alice()


def _receiving(received: int, **detail: object) -> tuple[str, dict]:
    numbers = {"bytes": 1000, "received": received, "held": 100, "items": 7}
    return ("receiving", {"detail": numbers | detail})


def _transfer(owner: User, phone: str, *entries: tuple[str, dict], **options) -> str:
    session = trail(owner, [*PROVED, *entries], **options)
    Invitation.objects.filter(pk=session).update(claimed_by=phone)
    return session


def _enrolled(owner: User, name: str, key: int) -> str:
    enrol_embedded(owner, bytes([key]) * 32, name)
    return EnrolledPhone.objects.get(name=name).thumbprint


def _names(owner: User) -> list[str]:
    return [one.name for one in journey.recent(owner, timezone.now())]


def test_five_phones_are_five_transfers_with_names_and_one_query(
    owner: User, django_assert_num_queries
) -> None:
    for key, name in enumerate(NAMES, 1):
        _transfer(owner, _enrolled(owner, name, key), _receiving(100 * key))
    with django_assert_num_queries(1):
        told = journey.recent(owner, timezone.now())
    assert [one.name for one in told] == NAMES[::-1]
    assert [one.detail["received"] for one in told] == [500, 400, 300, 200, 100]


def test_the_newest_is_shown_in_full_and_the_others_in_a_line(owner: User) -> None:
    for key, name in enumerate(NAMES, 1):
        _transfer(owner, _enrolled(owner, name, key), _receiving(100 * key))
    html = page.Page(owner).look(timezone.now())["trail"]
    assert html.count('<ol class="trail') == 1
    assert html.count('class="other ') == 4
    assert html.index(NAMES[-1]) < html.index("<ol") < html.index("Work phone")
    for name in NAMES[1:]:
        assert name.replace("'", "&#x27;") in html
    assert html.count("<progress") == 5


def test_a_phone_is_called_what_its_owner_calls_it(owner: User) -> None:
    known, elsewhere = _enrolled(owner, "Pixel 8", 1), "thumbprint-of-a-phone"
    _transfer(owner, elsewhere, _receiving(1, source="iPhone"))
    _transfer(owner, known, _receiving(1))
    assert _names(owner) == ["Pixel 8", "iPhone"]
    for thumbprint, name in ((known, "Alice's"), (elsewhere, "Work")):
        snapshot_of(owner, phone=thumbprint)
        phones.keep(owner, thumbprint, name=name)
    assert _names(owner) == ["Alice's", "Work"]


def test_a_phone_that_waits_is_called_what_it_calls_itself(owner: User) -> None:
    session = trail(owner, plain("scanned", "connected", "waiting"), state="shown")
    asked = {"digits": "482113", "phone_key": bytes(32), "name": "New phone"}
    approvals.ask(session, ApprovalKind.ENROL, **asked)
    assert _names(owner) == ["New phone"]


def test_the_phone_of_another_owner_is_not_named(owner: User) -> None:
    theirs = _enrolled(bob(), "Bob's diary phone", 1)
    _transfer(owner, theirs)
    assert _names(owner) == [theirs[:8]]


def test_a_phone_that_failed_stays_told_until_it_comes_again_or_is_old(owner: User) -> None:
    one, two = _enrolled(owner, "One", 1), _enrolled(owner, "Two", 2)
    failed = ("failed", {"code": 4408, "reason": "silence"})
    _transfer(owner, one, failed, state="ended", ago=timedelta(minutes=1))
    _transfer(owner, two, _receiving(1))
    assert _names(owner) == ["Two", "One"]
    assert [one.name for one in journey.recent(owner, timezone.now() + timedelta(minutes=5))] == [
        "Two"
    ]
    _transfer(owner, one, _receiving(1))
    assert _names(owner) == ["One", "Two"]


def test_a_crowd_is_counted(owner: User) -> None:
    for number in range(15):
        _transfer(owner, f"phone-{number}", _receiving(1))
    shown = page.Page(owner)
    html = shown.look(timezone.now())["trail"]
    assert html.count('class="other ') == page.TRANSFERS_MAX - 1
    assert "and 3 more transfers" in html
    assert shown.look(timezone.now())["say"] == "phone-14: Receiving"


# Real phones


def _enrol(station: Station, phone: Phone, name: str) -> None:
    run = phone.begin("enrol", station.link(), "--name", name)
    station.allow(run)
    run.succeed()


@pytest.mark.browser
@pytest.mark.slow
def test_five_real_phones_back_up_at_once_and_each_is_seen(
    station: Station, tmp_path: Path
) -> None:
    mine = [Phone(tmp_path / f"phone-{number}") for number in range(len(NAMES))]
    for phone, name in zip(mine, NAMES, strict=True):
        _enrol(station, phone, name)
        (phone.home / "chats.bin").write_bytes(os.urandom(BYTES))
    with Proxy(station.port) as network, chromium() as browser:
        network.throttle(500_000)
        watched = Watched(browser)
        shown = watched.open()
        sign_in(shown, station)
        link = partial(station.link, "--port", str(network.port))
        runs = [phone.begin("backup", link(), phone.home / "chats.bin") for phone in mine]
        others = shown.locator(".other")
        expect(others).to_have_count(4, timeout=60_000)
        expect(shown.locator("[data-part=trail] progress")).to_have_count(5, timeout=60_000)
        expect(shown.locator("[data-part=trail] .numbers", has_text="/s")).to_have_count(5)
        told = shown.locator("[data-part=trail]").inner_text()
        assert all(name in told for name in NAMES)
        assert told.count("of 12.0") == 5
        assert told.count("1 item") == 5
        assert accessibility_problems(shown) == ""
        for viewport in (PHONE, DESKTOP, {"width": 1920, "height": 1080}):
            shown.set_viewport_size(viewport)
            assert shown.evaluate("document.documentElement.scrollWidth") == viewport["width"]
            shown.screenshot()
        network.throttle(None)
        for run in runs:
            assert run.succeed()["sent"] >= BYTES
        expect(others).to_have_count(0)
        rows = shown.locator(".phone", has_text="Last backup")
        expect(rows).to_have_count(5)
        expect(rows.filter(has_text="12.0")).to_have_count(5)
        expect(shown.locator(".storage-card")).to_contain_text("Your last backup brought 12.0")
        watched.close()
