"""Text exports are read by their own reader, and by no other."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.readers import READERS
from conversations.recognising import best_for

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
TEXTS = {"line", "kakaotalk", "signal", "qq", "wechat"}
OURS = {
    "line": [
        "[LINE] Chat history with Mia\nSaved on: 1/30/2026, 09:15\n\nFri, 1/30/2026\n",
        "2026.01.30 Friday\n09:15 Mia Hello\n",
        "2026/01/30(金)\n09:15\tMia\tHi\n",
    ],
    "kakaotalk": [
        "Date,User,Message\n2024-06-01 10:00:00,A,B\n",
        "홍길동 님과 카카오톡 대화\n저장한 날짜 : 2020-06-29 10:00:00\n",
        "June 28, 2020, 1:01 AM, Mia : Hi\n",
        "2015. 7. 9. 오후 8:34, 홍길동 : 안녕\n",
        "--------------- 2020년 6월 28일 일요일 ---------------\n[A] [오후 2:15] B\n",
    ],
    "signal": [
        "[2024-01-05, 10:00] Mia: Hi\n",
        '{"version":"1","backupTimeMs":"1715636551000"}\n',
        "[2024-01-05 10:00] Mia: Hi\n",
    ],
    "qq": [
        "消息记录（此消息记录为文本格式，不支持重新导入）\n",
        "2012-01-05 9:05:01 小明(12345)\n你好\n",
    ],
    "wechat": [
        "\ufefflocalId,TalkerId,Type,SubType,IsSender,CreateTime,Status,StrContent,StrTime\n"
    ],
}
OTHERS = [
    "1/5/24, 10:00 - Mia: Hi\n",
    "05.01.24, 10:00 - Mia: Hi\n",
    "[05/01/2024, 10:00:05] Mia: Hi\n",
    "[2024-01-05, 10:00:05] Mia: Hi\n",
    "[2024/1/5 上午10:00:05] 小明: 你好\n",
    "2024/1/5 上午10:00 - 小明: 你好\n",
    "2024. 1. 5. 오전 10:00 - 민지: 안녕\n",
    "2024-01-05 10:00:05 INFO started\n",
    "Date,Amount,Message\n2024-01-05,3,x\n",
    "# Notes\n2024-01-05\n- bread\n",
    '{"version": 1}\n',
    "",
    "\x00" * 4096,
    "PK\x03\x04\r\n\r\rx",
]


@pytest.mark.parametrize(("app", "text"), [(app, text) for app in OURS for text in OURS[app]])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_each_export_is_its_own_app_only(app, text, encoding) -> None:
    if encoding == "utf-16" and text.startswith("{"):
        encoding = "utf-8"  # JSON Lines are UTF-8
    head = text.lstrip("\ufeff").encode(encoding)
    sure = {reader.app for reader in READERS if reader.sniff("export.txt", head) > 0.5}
    assert sure == {app}


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_another_format_is_left_to_others(text) -> None:
    found = best_for("export.txt", text.encode())
    assert found is None or found.app not in TEXTS


@pytest.mark.parametrize(
    "path", [p for p in SAMPLES.rglob("*") if p.is_file()], ids=lambda p: p.name
)
def test_samples_of_other_apps_are_left_to_others(path) -> None:
    found = best_for(path.name, path.read_bytes()[:4096])
    app = path.relative_to(SAMPLES).parts[0]
    if app in TEXTS and path.name != "target.json":
        assert found is not None
        assert found.app == app
    else:
        assert found is None or found.app not in TEXTS


@given(st.binary(max_size=300))
def test_any_bytes_can_be_looked_at(head) -> None:
    for reader in READERS:
        assert 0 <= reader.sniff("file", head) <= 1
