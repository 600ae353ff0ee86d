"""Which items are given for one conversation, and what is said of those that hold more."""

import io
import json
import zipfile

import pytest

from accounts.models import User
from backupstation import roles
from conversations import indexing, selecting
from conversations.models import Conversation, IndexedSnapshot
from conversations.selecting import Chosen
from tests import page_cast
from tests.kept_cast import keep, vault_of
from transfer import manifests
from transfer.models import Vault
from wire import limits, messages
from wire.manifest import PageRef
from wire.messages import Binding

pytestmark = pytest.mark.django_db(transaction=True)


def chat(key: str, *names: str) -> str:
    """A conversation with these files."""
    header = {"format": "backupstation.chat/1", "key": key, "title": f"Chat {key}"}
    files = [{"kind": "image", "path": name} for name in names]
    said = {"kind": "media", "sender": "a", "attachments": files}
    return f"{json.dumps(header)}\n{json.dumps(said)}\n"


def zipped(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def chosen(files: dict[str, str], key: str = "us") -> Chosen:
    vault = vault_of("alice")
    snapshot = keep(vault, files)
    indexing.index(vault.pk, snapshot.snapshot_id)
    return selecting.of_conversation(Conversation.objects.get(key=key))


def test_conversations_of_one_file_are_counted_and_those_beside_it_are_not() -> None:
    both = chat("us", "a.jpg") + chat("them") + chat("they")
    found = chosen({"x/both.jsonl": both, "x/a.jpg": "a", "x/other.jsonl": chat("other")})
    assert (found.others, found.beyond) == (2, 0)
    assert found.selection is not None
    assert found.selection.items == ["x/a.jpg", "x/both.jsonl"]


def test_chats_in_an_archive_of_which_only_media_are_needed_are_counted() -> None:
    """As in a download of Messenger's, which comes in several zips."""
    folder = "your_activity/messages/inbox"
    photo = {"uri": f"{folder}/us_1/photos/1.jpg", "creation_timestamp": 1600000000}
    said = {"sender_name": "Ann", "timestamp_ms": 1600000000000}
    us, them = (
        {
            "participants": [{"name": "Ann"}, {"name": name}],
            "messages": [said | more],
            "title": name,
            "thread_path": f"inbox/{name.lower()}_1",
        }
        for name, more in (("Us", {"photos": [photo]}), ("Them", {"content": "hello"}))
    )
    one = zipped({f"{folder}/us_1/message_1.json": json.dumps(us)})
    two = zipped({f"{folder}/them_1/message_1.json": json.dumps(them), photo["uri"]: "x"})
    vault = vault_of("alice")
    snapshot = keep(vault, {"facebook-1.zip": one, "facebook-2.zip": two})
    indexing.index(vault.pk, snapshot.snapshot_id)
    found = selecting.of_conversation(Conversation.objects.get(title="Us"))
    assert found.selection is not None
    assert found.selection.items == ["facebook-1.zip", "facebook-2.zip"]
    assert found.others == 1


def test_what_another_vault_has_under_the_same_id_is_not_counted() -> None:
    """Phones draw the ids of snapshots, and a hostile one may draw another's."""
    found = chosen({"c.jsonl": chat("us")})
    mallory = vault_of("mallory")
    other = keep(mallory, {"c.jsonl": chat("them")})
    indexing.index(mallory.pk, other.snapshot_id)
    rows = IndexedSnapshot.objects.filter(snapshot_id=other.snapshot_id)
    rows.update(snapshot_id=found.snapshot.snapshot_id)
    assert selecting.of_conversation(Conversation.objects.get(key="us")).others == 0


@pytest.mark.parametrize(("key", "others"), [("us", 1), ("alone", 0)])
def test_the_page_says_so_before_it_gives_them(key: str, others: int) -> None:
    roles.prepare()
    found = chosen({"both.jsonl": chat("us") + chat("them"), "c.jsonl": chat("alone")}, key)
    client = page_cast.signed_in(User.objects.get())
    slug = Conversation.objects.get(key=key).slug
    page = client.get(f"/restore/{found.snapshot.snapshot_id}/", {"conversation": slug}).text
    assert ("1 other conversation is in the same files" in page) == bool(others)
    assert ("and nothing else" in page) == (not others)


def test_the_list_of_files_is_read_once_whatever_their_order_in_the_chat(monkeypatch) -> None:
    names = [f"{number:02}.jpg" for number in range(60)]
    mixed = [name for number in range(5) for name in names[number::5]]
    files = dict.fromkeys(names, "x") | {"c.jsonl": "".join(chat("us", each) for each in mixed)}
    found = chosen(files)
    read: list[PageRef] = []
    page_bytes = manifests.page_bytes

    def counted(vault: Vault, page: PageRef) -> bytes:
        read.append(page)
        return page_bytes(vault, page)

    monkeypatch.setattr(manifests, "page_bytes", counted)
    assert selecting.of_conversation(Conversation.objects.get()).selection == found.selection
    assert len(read) < 2 * len(set(read))


PHOTOS = [f"media/{number}.jpg" for number in range(4)]
OWN = {"us/chat.jsonl": chat("us", *PHOTOS)} | {f"us/{name}": name for name in PHOTOS}


@pytest.mark.parametrize(
    ("more", "under", "items", "beyond"),
    [
        ({}, ["us"], [], 0),
        ({"them/a.jpg": "a"}, ["us"], [], 0),
        ({"us/a.txt": "a"}, ["us/media"], ["us/chat.jsonl"], 0),
        ({"us/media/a.txt": "a", "us/b.txt": "b"}, ["us", "us/media"], [], 2),
    ],
)
def test_of_more_files_than_can_be_named_their_own_folders_are(
    monkeypatch, more: dict[str, str], under: list[str], items: list[str], beyond: int
) -> None:
    monkeypatch.setattr(limits, "SELECTION_NAMES_MAX", 3)
    found = chosen(OWN | more)
    assert found.selection is not None
    assert (found.selection.under, found.selection.items) == (under, items)
    assert found.beyond == beyond
    covers = found.selection.covering()
    assert all(map(covers, OWN))


def test_of_too_many_folders_those_above_them_are_named(monkeypatch) -> None:
    monkeypatch.setattr(limits, "SELECTION_NAMES_MAX", 2)
    names = [f"{number}/a.jpg" for number in range(4)]
    files = {f"us/{name}": name for name in names} | {f"us/{n}/b.jpg": "b" for n in range(4)}
    found = chosen(files | {"us/chat.jsonl": chat("us", *names)})
    assert found.selection is not None
    assert (found.selection.under, found.beyond) == (["us"], 4)
    names = [f"{number}.jpg" for number in range(4)]
    found = chosen(
        {name: name for name in names} | {"c.jsonl": chat("top", *names), "x": "x"}, "top"
    )
    assert (found.selection, found.beyond) == (None, 1)


@pytest.mark.parametrize("folder", ["us", "家庭"])
def test_names_that_are_too_long_together_fit_into_the_message_that_tells_them(folder) -> None:
    names = [f"{folder}/{'x' * 900}-{number}.jpg" for number in range(700)]
    talk = "".join(chat("us", name.rpartition("/")[2]) for name in names)
    found = chosen(dict.fromkeys(names, "") | {f"{folder}/c.jsonl": talk, "x": "x"})
    binding = Binding(found.snapshot.snapshot_id, found.selection)
    assert messages.encode(messages.Open("restore", 0, 0, "x" * 100, binding))
    assert found.selection is not None
    assert (found.selection.under, found.selection.items, found.beyond) == ([folder], [], 0)
