"""WhatsApp: whose chat it is, by the localised names of files, zips and folders."""

import io
import zipfile

import pytest

from conversations.archives import ArchiveTree
from conversations.events import Conversation, Message, Place
from conversations.readers.whatsapp import WhatsApp
from conversations.reading import Reading
from conversations.recognising import recognise
from tests.reading_cast import MemoryTree, Read

TEXT = "18/03/22, 14:56 - Ann: hi\n18/03/22, 14:56 - Bob: ho\n18/03/22, 14:57 - Cem: hey\n"


def title(name: str, text: str = TEXT) -> str:
    (conversation,) = Read({name: text}).conversations
    return conversation.title


@pytest.mark.parametrize(
    "name",
    [
        "WhatsApp Chat with {}.txt",
        "WhatsApp Chat with {} (1).txt",
        "WhatsApp Chat with {}(2).txt",
        "WhatsApp Chat with {} (1) (2).txt",
        "WhatsApp Chat with {}.zip/WhatsApp Chat with {}.txt",
        "backup/WhatsApp Chat - {}.zip/_chat.txt",
        "WhatsApp Chat - {} (1).zip/_chat.txt",
        "WhatsApp Chat - {}/_chat (3).txt",
        "WhatsApp_Chat_with_{}.txt",
        "WhatsApp%20Chat%20with%20{}.txt",
        "WhatsApp Chat mit {}.txt",
        "Chat de WhatsApp con {}.txt",
        "Conversación de WhatsApp con {}.txt",
        "Discussion WhatsApp avec {}.txt",
        "Chat WhatsApp con {}.txt",
        "Conversa do WhatsApp com {}.txt",
        "Conversa no WhatsApp com {}.txt",
        "WhatsApp-chat met {}.txt",
        "{} ile WhatsApp Sohbeti.txt",
        "WhatsApp Sohbeti - {}.zip/_chat.txt",
        "Czat WhatsApp z {}.txt",
        "Czat WhatsApp z użytkownikiem {}.txt",
        "Чат WhatsApp с контактом {}.txt",
        "Чат WhatsApp с {}.txt",
        "Чат WhatsApp з {}.txt",
        "Chat WhatsApp s uživatelem {}.txt",
        "WhatsApp-chatt med {}.txt",
        "Xat de WhatsApp amb {}.txt",
        "Chat WhatsApp dengan {}.txt",
        "Sembang WhatsApp dengan {}.txt",
        "Συνομιλία WhatsApp με {}.txt",
        "محادثة واتساب مع {}.txt",
        "צ'אט WhatsApp עם {}.txt",
        "与{}的 WhatsApp 聊天.txt",
        "与{}的WhatsApp聊天记录.txt",
        "與{}的 WhatsApp 對話.txt",
        "{}とのWhatsAppチャット.txt",
        "{}님과의 WhatsApp 대화.txt",
        "Đoạn chat WhatsApp với {}.txt",
        "แชท WhatsApp กับ {}.txt",
        "{} के साथ WhatsApp चैट.txt",
        "{}/_chat.txt",
        "WhatsApp Chat - {}.zip/chat/_chat.txt",
    ],
)
@pytest.mark.parametrize("chat", ["Team Rome", "+49 170 1234567", "李四", "🏖 2022"])
def test_the_chat_is_named_by_its_file(name: str, chat: str) -> None:
    assert title(name.format(chat, chat)) == chat
    (conversation,) = Read({name.format(chat, chat): TEXT}).conversations
    assert conversation.key == chat


def test_accents_are_written_in_one_way() -> None:
    assert title("WhatsApp Chat with Zoe\u0308.txt") == title("WhatsApp Chat with Zo\u00eb.txt")


def test_a_chat_without_a_name_is_called_by_its_people() -> None:
    assert title("_chat.txt") == "Ann, Bob, Cem"
    assert title("phone/WhatsApp/_chat.txt") == "Ann, Bob, Cem"
    keys = {
        Read({"_chat.txt": text}).conversations[0].key
        for text in (TEXT, TEXT.replace("Cem", "Dan"), TEXT + TEXT)
    }
    assert len(keys) == 2


@pytest.mark.parametrize(
    "name", ["notes.txt", "sub/WhatsApp.log", "WhatsApp Chat with Ann.zip", "server.log", "a.json"]
)
def test_other_files_are_no_chats(name: str) -> None:
    assert Read({name: "2022-03-18 and so on\n"}).apps == []


def test_a_chat_may_have_any_name() -> None:
    assert Read({"chat with mum.txt": TEXT}).apps == ["whatsapp"]


@pytest.mark.parametrize(
    ("name", "text", "confidence"),
    [
        ("WhatsApp Chat with Ann.txt", TEXT, 1.0),
        ("_chat.txt", "no chat", 0.2),
        ("mum.txt", TEXT, 1.0),
        ("mum.txt", "[2022-03-18, 14:56] Ann: as other programs write too\n", 0.3),
        ("mum.txt", f"My chat\n{TEXT}", 0.4),
        ("mum.txt", "On\n18/03/22, 14:56 - we met\n", 0.0),
        ("mum.json", TEXT, 0.0),
    ],
)
def test_how_sure_it_is_of_a_file(name: str, text: str, confidence: float) -> None:
    assert WhatsApp().sniff(name, text.encode()) == confidence


def test_a_zip_names_its_chat_and_has_its_media() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "_chat.txt", "[18/03/22, 14:56:01] Ann: \u200e<attached: 01-PHOTO.jpg>\r\n"
        )
        archive.writestr("01-PHOTO.jpg", b"jpeg")
    tree = ArchiveTree(MemoryTree({"phone/WhatsApp Chat - Ann.zip": packed.getvalue()}))
    (recognised,) = recognise(tree)
    events = list(Reading(tree, recognised))
    assert [event.title for event in events if isinstance(event, Conversation)] == ["Ann"]
    (message,) = [event for event in events if isinstance(event, Message)]
    (file,) = message.attachments
    assert file.place == Place("phone/WhatsApp Chat - Ann.zip/01-PHOTO.jpg")
    assert file.size == 4
