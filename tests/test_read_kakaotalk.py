"""KakaoTalk's exports: Windows, Android, iOS and the Mac's CSV."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.events import Kind, MediaKind
from tests.reading_cast import Read
from tests.transcripts import conversations, expected, found, ms, survives_damage, texts, times

SAMPLES = Path(__file__).parents[2] / "shared" / "samples" / "kakaotalk"

WINDOWS = (
    "등산 모임 15 님과 카카오톡 대화\r\n저장한 날짜 : 2020-06-29 10:00:00\r\n\r\n"
    "--------------- 2020년 6월 28일 일요일 ---------------\r\n"
    "이서준님이 들어왔습니다.\r\n"
    "[홍 길동] [오후 2:15] 안녕하세요\r\n두 번째 줄\r\n\r\n네 번째\r\n"
    "[Bob [x]] [오전 12:05] 사진\r\n[홍 길동] [오후 2:16] 파일: 보고서.pdf\r\n"
    "--------------- 2020년 6월 29일 월요일 ---------------\r\n"
    "[홍 길동] [오후 2:17] 삭제된 메시지입니다.\r\n[Bob [x]] [오후 2:18] 보이스톡 1:23\r\n"
)
ANDROID = (
    "홍길동 님과 카카오톡 대화\n저장한 날짜 : 2020년 6월 29일 오전 1:01\n\n\n"
    "2020년 6월 28일 오전 1:01\n2020년 6월 28일 오전 1:01, 홍길동 : 안녕\n둘째 줄\n"
    "2020년 6월 28일 오후 12:01, 이름 : 시간 : 두 시\n"
    "2020년 6월 28일 오후 1:02, 홍길동님이 나갔습니다.\n"
)
ENGLISH = (
    "KakaoTalk Chats with Mia\nDate Saved : June 29, 2020, 1:01 AM\n\n"
    "June 28, 2020, 1:01 AM\nJune 28, 2020, 1:01 AM, Mia : Hi\nthere\n"
    "June 28, 2020 at 1:02\u202fPM, Ken : Photo\nJul 1, 2020, 1:03 PM, Mia joined this chatroom.\n"
)
IOS = (
    "홍길동 님과 카카오톡 대화\n저장한 날짜 : 2015. 7. 10. 오전 9:00\n\n2015년 7월 9일 목요일\n"
    "2015. 7. 9. 오후 8:34, 홍길동 : 안녕\n2015. 7. 9. 20:35, 이름 : 이모티콘\n"
    "2015. 7. 9. 오후 8:36: 홍길동님이 나갔습니다.\n"
)


def told(text: str, name: str = "chat.txt") -> tuple[Read, list[tuple]]:
    read = Read({name: text})
    return read, [(m.time, m.sender, m.kind, m.text) for m in read.messages]


def test_windows() -> None:
    read, messages = told(WINDOWS)
    assert read.apps == ["kakaotalk"]
    assert [c.title for c in read.conversations] == ["등산 모임"]
    assert messages == [
        (ms(2020, 6, 28, 14, 15), "홍 길동", Kind.TEXT, "안녕하세요\n두 번째 줄\n\n네 번째"),
        (ms(2020, 6, 28, 0, 5), "Bob [x]", Kind.MEDIA, ""),
        (ms(2020, 6, 28, 14, 16), "홍 길동", Kind.MEDIA, ""),
        (ms(2020, 6, 29, 14, 17), "홍 길동", Kind.DELETED, "삭제된 메시지입니다."),
        (ms(2020, 6, 29, 14, 18), "Bob [x]", Kind.CALL, "보이스톡 1:23"),
    ]
    assert [(m.time, m.text) for m in read.system] == [
        (ms(2020, 6, 28), "이서준님이 들어왔습니다.")
    ]
    assert read.messages[2].attachments[0].name == "보고서.pdf"


def test_windows_in_english() -> None:
    _, messages = told(
        "Hikers with KakaoTalk Chats\nDate Saved : 2020-12-31 23:59:59\n\n"
        "--------------- Thursday, December 31, 2020 ---------------\n"
        "[Mia] [11:59 PM] Hi\n[Ken] [AM 9:04] Photo\nThe message has been deleted.\n"
    )
    assert messages == [
        (ms(2020, 12, 31, 23, 59), "Mia", Kind.TEXT, "Hi"),
        (ms(2020, 12, 31, 9, 4), "Ken", Kind.MEDIA, ""),
        (ms(2020, 12, 31, 9, 4), None, Kind.DELETED, "The message has been deleted."),
    ]


def test_android() -> None:
    read, messages = told(ANDROID)
    assert [c.title for c in read.conversations] == ["홍길동"]
    assert messages == [
        (ms(2020, 6, 28, 1, 1), "홍길동", Kind.TEXT, "안녕\n둘째 줄"),
        (ms(2020, 6, 28, 12, 1), "이름", Kind.TEXT, "시간 : 두 시"),
    ]
    assert [m.text for m in read.system] == ["홍길동님이 나갔습니다."]


def test_android_in_english() -> None:
    read, messages = told(ENGLISH)
    assert [c.title for c in read.conversations] == ["Mia"]
    assert messages == [
        (ms(2020, 6, 28, 1, 1), "Mia", Kind.TEXT, "Hi\nthere"),
        (ms(2020, 6, 28, 13, 2), "Ken", Kind.MEDIA, ""),
    ]
    assert [(m.time, m.text) for m in read.system] == [
        (ms(2020, 7, 1, 13, 3), "Mia joined this chatroom.")
    ]


def test_ios() -> None:
    read, messages = told(IOS)
    assert messages == [
        (ms(2015, 7, 9, 20, 34), "홍길동", Kind.TEXT, "안녕"),
        (ms(2015, 7, 9, 20, 35), "이름", Kind.MEDIA, ""),
    ]
    assert [(m.time, m.text) for m in read.system] == [
        (ms(2015, 7, 9, 20, 36), "홍길동님이 나갔습니다.")
    ]


def test_mac_csv_with_and_without_quotes() -> None:
    read, messages = told(
        'Date,User,Message\n2024-06-01 10:00:00,"A, ""B""","one\n\n""two"", three"\n'
        '2024-06-01 10:01:00,C,first\nsecond, third\n2024-06-01 10:02:00,"","나갔습니다"\n',
        "KakaoTalk_Chat_등산_2024-06-02-09-00-00.csv",
    )
    assert [c.title for c in read.conversations] == ["등산"]
    assert [(sender, text) for _, sender, _, text in messages] == [
        ('A, "B"', 'one\n\n"two", three'),
        ("C", "first\nsecond, third"),
    ]
    assert [m.text for m in read.system] == ["나갔습니다"]


def test_the_samples_have_what_was_counted() -> None:
    counts = {}
    for path in SAMPLES.glob("*.csv"):
        read = Read({path.name: path.read_bytes()})
        assert read.apps == ["kakaotalk"]
        assert not read.warnings
        counts[path.stem] = len(read.messages) + len(read.system)
    assert counts == {"open-chat-room": 6, "vibecoding-room-sample": 312}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949", "euc-kr"])
@pytest.mark.parametrize("text", [WINDOWS, ANDROID, IOS])
def test_korean_encodings(text, encoding) -> None:
    read = Read({"chat.txt": text.encode(encoding)})
    assert read.conversations[0].title in ("등산 모임", "홍길동")
    assert found(read) == found(Read({"chat.txt": text}))


@pytest.mark.parametrize(
    ("mark", "kind", "count"),
    [
        ("사진", MediaKind.IMAGE, 1),
        ("사진 3장", MediaKind.IMAGE, 3),
        ("Photo", MediaKind.IMAGE, 1),
        ("동영상", MediaKind.VIDEO, 1),
        ("이모티콘", MediaKind.STICKER, 1),
        ("음성메시지", MediaKind.AUDIO, 1),
        ("File: a.zip", MediaKind.DOCUMENT, 1),
    ],
)
def test_media_that_were_left_out(mark, kind, count) -> None:
    read, _ = told(f"June 28, 2020, 1:01 AM, Mia : {mark}\n")
    assert [each.kind for each in read.messages[0].attachments] == [kind] * count


def test_a_file_without_messages_says_so() -> None:
    read, _ = told("홍길동 님과 카카오톡 대화\n저장한 날짜 : 2020-06-29 10:00:00\n")
    assert [w.code for w in read.warnings] == ["no-messages"]


@pytest.mark.parametrize("text", [WINDOWS, ANDROID, ENGLISH, IOS])
def test_damage_is_counted(text) -> None:
    survives_damage("chat.txt", text.encode(), "kakaotalk")


def test_damaged_csv_is_counted() -> None:
    survives_damage("x.csv", (SAMPLES / "open-chat-room.csv").read_bytes(), "kakaotalk")


def half(time) -> str:
    return f"{'오후' if time.hour > 11 else '오전'} {time.hour % 12 or 12}:{time:%M}"


def windows(said) -> str:
    written, day = ["홍길동 님과 카카오톡 대화", "저장한 날짜 : 2020-06-29 10:00:00", ""], None
    for each in said:
        if each.time.date() != day:
            day = each.time.date()
            written.append(f"{'-' * 15} {day.year}년 {day.month}월 {day.day}일 월요일 {'-' * 15}")
        written.append(f"[{each.sender}] [{half(each.time)}] {each.text}")
    return "\n".join(written)


def android(said) -> str:
    return "".join(
        f"{t.year}년 {t.month}월 {t.day}일 {half(t)}, {name} : {text}\n" for t, name, text in said
    )


def english(said) -> str:
    return "".join(
        f"{t:%B} {t.day}, {t.year}, {t.hour % 12 or 12}:{t:%M %p}, {name} : {text}\n"
        for t, name, text in said
    )


def ios(said) -> str:
    return "".join(
        f"{t.year}. {t.month}. {t.day}. {half(t)}, {name} : {text}\n" for t, name, text in said
    )


def mac(said) -> str:
    def field(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    rows = (f"{t:%Y-%m-%d %H:%M:%S},{field(name)},{field(text)}\n" for t, name, text in said)
    return "Date,User,Message\n" + "".join(rows)


@given(
    conversations(texts=texts, times=times),
    st.sampled_from([windows, android, english, ios, mac]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_conversation_reads_back(said, written, encoding) -> None:
    read = Read({"chat.txt": written(said).encode(encoding)})
    assert read.apps == ["kakaotalk"]
    assert found(read) == expected(said)
