"""WhatsApp: files, notices and texts in the languages of its users. The texts were made here."""

import pytest

from conversations.events import Kind, MediaKind, Message
from tests.reading_cast import Read

LRM = "\u200e"
IPHONE = "[18/03/22, 14:56:01] Ann: "
ANDROID = "18/03/22, 14:56 - Ann: "
PHOTO = "00000035-PHOTO-2022-03-18-14-56-01.jpg"


def said(header: str, body: str, *files: str) -> Message:
    folder = "WhatsApp Chat - Ann"
    chat = {f"{folder}/_chat.txt": f"{header}{body}\n"}
    read = Read(chat | {f"{folder}/{name}": b"12345" for name in files})
    (message,) = read.messages + read.system
    assert read.warnings == []
    return message


@pytest.mark.parametrize(
    "words",
    [
        *("file attached", "Datei angehängt", "archivo adjunto", "fichier joint", "file allegato"),
        *("arquivo anexado", "ficheiro anexado", "bestand bijgevoegd", "dosya ekli", "附件"),
        *(
            "файл добавлен",
            "soubor byl přiložen",
            "bifogad fil",
            "添付ファイル",
            "파일 첨부됨",
            "文件附件",
        ),
        *("الملف مرفق", "קובץ מצורף", "tệp đính kèm", "file terlampir", "of no known language"),
    ],
)
@pytest.mark.parametrize("mark", ["", LRM])
def test_android_attaches_files(words: str, mark: str) -> None:
    name = "IMG-20220318-WA0001.jpg"
    message = said(ANDROID, f"{mark}{name} ({words})\nThe sea\nat dawn", name)
    (file,) = message.attachments
    assert (message.kind, message.text) == (Kind.MEDIA, "The sea\nat dawn")
    assert (file.kind, file.name, file.size) == (MediaKind.IMAGE, name, 5)


@pytest.mark.parametrize(
    "words",
    [
        *("attached", "Anhang", "adjunto", "pièce jointe", "allegato", "anexo", "anexado", "附件"),
        *(
            "bijgevoegd",
            "прикреплено",
            "添付ファイル",
            "첨부됨",
            "المُرفق",
            "מצורף",
            "đính kèm",
            "unknown",
        ),
    ],
)
@pytest.mark.parametrize("mark", ["", LRM])
def test_the_iphone_attaches_files(words: str, mark: str) -> None:
    message = said(IPHONE, f"{mark}<{words}: {PHOTO}>", PHOTO)
    (file,) = message.attachments
    assert (message.kind, message.text, message.sender) == (Kind.MEDIA, "", "Ann")
    assert (file.kind, file.name, file.place and file.place.file) == (
        MediaKind.IMAGE,
        PHOTO,
        f"WhatsApp Chat - Ann/{PHOTO}",
    )


def test_an_attachment_stands_before_or_after_its_caption() -> None:
    for body in (f"{LRM}<attached: {PHOTO}>\nThe sea", f"The sea {LRM}<attached: {PHOTO}>"):
        message = said(IPHONE, body)
        assert (message.text, message.attachments[0].name) == ("The sea", PHOTO)
        assert message.attachments[0].place is None


def test_a_file_of_any_name_is_known_because_it_is_there() -> None:
    assert said(ANDROID, "trip.gpx (schnurps)", "trip.gpx").attachments[0].size == 5
    assert said(IPHONE, "<schnurps: trip.gpx>", "trip.gpx").attachments[0].size == 5
    for body in ("trip.gpx (schnurps)", "<schnurps: trip.gpx>"):
        assert (said(ANDROID, body).kind, said(ANDROID, body).text) == (Kind.TEXT, body)


def test_documents_keep_their_names_and_pages() -> None:
    message = said(IPHONE, f"Plan.pdf • {LRM}2 pages {LRM}<attached: 00000036-Plan.pdf>")
    assert (message.text, message.attachments[0].kind) == ("Plan.pdf • 2 pages", MediaKind.DOCUMENT)
    for words in ("document omitted", "Dokument weggelassen", "đã bỏ qua tài liệu", "文档已省略"):
        message = said(IPHONE, f"Plan.pdf • {LRM}2 pages {LRM}{words}")
        (file,) = message.attachments
        assert (message.text, file.name, file.place) == ("Plan.pdf • 2 pages", "Plan.pdf", None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("IMG-20220318-WA0001.jpg", MediaKind.IMAGE),
        ("VID-20220318-WA0001.mp4", MediaKind.VIDEO),
        ("PTT-20220318-WA0001.opus", MediaKind.AUDIO),
        ("AUD-20220318-WA0001.m4a", MediaKind.AUDIO),
        ("STK-20220318-WA0001.webp", MediaKind.STICKER),
        ("DOC-20220318-WA0001.pdf", MediaKind.DOCUMENT),
        ("DOC-20220318-WA0001.", MediaKind.DOCUMENT),
        ("00000035-STICKER-2022-03-18-14-56-01.webp", MediaKind.STICKER),
        ("00000035-GIF-2022-03-18-14-56-01.mp4", MediaKind.VIDEO),
        ("00000035-AUDIO-2022-03-18-14-56-01.opus", MediaKind.AUDIO),
        ("My (final) plan.docx", MediaKind.DOCUMENT),
    ],
)
def test_files_are_told_apart_by_name(name: str, kind: MediaKind) -> None:
    assert said(ANDROID, f"{name} (file attached)").attachments[0].kind is kind
    assert said(IPHONE, f"{LRM}<attached: {name}>").attachments[0].kind is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<Media omitted>", MediaKind.DOCUMENT),
        ("<Medien ausgeschlossen>", MediaKind.DOCUMENT),
        ("<Multimedia omitido>", MediaKind.DOCUMENT),
        ("<Médias omis>", MediaKind.DOCUMENT),
        ("<Media omessi>", MediaKind.DOCUMENT),
        ("<Mídia oculta>", MediaKind.DOCUMENT),
        ("<Arquivo de mídia oculto>", MediaKind.DOCUMENT),
        ("<Media weggelaten>", MediaKind.DOCUMENT),
        ("<Medya dahil edilmedi>", MediaKind.DOCUMENT),
        ("<Без медиафайлов>", MediaKind.DOCUMENT),
        ("<Média vynechány>", MediaKind.DOCUMENT),
        ("<Media tidak disertakan>", MediaKind.DOCUMENT),
        ("<省略多媒体文件>", MediaKind.DOCUMENT),
        ("<忽略多媒體檔>", MediaKind.DOCUMENT),
        ("<メディアは含まれていません>", MediaKind.DOCUMENT),
        ("<미디어 파일을 생략한 대화내용>", MediaKind.DOCUMENT),
        ("<تم استبعاد الوسائط>", MediaKind.DOCUMENT),
        ("< پيوست نما/آهنگ حذف شد >", MediaKind.DOCUMENT),
        ("image omitted", MediaKind.IMAGE),
        ("Bild weggelassen", MediaKind.IMAGE),
        ("imagen omitida", MediaKind.IMAGE),
        ("image absente", MediaKind.IMAGE),
        ("画像は含まれていません", MediaKind.IMAGE),
        ("이미지 생략됨", MediaKind.IMAGE),
        ("圖片已略去", MediaKind.IMAGE),
        ("изображение отсутствует", MediaKind.IMAGE),
        ("GIF omitted", MediaKind.IMAGE),
        ("video omitted", MediaKind.VIDEO),
        ("Video omitido", MediaKind.VIDEO),
        ("đã bỏ video", MediaKind.VIDEO),
        ("audio omitted", MediaKind.AUDIO),
        ("bỏ qua tệp âm thanh", MediaKind.AUDIO),
        ("sticker omitted", MediaKind.STICKER),
        ("document omitted", MediaKind.DOCUMENT),
        ("null", MediaKind.IMAGE),
    ],
)
def test_files_that_were_left_out_are_missing_media(body: str, kind: MediaKind) -> None:
    marks = ("", LRM) if body[0] not in "<n" else ("",)
    for header in (IPHONE, ANDROID):
        for mark in marks:
            message = said(header, mark + body)
            (file,) = message.attachments
            assert (message.kind, message.text, message.sender) == (Kind.MEDIA, "", "Ann")
            assert (file.kind, file.place) == (kind, None)


def test_a_caption_stays_where_the_file_was_left_out() -> None:
    message = said(ANDROID, "<Media omitted>\nThe sea")
    assert (message.text, message.attachments[0].name) == ("The sea", "")
    message = said(ANDROID, "<Media omitted>\nMy plan.docx")
    assert (message.text, message.attachments[0].name) == ("My plan.docx", "My plan.docx")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("This message was deleted", Kind.DELETED),
        ("This message was deleted.", Kind.DELETED),
        ("You deleted this message", Kind.DELETED),
        ("Diese Nachricht wurde gelöscht.", Kind.DELETED),
        ("Se eliminó este mensaje.", Kind.DELETED),
        ("Ce message a été supprimé", Kind.DELETED),
        ("Mensagem apagada", Kind.DELETED),
        ("Данное сообщение удалено", Kind.DELETED),
        ("Bu mesaj silindi", Kind.DELETED),
        ("このメッセージは削除されました。", Kind.DELETED),
        ("您已删除这条消息。", Kind.DELETED),
        ("تم حذف هذه الرسالة", Kind.DELETED),
        ("Missed voice call", Kind.CALL),
        ("Missed video call", Kind.CALL),
        ("Verpasster Sprachanruf", Kind.CALL),
        ("未接语音通话", Kind.CALL),
        ("Location: https://maps.google.com/?q=51.5021456,-0.127397", Kind.LOCATION),
        ("location: https://maps.google.com/?q=51.5,-0.1", Kind.LOCATION),
        ("Standort: https://maps.google.com/?q=51.5,-0.1", Kind.LOCATION),
        ("Vị trí: https://maps.google.com/?q=51.5,-0.1", Kind.LOCATION),
        ("Gardens (London): https://foursquare.com/v/4e89af95", Kind.LOCATION),
        ("Gardens (London)\nhttps://foursquare.com/v/4e89af95", Kind.LOCATION),
        ("live location shared", Kind.LOCATION),
        ("POLL:\nTea?\nOPTION: Yes (2 votes)\nOPTION: No (0 votes)", Kind.POLL),
        ("UMFRAGE:\nTee?\nOPTION: Ja (2 Stimmen)", Kind.POLL),
    ],
)
def test_notices_about_a_message_keep_their_words(body: str, kind: Kind) -> None:
    for header, mark in ((ANDROID, ""), (IPHONE, ""), (IPHONE, LRM)):
        message = said(header, mark + body)
        assert (message.kind, message.text, message.sender) == (kind, body, "Ann")


def test_a_call_without_a_sender_is_a_call() -> None:
    read = Read({"WhatsApp Chat with Ann.txt": "18/03/22, 14:56 - Missed voice call at 14:55\n"})
    assert [(each.kind, each.sender) for each in read.messages] == [(Kind.CALL, None)]


def test_the_iphone_tells_of_calls() -> None:
    message = said(IPHONE, f"{LRM}Voice call, {LRM}5 min")
    assert (message.kind, message.text) == (Kind.CALL, "Voice call, 5 min")
    assert said(IPHONE, "Voice call, 5 min").kind is Kind.TEXT


def test_contacts_are_cards() -> None:
    message = said(ANDROID, "Bob.vcf (file attached)", "Bob.vcf")
    assert (message.kind, message.attachments[0].size) == (Kind.CONTACT, 5)
    assert said(IPHONE, f"{LRM}Contact card omitted").kind is Kind.CONTACT


@pytest.mark.parametrize(
    "mark",
    [
        "<This message was edited>",
        "<Diese Nachricht wurde bearbeitet.>",
        "<Mensagem editada>",
        "<Se editó este mensaje>",
        "<此消息已编辑>",
        f"{LRM}<This message was edited>",
        f"{LRM}<of no known language>",
    ],
)
def test_edited_messages_are_marked(mark: str) -> None:
    for header in (ANDROID, IPHONE):
        message = said(header, f"one\ntwo {mark}")
        assert (message.text, message.edited, message.kind) == ("one\ntwo", 0, Kind.TEXT)


@pytest.mark.parametrize(
    "body",
    [
        "what an image",
        "the image omitted a lot",
        "<b>",
        "a <b: c>",
        "<Media omitted> they say",
        "smile :)",
        "see notes.txt (old)",
        "(file attached)",
        "nullify",
        "null\nnull",
        "This message was deleted, was it?",
        "Missed voice call from mum",
        "Voice call",
        "look https://maps.google.com/?q=51.5,-0.1 there",
        "https://example.org/?q=1",
        "POLL: who comes?",
        "<This message was edited> is what it said",
        " leading and trailing ",
        "tab\tand\u2028line separator",
        "a\rb",
        "\u200fمرحبا",
        f"{LRM}hello",
        "1\n2\n3\n4\nhttps://maps.google.com/?q=51.5,-0.1",
    ],
)
def test_a_text_that_is_like_a_mark_stays_a_text(body: str) -> None:
    message = said(ANDROID, body)
    assert (message.kind, message.text, message.attachments) == (Kind.TEXT, body, ())
