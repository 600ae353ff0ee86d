"""A phone's worth of chats, always the same: text that compresses, photos and videos that do not.

``python -m benchmarks.dataset FOLDER --scale 0.1`` makes one by hand.
"""

import argparse
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MB: Final = 1_000_000
TEXT_FILES: Final = 400
TEXT_BYTES: Final = 200 * MB
PHOTOS: Final = 500
PHOTO_BYTES: Final = MB
VIDEOS: Final = 3
VIDEO_BYTES: Final = 100 * MB
# Changes whenever what is generated does, so that no old folder is taken for a new one.
_VERSION: Final = "1"

_JPEG: Final = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
_MP4: Final = bytes.fromhex("0000001c6674797069736f6d0000020069736f6d69736f326d703431")
_NAMES: Final = ("Alice", "Bob", "Chen Wei", "Dora", "李明", "Ewa", "Farid", "王芳")
_VOCABULARY: Final = """
the you to and it of that is in for on was we be have do at not this are but so with they will just
what when there would can time about tomorrow dinner really meeting photo thanks maybe train late
morning station address tonight birthday weekend holiday family haha ok 👍 😂
我们 今天 明天 可以 没有 什么 知道 一起 时候 吃饭 谢谢 照片 视频 回家 地铁 周末 生日
"""


@dataclass(frozen=True)
class Dataset:
    """A folder of files and how many bytes they hold together."""

    folder: Path
    files: int
    bytes: int


def make(folder: Path, scale: float = 1.0, seed: int = 2014) -> Dataset:
    """Make the set at ``scale`` in ``folder``, or find it there complete.

    Scale changes how many files there are, not how large each is, except that a small set gets
    smaller videos.
    """
    marker = folder.with_name(folder.name + ".complete")
    meaning = f"{_VERSION} {scale} {seed}"
    if not (marker.exists() and marker.read_text() == meaning):
        _generate(folder, scale, random.Random(seed))
        marker.write_text(meaning)
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Dataset(folder, len(sizes), sum(sizes))


def _generate(folder: Path, scale: float, rng: random.Random) -> None:
    for name in ("chats", "photos", "videos"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    words = _VOCABULARY.split()
    sentences = [" ".join(rng.choices(words, k=rng.randint(3, 18))) for _ in range(20_000)]
    for number in range(max(1, round(TEXT_FILES * scale))):
        path = folder / "chats" / f"chat-{number:04}.txt"
        path.write_text(_chat(rng, sentences, TEXT_BYTES // TEXT_FILES), encoding="utf-8")
    for number in range(max(1, round(PHOTOS * scale))):
        size = rng.randint(PHOTO_BYTES * 3 // 4, PHOTO_BYTES * 5 // 4)
        path = folder / "photos" / f"IMG-{number:04}.jpg"
        path.write_bytes(_JPEG + rng.randbytes(size - len(_JPEG)))
    for number in range(VIDEOS):
        path = folder / "videos" / f"VID-{number:04}.mp4"
        path.write_bytes(_MP4 + rng.randbytes(round(VIDEO_BYTES * scale)))


def _chat(rng: random.Random, sentences: list[str], size: int) -> str:
    """An export as WhatsApp writes it, of about ``size`` bytes of UTF-8."""
    minute, length, lines = rng.randrange(500_000), 0, []
    while length < size:
        minute += rng.randint(0, 90)
        day, of_day = divmod(minute, 1440)
        date = f"{1 + day % 28:02}/{1 + day // 28 % 12:02}/{2020 + day // 336}"
        name, text = rng.choice(_NAMES), rng.choice(sentences)
        number = f" {rng.randrange(10**6)}" if rng.random() < 0.3 else ""
        lines.append(f"{date}, {of_day // 60:02}:{of_day % 60:02} - {name}: {text}{number}\n")
        length += len(lines[-1].encode())
    return "".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=2014)
    options = parser.parse_args()
    made = make(options.folder, options.scale, options.seed)
    print(f"{made.files} files, {made.bytes / MB:.0f} MB in {made.folder}")
