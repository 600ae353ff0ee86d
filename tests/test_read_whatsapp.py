"""WhatsApp: headers of every language and platform. The texts were made here, in the shapes that
real exports have."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from conversations.events import ConversationKind, DateOrder, Dates, Kind, Message
from conversations.reading import Reading
from conversations.recognising import recognise
from conversations.tree import FolderTree
from tests.reading_cast import Read

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "whatsapp"
FILE = "WhatsApp Chat with Ann.txt"
AFTERNOON = datetime(2022, 3, 18, 14, 56, tzinfo=UTC)
WITH_SECONDS = datetime(2022, 3, 18, 14, 56, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def dates(read: Read) -> Dates:
    (found,) = [event for event in read.events if isinstance(event, Dates)]
    return found


MINUTES = [
    "18/03/22, 14:56 - ",
    "18/03/2022, 14:56 - ",
    "18/03/2022 14:56 - ",
    "18/03/2022 à 14:56 - ",
    "18.03.22, 14:56 - ",
    "18.03.2022, 14:56 - ",
    "18.3.2022 klo 14.56 - ",
    "18.03.2022 kl. 14.56 - ",
    "18.03.22 г., 14:56 ч. - ",
    "18. 03. 2022. 14:56 - ",
    "18-03-2022 14:56 - ",
    "18-03-2022 14:56 \u2013 ",
    "18 03 2022, 14:56 - ",
    "2022-03-18, 14:56 - ",
    "2022-03-18 14 h 56 - ",
    "2022/03/18 14:56 - ",
    "2022. 03. 18. 14:56 - ",
    "18/03/22 14.56 - ",
    "14:56, 18/03/2022 - ",
    "14:56 18/3/2022 - ",
    "2:56 PM, 18/3/2022 - ",
    "3/18/22, 2:56 PM - ",
    "3/18/22, 2:56\u202fPM - ",
    "3/18/22, 2:56\u00a0PM - ",
    "18/03/22, 2:56 pm - ",
    "18/3/22 2:56 p. m. - ",
    "18/3/22, 2:56 p.\u00a0m. - ",
    "18/3/2022, 2:56\u202fp.\u202fm. - ",
    "2022-03-18, 2:56 p.m. - ",
    "2022/3/18 下午2:56 - ",
    "2022年3月18日 下午2:56 - ",
    "2022年3月18日星期五 下午2:56 - ",
    "2022/3/18 午後2:56 - ",
    "2022. 3. 18. 오후 2:56 - ",
    "2022년 3월 18일 오후 2:56 - ",
    "18/3/2022 2:56 م - ",
    "\u200f١٨\u200f/٣\u200f/٢٠٢٢، ٢:٥٦ م - ",
    "\u202b١٨/٣/٢٠٢٢، ٢:٥٦\u00a0م\u202c - ",
    "18/3/2022, 2:56 μ.μ. - ",
    "18.3.2022 ÖS 2:56 - ",
    "18/3/2022, 2:56 अपराह्न - ",
    "18/3/2022 ល្ងាច 2:56 - ",
    "18.3.2022. du. 2:56 - ",
    "18.3.2022 e.m. 2:56 - ",
    "18/3/2565 14:56 - ",
    "18/3/65, 14:56 - ",
    "R4/03/18 14:56 - ",
    "令和4年3月18日 14:56 - ",
    "111/3/18 下午2:56 - ",
    "۱۴۰۰/۱۲/۲۷، ۱۴:۵۶ - ",
    "1400/12/27 AP, 14:56 - ",
    "[18/03/22 14:56] ",
    "[18.03.2022, 14:56] ",
]
SECONDS = [
    "[18/03/22, 14:56:01] ",
    "\u200e[18/03/22, 14:56:01] ",
    "[18/03/2022, 14:56:01] ",
    "[18.03.22, 14:56:01] ",
    "[18-03-2022 14:56:01] ",
    "[18. 3. 2022 14:56:01] ",
    "[18.3.2022 klo 14.56.01] ",
    "[18/03/22 14.56.01] ",
    "[14:56:01, 3/18/22] ",
    "[14:56:01, 18/3/2022] ",
    "[2:56:01 PM, 3/18/22] ",
    "[3/18/22, 2:56:01 PM] ",
    "[3/18/22, 2:56:01\u202fPM] ",
    "[18/3/22 2:56:01 p.\u00a0m.] ",
    "[2022-03-18, 2:56:01 PM] ",
    "[2022/3/18 下午2:56:01] ",
    "[2022/3/18, 下午2:56:01] ",
    "[2022/03/18 14:56:01] ",
    "[2022/03/18 午後2:56:01] ",
    "[2022. 3. 18. 오후 2:56:01] ",
    "[18\u200f/3\u200f/2022، 2:56:01 م] ",
    "\u200f[١٨/٣/٢٠٢٢، ٢:٥٦:٠١ م] ",
    "[3/18/2565 BE, 14:56:01] ",
    "[18/3/2565 14:56:01] ",
    "[3/18/R4, 14:56:01] ",
    "[R4/3/18 14:56:01] ",
    "[18/03/2022, 14:56:01] - ",
    "18/03/2022 14:56:01: ",
    "18/03/2022, 14:56:01 - ",
]


@pytest.mark.parametrize(
    ("header", "moment"),
    [(header, AFTERNOON) for header in MINUTES] + [(header, WITH_SECONDS) for header in SECONDS],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_reads_the_header(header: str, moment: datetime, ending: str) -> None:
    lines = [f"{header}Ann: hello", "and on", f"{header}Bob Z.: 12:30 - fine: yes", ""]
    read = Read({FILE: ending.join(lines)})
    assert [(each.sender, each.text, each.time, each.line) for each in read.messages] == [
        ("Ann", "hello\nand on", milliseconds(moment), 1),
        ("Bob Z.", "12:30 - fine: yes", milliseconds(moment), 3),
    ]
    assert dates(read).is_sure
    assert read.warnings == []


@pytest.mark.parametrize(
    ("morning", "evening"),
    [
        ("18/03/22, 24:05 - ", "18/03/22, 12:05 - "),
        ("3/18/22, 12:05 AM - ", "3/18/22, 12:05 PM - "),
        ("18/3/22 12:05 a. m. - ", "18/3/22 12:05 p. m. - "),
        ("18/3/22 00:05 a. m. - ", "18/3/22 12:05 p. m. - "),
        ("2022/3/18 上午12:05 - ", "2022/3/18 下午12:05 - "),
        ("2022/3/18 凌晨12:05 - ", "2022/3/18 中午12:05 - "),
        ("2022/3/18 午前0:05 - ", "2022/3/18 午後0:05 - "),
        ("2022. 3. 18. 오전 12:05 - ", "2022. 3. 18. 오후 12:05 - "),
        ("18/3/2022، 12:05 ص - ", "18/3/2022، 12:05 م - "),
    ],
)
def test_midnight_is_before_noon(morning: str, evening: str) -> None:
    read = Read({FILE: f"{morning}A: x\n{evening}A: y\n"})
    hours = [each.time // 60_000 % 1440 for each in read.messages]
    assert hours == [5, 12 * 60 + 5]


def test_the_chinese_noon_has_an_hour_before_it() -> None:
    times = ("中午11:50", "中午12:10", "中午1:10", "晚上11:50")
    lines = "".join(f"2022/3/18 {time} - Ann: x\n" for time in times)
    minutes = [each.time // 60_000 % 1440 for each in Read({FILE: lines}).messages]
    assert minutes == [710, 730, 790, 1430]


@pytest.mark.parametrize(
    "header", ["18/3/22 {} 2:56 - ", "18/3/22 2:56 {} - ", "[18/3/22 2:56:01 {}] "]
)
def test_an_unknown_half_of_the_day_is_told(header: str) -> None:
    one, two = header.format("foo"), header.format("bar")
    read = Read({FILE: f"{one}Ann: x\n{two}Ann: y\n"})
    assert [(each.code, each.detail) for each in read.warnings] == [
        ("half-of-day-unknown", "bar, foo")
    ]
    assert len(read.messages) == 2


def of_days(*days: str) -> str:
    return "".join(f"{day}, 14:56 - Ann: {at}\n" for at, day in enumerate(days))


@pytest.mark.parametrize(
    ("days", "order", "is_sure"),
    [
        (["01/02/22", "13/02/22"], DateOrder.DMY, True),
        (["01/02/22", "02/13/22"], DateOrder.MDY, True),
        (["30/11/21", "01/12/21", "02/01/22", "05/01/22"], DateOrder.DMY, True),
        # only the order of time tells: 1 Feb, 1 Mar, 2 Jan?
        (["02/01/22", "03/01/22", "01/02/22", "02/02/22", "01/03/22"], DateOrder.DMY, True),
        (["01/02/22", "01/03/22", "02/01/22", "02/02/22", "03/01/22"], DateOrder.MDY, True),
        (["01/02/22"], DateOrder.DMY, False),
        (["01/02/22", "02/03/22", "03/04/22"], DateOrder.DMY, False),
        (["22-03-18", "22-04-02", "23-01-01"], DateOrder.YMD, True),
        (["18-03-22", "19-03-22"], DateOrder.DMY, False),  # or 2018, 2019
        (["2022-03-04"], DateOrder.YMD, True),
    ],
)
def test_decides_the_order_of_dates_for_the_whole_file(days, order, is_sure) -> None:
    found = dates(Read({FILE: of_days(*days)}))
    assert (found.order, found.is_sure) == (order, is_sure)


def test_an_american_time_tells_of_an_american_date() -> None:
    found = dates(Read({FILE: "1/2/22, 2:56 PM - Ann: x\n"}))
    assert (found.order, found.is_sure) == (DateOrder.MDY, False)


def test_the_names_of_files_tell_the_order() -> None:
    text = "01/02/22, 14:56 - Ann: \u200eIMG-20220102-WA0001.jpg (file attached)\n"
    found = dates(Read({FILE: text}))
    assert (found.order, found.is_sure) == (DateOrder.MDY, True)
    text = "[01/02/22, 14:56:01] Ann: \u200e<attached: 00000001-PHOTO-2022-02-01-14-56-01.jpg>\n"
    found = dates(Read({FILE: text}))
    assert (found.order, found.is_sure) == (DateOrder.DMY, True)


def test_the_owner_chooses_the_order() -> None:
    read = Read({FILE: of_days("01/02/22")}, {"Ann": DateOrder.MDY})
    assert read.messages[0].time == milliseconds(AFTERNOON.replace(month=1, day=2))
    assert (dates(read).order, dates(read).is_sure) == (DateOrder.MDY, False)


def test_an_order_that_the_dates_cannot_have_is_not_chosen() -> None:
    read = Read({FILE: of_days("2022/03/18")}, {"Ann": DateOrder.MDY})
    assert read.messages[0].time == milliseconds(AFTERNOON)


def test_a_date_that_is_none_in_this_order_is_read_in_the_other_and_told() -> None:
    read = Read({FILE: of_days("18/03/22", "19/03/22", "03/20/22")})
    assert [each.time for each in read.messages] == [
        milliseconds(AFTERNOON.replace(day=day)) for day in (18, 19, 20)
    ]
    assert [(each.code, each.line, each.records) for each in read.warnings] == [
        ("date-order-mixed", 3, 0)
    ]


def test_lines_out_of_order_stay_where_they_are() -> None:
    text = "18/03/22, 14:56 - A: x\n17/03/22, 10:00 - B: y\n18/03/22, 14:57 - A: z\n"
    assert [each.text for each in Read({FILE: text}).messages] == ["x", "y", "z"]


def test_a_quoted_header_of_another_shape_is_text() -> None:
    body = "look:\n[18/3, 14:56] Bob: no\n3/18/22, 2:56 PM - Bob: no\n18/03/2022, 14:56 - Bob: no"
    text = f"18/03/22, 14:56 - Ann: {body}\n45/45/22, 14:56 - not a day\n"
    read = Read({FILE: "18/03/22, 14:56 - Ann: hi\n" * 30 + text})
    message = read.messages[-1]
    assert message.text == f"{body}\n45/45/22, 14:56 - not a day"
    assert (len(read.messages), message.span, read.warnings) == (31, 5, [])


def test_years_have_as_many_digits_as_in_the_first_header() -> None:
    text = "18/03/2022, 14:56 - Ann: see\n18/03/22, 14:56 - Bob: no\n"
    assert len(Read({FILE: text}).messages) == 1


def test_the_first_header_has_the_shape_of_the_file() -> None:
    text = "18/03/22, 14:56 - Ann: see\n" + "[18/3/22, 2:56:01 PM] Bob: no\n" * 2
    (message,) = Read({FILE: text}).messages
    assert (message.sender, message.span) == ("Ann", 3)


def test_blank_lines_at_the_end_of_a_message_are_no_text() -> None:
    text = "18/03/22, 14:56 - Ann: x\n\ny\n\n\n18/03/22, 14:56 - Ann: z\n\n"
    first, second = Read({FILE: text}).messages
    assert (first.text, first.span, second.text, second.span) == ("x\n\ny", 5, "z", 2)


def test_an_export_of_another_shape_in_the_same_file_is_told() -> None:
    other = "[18/03/22, 14:56:01] Ann: y\n" * 5
    read = Read({FILE: "18/03/22, 14:56 - Ann: x\n" * 20 + other})
    assert len(read.messages) == 20
    assert read.messages[-1].text == f"x\n{other}".rstrip()
    assert [each.code for each in read.warnings] == ["other-headers"]


def test_the_ends_of_lines_tell_a_quoted_header_of_the_same_shape() -> None:
    header = "[18/03/22, 14:56:01] "
    lines = [f"{header}Ann: one", f"{header}Ann: see:\n{header}Bob: no\nend", f"{header}Bob: two"]
    read = Read({FILE: "\r\n".join(lines * 10) + "\r\n"})
    assert len(read.messages) == 30
    assert read.messages[1].text == f"see:\n{header}Bob: no\nend"
    one_end = Read({FILE: "\n".join(lines * 10)})
    assert len(one_end.messages) == 40


def test_the_islamic_calendar_is_read_to_within_a_day() -> None:
    read = Read({FILE: "[15/8/1443 هـ، 2:56:01 م] Ann: x\n"})
    (message,) = read.messages
    assert abs(message.time - milliseconds(WITH_SECONDS)) <= 24 * 3600 * 1000
    assert [each.code for each in read.warnings] == ["calendar-by-table"]


def test_what_stands_before_the_first_header_is_told() -> None:
    read = Read({FILE: "\nMy chat\n18/03/22, 14:56 - Ann: x\n"})
    assert [(each.code, each.line, each.records) for each in read.warnings] == [
        ("not-a-message", 2, 1)
    ]
    assert len(read.messages) == 1


@pytest.mark.parametrize("text", ["", "\n\n", "no chat at all\n", "Fri 18 March, 2pm Ann: x\n"])
def test_a_file_without_messages_says_why(text: str) -> None:
    read = Read({FILE: text})
    assert read.apps == ["whatsapp"]
    assert [each.code for each in read.warnings] == ["no-message-header" if text else "empty"]
    assert read.counts[0].warned == text.count("\n")


def test_senders_may_have_anything_in_their_names() -> None:
    names = ["+49 170 1234567", "🤓", "A: B", "A: C", "Dr. No - MI6", "~ Zoë", "Bob [work]", "李四"]
    said = [(name, f"say: {at}" if at % 3 else "no") for at, name in enumerate(names * 10)]
    lines = [f"18/03/22, 14:56 - {name}: {text}" for name, text in said]
    read = Read({"WhatsApp Chat with All.txt": "\n".join(lines)})
    assert [(each.sender, each.text) for each in read.messages] == said


def test_a_title_tells_where_a_name_ends() -> None:
    read = Read({"WhatsApp Chat with Bob_ Work.txt": "18/03/22, 14:56 - Bob: Work: hi: you\n"})
    assert [(each.sender, each.text) for each in read.messages] == [("Bob: Work", "hi: you")]


def test_marks_of_direction_are_no_part_of_a_name() -> None:
    text = "[18/03/22, 14:56:01] \u202a+49\u00a0170\u00a01234567\u202c: hi\n"
    assert Read({FILE: text}).messages[0].sender == "+49 170 1234567"


def test_a_name_followed_by_no_space_is_known_by_its_other_messages() -> None:
    text = "18/03/22, 14:56 - Ann: x\n18/03/22, 14:57 - Ann:\n18/03/22, 14:57 - Ann:.\n"
    assert [each.text for each in Read({FILE: text}).messages] == ["x", "", "."]


def test_what_nobody_said_is_system() -> None:
    lines = [
        "18/03/22, 14:56 - Messages and calls are end-to-end encrypted. Tap to learn more.",
        '18/03/22, 14:56 - Ann created group "Rome: 2022"',
        '18/03/22, 14:56 - You changed the subject from "A: 1" to "B: 2"',
        "18/03/22, 14:56 - \u200eBob left",
        '18/03/22, 14:56 - Bob 6": hi',
    ]
    read = Read({FILE: "\n".join(lines)})
    assert [each.text for each in read.system] == [
        line.split(" - ", 1)[1].lstrip("\u200e") for line in lines[:-1]
    ]
    assert {each.sender for each in read.system} == {None}
    assert [each.sender for each in read.messages] == ['Bob 6"']


def test_the_iphone_ascribes_notices_to_the_chat() -> None:
    lines = [
        "\u200e[18/03/22, 14:56:01] Trip: \u200eMessages and calls are end-to-end encrypted.",
        "[18/03/22, 14:56:01] Trip: \u200eAnn created this group",
        "[18/03/22, 14:56:01] Ann: hi",
        "[18/03/22, 14:56:01] Bob: ho",
        "\u200e[18/03/22, 14:56:01] Bob: \u200eBob changed the group name to “X: Y”",
    ]
    read = Read({"_chat.txt": "\r\n".join(lines)})
    assert [each.text for each in read.system] == [
        "Messages and calls are end-to-end encrypted.",
        "Ann created this group",
        "Bob changed the group name to “X: Y”",
    ]
    assert {each.sender for each in read.system} == {None}
    assert read.conversations[0].title == "Trip"
    assert read.conversations[0].key == "Trip"


def test_who_first_sent_a_file_is_not_the_chat() -> None:
    text = "\u200e[18/03/22, 14:56:01] Ann: \u200eimage omitted\n[18/03/22, 14:56:02] Bob: hi\n"
    assert Read({"_chat.txt": text}).conversations[0].title == "Ann, Bob"


def test_notices_are_known_without_marks_too() -> None:
    lines = [
        "[14:56:01, 3/18/22] Musk: Tin nhắn và cuộc gọi được mã hóa đầu cuối. Những người",
        "[20:17:30, 4/28/22] Musk: Mã bảo mật của bạn với E đã thay đổi. Nhấn để tìm hiểu thêm.",
        "[21:41:35, 4/29/22] Dmitry: Hello",
    ]
    read = Read({FILE: "\n".join(lines)})
    assert (len(read.system), len(read.messages)) == (2, 1)


def test_two_who_talk_are_told_apart() -> None:
    lines = ["18/03/22, 14:56 - Ann: hi", "18/03/22, 14:56 - Bob: ho"]
    read = Read({FILE: "\n".join(lines)})
    assert read.conversations[0].kind is ConversationKind.DIRECT
    assert [(each.name, each.is_self) for each in read.people] == [("Ann", False), ("Bob", True)]
    read = Read({FILE: "\n".join([*lines, "18/03/22, 14:57 - Cem: hey"])})
    assert read.conversations[0].kind is ConversationKind.GROUP
    assert read.people == []


def test_overlapping_exports_give_the_same_messages() -> None:
    lines = [f"{day:02}/03/22, 14:56 - Ann: {day}\nmore" for day in range(1, 29)]
    text = "\n".join(lines)
    later = "\n".join(lines[10:])
    first = Read({"WhatsApp Chat with Ann.txt": text})
    second = Read({"WhatsApp Chat with Ann (1).txt": later})
    assert first.conversations == second.conversations

    def said(read: Read) -> list[tuple]:
        return [(each.time, each.sender, each.kind, each.text) for each in read.messages]

    assert said(first)[10:] == said(second)


@pytest.mark.parametrize(
    "name", ["mmddyy_24hrs", "ddmmyy_24hrs", "[mmddyy]_24hrs", "yyyymmdd_24hrs", "mmddyyyy_12hrs"]
)
def test_reads_the_orders_of_the_samples(name: str) -> None:
    messages = read_folder(SAMPLES / "chat-miner" / f"test_{name}.txt")
    people = [each for each in messages if each.kind is not Kind.SYSTEM]
    assert [(each.sender, str(moment(each))) for each in people] == [
        ("John Doe", "2019-01-01 11:25:00"),
        ("John Doe", "2019-01-20 11:23:00"),
        ("Jahn Doe", "2019-01-30 20:49:00"),
        ("John-John Doe", "2020-06-10 15:55:00"),
        ("John Doe 🤓", "2021-12-10 10:10:00"),
        ("🤓", "2021-12-20 12:10:00"),
        ("John Doe", "2021-12-30 22:01:00"),
    ]
    assert [each.text for each in messages if each.kind is Kind.SYSTEM] == [
        '+12 345 578 created group "Groupname"',
        "You were added",
    ]


def test_reads_the_large_sample() -> None:
    messages = read_folder(SAMPLES / "bubbly")
    assert len(messages) == 15_000
    assert {each.sender for each in messages} == {"M.", "Alice", "Bob"}
    assert messages[0].text == "Test message 1 from M."
    attached = [each.attachments[0] for each in messages if each.attachments]
    missing = {each.name for each in attached if each.place is None}
    assert missing == {"video1.mp4"}
    assert len({each.place.file for each in attached if each.place}) == 4


def moment(message: Message) -> datetime:
    assert message.time is not None
    return datetime.fromtimestamp(message.time / 1000, UTC).replace(tzinfo=None)


def read_folder(path: Path) -> list[Message]:
    tree = FolderTree(path)
    (recognised,) = recognise(tree)
    reading = Reading(tree, recognised)
    messages = [event for event in reading if isinstance(event, Message)]
    assert reading.counts.reconciles
    assert reading.told == 0
    return messages
