"""U+0000 in chats and in what is asked: PostgreSQL takes it in no text, and nothing fails of it."""

import pytest

from accounts.models import User
from conversations import indexing
from conversations.models import Attachment, Conversation, IndexedSnapshot, Message, Participant
from conversations.search import parse
from tests.chats_cast import jsonl, line
from tests.kept_cast import keep, vault_of
from tests.page_cast import signed_in
from tests.search_engines import engine, postgres_index  # noqa: F401 - fixtures
from transfer.models import Snapshot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]
AT = "2024-01-05T14:56:01Z"


@pytest.fixture
def browser():
    said = [
        line(
            AT,
            "a\0",
            "be\0fore after",
            id="1\0",
            reply_to="\0",
            forwarded_from="\0",
            earlier=["\0"],
            reactions=[{"emoji": "\0", "by": ["a\0"]}],
            attachments=[{"kind": "image", "name": "cat\0.jpg", "media_type": "\0"}],
        ),
        {"kind": "\0"},
    ]
    people = [{"key": "a\0", "name": "Ann\0"}]
    snapshot = keep(vault_of("alice"), {"us.jsonl": jsonl("c\0", "Us\0", people, said)})
    indexing.index(snapshot.vault_id, snapshot.snapshot_id)
    return signed_in(User.objects.get(username="alice"))


def test_a_chat_with_it_is_read_and_found(browser) -> None:
    assert IndexedSnapshot.objects.get().failure == ""
    message = Message.objects.get()
    assert message.text == "be\ufffdfore after"
    assert Participant.objects.get().name == "Ann\ufffd"
    assert Attachment.objects.get().name == "cat\ufffd.jpg"
    assert Conversation.objects.get().title == "Us\ufffd"
    page = browser.get("/conversations/search/?q=after").content.decode()
    assert "<mark>after</mark>" in page
    assert browser.get(f"/conversations/{Conversation.objects.get().slug}/").status_code == 200


def test_what_is_asked_may_have_it(browser) -> None:
    slug, snapshot = Conversation.objects.get().slug, Snapshot.objects.get().snapshot_id
    for address, status in {
        "search/?q=after%00": 400,
        "search/?chat=%00": 400,
        f"search/?chat={slug}%00&q=after": 400,
        "search/?sender=%00": 400,
        "search/?q=after&after=%00": 200,
        "search/?q=after&since=%00": 400,
        "search/?q=after&order=%00": 400,
        "?app=%00": 200,
        "?title=Us%00": 200,
        "?after=%00": 200,
        "snapshots/?id=%00&phone=%00&date=%00": 200,
        f"{slug}/?at=%00": 200,
        f"{slug}/?date=%00": 200,
        f"{slug}/?before=%00": 200,
        f"{slug}/gallery/?before=%00": 200,
        f"{slug}/originals/?snapshot=%00": 200,
        f"snapshots/{snapshot}%00/": 404,
        f"snapshots/{snapshot}%00/download/": 404,
        f"../restore/{snapshot}%00/": 404,
        f"../restore/{snapshot}/?conversation={slug}%00": 404,
    }.items():
        path = f"/conversations/{address}".replace("/conversations/..", "")
        assert browser.get(path).status_code == status, address
    assert browser.post(f"/conversations/{slug}/self/", {"person": "b\0"}).status_code == 404


def test_no_query_has_it() -> None:
    query = parse('a\0b "c\0d" -e\0f \0')
    told = "".join(token for phrase in (*query.wanted, *query.unwanted) for token in phrase.tokens)
    assert "\0" not in told
