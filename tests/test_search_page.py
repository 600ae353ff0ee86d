"""The search page, as an owner, a guest and an attacker meet it."""

import re

import pytest
from django.test import Client

from accounts.models import User
from conversations import choices
from conversations.models import IndexedSnapshot, IndexState, Participant
from conversations.searching import PAGE_HITS
from tests.page_cast import alice, bob, client, signed_in
from tests.search_cast import Chat, ms
from transfer.models import Vault

pytestmark = pytest.mark.django_db
ALICE, BOB = "a" * 32, "b" * 32
PAYLOADS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</mark><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7|add:7 }}{% load x %}",
    "&lt;b&gt;",
]


@pytest.fixture
def owner() -> User:
    user = alice()
    Vault.objects.create(id=ALICE, iss="i", sub="alice", owner=user)
    return user


@pytest.fixture
def browser(owner: User) -> Client:
    return signed_in(owner)


def page(browser: Client, status: int = 200, **asked: str) -> str:
    answer = browser.get("/conversations/search/", asked)
    assert answer.status_code == status
    return answer.content.decode()


def links(html: str) -> list[str]:
    return re.findall(r'class="hit" href="([^"]*)"', html)


def test_a_guest_is_asked_to_sign_in() -> None:
    answer = client().get("/conversations/search/?q=x")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


def test_results_are_marked_and_open_at_the_message(browser: Client) -> None:
    message = Chat(ALICE, "Family").say("我们去吃饭吧", "李明", ms(2024, 5, 1, 12, 30))
    html = page(browser, q="吃饭")
    assert "我们去<mark>吃饭</mark>吧" in html
    assert "2024-05-01 12:30" in html
    assert links(html) == [
        f"/conversations/{message.conversation.slug}/?at={message.digest.hex()}-0"
    ]
    assert "1 message<" in html


def test_sees_nothing_of_another_vault_even_as_administrator(browser: Client) -> None:
    other = bob()
    Vault.objects.create(id=BOB, iss="i", sub="bob", owner=other)
    chat = Chat(BOB, "Bobs secret chat")
    chat.say("secret 秘密", "Trudy")
    for asked in (
        {"q": "secret"},
        {"q": "秘"},
        {"q": "-other"},
        {"sender": "Trudy"},
        {"attached": "on"},
        {"q": "secret", "sender": "Trudy", "order": "best"},
    ):
        html = page(browser, **asked)
        assert "Bobs secret chat" not in html
        assert not links(html)
    assert "Bobs secret chat" not in page(browser, 400, q="secret", chat=chat.row.slug)
    assert len(links(page(signed_in(other), q="secret"))) == 1


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_of_a_chat_or_a_query_is_markup(browser: Client, payload: str) -> None:
    chat = Chat(ALICE, payload)
    chat.say(f"word {payload} word", payload, files=(f"word{payload}.svg",))
    for asked in ({"q": "word"}, {"q": payload}, {"q": "word", "sender": payload}):
        html = page(browser, **asked)
        assert "<script>" not in html
        assert "<img src=x" not in html
        assert "<svg/onload" not in html
        assert "<b>" not in html
        assert "14{" not in html
        assert not re.search(r'href="\s*javascript', html)
    assert links(page(browser, q="word"))


def test_says_what_can_be_searched_before_anything_is_asked(browser: Client) -> None:
    assert "What are you looking for?" in page(browser)


def test_says_so_when_nothing_is_found(browser: Client) -> None:
    assert "Nothing found" in page(browser, q="absent")


@pytest.mark.parametrize("typed", ["?!", '""', "-", "\u200e", "=*:"])
def test_says_so_when_there_is_no_word(browser: Client, typed: str) -> None:
    assert "There is no word in this" in page(browser, q=typed)


def test_a_user_without_a_vault_is_told_that_nothing_is_kept() -> None:
    assert "Nothing is kept for you yet" in page(signed_in(bob()), q="x")


def test_wrong_filters_are_marked(browser: Client) -> None:
    html = page(browser, 400, q="x", since="2024-05-02", until="2024-05-01")
    assert "This day is before the first one." in html
    assert "Filters (2)" in html
    assert '<details class="more" open>' in html
    for wrong in ({"since": "yesterday"}, {"chat": "nope"}, {"order": "worst"}, {"q": "\0"}):
        html = page(browser, 400, **wrong)
        assert "This search cannot be made" in html
        for name in re.findall('aria-describedby="([^"]*)"', html):
            assert f'id="{name}"' in html, wrong
    assert "This search cannot be made" in page(browser, 400, q="x" * 201)


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 19, "9" * 400, "1e3", "٣", "-" + "9" * 19])
def test_any_cursor_is_answered(browser: Client, after: str) -> None:
    Chat(ALICE, "Family").say("hello")
    page(browser, q="hello", after=after)
    page(browser, q="hello", after=after, order="best")


def test_pages_lead_through_every_result(browser: Client) -> None:
    chat = Chat(ALICE, "Family")
    for _each in range(PAGE_HITS + 5):
        chat.say("again & again")
    first = page(browser, q="again & again")
    following = re.search(r'href="(\?[^"]*)" rel="next"', first)
    assert following is not None
    second = browser.get("/conversations/search/" + following[1].replace("&amp;", "&"))
    html = second.content.decode()
    assert len(set(links(first)) | set(links(html))) == PAGE_HITS + 5
    assert 'rel="next"' not in html
    assert "Back to the first results" in html


def senders(html: str) -> list[str]:
    return re.findall(r'href="\?[^"]*sender=[^"]*"[^>]*><bdi>([^<]*)</bdi>', html)


def test_the_owner_is_you_in_hits_and_facets_alike(browser: Client) -> None:
    """Also where the owner chose who that is; the filter still goes by the name."""
    family, work = Chat(ALICE, "Family"), Chat(ALICE, "Work")
    family.say("plan one", "Alice A.")
    family.say("plan two", "Bob")
    Participant.objects.filter(name="Alice A.").update(is_self=True)
    html = page(browser, q="plan")
    assert senders(html) == ["Bob", "You"]
    assert html.count('<span class="hit-sender">You</span>') == 1
    assert '<option value="Alice A.">' in html
    work.say("plan three", "alice@work")
    choices.set_self(work.row, Participant.objects.get(name="alice@work"))
    html = page(browser, q="plan")
    assert sorted(senders(html)) == ["Bob", "You (Alice A.)", "You (alice@work)"]
    assert html.count('<span class="hit-sender">You</span>') == 2
    assert len(links(page(browser, q="plan", sender="Alice A."))) == 1


def test_a_name_that_others_have_as_well_is_not_you(browser: Client) -> None:
    family, work = Chat(ALICE, "Family"), Chat(ALICE, "Work")
    family.say("plan one", "Alice")
    Participant.objects.update(is_self=True)
    work.say("plan two", "Alice")
    assert senders(page(browser, q="plan")) == ["Alice"]


def test_facets_narrow_and_are_taken_away(browser: Client) -> None:
    family, work = Chat(ALICE, "Family"), Chat(ALICE, "Work")
    family.say("plan", "Bob", ms(2023, 5, 1))
    work.say("plan", "Bob", ms(2024, 5, 1))
    html = page(browser, q="plan")
    assert f'href="?q=plan&amp;chat={work.row.slug}"' in html
    assert 'href="?q=plan&amp;sender=Bob"' in html
    assert 'href="?q=plan&amp;since=2024-01-01&amp;until=2024-12-31"' in html
    narrowed = page(browser, q="plan", chat=work.row.slug)
    assert len(links(narrowed)) == 1
    assert 'href="?q=plan" aria-current="true"' in narrowed


def test_conversations_are_found_by_their_titles(browser: Client) -> None:
    chat, other = Chat(ALICE, "周末 Climbing crew"), Chat(BOB, "Climbing elsewhere")
    for asked in ("climbing crew", "周末", "周", "Climb"):
        html = page(browser, q=asked)
        assert f'href="/conversations/{chat.row.slug}/"' in html
        assert other.row.slug not in html
    assert "<mark>Climbing</mark> <mark>crew</mark>" in page(browser, q="crew climbing")
    assert chat.row.slug not in page(browser, q="climbing tour").split("<datalist")[1]


def test_filters_alone_show_what_passes(browser: Client) -> None:
    chat = Chat(ALICE, "Family")
    chat.say("words")
    chat.say("", kind="media", files=("a.jpg",))
    html = page(browser, attached="on")
    assert len(links(html)) == 1
    assert "a.jpg" in html


def test_a_message_without_text_says_what_it_is(browser: Client) -> None:
    Chat(ALICE, "Family").say("", kind="call")
    assert "Call</span>" in page(browser, sender="Bob")


def test_says_that_backups_are_still_being_read(browser: Client) -> None:
    IndexedSnapshot.objects.create(vault=BOB, snapshot_id="s0", state=IndexState.READING)
    assert "still being read" not in page(browser, q="x")
    IndexedSnapshot.objects.create(vault=ALICE, snapshot_id="s1", state=IndexState.READING)
    assert "still being read" in page(browser, q="x")


def test_only_reading_is_allowed(browser: Client) -> None:
    assert browser.post("/conversations/search/", {"q": "x"}).status_code == 405
