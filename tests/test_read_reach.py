"""A chat names files of its own: whatever else is in the backup, it cannot claim as attachments."""

import io
import json
import zipfile

import pytest

from conversations.archives import ArchiveTree
from conversations.events import Message
from conversations.reading import Reading
from conversations.recognising import recognise
from tests.chats_cast import jsonl, line
from tests.reading_cast import MemoryTree, Read

MALLORY = "mallory/WhatsApp Chat with Mallory.txt"
HEADER = "18/03/2022, 14:56 - "
SECRET = {"private/passport.pdf": b"%PDF", "private/IMG-20220318-WA0001.jpg": b"jpeg"}
WAYS = (
    "passport.pdf",
    "private/passport.pdf",
    "../private/passport.pdf",
    "..\\private\\passport.pdf",
    "/private/passport.pdf",
    "x/../../private/passport.pdf",
    "IMG-20220318-WA0001.jpg",
)


def whatsapp(*names: str) -> str:
    return "".join(f"{HEADER}Mallory: {name} (file attached)\n" for name in names)


def chat1(*paths: str) -> str:
    files = [{"kind": "document", "path": path} for path in paths]
    said = line("2024-01-01T00:00:00Z", "m", kind="media", attachments=files)
    return jsonl("m", "Mallory", [{"key": "m"}], [said])


def telegram(*paths: str) -> str:
    said = [
        {"id": at, "type": "message", "date_unixtime": "1", "from": "M", "file": path, "text": ""}
        for at, path in enumerate(paths)
    ]
    return json.dumps({"name": "M", "type": "personal_chat", "id": 7, "messages": said})


def discord(*paths: str) -> str:
    files = [{"id": str(at), "url": path} for at, path in enumerate(paths)]
    said = {"id": "1", "type": "Default", "timestamp": "2024-01-01T00:00:00Z", "content": "x"}
    said |= {"author": {"id": "2", "name": "M"}, "attachments": files}
    return json.dumps({"guild": {"id": "0"}, "channel": {"id": "3"}, "messages": [said]})


def messenger(*paths: str, thread: str = "inbox/mallory_1", at: int = 1) -> str:
    said = {"sender_name": "M", "timestamp_ms": at, "files": [{"uri": path} for path in paths]}
    return json.dumps({"participants": [{"name": "M"}], "messages": [said], "thread_path": thread})


FORMATS = {
    "whatsapp": (MALLORY, whatsapp),
    "chat1": ("mallory/chat.jsonl", chat1),
    "telegram": ("mallory/result.json", telegram),
    "discord": ("mallory/m.json", discord),
    "messenger": ("mallory/messages/inbox/mallory_1/message_1.json", messenger),
}


def places(read: Read) -> list[str | None]:
    return [
        each.place.file if each.place else None
        for message in read.messages
        for each in message.attachments
    ]


@pytest.mark.parametrize("app", FORMATS)
def test_a_chat_cannot_claim_files_elsewhere_in_the_backup(app) -> None:
    name, written = FORMATS[app]
    read = Read({name: written(*WAYS), **SECRET})
    assert read.apps == [app]
    assert places(read) == [None] * len(WAYS)


@pytest.mark.parametrize("app", FORMATS)
def test_what_lies_beside_a_chat_is_its_own(app) -> None:
    name, written = FORMATS[app]
    mine = f"{name.rpartition('/')[0]}/mine.pdf"
    assert places(Read({name: written("mine.pdf"), mine: b"%PDF", **SECRET})) == [mine]


@pytest.mark.parametrize("app", ["whatsapp", "chat1", "telegram", "discord"])
def test_at_the_top_of_a_backup_a_name_alone_leads_into_no_other_folder(app) -> None:
    name, written = FORMATS[app]
    top = name.removeprefix("mallory/")
    read = Read({top: written("passport.pdf", "mine.pdf"), "mine.pdf": b"%PDF", **SECRET})
    assert places(read) == [None, "mine.pdf"]


def test_names_in_whatsapp_have_no_folders() -> None:
    read = Read({MALLORY.removeprefix("mallory/"): whatsapp("private/passport.pdf"), **SECRET})
    assert places(read) == [None]
    assert read.messages[0].attachments[0].name == "passport.pdf"


def test_whatsapps_own_folder_of_media_is_looked_through_for_names_that_it_gives() -> None:
    media = "mallory/Android/media/com.whatsapp/WhatsApp/Media"
    found = f"{media}/WhatsApp Images/Sent/IMG-20220318-WA0001.jpg"
    files = {found: b"jpeg", f"{media}/WhatsApp Documents/passport.pdf": b"%PDF"}
    read = Read({MALLORY: whatsapp("IMG-20220318-WA0001.jpg", "passport.pdf"), **files})
    assert places(read) == [found, None]
    files[f"{media}/WhatsApp Images/IMG-20220318-WA0001.jpg"] = b"which?"
    assert places(Read({MALLORY: whatsapp("IMG-20220318-WA0001.jpg"), **files})) == [None]


def test_a_thread_has_its_media_in_other_zips_of_the_download_and_nobody_elses() -> None:
    uri = "your_facebook_activity/messages/inbox/{}/photos/1.jpg"
    sticker = "your_facebook_activity/messages/stickers_used/9.png"
    mine, another = uri.format("mallory_1"), uri.format("alice_2")
    name = "part1.zip/your_facebook_activity/messages/inbox/mallory_1/message_1.json"
    read = Read(
        {
            name: messenger(mine, another, sticker),
            f"part2.zip/{mine}": b"mine",
            f"part2.zip/{another}": b"alice's",
            f"part3.zip/{sticker}": b"png",
        }
    )
    assert places(read) == [f"part2.zip/{mine}", f"part2.zip/{mine}", f"part3.zip/{sticker}"]
    read = Read({name: messenger(another), f"part2.zip/{another}": b"alice's"})
    assert places(read) == [None]


def test_an_archive_beside_a_chat_is_not_looked_into() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("passport.pdf", b"%PDF")
    named = whatsapp("private.zip"), chat1("private.zip", "private.zip/passport.pdf")
    for name, text, expected in (
        ("m/WhatsApp Chat with M.txt", named[0], ["m/private.zip"]),
        ("m/chat.jsonl", named[1], ["m/private.zip", None]),
    ):
        tree = ArchiveTree(MemoryTree({name: text, "m/private.zip": packed.getvalue()}))
        (source,) = recognise(tree)
        said = [each for each in Reading(tree, source) if isinstance(each, Message)]
        files = [each.place and each.place.file for one in said for each in one.attachments]
        assert files == expected


def test_stickers_of_signal_export_are_beside_the_folders_of_chats() -> None:
    links = "../exported_stickers/p/1.png", "./media/../../../private/passport.pdf"
    text = "".join(f"[2019-05-29, 15:04] Jim: ![x]({link})  \n" for link in links)
    files = {"out/Jim/chat.md": text, "out/exported_stickers/p/1.png": b"png", **SECRET}
    assert places(Read(files)) == ["out/exported_stickers/p/1.png", None]
