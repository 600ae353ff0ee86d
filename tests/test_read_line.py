"""LINE's text exports, in every language's titles, dates and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import ConversationKind, DateOrder, Dates, Kind, MediaKind
from tests.reading_cast import Read
from tests.transcripts import conversations, expected, found, ms, survives_damage, texts

EXPORT = (
    "[LINE] Miaとのトーク履歴\r\n保存日時：2026/01/31 09:15\r\n\r\n"
    '2026/01/30(金)\r\n09:15\tMia\tおはよう\r\n午後3:02\tKen\t"二行の\r\n\r\n本文"\r\n'
    "15:03\tMia\t[写真]\r\n15:04\t\tKenが参加しました。\r\n"
    "\r\n2026/01/31(土)\r\n0:20\tKen\t☎ 通話時間 1:23\r\n"
    "22:10\tKenがメッセージの送信を取り消しました\r\n"
)


def read(text: str, name: str = "line.txt") -> Read:
    return Read({name: text})


def test_messages_calls_and_notices_are_told_apart() -> None:
    chat = read(EXPORT)
    assert chat.apps == ["line"]
    assert [(c.key, c.title) for c in chat.conversations] == [("Mia", "Mia")]
    assert [(m.kind, m.sender, m.text, m.span) for m in chat.messages] == [
        (Kind.TEXT, "Mia", "おはよう", 1),
        (Kind.TEXT, "Ken", "二行の\n\n本文", 3),
        (Kind.MEDIA, "Mia", "", 1),
        (Kind.CALL, "Ken", "通話時間 1:23", 1),
        (Kind.DELETED, None, "Kenがメッセージの送信を取り消しました", 1),
    ]
    assert [m.text for m in chat.system] == ["Kenが参加しました。"]
    assert chat.messages[1].time == ms(2026, 1, 30, 15, 2)
    assert not chat.warnings


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("[LINE] Chat history with Mia Wong", "Mia Wong"),
        ("[LINE] Chat history in Hikers", "Hikers"),
        ("[LINE] 森さんとのトーク履歴", "森さん"),
        ("[LINE] 登山部のトーク履歴", "登山部"),
        ("[LINE] 与小明的聊天记录", "小明"),
        ("[LINE] 與小明的聊天記錄", "小明"),
        ("[LINE] 與 小明 的聊天紀錄", "小明"),
        ("[LINE] 민지님과의 대화", "민지"),
        ("[LINE] ประวัติการแชทกับ มาลี", "มาลี"),
        ("\ufeff[LINE] Something else", "Something else"),
    ],
)
def test_the_title_names_the_conversation(title, name) -> None:
    chat = read(f"{title}\nSaved on: 1/30/2026, 09:15\n\n2026/01/30(Fri)\n09:15\tMia\tHi\n")
    assert [c.title for c in chat.conversations] == [name]
    assert len(chat.messages) == 1


def test_a_group_says_so() -> None:
    chat = read("[LINE] Chat history in Hikers\n\n2026/01/30(Fri)\n09:15\tMia\tHi\n")
    assert chat.conversations[0].kind is ConversationKind.GROUP


@pytest.mark.parametrize(
    "heading",
    [
        "2026/01/30(Fri)",
        "2026/1/30（金）",
        "2026/1/30週五",
        "2026/01/30(五)",
        "2026.01.30 Friday",
        "Fri, 1/30/2026",
        "Fri, 30/1/2026",
        "30/1/2026(金)",
        "R8/01/30(金)",
        "2026年1月30日 星期五",
        "2026. 1. 30 금요일",
        "ศ. 30/1/2569",
        "2026-01-30",
        "Friday, 1/30/2026",
        "2569/01/30(ศ.)",
    ],
)
def test_every_date_heading_is_the_same_day(heading) -> None:
    chat = read(f"[LINE] Chat history with Mia\n\n{heading}\n09:15\tMia\tHi\n")
    assert [m.time for m in chat.messages] == [ms(2026, 1, 30, 9, 15)]


@pytest.mark.parametrize(
    ("time", "hour", "minute"),
    [
        ("09:15", 9, 15),
        ("9:15", 9, 15),
        ("0:20", 0, 20),
        ("午後3:02", 15, 2),
        ("午前0:05", 0, 5),
        ("上午09:15", 9, 15),
        ("下午12:15", 12, 15),
        ("오후 3:02", 15, 2),
        ("9:30 PM", 21, 30),
        ("09:30AM", 9, 30),
        ("12:01\u202fAM", 0, 1),
        ("PM 3:02", 15, 2),
    ],
)
def test_every_time_of_day(time, hour, minute) -> None:
    chat = read(f"[LINE] Chat history with Mia\n\n2026/01/30(Fri)\n{time}\tMia\tHi\n")
    assert [m.time for m in chat.messages] == [ms(2026, 1, 30, hour, minute)]


def test_old_and_desktop_exports_part_by_spaces() -> None:
    chat = read("2026.01.30 Friday\n09:15 Mia Hello there\nand more\n09:16 Ken Hi\n", "Hikers.txt")
    assert chat.apps == ["line"]
    assert chat.conversations[0].title == "Hikers"
    assert [(m.sender, m.text) for m in chat.messages] == [
        ("Mia", "Hello there\nand more"),
        ("Ken", "Hi"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_with_and_without_marks(encoding) -> None:
    chat = Read({"line.txt": EXPORT.encode(encoding)})
    assert chat.conversations[0].title == "Mia"
    assert len(chat.messages) == 5


@pytest.mark.parametrize(
    ("mark", "kind"),
    [
        ("[Photo]", MediaKind.IMAGE),
        ("[写真]", MediaKind.IMAGE),
        ("[照片]", MediaKind.IMAGE),
        ("[スタンプ]", MediaKind.STICKER),
        ("[貼圖]", MediaKind.STICKER),
        ("[Video]", MediaKind.VIDEO),
        ("[ボイスメッセージ]", MediaKind.AUDIO),
        ("[File] a b.pdf", MediaKind.DOCUMENT),
    ],
)
def test_media_that_were_left_out(mark, kind) -> None:
    chat = read(f"[LINE] Chat history with Mia\n\n2026/01/30(Fri)\n09:15\tMia\t{mark}\n")
    (message,) = chat.messages
    assert message.kind is Kind.MEDIA
    (attachment,) = message.attachments
    assert (attachment.kind, attachment.place) == (kind, None)
    assert attachment.name == ("a b.pdf" if "pdf" in mark else "")


def test_a_quote_that_somebody_typed_does_not_swallow_what_follows() -> None:
    chat = read(
        '[LINE] Chat history with Mia\n\n2026/01/30(Fri)\n09:15\tMia\t"Hi\n\n'
        '2026/01/31(Sat)\n09:16\tKen\tnot "so\n09:17\tMia\tno\n'
    )
    assert [m.text for m in chat.messages] == ['"Hi', 'not "so', "no"]
    assert chat.messages[1].time == ms(2026, 1, 31, 9, 16)


def test_a_quoted_word_at_the_beginning_is_no_quoted_body() -> None:
    head = "[LINE] Chat history with Mia\n\n2026/01/30(Fri)\n"
    chat = read(f'{head}09:15\tMia\t"Hi" she said\nand "left\n')
    assert [m.text for m in chat.messages] == ['"Hi" she said\nand "left']


def test_a_quoted_body_may_have_a_date_in_it() -> None:
    chat = read(
        '[LINE] Chat history with Mia\n\n2026/01/30(Fri)\n09:15\tMia\t"When:\n2026/02/01\nok"\n'
        "09:16\tKen\tHi\n"
    )
    assert [m.text for m in chat.messages] == ["When:\n2026/02/01\nok", "Hi"]
    assert chat.messages[1].time == ms(2026, 1, 30, 9, 16)


def order(text: str, **chosen: DateOrder) -> tuple[Dates, list[int]]:
    chat = Read({"line.txt": f"[LINE] Chat history with Mia\n\n{text}"}, chosen)
    (dates,) = [event for event in chat.events if isinstance(event, Dates)]
    return dates, [m.time for m in chat.messages]


def test_weekdays_decide_the_order_of_dates_for_the_whole_file() -> None:
    dates, times = order("Fri, 5/1/2026\n9:00\tMia\tHi\nMon, 7/6/2026\n9:00\tMia\tHi\n")
    assert (dates.order, dates.is_sure) == (DateOrder.MDY, True)
    assert times == [ms(2026, 5, 1, 9), ms(2026, 7, 6, 9)]
    dates, times = order("Mon, 5/1/2026\n9:00\tMia\tHi\n")
    assert (dates.order, dates.is_sure, times) == (DateOrder.DMY, True, [ms(2026, 1, 5, 9)])


def test_days_go_forwards() -> None:
    dates, times = order("1/5/2026\n9:00\tMia\tHi\n2/3/2026\n9:00\tMia\tHi\n")
    assert (dates.order, dates.is_sure) == (DateOrder.MDY, True)
    assert times == [ms(2026, 1, 5, 9), ms(2026, 2, 3, 9)]


def test_an_ambiguous_order_is_told_and_can_be_chosen() -> None:
    dates, times = order("5/1/2026\n9:00\tMia\tHi\n")
    assert (dates.order, dates.is_sure, times) == (DateOrder.DMY, False, [ms(2026, 1, 5, 9)])
    dates, times = order("5/1/2026\n9:00\tMia\tHi\n", Mia=DateOrder.MDY)
    assert (dates.order, dates.is_sure, times) == (DateOrder.MDY, True, [ms(2026, 5, 1, 9)])


def test_a_file_without_messages_says_so() -> None:
    assert [w.code for w in read("[LINE] Chat history with Mia\n\n").warnings] == ["no-messages"]


def test_damage_is_counted() -> None:
    survives_damage("line.txt", EXPORT.encode(), "line")
    survives_damage("line.txt", EXPORT.encode("utf-16"), "line")


HEADINGS = ("%Y/%m/%d(%a)", "%Y.%m.%d %A", "%a, %m/%d/%Y", "%a, %d/%m/%Y", "%Y/%m/%d（%a）")
TIMES = ("%H:%M", "%I:%M %p", "%I:%M%p")


def body(text: str) -> str:
    if "\n" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def plain(text: str) -> bool:
    return "\n" in text or not (text.startswith(("[", "☎", "📞")) or text.count('"') % 2)


@given(
    conversations(texts=texts.filter(plain)),
    st.sampled_from(HEADINGS),
    st.sampled_from(TIMES),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_conversation_reads_back(said, heading, time, encoding, end) -> None:
    written, day = ["[LINE] Chat history with Mia", "Saved on: 1/30/2026, 09:15"], None
    for each in said:
        if each.time.date() != day:
            day = each.time.date()
            written += ["", each.time.strftime(heading)]
        written.append(f"{each.time.strftime(time)}\t{each.sender}\t{body(each.text)}")
    files = {"line.txt": (end.join(written) + end).encode(encoding)}
    chat = Read(files)
    if not all(event.is_sure for event in chat.events if isinstance(event, Dates)):
        order = DateOrder.MDY if heading.startswith("%a, %m") else DateOrder.DMY
        chat = Read(files, {"Mia": order})
    assert found(chat) == expected(said)


def test_what_is_too_long_is_cut_and_says_so() -> None:
    head = "[LINE] Chat history with Mia\n\n2026/01/30(Fri)\n"
    chat = read(f"{head}09:15\t{'n' * 5000}\t{'x' * 300_000}\n" + "y" * 300_000 + "\n")
    (message,) = chat.messages
    assert (len(message.sender), len(message.text), message.span) == (200, 256 * 1024, 2)
    assert [(w.code, w.line) for w in chat.warnings] == [("text-cut", 4)]
