"""The first run: only the holder of the one-time code becomes the owner."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from backupstation import owner, roles
from tests.page_cast import client, signed_in, snapshot_in
from tests.stations import Station
from transfer.models import Vault

pytestmark = pytest.mark.django_db
GOOD = "a long enough passphrase"


def _form(code: str, **changes: str) -> dict[str, str]:
    return {"code": code, "username": "alice", "password": GOOD, "again": GOOD} | changes


@pytest.fixture
def code() -> str:
    roles.prepare()
    return owner.draw_code()


def test_every_page_leads_to_the_first_run_while_there_is_no_owner() -> None:
    assert client().get("/")["Location"] == "/first-run/"
    assert client().get("/sign-in/")["Location"] == "/first-run/"


def test_without_the_code_there_is_no_owner_form(code: str) -> None:
    asked = client().get("/first-run/")
    assert asked.status_code == 200
    assert b'name="password"' not in asked.content
    wrong = client().get("/first-run/?code=" + "x" * len(code))
    assert wrong.status_code == 403
    assert client().post("/first-run/", _form("guess")).status_code == 403
    assert not User.objects.exists()


def test_the_code_opens_the_form_and_makes_a_signed_in_superuser_once(code: str) -> None:
    browser = client()
    assert b'name="password"' in browser.get(owner.first_run_path(code)).content
    made = browser.post("/first-run/", _form(code))
    assert made["Location"] == "/recovery/"
    user = User.objects.get()
    assert user.is_superuser
    assert user.check_password(GOOD)
    assert browser.get("/").status_code == 200
    again = client().post("/first-run/", _form(code, username="mallory"))
    assert (again.status_code, b"it was used" in again.content) == (410, True)
    assert User.objects.count() == 1


def test_the_code_is_kept_hashed_and_private(code: str) -> None:
    kept = Path(settings.STATION_DATA_DIR) / "first-run-code"
    assert code not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_drawing_again_ends_the_earlier_code(code: str) -> None:
    newer = owner.draw_code()
    assert not owner.is_code_good(code)
    assert owner.is_code_good(newer)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"again": "something else 12"}, "again"),
        ({"password": "1234", "again": "1234"}, "password"),
        ({"password": "alice", "again": "alice"}, "password"),
        ({"username": ""}, "username"),
        ({"username": "no spaces"}, "username"),
    ],
)
def test_a_bad_form_says_why_and_keeps_the_code_good(
    code: str, changes: dict[str, str], field: str
) -> None:
    refused = client().post("/first-run/", _form(code, **changes))
    assert refused.status_code == 200
    assert field in refused.context["form"].errors
    assert not User.objects.exists()
    assert owner.is_code_good(code)


def _become_owner(station: Station, number: int) -> str:
    """Fill in the form of a running station as a browser does; where it leads."""
    link = urlsplit(station.first_run)
    browser = HTTPConnection("127.0.0.1", station.port, timeout=60)
    browser.request("GET", f"{link.path}?{link.query}")
    page = browser.getresponse()
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    token = re.search(rb'csrfmiddlewaretoken" value="([^"]+)"', page.read())[1].decode()
    form = _form(parse_qs(link.query)["code"][0], username=f"user{number}")
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode(form | {"csrfmiddlewaretoken": token})
    browser.request("POST", "/first-run/", body, headers)
    return browser.getresponse().headers.get("Location", "refused")


def test_one_code_used_by_many_at_once_makes_one_owner(tmp_path: Path) -> None:
    station = Station(tmp_path / "station").start()
    try:
        with ThreadPoolExecutor(6) as pool:
            led_to = list(pool.map(lambda number: _become_owner(station, number), range(6)))
    finally:
        station.stop()
    assert led_to.count("/recovery/") == 1
    assert set(led_to) <= {"/recovery/", "/", "refused"}


def test_the_recovery_sheet_is_offered_at_once_then_asks_for_the_password(code: str) -> None:
    browser = client()
    browser.post("/first-run/", _form(code))
    sheet = browser.get("/recovery/")
    assert len(sheet.context["words"]) == 24
    assert "no-store" in sheet["Cache-Control"]
    browser.get("/")
    later = browser.get("/recovery/")
    assert "words" not in later.context
    assert b'name="password"' in later.content


# A store that came back


def _came_back(*subjects: str) -> list[Vault]:
    return [
        Vault.objects.create(id=os.urandom(16).hex(), iss=roles.embedded_iss(), sub=subject)
        for subject in subjects
    ]


def test_of_two_backups_in_one_second_the_latest_is_the_later_one(code: str) -> None:
    [vault] = _came_back("of old")
    same = timezone.now().replace(microsecond=0)
    snapshot_in(vault, label="once more", stored_at=same, sequence=2)  # found in any order
    snapshot_in(vault, label="before the fire", stored_at=same, sequence=1)
    page = client().get(owner.first_run_path(code)).content.decode()
    assert re.search("2 snapshots, latest [0-9-]+: once more", page)
    client().post("/first-run/", _form(code, vault=vault.pk))
    told = signed_in(User.objects.get()).get("/conversations/snapshots/").content.decode()
    assert told.index("once more") < told.index("before the fire")


def test_the_one_vault_that_came_back_is_offered_and_becomes_the_owners(code: str) -> None:
    [vault] = _came_back("of old")
    snapshot_in(vault, label="before the fire")
    page = client().get(owner.first_run_path(code)).content.decode()
    assert f'value="{vault.pk}" selected' in page
    assert re.search("1 snapshot, latest [0-9-]+: before the fire", page)
    assert "24 words" not in page
    client().post("/first-run/", _form(code, vault=vault.pk))
    vault.refresh_from_db()
    assert vault.owner == User.objects.get()
    assert User.objects.get().account.sub == "of old"  # which phones that enrol now will join


def test_a_vault_stays_nobodys_when_it_is_not_the_owners(code: str) -> None:
    _came_back("alice")
    page = client().get(owner.first_run_path(code)).content.decode()
    assert "None of these is mine" in page
    assert client().post("/first-run/", _form(code, vault=""))["Location"] == "/recovery/"
    assert set(Vault.objects.values_list("owner", flat=True)) == {None}


def test_of_several_vaults_none_is_chosen_beforehand(code: str) -> None:
    _came_back("alice", "bob")
    page = client().get(owner.first_run_path(code)).content.decode()
    assert '<option value="" selected>' in page


def test_a_vault_that_is_not_on_offer_is_refused(code: str) -> None:
    _came_back("alice")
    refused = client().post("/first-run/", _form(code, vault="0" * 32))
    assert "vault" in refused.context["form"].errors
    assert not User.objects.exists()
    assert owner.is_code_good(code)


def test_whoever_has_24_words_is_told_the_way(code: str) -> None:
    page = client().get(owner.first_run_path(code)).content.decode()
    assert "manage.py station --recover" in page
