"""What LINE writes in place of what is no text, in its languages."""

import re
from typing import Final

from conversations.events import Kind, MediaKind
from conversations.readers._transcript import Meaning, media

_MEDIA: Final = {
    MediaKind.IMAGE: "Photo Photos Image 写真 画像 アルバム 照片 圖片 图片 相片 사진 รูปภาพ รูป Foto",
    MediaKind.VIDEO: "Video 動画 影片 视频 視頻 동영상 วิดีโอ",
    MediaKind.STICKER: "Sticker スタンプ 貼圖 贴图 스티커 สติกเกอร์ Stiker",
    MediaKind.AUDIO: "Audio ボイスメッセージ 音声 語音訊息 语音信息 语音消息 음성메시지 ข้อความเสียง",
    MediaKind.DOCUMENT: "File ファイル 檔案 文件 파일 ไฟล์ Berkas",
}
_MARKS: Final = {
    f"[{word}]": media(kind) for kind, words in _MEDIA.items() for word in words.split()
} | {
    "[Voice message]": media(MediaKind.AUDIO),
    "[Audio message]": media(MediaKind.AUDIO),
    "[음성 메시지]": media(MediaKind.AUDIO),
}
_FILE: Final = re.compile(r"\[(?:File|ファイル|檔案|文件|파일|ไฟล์)\] (.+)")
_OTHERS: Final = {
    Kind.CONTACT: "Contact 連絡先 聯絡資訊 联系人 연락처",
    Kind.LOCATION: "Location 位置情報 位置訊息 位置资料 位置資訊 위치정보 ตำแหน่งที่ตั้ง",
    Kind.POLL: "Poll 投票 投票する 설문 투표",
}
_KINDS: Final = {f"[{word}]": kind for kind, words in _OTHERS.items() for word in words.split()}
_UNSENT: Final = re.compile(
    r".*(?:メッセージの送信を取り消しました|unsent a message|已?收回(?:了)?(?:一則)?訊息|"
    r"撤回了?(?:一条)?消息|已撤回消息|메시지를 삭제했습니다|메시지 전송을 취소했습니다|"
    r"ยกเลิกข้อความ)[。.]?"
)


def meaning(text: str) -> Meaning | None:
    """What a body means that is no text."""
    first = text[:1]
    if first == "[":
        if found := _MARKS.get(text):
            return found
        if kind := _KINDS.get(text):
            return Meaning(kind, text)
        if named := _FILE.fullmatch(text):
            return media(MediaKind.DOCUMENT, named[1])
    elif first in {"☎", "📞"}:
        return Meaning(Kind.CALL, text.lstrip("☎📞️ "))
    elif len(text) < 200 and _UNSENT.fullmatch(text):
        return Meaning(Kind.DELETED, text)
    return None
