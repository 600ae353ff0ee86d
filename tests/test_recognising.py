"""Every format is read by its own reader, whatever its file is called or is said in it."""

import json
from pathlib import Path

import pytest

from conversations.readers import READERS
from conversations.recognising import best_for

SAMPLES = Path(__file__).parent / "samples"
APPS = [reader.app for reader in READERS]
CHAT1 = {"format": "backupstation.chat/1", "key": "c", "title": "Us"}
TELEGRAM = {
    "name": "Bob",
    "type": "personal_chat",
    "id": 22,
    "messages": [{"id": 1, "type": "message", "date": "2024-01-05T10:00:00", "text": "{}"}],
}
MESSENGER = {
    "participants": [{"name": "Alice"}, {"name": "Bob"}],
    "messages": [{"sender_name": "Bob", "timestamp_ms": 1704448800000, "content": "{}"}],
    "title": "Bob",
    "thread_path": "inbox/bob_1",
}
E2EE = {
    "participants": ["Alice", "Bob"],
    "threadName": "Bob_1",
    "messages": [{"senderName": "Bob", "text": "{}", "timestamp": 1704448800000, "type": "text"}],
}
DISCORD = {
    "guild": {"id": "1", "name": "Server"},
    "channel": {"id": "2", "type": "GuildTextChat", "name": "general"},
    "messages": [{"id": "3", "type": "Default", "timestamp": "2024-01-05", "content": "{}"}],
}
ELEMENT = {
    "room_name": "Room",
    "room_creator": "@a:b",
    "topic": "",
    "export_date": "5.1.2024",
    "exported_by": "@a:b",
    "messages": [{"type": "m.room.message", "content": {"body": "{}", "msgtype": "m.text"}}],
}
SLACK = [{"type": "message", "user": "U0123ABCD", "text": "{}", "ts": "1704448800.000100"}]
SIGNAL = (
    '{"version":"1","backupTimeMs":"1715636551000"}\n'
    '{"chatItem":{"chatId":"1","standardMessage":{"text":{"body":"{}"}}}}\n'
)
SMS = '<?xml version="1.0"?>\n<smses count="1">\n<sms address="1" date="1" type="1" body="{}"/>\n'
WHATSAPP = [
    "1/5/24, 10:00 - Mia: Hi\n1/5/24, 10:01 - Bob: {}\n",
    "05.01.24, 10:00 - Mia: Hi\n05.01.24, 10:01 - Bob: {}\n",
    "[05.01.24, 10:00:05] Mia: Hi\r\n[05.01.24, 10:01:05] Bob: {}\r\n",
    "[2024-01-05, 10:00:05] Mia: Hi\n[2024-01-05, 10:01:05] Bob: {}\n",
    "2024/1/5 上午10:00 - 小明: 你好\n2024/1/5 上午10:01 - 小红: {}\n",
    "2024. 1. 5. 오전 10:00 - 민지: 안녕\n2024. 1. 5. 오전 10:01 - 민지: {}\n",
    "5/1/24 10:00: Mia: Hi\n5/1/24 10:01: Bob: {}\n",
]
WHATSAPP += [text.replace("Hi", "{}", 1) for text in WHATSAPP if "Hi" in text]
LINE = [
    "[LINE] Chat history with Mia\nSaved on: 1/30/2026, 09:15\n\nFri, 1/30/2026\n09:15\tMia\t{}\n",
    "2026/01/30(金)\n09:15\tMia\tHi\n09:16\tBob\t{}\n",
]
KAKAOTALK = [
    "Date,User,Message\n2024-06-01 10:00:00,A,B\n2024-06-01 10:01:00,A,{}\n",
    (
        "홍길동 님과 카카오톡 대화\n저장한 날짜 : 2020-06-29 10:00:00\n\n"
        "--------------- 2020년 6월 28일 일요일 ---------------\n[A] [오후 2:15] {}\n"
    ),
    "KakaoTalk Chats with Mia\nDate Saved : June 29, 2020\n\nJune 28, 2020, 1:01 AM, Mia : {}\n",
]
SIGNAL_TEXT = "[2024-01-05, 10:00] Mia: Hi\n[2024-01-05, 10:01] Me: {}\n"
QQ = [
    (
        "消息记录（此消息记录为文本格式，不支持重新导入）\n\n消息分组:我的好友\n消息对象:小明\n\n"
        "2012-01-05 9:05:01 小明(12345)\n{}\n"
    ),
]
WECHAT = (
    "localId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime\n"
    '1,2,1,0,0,1704448800,2,"{}",2024-01-05\n'
)
FILES = {  # each is typical; {} is where somebody says something
    "chat1": [("c.jsonl", [CHAT1, {"kind": "text", "text": "{}"}])],
    "whatsapp": [
        (name, text)
        for text in WHATSAPP
        for name in ("WhatsApp Chat with Mia.txt", "_chat.txt", "Mia.txt")
    ],
    "telegram": [("result.json", TELEGRAM), ("result.json", {"chats": {"list": [TELEGRAM]}})],
    "sms": [("sms-20240105.xml", SMS)],
    "messenger": [("inbox/bob_1/message_1.json", MESSENGER), ("Bob_1.json", E2EE)],
    "instagram": [("instagram/messages/inbox/bob_1/message_1.json", MESSENGER)],
    "discord": [("Server - general [2].json", DISCORD)],
    "slack": [("export/general/2024-01-05.json", SLACK)],
    "line": [("[LINE]Mia.txt", text) for text in LINE],
    "kakaotalk": [
        ("KakaoTalk_1.csv" if "," in text[:9] else "Talk.txt", text) for text in KAKAOTALK
    ],
    "signal": [("main.jsonl", SIGNAL), ("Mia/chat.md", SIGNAL_TEXT)],
    "qq": [("小明.txt", text) for text in QQ],
    "wechat": [("messages.csv", WECHAT)],
    "element": [("export.json", ELEMENT)],
}
CASES = [(app, name, made) for app, files in FILES.items() for name, made in files]
SAYS = [
    "hello",
    json.dumps(CHAT1),
    json.dumps(TELEGRAM),
    json.dumps(MESSENGER),
    json.dumps(E2EE),
    json.dumps(DISCORD),
    json.dumps(ELEMENT),
    json.dumps(SLACK),
    SIGNAL,
    SMS,
    *WHATSAPP,
    *LINE,
    *KAKAOTALK,
    SIGNAL_TEXT,
    *QQ,
    WECHAT,
]


def written(made: object, said: str, indent: int | None = None) -> bytes:
    """The file with ``said`` in it, as its app would write that."""
    if isinstance(made, list) and "format" in made[0]:
        return b"".join(written(each, said) + b"\n" for each in made)
    if not isinstance(made, str):
        text = json.dumps(made, ensure_ascii=False, indent=indent)
        return text.replace('"{}"', json.dumps(said, ensure_ascii=False)).encode()
    if made is SIGNAL:
        said = json.dumps(said, ensure_ascii=False)[1:-1]
    if made is SMS:
        said = said.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    if made is WECHAT:
        said = said.replace('"', '""')
    return made.replace("{}", said).encode()


def sure(name: str, head: bytes) -> set[str]:
    return {reader.app for reader in READERS if reader.sniff(name, head) > 0.5}


def test_every_reader_has_typical_files() -> None:
    assert set(FILES) == set(APPS)


@pytest.mark.parametrize(("app", "name", "made"), CASES)
@pytest.mark.parametrize("indent", [None, 1])
def test_its_own_reader_is_sure_and_no_other(app: str, name: str, made: object, indent) -> None:
    head = written(made, "hello", indent)
    assert sure(name, head) == {app}
    assert sure(name, b"\xef\xbb\xbf" + head) == {app}


@pytest.mark.parametrize(("app", "name", "made"), CASES)
def test_what_is_said_in_a_chat_does_not_make_it_anothers(
    app: str, name: str, made: object
) -> None:
    for said in SAYS:
        for indent in (None, 1):
            found = best_for(name, written(made, said, indent)[:4096])
            assert found is not None, said
            assert found.app == app, said


@pytest.mark.parametrize(("app", "name", "made"), CASES)
def test_a_file_may_be_renamed(app: str, name: str, made: object) -> None:
    head = written(made, "hello")
    ending = name.rpartition(".")[2]
    for other in (f"x.{ending}", f"deep/er/Export (1).{ending}", f"文件.{ending.upper()}"):
        if app in ("slack", "instagram") or b"[2024-01-05, 1" in head:
            continue  # its name or folder is what tells it from others
        found = best_for(other, head)
        assert found is not None, other
        assert found.app == app, other


@pytest.mark.parametrize(
    "path", [path for path in sorted(SAMPLES.rglob("*")) if path.is_file()], ids=lambda p: p.name
)
def test_samples_are_their_apps(path: Path) -> None:
    place = path.relative_to(SAMPLES)
    found = best_for(place.as_posix(), path.read_bytes()[:4096])
    is_chat = path.name not in ("target.json", "README.md")
    is_chat &= path.suffix in (".txt", ".json", ".csv")
    assert (found.app if found else None) == (place.parts[0] if is_chat else None)
