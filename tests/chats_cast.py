"""Made-up chats with everything that a page shows, as files of a phone."""

import io
import json
import struct
import wave
from typing import Any

from PIL import Image

FAMILY = "family/chat.jsonl"
CLIMBING = "WhatsApp Chat with Climbing crew.txt"


def picture(colour: str, size: tuple[int, int] = (900, 600)) -> bytes:
    """A JPEG with a gradient, so that a thumbnail is something to look at."""
    top = Image.new("RGB", size, colour)
    bottom = Image.new("RGB", size, "#f7e9c8")
    made = io.BytesIO()
    Image.composite(top, bottom, Image.linear_gradient("L").resize(size)).save(made, "JPEG")
    return made.getvalue()


def sound() -> bytes:
    """A second of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 8000, 8000, "NONE", ""))
        file.writeframes(struct.pack("<h", 0) * 8000)
    return made.getvalue()


def line(at: str, sender: str | None, text: str = "", kind: str = "text", **more: Any) -> dict:
    return {"time": at, "sender": sender, "kind": kind, "text": text, **more}


def jsonl(key: str, title: str, people: list[dict], lines: list[dict], **more: Any) -> str:
    header = {"format": "backupstation.chat/1", "key": key, "title": title, "people": people}
    records = [header | {"kind": "group", "clock": "utc"} | more, *lines]
    return "".join(json.dumps(record) + "\n" for record in records)


def file(kind: str, name: str, **more: Any) -> dict:
    return {"kind": kind, "name": name, **more}


PEOPLE = [
    {"key": "me", "name": "Alice", "is_self": True},
    {"key": "bob", "name": "Bob Miller"},
    {"key": "li", "name": "李明"},
    {"key": "noa", "name": "נועה"},
]


def family(old: int = 0) -> dict[str, bytes | str]:
    """A group with media, replies, reactions, edits; ``old`` messages stand before that."""
    days = [
        line(
            f"2023-{1 + n // 28 % 12:02}-{1 + n % 28:02}T{n % 24:02}:{n % 60:02}:00Z",
            ("me", "bob", "li")[n % 3],
            f"Old message {n}",
            id=f"o{n}",
        )
        for n in range(old)
    ]
    days.sort(key=lambda each: each["time"])
    said = [
        line("2024-05-03T08:00:00Z", None, "Bob Miller added 李明", "system"),
        line(
            "2024-05-03T08:02:00Z", "bob", "Good morning! Who is in for the lake on Sunday?", id="1"
        ),
        line("2024-05-03T08:03:00Z", "bob", "Weather: https://weather.example/lake?day=7.", id="2"),
        line("2024-05-03T08:05:00Z", "li", "我们也去！带上孩子们可以吗？🚣", id="3"),
        line(
            "2024-05-03T08:07:00Z",
            "me",
            "Of course, there is room for everybody.",
            id="4",
            reply_to="3",
            reactions=[
                {"emoji": "❤️", "by": ["li", "bob"], "count": 2},
                {"emoji": "👍", "by": ["noa"]},
            ],
        ),
        line("2024-05-03T08:09:00Z", "noa", "אני מביאה את הסלט, נתראה ב-10", id="5"),
        line(
            "2024-05-03T08:30:00Z",
            "bob",
            "The boat from last year",
            "media",
            id="6",
            attachments=[
                file("image", "boat.jpg", path="boat.jpg"),
                file("image", "pier.jpg", path="pier.jpg"),
            ],
        ),
        line(
            "2024-05-04T19:20:00Z",
            "li",
            "",
            "media",
            id="7",
            attachments=[file("audio", "voice.wav", path="voice.wav")],
        ),
        line(
            "2024-05-04T19:22:00Z",
            "me",
            "Tickets for the ferry",
            "media",
            id="8",
            attachments=[file("document", "tickets.pdf", path="tickets.pdf", size=9)],
        ),
        line(
            "2024-05-04T19:25:00Z",
            "bob",
            "Meet at 9:30",
            id="9",
            edited="2024-05-04T19:40:00Z",
            earlier=["Meet at 9:00"],
        ),
        line(
            "2024-05-04T19:31:00Z",
            "noa",
            "",
            "media",
            id="10",
            attachments=[file("video", "clip.mp4")],
        ),
        line("2024-05-04T19:33:00Z", "noa", "", "deleted", id="11"),
        line(
            "2024-05-05T06:10:00Z",
            "me",
            "Look what the lake looks like",
            "media",
            id="12",
            reply_to="6",
            attachments=[file("image", "lake.jpg", path="lake.jpg")],
        ),
        line(
            "2024-05-05T06:12:00Z",
            "li",
            "太美了！",
            id="13",
            reactions=[{"emoji": "🎉", "by": ["me"]}],
        ),
        line(
            "2024-05-05T06:15:00Z",
            "bob",
            "Packing list:\n- towels\n- sun cream\n- the long rope",
            id="14",
            forwarded_from="Scouts",
        ),
        line("2024-05-05T06:16:00Z", "bob", "", "location", id="15"),
        line("2024-05-05T06:18:00Z", "me", "On our way!", id="16", reply_to="never kept"),
    ]
    return {
        FAMILY: jsonl("family", "Family 家", PEOPLE, days + said),
        "family/boat.jpg": picture("#2f6f9f"),
        "family/pier.jpg": picture("#a0522d", (600, 900)),
        "family/lake.jpg": picture("#0a7566", (1200, 700)),
        "family/voice.wav": sound(),
        "family/tickets.pdf": b"%PDF-1.4\n",
    }


def climbing() -> dict[str, bytes | str]:
    """A WhatsApp export whose dates may be read in two orders."""
    said = [
        "03/02/2023, 10:01 - Alice: Hello everyone",
        "03/02/2023, 10:02 - Bob: 你好世界",
        "04/02/2023, 10:03 - Alice: See you at the wall",
        "04/02/2023, 10:04 - Bob: <Media omitted>",
    ]
    return {CLIMBING: "\n".join(said) + "\n"}


_RUN = "window.sentinel=1;alert(1)"
_TEMPLATES = [
    "<script>{run}</script>",
    "<ScRiPt>{run}</sCrIpT>",
    "</title><script>{run}</script>",
    "</textarea><script>{run}</script>",
    "</style><script>{run}</script>",
    "<!--><script>{run}</script>-->",
    "<![CDATA[<script>{run}</script>]]>",
    "<img src=x onerror={run}>",
    "\"><img src=x onerror='{run}'>",
    '\'><img src=x onerror="{run}">',
    "<img/src=x/onerror={run}>",
    "<svg onload={run}>",
    "<svg><script>{run}</script></svg>",
    "<svg><animate onbegin={run} attributeName=x dur=1s>",
    "<math><mtext><img src=x onerror={run}></mtext></math>",
    "<iframe src=javascript:{run}></iframe>",
    "<iframe srcdoc='<script>parent.{run}</script>'>",
    "<object data=javascript:{run}>",
    "<embed src=javascript:{run}>",
    "<body onload={run}>",
    "<details open ontoggle={run}>",
    "<video><source onerror={run}></video>",
    "<audio src=x onerror={run}>",
    "<input autofocus onfocus={run}>",
    "<select autofocus onfocus={run}>",
    "<marquee onstart={run}>",
    "<form action=javascript:{run}><input type=submit>",
    "<base href=javascript:{run}//>",
    "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    "<link rel=stylesheet href=javascript:{run}>",
    "<a href=javascript:{run}>x</a>",
    "javascript:{run}",
    'https://x.example/" onmouseover="{run}',
    "https://x.example/'onclick='{run}",
    "https://javascript:{run}@x.example/",
    "http://x.example/<script>{run}</script>",
    "data:text/html,<script>{run}</script>",
    '" autofocus onfocus="{run}',
    "' onmouseover='{run}",
    "{{{{ {run} }}}}",
    "{{% load x %}}<script>{run}</script>",
    "${{{run}}}",
    "&lt;script&gt;{run}&lt;/script&gt;",
    "&#60;script&#62;{run}&#60;/script&#62;",
    "\\u003cscript\\u003e{run}\\u003c/script\\u003e",
    "＜script＞{run}＜/script＞",
    "\u202e>tpircs/<{run}>tpircs<",
    "<template><script>{run}</script></template>",
    "<noscript><p title='</noscript><img src=x onerror={run}>'>",
    "<x onpointerenter={run} style=position:fixed;inset:0>",
]
PAYLOADS = [template.format(run=_RUN) for template in _TEMPLATES]
SVG = f"<svg xmlns='http://www.w3.org/2000/svg' onload='{_RUN}'><script>{_RUN}</script></svg>"


def hostile() -> dict[str, bytes | str]:
    """A hundred payloads: fifty in titles, names and texts, fifty in names of files and around."""
    files: dict[str, bytes | str] = {
        "evil/evil.svg": SVG,
        "evil/evil.html": f"<script>{_RUN}</script>",
    }
    people = [{"key": f"k{n} {one}", "name": one} for n, one in enumerate(PAYLOADS)]
    lines = [
        line(
            f"2022-01-01T10:{n:02}:00Z",
            people[n]["key"],
            f"payload {n} {one}",
            id=one,
            edited="2022-01-02T00:00:00Z",
            earlier=[one],
            forwarded_from=one,
            reply_to=PAYLOADS[n - 1] if n else "",
            reactions=[{"emoji": one, "by": [one]}],
        )
        for n, one in enumerate(PAYLOADS)
    ]
    lines += [
        line(
            f"2022-01-01T11:{n:02}:00Z",
            people[n]["key"],
            "",
            "media",
            id=f"a{n}",
            attachments=[
                file(
                    ("image", "video", "audio", "document", "sticker")[n % 5],
                    one,
                    media_type=one[:90],
                    path="evil.svg" if n % 2 else "evil.html",
                )
            ],
        )
        for n, one in enumerate(PAYLOADS)
    ]
    lines += [line("2022-01-01T12:00:00Z", None, one, "system") for one in PAYLOADS]
    files["evil/chat.jsonl"] = jsonl("evil", "<script>window.sentinel=1</script>", people, lines)
    for n, one in enumerate(PAYLOADS[::5]):
        files[f"evil/{n}.jsonl"] = jsonl(one, one, [], [line("2021-01-01T10:00:00Z", one, one)])
    names = {one.replace("/", "∕").replace("\\", "") for one in PAYLOADS}
    return files | {f"evil/{name}.txt": "x" for name in sorted(names)}
