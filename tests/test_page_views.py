"""The pages a person opens: sign-in, station, recovery sheet, phone, health."""

import io
import re

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts import throttle
from accounts.models import User
from backupstation import attempts
from tests.page_cast import HOST, PASSWORD, alice, bob, client, shown_to, signed_in, snapshot_of
from transfer import approvals, station
from transfer.models import Approval, ApprovalKind, ApprovalState, Invitation, Issuer
from wire.invitation import Scope, parse_link

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget_attempts() -> None:
    for cache in caches.all():
        cache.clear()


@pytest.fixture
def owner() -> User:
    return alice()


def _ask(user: User, name: str = "Pixel 8", digits: str = "482113") -> Approval:
    session_id = shown_to(user).session_id
    return approvals.ask(
        session_id, ApprovalKind.ENROL, digits=digits, phone_key=bytes(32), name=name
    )


def test_an_account_elsewhere_is_named_by_its_im_server(owner: User) -> None:
    issuer = Issuer.objects.create(iss="im", origin="https://im.test")
    session_id = shown_to(owner).session_id
    Invitation.objects.filter(pk=session_id).update(issuer=issuer)
    account = "48e2ab1d" + "0" * 24
    key = bytes(32)
    approvals.ask(session_id, ApprovalKind.LINK, digits="482113", phone_key=key, name=account)
    page = signed_in(owner).get("/").content.decode()
    assert "An account of https://im.test (48e2ab1d) is new here" in page
    assert account not in page


# Sign-in


def _sign_in(name: str, password: str, address: str = "10.0.0.9"):
    return client(REMOTE_ADDR=address).post("/sign-in/", {"username": name, "password": password})


def test_strangers_are_sent_to_sign_in(owner: User) -> None:
    assert client().get("/")["Location"] == "/sign-in/"
    assert client().get("/recovery/")["Location"].startswith("/sign-in/")
    assert client().post("/approvals/", {"allow": "1"})["Location"].startswith("/sign-in/")


def test_the_password_opens_the_station(owner: User) -> None:
    assert _sign_in("alice", PASSWORD)["Location"] == "/"
    assert _sign_in("alice", "wrong").status_code == 200


def test_guessing_from_one_address_is_stopped_even_with_the_right_password(owner: User) -> None:
    for _ in range(attempts.PER_ADDRESS_MAX):
        assert _sign_in("alice", "guess").status_code == 200
    refused = _sign_in("alice", PASSWORD)
    assert refused.status_code == 200
    assert "Too many attempts" in refused.content.decode()
    assert _sign_in("alice", PASSWORD, "10.0.0.10").status_code == 302


def test_guessing_one_name_from_many_addresses_is_stopped(owner: User) -> None:
    for number in range(attempts.PER_NAME_MAX):
        _sign_in("Alice", "guess", f"10.0.1.{number}")
    assert "Too many attempts" in _sign_in("alice", PASSWORD, "10.0.2.1").content.decode()


def test_nobody_is_let_guess_on_because_others_tried_many_names(owner: User) -> None:
    for _ in range(attempts.PER_ADDRESS_MAX):
        _sign_in("alice", "guess")
    for number in range(400):
        _sign_in(f"name {number}", "guess", "10.0.0.10")
    assert "Too many attempts" in _sign_in("alice", PASSWORD).content.decode()


def test_a_refused_address_locks_nobody_out(owner: User) -> None:
    for _ in range(attempts.PER_NAME_MAX + 1):
        _sign_in("alice", "guess")
    assert _sign_in("alice", PASSWORD, "10.0.0.10").status_code == 302


def test_nobody_is_let_guess_on_because_others_called_the_im_server(owner: User) -> None:
    for _ in range(attempts.PER_ADDRESS_MAX):
        _sign_in("alice", "guess")
    for number in range(31_000):  # more than are remembered of any kind
        throttle.is_flooding(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0)
    assert "Too many attempts" in _sign_in("alice", PASSWORD).content.decode()


def test_signing_in_often_with_the_right_password_is_no_guessing(owner: User) -> None:
    for _ in range(attempts.PER_ADDRESS_MAX + 2):
        assert _sign_in("alice", PASSWORD).status_code == 302


def test_sign_in_goes_on_to_pages_of_this_station_only(owner: User) -> None:
    form = {"username": "alice", "password": PASSWORD}
    assert client().post("/sign-in/", form | {"next": "/admin/"})["Location"] == "/admin/"
    assert client().post("/sign-in/", form | {"next": "http://evil.example/"})["Location"] == "/"


def test_the_admin_has_no_unthrottled_sign_in_of_its_own(owner: User) -> None:
    assert client().get("/admin/login/?next=/admin/x/")["Location"] == "/sign-in/?next=/admin/x/"
    assert client().post("/admin/login/", {"username": "alice"}).status_code == 405
    assert signed_in(bob()).get("/admin/login/?next=/admin/").status_code == 403


def test_signing_out_needs_a_post(owner: User) -> None:
    browser = signed_in(owner)
    assert browser.get("/sign-out/").status_code == 405
    assert browser.post("/sign-out/")["Location"] == "/sign-in/"
    assert browser.get("/")["Location"] == "/sign-in/"


# Station page


def _link(response) -> str:
    return re.search(r'value="(http://[^"]+/phone/#[^"]+)"', response.content.decode())[1]


def test_the_page_shows_a_code_of_this_station_for_this_owner(owner: User) -> None:
    origin, invitation = parse_link(_link(signed_in(owner).get("/?address=127.0.0.1")))
    assert origin.startswith("http://127.0.0.1:")
    assert invitation.station_id == station.identity().station_id
    assert Invitation.objects.get(pk=invitation.session_id.hex()).owner == owner


@pytest.mark.parametrize(
    ("chosen", "scope"),
    [
        ("backup", Scope.BACKUP),
        ("restore", Scope.RESTORE),
        ("both", Scope.BACKUP | Scope.RESTORE),
        ("nonsense", Scope.BACKUP | Scope.RESTORE),
    ],
)
def test_the_code_permits_what_was_chosen(owner: User, chosen: str, scope: Scope) -> None:
    page = signed_in(owner).get(f"/?scope={chosen}&address=203.0.113.1&im_origin=http://evil")
    invitation = parse_link(_link(page))[1]
    assert invitation.scope == scope
    assert invitation.im_origin == ""
    assert all(not address.is_global for address in invitation.addresses)


def test_the_page_allows_no_inline_script_and_only_its_own_socket(owner: User) -> None:
    page = signed_in(owner).get("/")
    policy = page["Content-Security-Policy"]
    assert f"connect-src 'self' ws://{HOST}" in policy
    assert "unsafe" not in policy
    html = page.content.decode()
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    assert not re.search(r"\s(style|on[a-z]+)=", html)
    assert "no-store" in page["Cache-Control"]


def test_without_javascript_the_page_renews_itself(owner: User) -> None:
    html = signed_in(owner).get("/").content.decode()
    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in html


def test_people_see_their_own_receipted_snapshots_only(owner: User) -> None:
    snapshot_of(owner, label="Mine")
    snapshot_of(owner, label="Half", state="committed", sequence=None)
    snapshot_of(bob(), label="Theirs")
    html = signed_in(owner).get("/").content.decode()
    assert "Mine" in html
    assert "Half" not in html
    assert "Theirs" not in html
    assert "12.3\N{NO-BREAK SPACE}MB" in html


def test_what_a_phone_says_is_shown_as_text(owner: User) -> None:
    snapshot_of(owner, label="<script>alert(1)</script>", source="<b>x</b>")
    _ask(owner, name="<img src=x onerror=alert(1)>")
    html = signed_in(owner).get("/").content.decode()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "&lt;script&gt;" in html


# Allow and Deny


@pytest.mark.parametrize(("button", "state"), [("allow", "allowed"), ("deny", "denied")])
def test_the_owner_answers_without_javascript(owner: User, button: str, state: str) -> None:
    approval = _ask(owner)
    browser = signed_in(owner)
    assert b"482" in browser.get("/").content
    assert browser.post("/approvals/", {button: "482113"})["Location"] == "/"
    approval.refresh_from_db()
    assert approval.state == state


def test_of_two_phones_with_the_same_digits_none_is_allowed_and_both_are_denied(
    owner: User,
) -> None:
    asked = [_ask(owner, name) for name in ("Pixel 8", "Mallory")]
    browser = signed_in(owner)
    html = browser.get("/").content.decode()
    assert html.count("Another phone shows the same digits") == 2
    assert 'name="allow"' not in html
    for button, state in (("allow", "waiting"), ("deny", "denied")):
        assert browser.post("/approvals/", {button: "482 113"})["Location"] == "/"
        assert {Approval.objects.get(pk=one.pk).state for one in asked} == {state}


def test_the_command_denies_all_with_the_same_digits_and_allows_none(owner: User) -> None:
    asked = [_ask(user, user.username) for user in (owner, bob())]
    with pytest.raises(CommandError, match="phones deny 482113"):
        call_command("phones", "allow", "482", "113")
    told = io.StringIO()
    call_command("phones", "deny", "482113", stdout=told)
    assert told.getvalue() == "Alice: denied\nBob: denied\n"
    assert {Approval.objects.get(pk=one.pk).state for one in asked} == {"denied"}


def test_nobody_answers_for_another_owner(owner: User) -> None:
    approval = _ask(owner)
    signed_in(bob()).post("/approvals/", {"allow": "482113"})
    approval.refresh_from_db()
    assert approval.state == ApprovalState.WAITING


def test_an_answer_needs_the_csrf_token(owner: User) -> None:
    approval = _ask(owner)
    forged = signed_in(owner, enforce_csrf_checks=True).post("/approvals/", {"allow": "482113"})
    assert forged.status_code == 403
    approval.refresh_from_db()
    assert approval.state == ApprovalState.WAITING


# Recovery sheet


def test_the_words_are_shown_after_the_password_and_never_kept_by_the_browser(owner: User) -> None:
    browser = signed_in(owner)
    words = station.identity().root.words().split()
    assert "words" not in browser.get("/recovery/").context
    assert "words" not in browser.post("/recovery/", {"password": "wrong"}).context
    sheet = browser.post("/recovery/", {"password": PASSWORD})
    assert sheet.context["words"] == words
    assert "no-store" in sheet["Cache-Control"]
    assert "words" not in browser.get("/recovery/").context


def test_guessing_the_password_of_the_recovery_sheet_is_stopped(owner: User) -> None:
    browser = signed_in(owner, REMOTE_ADDR="10.0.0.77")
    for _ in range(attempts.PER_ADDRESS_MAX):
        browser.post("/recovery/", {"password": "guess"})
    assert "words" not in browser.post("/recovery/", {"password": PASSWORD}).context


def test_only_the_owner_has_a_recovery_sheet(owner: User) -> None:
    browser = signed_in(bob())
    refused = browser.post("/recovery/", {"password": PASSWORD})
    assert refused.status_code == 302
    assert refused["Location"].startswith("/sign-in/")


# Phone page, language, health


def test_the_phone_page_needs_no_sign_in_and_tells_nobody_where_it_was(owner: User) -> None:
    page = client().get("/phone/")
    assert page.status_code == 200
    assert page["Referrer-Policy"] == "same-origin"
    engine = client().get("/phone/engine.js")
    assert engine["Content-Type"] == "text/javascript"
    assert "connect-src 'self' ws://" in engine["Content-Security-Policy"]


def test_the_phone_page_says_for_each_app_how_its_export_is_made(owner: User) -> None:
    page = client().get("/phone/").content.decode()
    cards = re.findall(r'<details id="howto-(\w+)".*?</details>', page, re.DOTALL)
    assert " ".join(cards) == (
        "whatsapp telegram sms messenger discord slack line kakaotalk signal wechat"
    )
    for card in re.findall(r"<details id=.howto-.*?</details>", page, re.DOTALL):
        assert 3 <= card.count("<li>") <= 5
        assert card.count("<dd>") == 2


def test_the_language_can_be_switched_and_is_remembered(owner: User) -> None:
    browser = client()
    assert "Sign in" in browser.get("/sign-in/").content.decode()
    browser.post("/language/setlang/", {"language": "zh-hans", "next": "/sign-in/"})
    page = browser.get("/sign-in/").content.decode()
    assert 'lang="zh-hans"' in page
    assert "登录" in page


def test_a_browser_in_chinese_gets_chinese(owner: User) -> None:
    page = client().get("/sign-in/", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert "用户名" in page.content.decode()


def test_health_and_readiness(owner: User, monkeypatch, tmp_path) -> None:
    assert client().get("/healthz").json() == {"status": "ok"}
    ready = client().get("/readyz")
    assert ready.json() == {"status": "ok", "database": "ok", "storage": "ok"}
    monkeypatch.setattr(
        type(station.identity().backend), "spool", lambda _self: tmp_path / "missing"
    )
    broken = client().get("/readyz")
    assert broken.status_code == 503
    assert broken.json() == {"status": "failed", "database": "ok", "storage": "failed"}


def test_errors_have_pages_of_their_own(owner: User) -> None:
    missing = client().get("/nothing-here/")
    assert missing.status_code == 404
    assert "There is no page at this address." in missing.content.decode()
