"""Every address, with everything that another person has: it is as if it were nowhere.

Mallory has a vault of her own. Each case is an address (or form) that names something of Alice's,
and the same one that names something of nobody's; nothing of the two answers may differ. A new
address without a case fails the last test.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from django.utils.html import escape

from accounts.models import User
from backupstation import roles
from backupstation.page import Page
from backupstation.showing import Choice
from conversations import digests, indexing
from conversations.bubbles import at_of
from conversations.models import Attachment, Conversation, Participant
from tests import chats_cast, page_cast
from tests.kept_cast import keep, vault_of
from transfer.models import Invitation

pytestmark = pytest.mark.django_db(transaction=True)


class Having(NamedTuple):
    """What somebody has, by all the names that an address can have for it; or what nobody has."""

    slug: str
    snapshot: str
    attachment: str
    message: str
    at: str
    person: str
    name: str
    phone: str
    item: str
    title: str


class Case(NamedTuple):
    """``{mine.…}`` is Mallory's, ``{a.…}`` is what is asked for."""

    address: str
    data: Mapping[str, str] = {}
    method: str = "get"
    statuses: tuple[int, ...] = (404,)


CASES = {
    "conversations/": [
        Case("?app=chat1&title={a.title}", statuses=(200,)),
        Case("?after={a.message}~7", statuses=(200,)),
    ],
    "conversations/search/": [
        Case("?q=lake&chat={a.slug}", statuses=(400,)),
        Case("?q=lake&sender={a.name}", statuses=(200,)),
        Case("?chat={mine.slug}&sender={a.name}", statuses=(200,)),
        Case("?q=lake&after={a.message}", statuses=(200,)),
        Case("?q={a.title}", statuses=(200,)),
    ],
    "conversations/snapshots/": [
        Case("?id={a.snapshot}", statuses=(200,)),
        Case("?phone={a.phone}", statuses=(200,)),
    ],
    "conversations/snapshots/<slug:snapshot_id>/": [
        Case("{a.snapshot}/"),
        Case("{a.snapshot}/?page=1"),
    ],
    "conversations/snapshots/<slug:snapshot_id>/download/": [
        Case("{a.snapshot}/download/"),
        Case("{a.snapshot}/download/?item={a.item}"),
        Case("{mine.snapshot}/download/?item={a.item}&under={a.item}", statuses=(200,)),
    ],
    "conversations/<slug:slug>/": [
        Case("{a.slug}/"),
        Case("{a.slug}/?part=1"),
        Case("{a.slug}/?at={a.at}"),
        Case("{mine.slug}/?at={a.at}", statuses=(200,)),
        Case("{mine.slug}/?part=1&before={a.message}", statuses=(200,)),
        Case("{mine.slug}/?part=1&after={a.message}", statuses=(200,)),
    ],
    "conversations/<slug:slug>/self/": [
        Case("{a.slug}/self/", {"person": "{a.person}"}, "post"),
        Case("{a.slug}/self/", {"person": ""}, "post"),
        Case("{mine.slug}/self/", {"person": "{a.person}"}, "post"),
    ],
    "conversations/<slug:slug>/dates/": [
        Case("{a.slug}/dates/", {"order": "dmy"}, "post"),
        Case("{a.slug}/dates/", {"order": "none"}, "post"),
    ],
    "conversations/<slug:slug>/gallery/": [
        Case("{a.slug}/gallery/"),
        Case("{mine.slug}/gallery/?before={a.message}", statuses=(200,)),
    ],
    "conversations/<slug:slug>/originals/": [
        Case("{a.slug}/originals/"),
        Case("{a.slug}/originals/?snapshot={a.snapshot}"),
        Case("{a.slug}/originals/?snapshot={mine.snapshot}"),
        Case("{mine.slug}/originals/?snapshot={a.snapshot}"),
    ],
    "conversations/<slug:slug>/export/": [
        Case("{a.slug}/export/"),
        Case("{a.slug}/export/?as=html"),
        Case("{a.slug}/export/?as=lines&from=2024-01-01"),
    ],
    "conversations/<slug:slug>/export.jsonl": [
        Case("{a.slug}/export.jsonl"),
        Case("{a.slug}/export.jsonl?media=0&from=2024-01-01"),
    ],
    "conversations/<slug:slug>/export.html": [
        Case("{a.slug}/export.html"),
        Case("{a.slug}/export.html?from=2024-01-01"),
    ],
    "conversations/<slug:slug>/attachments/<str:at>/<int:number>/": [
        Case("{a.slug}/attachments/{a.attachment}/"),
        Case("{a.slug}/attachments/{mine.attachment}/"),
        Case("{mine.slug}/attachments/{a.attachment}/"),
        Case("{mine.slug}/attachments/{a.attachment}/?download"),
    ],
    "conversations/<slug:slug>/thumbnails/<str:at>/<int:number>/": [
        Case("{a.slug}/thumbnails/{a.attachment}/"),
        Case("{a.slug}/thumbnails/{mine.attachment}/"),
        Case("{mine.slug}/thumbnails/{a.attachment}/"),
    ],
    "restore/<slug:snapshot_id>/": [
        Case("{a.snapshot}/"),
        Case("{a.snapshot}/?conversation={a.slug}"),
        Case("{a.snapshot}/?conversation={mine.slug}"),
        Case("{mine.snapshot}/?conversation={a.slug}"),
    ],
}


@pytest.fixture
def everybody() -> dict[str, Having]:
    """Alice's, Mallory's and nobody's."""
    roles.prepare()
    alice = _kept("alice", chats_cast.family() | chats_cast.climbing(), "Family 家")
    said = [
        chats_cast.line("2020-01-01T00:00:00Z", "eve", "the lake of Mallory", id="m"),
        chats_cast.line(
            "2020-01-02T00:00:00Z", "eve", "", "media", id="n",
            attachments=[chats_cast.file("image", "own.jpg", path="own.jpg")],
        ),
    ]  # fmt: skip
    people = [{"key": "eve", "name": "Eve Own"}]
    own = {
        "own/chat.jsonl": chats_cast.jsonl("own", "Own chat", people, said),
        "own/own.jpg": chats_cast.picture("#123456"),
    }
    mallory = _kept("mallory", own, "Own chat")
    nobody = Having(
        slug=digests.slug_of("0" * 32, "chat1", "nobody"),
        snapshot=_others(alice.snapshot),
        attachment=f"{alice.at[:32][::-1]}-0/0",
        message=str(int(alice.message) + 500),
        at=f"{alice.at[:32][::-1]}-0",
        person="nob",
        name="Nob Miller",
        phone=alice.phone[::-1],
        item="family/none.jsonl",
        title="Famils 中",
    )
    return {"alice": alice, "mine": mallory, "nobody": nobody}


def _kept(name: str, files: dict[str, bytes | str], title: str) -> Having:
    snapshot = keep(vault_of(name), files, label=title)
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    talk = Conversation.objects.get(title=title)
    attachment = Attachment.objects.exclude(file="").filter(message__conversation=talk)[0]
    message = attachment.message
    person = Participant.objects.filter(conversation=talk)[1 if name == "alice" else 0]
    return Having(
        talk.slug,
        snapshot.snapshot_id,
        f"{at_of(message)}/{attachment.number}",
        str(message.pk),
        at_of(message),
        person.key,
        person.name,
        snapshot.phone,
        next(name for name in files if name.endswith("chat.jsonl")),
        title,
    )


def _others(snapshot_id: str) -> str:
    """An id that is well-formed, and nobody's."""
    return snapshot_id[:-1] + ("0" if snapshot_id[-1] != "0" else "4")


class Asking:
    """One client asking one case for what one has."""

    def __init__(self, client: Client, mine: Having) -> None:
        self.client = client
        self.mine = mine

    def told(self, route: str, case: Case, having: Having) -> dict[str, Any]:
        """The whole answer, without what was asked for itself."""
        path = route.partition("<")[0] + case.address
        data = {key: value.format(a=having, mine=self.mine) for key, value in case.data.items()}
        address = "/" + path.format(a=_quoted(having), mine=_quoted(self.mine))
        response = getattr(self.client, case.method)(address, data or None)
        body = streamed(response) if response.streaming else response.content
        unsaid = ("Content-Security-Policy", "Content-Length", "Set-Cookie", "Expires")
        headers = {key: value for key, value in response.items() if key not in unsaid}
        return {
            "status": response.status_code,
            "body": _without(having, address, body.decode("utf-8", "replace")),
            "headers": _without(having, address, repr(sorted(headers.items()))),
            "cookies": sorted(response.cookies),
        }


def _quoted(having: Having) -> Having:
    return Having._make(quote(each) if isinstance(each, str) else each for each in having)


@async_to_sync
async def streamed(response: Any) -> bytes:
    return b"".join([piece async for piece in response])


def _without(having: Having, address: str, text: str) -> str:
    asked = [address, *(value for value in having if isinstance(value, str) and len(value) > 5)]
    for value in sorted(asked, key=len, reverse=True):
        once = {value, quote(value), quote_plus(value), escape(value)}
        for form in sorted(once | {quote(each) for each in once}, key=len, reverse=True):
            text = text.replace(form, "…")
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", text)
    return re.sub(r'nonce="[^"]*"', "", text)


ALL = [(route, case) for route, cases in CASES.items() for case in cases]


def each_of(client: Client, everybody: dict[str, Having]) -> Iterator[tuple[Case, Any, Any]]:
    """Each case with what is told of Alice's, and of nobody's."""
    asking = Asking(client, everybody["mine"])
    for route, case in ALL:
        yield (
            case,
            asking.told(route, case, everybody["alice"]),
            asking.told(route, case, everybody["nobody"]),
        )


@pytest.mark.parametrize("name", ["mallory", "root"])
def test_what_is_anothers_is_told_like_what_is_not_there(everybody, name: str) -> None:
    if name == "root":
        User.objects.create_superuser("root", password="correct horse battery")
    client = page_cast.signed_in(User.objects.get(username=name))
    for case, theirs, absent in each_of(client, everybody):
        assert theirs == absent, case
        if name == "mallory":
            assert theirs["status"] in case.statuses, case
    assert not Invitation.objects.filter(owner__username="alice").exists()


def test_what_is_ones_own_is_there(everybody) -> None:
    """Otherwise the cases would say nothing."""
    mine = everybody["mine"]
    asking = Asking(page_cast.signed_in(User.objects.get(username="mallory")), mine)
    for route, case in ALL:
        if case.data.get("order") != "none":
            assert asking.told(route, case, mine)["status"] in (200, 302), case


def test_whoever_is_signed_out_is_asked_to_sign_in(everybody) -> None:
    for case, theirs, absent in each_of(page_cast.client(), everybody):
        assert theirs == absent, case
        assert theirs["status"] == 302, case
        assert "/sign-in/" in theirs["headers"], case


def test_forms_need_their_token_and_pages_take_no_other_method(everybody) -> None:
    guarded = page_cast.client(enforce_csrf_checks=True)
    guarded.force_login(User.objects.get(username="mallory"))
    asking = Asking(guarded, everybody["mine"])
    for route, case in ALL:
        others = {"get": ["options", "put", "patch", "delete"], "post": ["get", "head"]}
        for method in others[case.method]:
            asked = case._replace(method=method, data={})
            told = [
                asking.told(route, asked, everybody[who]) for who in ("alice", "nobody", "mine")
            ]
            assert {each["status"] for each in told} <= {403, 405}, asked
        for who in ("alice", "nobody", "mine"):
            told_to = asking.told(route, case._replace(method="post"), everybody[who])
            assert told_to["status"] in (403, 405), case


def test_a_page_that_stays_open_shows_no_code_for_what_is_anothers(everybody) -> None:
    alice, mine, nobody = (everybody[who] for who in ("alice", "mine", "nobody"))
    mallory = User.objects.get(username="mallory")
    now = timezone.now()

    def told(snapshot: str, conversation: str = "") -> dict[str, str]:
        page = Page(mallory, Choice("127.0.0.1", snapshot=snapshot, conversation=conversation))
        parts = page.look(now)
        parts.pop("storage")  # how much is free changes all the time
        return parts

    for theirs, absent in (
        ((alice.snapshot,), (nobody.snapshot,)),
        ((alice.snapshot, alice.slug), (nobody.snapshot, nobody.slug)),
        ((alice.snapshot, mine.slug), (nobody.snapshot, mine.slug)),
        ((mine.snapshot, alice.slug), (mine.snapshot, nobody.slug)),
    ):
        assert told(*theirs) == told(*absent), theirs
    assert not Invitation.objects.exists()
    assert told(mine.snapshot, mine.slug)["code"] != told(mine.snapshot, nobody.slug)["code"]


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for each in resolver.url_patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route
        elif getattr(each, "app_name", None) not in ("admin", "accounts"):
            yield from routes(each, route)


def test_every_address_of_what_is_somebodys_has_a_case() -> None:
    found = {route for route in routes(get_resolver()) if "<" in route or "conversations/" in route}
    assert found == set(CASES)
