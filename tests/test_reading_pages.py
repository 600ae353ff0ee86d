"""The pages on which people read, as owners, guests and attackers meet them."""

import re
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from conversations import indexing, numbering, reconciling
from conversations.bubbles import at_of
from conversations.models import Attachment, Conversation, IndexedSnapshot, IndexState, Message
from tests import chats_cast
from tests.kept_cast import keep, vault_of
from tests.page_cast import client, signed_in
from transfer.models import Issuer, Snapshot

pytestmark = pytest.mark.django_db(transaction=True)


class Alice:
    """An owner with a snapshot that was read."""

    def __init__(self) -> None:
        self.vault = vault_of("alice")
        self.browser = signed_in(User.objects.get(username="alice"))

    def keep(self, files: dict, label: str = "") -> Snapshot:
        snapshot = keep(self.vault, files, label=label, per_page=100)
        indexing.index(snapshot.vault_id, snapshot.snapshot_id)
        return snapshot

    def page(self, address: str, status: int = 200) -> str:
        answer = self.browser.get(address)
        assert answer.status_code == status, answer.status_code
        return answer.content.decode()


@pytest.fixture
def alice() -> Alice:
    return Alice()


def talk(title: str = "Family 家") -> Conversation:
    return Conversation.objects.get(title=title)


def of(row: Conversation, rest: str = "") -> str:
    return f"/conversations/{row.slug}/{rest}"


def ids(html: str) -> list[str]:
    return re.findall(r'<li id="m-([0-9a-f]{32}-\d+)"', html)


def at(text: str) -> str:
    return at_of(Message.objects.get(text=text))


# The list


def test_the_list_has_conversations_with_the_latest_first(alice) -> None:
    alice.keep(chats_cast.family() | chats_cast.climbing())
    html = alice.page("/conversations/")
    assert html.index("Family 家") < html.index("Climbing crew")
    assert "17 messages" in html
    assert "5 with media" in html
    assert "since 2024-05-03" in html
    assert "You: On our way!" in re.sub(r"<[^>]*>", "", html)
    only = alice.page("/conversations/?app=whatsapp")
    assert "Family" not in only
    assert "Climbing crew" in only
    assert "Climbing crew" not in alice.page("/conversations/?title=FAMILY")
    assert "No conversation is like that." in alice.page("/conversations/?title=%25")


def test_the_list_says_so_when_there_is_nothing(alice) -> None:
    assert "No conversations yet" in alice.page("/conversations/")
    nobody = signed_in(User.objects.create_user("bob"))
    assert b"No conversations yet" in nobody.get("/conversations/").content


def test_the_list_tells_what_is_being_read_and_what_failed(alice) -> None:
    row = {"vault": alice.vault.pk}
    IndexedSnapshot.objects.create(
        **row, snapshot_id="A" * 26, state=IndexState.READING, sources=50, sources_done=17
    )
    IndexedSnapshot.objects.create(
        **row, snapshot_id="B" * 26, state=IndexState.FAILED, failure="The disk is away."
    )
    html = alice.page("/conversations/")
    assert "reading… 34 %" in html
    assert "The disk is away." in html


@pytest.mark.parametrize("first", [-1_000_000_000_000, 0, 1_714_000_000_000])
def test_the_list_leads_through_every_conversation(alice, first) -> None:
    """Whenever they ended: the ids of today's messages have nineteen digits."""
    for number in range(120):
        Conversation.objects.create(
            vault=alice.vault.pk,
            slug=f"{number:016}",
            app="made",
            key=str(number),
            title=f"Chat {number}",
            last=numbering.first_id(first + number // 3) if number % 5 else None,
        )
    address, seen = "/conversations/", []
    while address:
        html = alice.page(address)
        seen += re.findall(r'class="talk" href="([^"]*)"', html)
        further = re.search(r'href="(\?[^"]*)" rel="next"', html)
        address = "/conversations/" + further[1].replace("&amp;", "&") if further else ""
        assert len(seen) <= 120
    assert len(seen) == len(set(seen)) == 120
    for wrong in ("x", "1", "~", "1~x", "~" + "9" * 30, "9" * 19 + "~1", "٣~1"):
        alice.page(f"/conversations/?after={wrong}")


# A conversation


def test_a_conversation_reads_like_a_chat(alice) -> None:
    alice.keep(chats_cast.family())
    html = alice.page(of(talk()))
    assert len(ids(html)) == 17
    assert html.count('class="day"') == 3
    assert '<a class="quote" href="?at=' + at("我们也去！带上孩子们可以吗？🚣") in html
    assert "Reply to a message that is not kept" in html
    assert "李明, Bob Miller" in html
    assert "1 earlier version" in html
    assert "Meet at 9:00" in html
    assert "edited 2024-05-04 19:40" in html
    assert "not in the export" in html
    assert "Forwarded from" in html
    assert 'href="https://weather.example/lake?day=7"' in html
    assert html.count('loading="lazy"') == 3
    assert html.count('preload="none"') == 1
    own = re.findall(r'<li id="m-[^"]*" class="message ([^"]*)"', html)
    assert sum("own" in each.split() for each in own) == 4


def test_pages_lead_both_ways_through_every_message(alice) -> None:
    alice.keep(chats_cast.family(old=200))
    row, seen, address = talk(), [], of(talk())
    while address:
        html = alice.page(address)
        seen = ids(html) + seen
        older = re.search(r'href="(\?before=[^"]*)"', html)
        address = of(row, older[1]) if older else ""
    assert len(seen) == len(set(seen)) == 217
    forward, address = [], of(row, "?after=0")
    while address:
        html = alice.page(address + "&part=1")
        assert "<html" not in html
        forward += ids(html)
        newer = re.search(r'href="(\?after=[^"]*)"', html)
        address = of(row, newer[1]) if newer else ""
    assert forward == seen


def test_a_permalink_shows_its_message_among_others(alice) -> None:
    alice.keep(chats_cast.family(old=200))
    name = at("Old message 100")
    html = alice.page(of(talk(), f"?at={name}"))
    assert f'id="m-{name}" class="message' in html
    assert re.search(rf'id="m-{name}"[^>]* named[^>]*autofocus', html)
    assert 'href="?before=' in html
    assert 'href="?after=' in html
    for gone in ("0" * 32 + "-0", name[:-1] + "7", "x", "-", name.upper(), "é" * 9):
        assert "not kept here any more" in alice.page(of(talk(), f"?at={gone}"))


@pytest.mark.parametrize(
    ("day", "text"),
    [
        ("2024-05-04", "m-.*?attachments"),
        ("2024-05-03", "Bob Miller added"),
        ("2000-01-01", "Bob Miller added"),
        ("0001-01-01", "Bob Miller added"),
    ],
)
def test_a_day_opens_at_its_first_message(alice, day: str, text: str) -> None:
    alice.keep(chats_cast.family())
    html = alice.page(of(talk(), f"?date={day}"))
    focus = re.search(r'id="m-(\w+)-0"[^>]*data-focus', html)
    assert focus is not None
    message = Message.objects.get(digest=bytes.fromhex(focus[1]))
    if day == "2024-05-04":
        assert message.attachments.get().name == "voice.wav"
    else:
        assert message.text.startswith(text)


@pytest.mark.parametrize("day", ["2024-05-06", "9999-12-31", "2024-02-31", "yesterday", "\0"])
def test_a_day_without_messages_shows_the_latest_and_says_so(alice, day: str) -> None:
    alice.keep(chats_cast.family())
    html = alice.page(of(talk(), f"?date={day}"))
    assert "On our way!" in html
    assert "These are the latest" in html


def test_days_and_times_are_those_of_the_stations_zone(alice, settings) -> None:
    alice.keep(chats_cast.family() | chats_cast.climbing())
    settings.TIME_ZONE = "Asia/Shanghai"
    html = alice.page(of(talk(), "?date=2024-05-05"))
    focus = re.search(r'id="m-(\w+)-0"[^>]*data-focus', html)
    assert focus is not None
    # 19:20 UTC is 03:20 of the next day there
    assert Message.objects.get(digest=bytes.fromhex(focus[1])).attachments.get().name == "voice.wav"
    assert "03:20" in html
    assert "10:01" in alice.page(of(talk("Climbing crew")))  # a wall clock's time stays


def test_any_cursor_is_answered(alice) -> None:
    alice.keep(chats_cast.family())
    for name in ("before", "after"):
        for wrong in ("x", "", "-1", "9" * 19, "9" * 400, "1e3", "٣", "-" + "9" * 19):
            alice.page(of(talk(), f"?{name}={wrong}"))


def test_the_owner_says_who_they_are(alice) -> None:
    alice.keep(chats_cast.climbing())
    row = talk("Climbing crew")
    assert " own" not in alice.page(of(row))
    answer = alice.browser.post(of(row, "self/"), {"person": "Bob"})
    assert answer.status_code == 302
    assert alice.page(of(row)).count('class="message own') == 2
    assert "You: " in alice.page("/conversations/")
    assert alice.browser.post(of(row, "self/"), {"person": "Nobody"}).status_code == 404
    alice.browser.post(of(row, "self/"), {"person": ""})
    assert " own" not in alice.page(of(row))


def test_an_ambiguous_order_of_dates_is_shown_and_switched(alice) -> None:
    alice.keep(chats_cast.climbing())
    row = talk("Climbing crew")
    html = alice.page(of(row))
    assert "does not tell whether day or month comes first" in html
    assert "dates not sure" in html
    assert 'datetime="2023-02-03"' in html
    assert alice.browser.post(of(row, "dates/"), {"order": "mdy"}).status_code == 302
    assert "is being read anew in this order" in alice.page(of(row))
    reconciling.reconcile()
    call_command("db_worker", batch=True, max_tasks=1, startup_delay=False)
    assert "is being read" in alice.page(of(row))
    snapshot = Snapshot.objects.get()
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    html = alice.page(of(row))
    assert 'datetime="2023-03-02"' in html
    assert "anew" not in html
    assert 'value="mdy" checked' in html
    assert alice.browser.post(of(row, "dates/"), {"order": "xyz"}).status_code == 404


def test_large_numbers_are_written_in_groups(alice) -> None:
    alice.keep(chats_cast.family())
    row = talk()
    Conversation.objects.filter(pk=row.pk).update(messages=1_234_567)
    for address in ("/conversations/", of(row)):
        assert "1,234,567 messages" in alice.page(address)
    chinese = alice.browser.get("/conversations/", headers={"accept-language": "zh-hans"})
    assert "1,234,567 条消息" in chinese.text


def test_an_order_of_dates_that_is_sure_is_no_question(alice) -> None:
    alice.keep({"WhatsApp Chat with Bob.txt": "23/02/2023, 10:01 - Bob: Hi\n"})
    html = alice.page(of(talk("Bob")))
    assert 'datetime="2023-02-23"' in html
    assert "Order of dates" not in html


def test_a_very_long_text_is_shown_in_two_pieces(alice) -> None:
    link = "https://example.org/where-the-cut-would-be"
    text = "word " * 597 + f"{link} " + "word " * 1403
    files = {
        "a.jsonl": chats_cast.jsonl(
            "a", "A", [], [chats_cast.line("2024-01-01T00:00:00Z", "x", text)]
        )
    }
    alice.keep(files)
    html = alice.page(of(talk("A")))
    assert "Show the rest" in html
    assert html.count("word ") == 2000
    assert re.findall(r'href="(https:[^"]*)"', html) == [link]


def test_the_menu_leads_to_what_gives_it_back(alice) -> None:
    alice.keep(chats_cast.family())
    newest = alice.keep(chats_cast.family() | {"more.txt": "x"})
    row = talk()
    html = alice.page(of(row))
    links = set(re.findall(r'href="(/[^"]*)"', html))
    wanted = [of(row, rest) for rest in ("originals/", "export.jsonl", "export.html", "gallery/")]
    assert links >= {*wanted, f"/restore/{newest.snapshot_id}/?conversation={row.slug}"}
    for address in sorted(link for link in links if link.startswith("/conversations/")):
        assert alice.browser.get(address).status_code == 200, address


# The gallery


def test_the_gallery_has_the_media_that_is_kept(alice) -> None:
    alice.keep(chats_cast.family())
    html = alice.page(of(talk(), "gallery/"))
    assert re.findall(r'class="tile (\w+)"', html) == [
        "image",
        "document",
        "audio",
        "image",
        "image",
    ]
    assert "May 2024" in html
    assert "1 attachment of this time is not in the export." in html
    places = re.findall(r'class="tile-when" href="([^"]*)"', html)
    assert "named" in alice.page(places[0])


def test_the_gallery_leads_through_all_of_it(alice) -> None:
    lines = [
        chats_cast.line(
            f"2024-{1 + n // 28:02}-{1 + n % 28:02}T00:00:00Z",
            "x",
            "",
            "media",
            id=str(n),
            attachments=[chats_cast.file("document", f"{n}.pdf", path="a.pdf")],
        )
        for n in range(150)
    ]
    alice.keep({"a.jsonl": chats_cast.jsonl("a", "A", [], lines), "a.pdf": b"%PDF"})
    seen, address = [], of(talk("A"), "gallery/")
    while address:
        html = alice.page(address)
        seen += re.findall(r"<bdi>(\d+)\.pdf</bdi>", html)
        older = re.search(r'href="(\?before=[^"]*)"', html)
        address = of(talk("A"), "gallery/" + older[1]) if older else ""
    assert list(map(int, seen)) == list(range(149, -1, -1))


# Snapshots


def test_a_snapshots_page_reconciles_and_names_what_was_not_read(alice) -> None:
    broken = chats_cast.family()
    broken[chats_cast.FAMILY] += "no json\n"
    snapshot = alice.keep(broken | {"bad.zip": b"PK\3\4 no zip"}, "My phone")
    html = alice.page(f"/conversations/snapshots/{snapshot.snapshot_id}/")
    assert "My phone" in html
    assert "Stored, not readable yet: line 19:" in html
    assert "This is not a message, and was not read." in html
    assert "bad.zip" in html
    sums = re.search(r"<tfoot>.*?</tfoot>", html)
    assert sums is not None
    seen, *parts = map(int, re.findall(r"<td>(\d+)</td>", sums[0]))
    assert seen == sum(parts) == 19
    assert parts[-1] == 1
    assert f'href="/restore/{snapshot.snapshot_id}/"' in html
    for name in broken:
        assert f"<bdi>{name}</bdi>" in html
    for address in re.findall(r'href="(/conversations/snapshots/[^"]*\?item=[^"]*)"', html):
        assert alice.browser.get(address).status_code == 200


def test_items_are_listed_in_pages(alice) -> None:
    snapshot = alice.keep({f"{n:03}.bin": f"{n}" for n in range(130)})
    seen = []
    for number in (1, 2):
        html = alice.page(f"/conversations/snapshots/{snapshot.snapshot_id}/?page={number}")
        seen += re.findall(r"<bdi>(\d+\.bin)</bdi>", html)
    assert len(seen) == len(set(seen)) == 130
    assert "No chat was recognised in it." in html
    for wrong in ("x", "0", "9" * 99, "-1", "٣"):
        alice.page(f"/conversations/snapshots/{snapshot.snapshot_id}/?page={wrong}")


def test_snapshots_are_found_by_their_id(alice) -> None:
    one = alice.keep({"a": "a"}, "First")
    alice.keep({"b": "b"}, "Second")
    html = alice.page("/conversations/snapshots/")
    assert html.index("Second") < html.index("First")
    typed = f" {one.snapshot_id[:4].lower()} {one.snapshot_id[4:8].lower()}"
    found = alice.page(f"/conversations/snapshots/?id={typed}")
    assert "First" in found
    assert "Second" not in found
    assert "No snapshot of yours" in alice.page("/conversations/snapshots/?id=ZZZZ!%27")


def test_snapshots_are_found_by_phone_and_date(alice, settings) -> None:
    one, two = alice.keep({"a": "a"}, "First"), alice.keep({"b": "b"}, "Second")
    settings.TIME_ZONE = "Asia/Shanghai"
    late = datetime(2024, 1, 5, 23, 30, tzinfo=UTC)
    Snapshot.objects.filter(pk=one.pk).update(stored_at=late, source="Old phone")
    assert one.phone != two.phone
    for asked in (f"phone={one.phone}", "date=2024-01-06"):
        found = alice.page(f"/conversations/snapshots/?{asked}")
        assert "First" in found
        assert "Second" not in found
        assert "Old phone</option>" in found
    for asked in ("phone=x", "date=2024-01-05", f"phone={two.phone}&date=2024-01-06"):
        found = alice.page(f"/conversations/snapshots/?{asked}")
        assert "No snapshot of yours is like that" in found
    assert "Second" in alice.page("/conversations/snapshots/?date=2024-99-99")


def test_what_has_no_time_is_of_no_day(alice) -> None:
    files = [chats_cast.file("image", "Sometime 1.jpg", path="a.jpg")]
    lines = [
        {"kind": "text", "sender": "bob", "text": f"Sometime {n}", "attachments": files}
        for n in range(2)
    ]
    alice.keep({"x.jsonl": chats_cast.jsonl("x", "Timeless", [], lines), "a.jpg": "a"})
    row = talk("Timeless")
    for address in ("/conversations/", of(row), of(row, "gallery/")):
        html = alice.page(address)
        assert "Sometime 1" in html
        assert "1970" not in html


def test_an_end_leads_no_further(alice) -> None:
    alice.keep(chats_cast.family())
    first = alice.page(of(talk(), f"?after={-(2**62)}"))
    assert "?before=" not in first
    assert "?after=" not in alice.page(of(talk(), f"?before={2**62}"))


# Cost


def count_queries(alice, address: str) -> int:
    with (
        CaptureQueriesContext(connections["index"]) as index,
        CaptureQueriesContext(connections["default"]) as main,
    ):
        alice.page(address)
    return len(index) + len(main)


@pytest.mark.parametrize("rest", ["", "?date=2024-05-03", "?after=0", "gallery/"])
def test_a_page_takes_the_same_queries_however_much_is_on_it(alice, rest: str) -> None:
    alice.keep(chats_cast.family())
    once = count_queries(alice, of(talk(), rest))
    rich = chats_cast.family(old=300)
    for number in range(5):
        rich |= {name.replace("family", f"f{number}"): data for name, data in rich.items()}
    alice.keep(rich)
    assert count_queries(alice, of(talk(), rest)) <= once <= 20


def test_lists_take_the_same_queries_however_long_they_are(alice) -> None:
    snapshot = alice.keep(chats_cast.family())
    addresses = [
        "/conversations/",
        "/conversations/snapshots/",
    ]
    before = [count_queries(alice, address) for address in addresses]
    one = count_queries(alice, f"/conversations/snapshots/{snapshot.snapshot_id}/")
    said = chats_cast.line("2024-01-01T00:00:00Z", "x", "y")
    more = chats_cast.climbing() | {
        f"{n}.jsonl": chats_cast.jsonl(str(n), f"Chat {n}", [], [said]) for n in range(20)
    }
    other = alice.keep(more)
    assert [count_queries(alice, address) for address in addresses] == before
    assert count_queries(alice, f"/conversations/snapshots/{other.snapshot_id}/") <= one + 1


# Others


def test_nothing_of_it_is_there_for_anybody_else(alice) -> None:
    snapshot = alice.keep(chats_cast.family(), "Private label")
    row, attachment = talk(), Attachment.objects.exclude(file="").first()
    named = f"{at_of(attachment.message)}/{attachment.number}"
    keep(vault_of("mallory"), {"a": "b"})
    User.objects.create_superuser("root", password="correct horse battery")
    mine = {
        "get": [
            of(row),
            of(row, "gallery/"),
            of(row, "?part=1"),
            of(row, "originals/"),
            of(row, "export.html"),
            of(row, "export.jsonl"),
            of(row, f"attachments/{named}/"),
            of(row, f"thumbnails/{named}/"),
            f"/conversations/snapshots/{snapshot.snapshot_id}/",
            f"/conversations/snapshots/{snapshot.snapshot_id}/download/",
        ],
        "post": [of(row, "self/"), of(row, "dates/")],
    }
    for name in ("mallory", "root"):
        other = signed_in(User.objects.get(username=name))
        for method, addresses in mine.items():
            for address in addresses:
                theirs = getattr(other, method)(address)
                absent = address.replace(row.slug, "z" * 16).replace(snapshot.snapshot_id, "Z" * 26)
                nowhere = getattr(other, method)(absent)
                assert theirs.status_code == nowhere.status_code == 404, address
                assert _told(theirs, address) == _told(nowhere, absent)
        for address in (
            "/conversations/",
            "/conversations/snapshots/",
            f"/conversations/snapshots/?id={snapshot.snapshot_id}",
        ):
            html = other.get(address).content.decode()
            assert "Family" not in html
            assert "Private label" not in html
    stranger = client()
    for address in ["/conversations/", "/conversations/snapshots/", *mine["get"]]:
        assert stranger.get(address)["Location"].startswith("/sign-in/")
    for address in mine["post"]:
        assert stranger.post(address)["Location"].startswith("/sign-in/")


def _told(answer, address: str) -> str:
    html = answer.content.decode().replace(address, "")
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", html)


def test_only_reading_is_allowed_where_nothing_is_chosen(alice) -> None:
    alice.keep(chats_cast.family())
    row = talk()
    for address in ("/conversations/", of(row), of(row, "gallery/")):
        assert alice.browser.post(address).status_code == 405
    for address in (of(row, "self/"), of(row, "dates/")):
        assert alice.browser.get(address).status_code == 405
    guarded = Client(enforce_csrf_checks=True, headers={"host": "127.0.0.1:8765"})
    guarded.force_login(User.objects.get(username="alice"))
    assert guarded.post(of(row, "self/"), {"person": "me"}).status_code == 403


def test_the_station_links_to_conversations_and_to_snapshots(alice) -> None:
    snapshot = alice.keep({"a": "b"})
    Issuer.objects.get_or_create(origin="")  # what migrations made, other tests have flushed
    html = alice.page("/")
    assert 'href="/conversations/"' in html
    assert f'href="/conversations/snapshots/{snapshot.snapshot_id}/"' in html
    assert 'aria-current="page">Conversations' in alice.page("/conversations/")
