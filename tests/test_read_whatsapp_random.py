"""WhatsApp: any conversation, written as any phone would, reads back to the same conversation."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.events import Attachment, Kind, MediaKind
from conversations.readers._whatsapp_headers import shape_of
from tests.reading_cast import Read

LRM = "\u200e"
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


class Phone(NamedTuple):
    """How one phone writes an export."""

    header: Callable[[datetime], str]
    is_iphone: bool
    has_seconds: bool
    attached: str
    omitted: str


def half(time: datetime, am: str, pm: str) -> str:
    return am if time.hour < 12 else pm


def twelve(time: datetime) -> str:
    return f"{time.hour % 12 or 12}:{time:%M}"


PHONES = {
    "Android, English": Phone(
        lambda t: f"{t:%d/%m/%Y, %H:%M} - ", False, False, "{} (file attached)", "<Media omitted>"
    ),
    "Android, American": Phone(
        lambda t: f"{t.month}/{t.day}/{t:%y}, {twelve(t)}\u202f{half(t, 'AM', 'PM')} - ",
        *(False, False, f"{LRM}{{}} (file attached)", "<Media omitted>"),
    ),
    "Android, German": Phone(
        lambda t: f"{t:%d.%m.%y, %H:%M} - ",
        *(False, False, "{} (Datei angehängt)", "<Medien ausgeschlossen>"),
    ),
    "Android, Spanish": Phone(
        lambda t: f"{t.day}/{t.month}/{t.year} {twelve(t)} {half(t, 'a.', 'p.')}\u00a0m. - ",
        *(False, False, "{} (archivo adjunto)", "<Multimedia omitido>"),
    ),
    "Android, Finnish": Phone(
        lambda t: f"{t.day}.{t.month}.{t.year} klo {t.hour}.{t:%M} - ",
        *(False, False, "{} (liitetiedosto)", "<Media jätetty pois>"),
    ),
    "Android, Chinese": Phone(
        lambda t: f"{t.year}/{t.month}/{t.day} {half(t, '上午', '下午')}{twelve(t)} - ",
        *(False, False, "{} (文件附件)", "<省略多媒体文件>"),
    ),
    "Android, Korean": Phone(
        lambda t: f"{t.year}. {t.month}. {t.day}. {half(t, '오전', '오후')} {twelve(t)} - ",
        *(False, False, "{} (파일 첨부됨)", "<미디어 파일을 생략한 대화내용>"),
    ),
    "Android, Arabic": Phone(
        lambda t: (
            f"\u200f{t.day}\u200f/{t.month}\u200f/{t.year}، {twelve(t)} {half(t, 'ص', 'م')} - "
        ).translate(ARABIC),
        *(False, False, "{} (الملف مرفق)", "<تم استبعاد الوسائط>"),
    ),
    "Android, Vietnamese": Phone(
        lambda t: f"{t:%H:%M}, {t:%d/%m/%Y} - ",
        *(False, False, "{} (tệp đính kèm)", "<Bỏ qua Media>"),
    ),
    "iPhone, English": Phone(
        lambda t: f"[{t:%d/%m/%Y, %H:%M:%S}] ", True, True, "<attached: {}>", "image omitted"
    ),
    "iPhone, American": Phone(
        lambda t: f"[{t.month}/{t.day}/{t:%y}, {twelve(t)}:{t:%S}\u202f{half(t, 'AM', 'PM')}] ",
        *(True, True, "<attached: {}>", "image omitted"),
    ),
    "iPhone, German": Phone(
        lambda t: f"[{t:%d.%m.%y, %H:%M:%S}] ", True, True, "<Anhang: {}>", "Bild weggelassen"
    ),
    "iPhone, Japanese": Phone(
        lambda t: f"[{t:%Y/%m/%d %H:%M:%S}] ",
        *(True, True, "<添付ファイル: {}>", "画像は含まれていません"),
    ),
    "iPhone, Japanese era": Phone(
        lambda t: f"[R{t.year - 2018}/{t.month}/{t.day} {t:%H:%M:%S}] ",
        *(True, True, "<添付ファイル: {}>", "画像は含まれていません"),
    ),
    "iPhone, Thai": Phone(
        lambda t: f"[{t.day}/{t.month}/{t.year + 543} {t:%H:%M:%S}] ",
        *(True, True, "<แนบ: {}>", "ไม่มีรูปภาพ"),
    ),
    "iPhone, Vietnamese": Phone(
        lambda t: f"[{t:%H:%M:%S}, {t.day}/{t.month}/{t.year}] ",
        *(True, True, "<đính kèm: {}>", "đã bỏ qua hình ảnh"),
    ),
    "iPhone, Indonesian": Phone(
        lambda t: f"[{t:%d/%m/%y %H.%M.%S}] ",
        *(True, True, "<terlampir: {}>", "gambar tidak disertakan"),
    ),
}

START = datetime(2019, 6, 13, tzinfo=UTC)  # a thirteenth: no order but one fits
people = st.sampled_from(["Ann", "Bob: Work", "+49 170 1234567", "李四", "~ Zoë 🤓", "Dr. O'Neil"])
letters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029")
text_lines = st.text(letters | st.sampled_from(":,./-[]<>()0123456789 "), max_size=30)
bodies = st.lists(text_lines, min_size=1, max_size=4)
names = st.sampled_from(["IMG-20190613-WA0001.jpg", "Plan (1).jpg", "00000012-PHOTO-x.jpg"])


class Written(NamedTuple):
    """One message as it is meant; ``file`` is "" for one that was left out, None for none."""

    minutes: int
    sender: str | None
    lines: list[str]
    file: str | None


def is_plain(lines: list[str]) -> bool:
    """Whether no line of a text is like what WhatsApp writes itself."""
    return (
        lines[-1] != ""
        and not any(shape_of(line) for line in lines)
        and not any(LRM in line or line == "null" for line in lines)
    )


texts = bodies.filter(is_plain)
messages = st.builds(
    Written, st.integers(0, 60 * 24 * 40), people, texts, st.none() | st.just("") | names
)
notices = st.builds(
    Written,
    st.integers(0, 60 * 24 * 40),
    st.none(),
    st.sampled_from([["Ann left"], ['You created group "Rome: 1"'], ["Security code changed"]]),
    st.none(),
)


def rendered(phone: Phone, written: Written, time: datetime) -> str:
    mark = LRM if phone.is_iphone else ""
    lines = list(written.lines)
    if written.sender is None:
        sender, lines[0] = ("Trip: " if phone.is_iphone else ""), mark + lines[0]
    else:
        sender = f"{written.sender}: "
    if written.file is not None:
        file = phone.attached.format(written.file) if written.file else phone.omitted
        lines = [mark + file, *lines]
    lead = mark if written.file is not None or written.sender is None else ""
    return f"{lead}{phone.header(time)}{sender}" + "\n".join(lines)


def meant(phone: Phone, written: Written, time: datetime) -> tuple:
    time = time if phone.has_seconds else time.replace(second=0)
    kind = Kind.SYSTEM if written.sender is None else Kind.TEXT
    files: tuple[str, ...] = ()
    if written.file is not None:
        kind, files = Kind.MEDIA, (written.file,)
    text = "\n".join(written.lines)
    return int(time.timestamp() * 1000), written.sender, kind, text, files


def name_of(file: Attachment, text: str) -> str:
    """A document's name may be its caption, and then the file that was left out has it."""
    return "" if file.name == text.strip() else file.name


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(PHONES)),
    st.lists(messages | notices, min_size=1, max_size=12),
    st.integers(0, 59),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_conversation_reads_back(phone_name, written, second, ending) -> None:
    phone = PHONES[phone_name]
    # The name with ": " in it is known by often being there
    written = [Written(0, "Bob: Work", ["hello"], None)] * 10 + written
    times = [START + timedelta(minutes=each.minutes, seconds=second) for each in written]
    pairs = list(zip(written, times, strict=True))
    export = ending.join(rendered(phone, *pair) for pair in pairs) + ending
    read = Read({"WhatsApp Chat - Trip.zip/_chat.txt": export})
    found = sorted(read.messages + read.system, key=lambda message: message.line)
    assert [
        (
            *(each.time, each.sender, each.kind, each.text),
            tuple(name_of(file, each.text) for file in each.attachments),
        )
        for each in found
    ] == [meant(phone, *pair) for pair in pairs]
    assert {file.kind for each in found for file in each.attachments} <= {
        MediaKind.IMAGE,
        MediaKind.DOCUMENT,
    }
    assert not read.warnings
