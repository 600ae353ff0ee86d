"""Inputs that are nearly right: documents of the protocol with a few things changed in them."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

# What stands in a document for JSON that json.dumps does not write; replaced as text.
_RAW = {
    "@float": "1.0",
    "@exponent": "1e2",
    "@negative zero": "-0",
    "@zero": "00",
    "@huge": "9" * 400,
    "@nan": "NaN",
    "@infinite": "1e999",
    "@lone": '"\\ud800"',
    "@pair": '"\\ud83d\\ude00"',
    "@swapped": '"\\ude00\\ud83d"',
    "@deep": "[" * 600 + "]" * 600,
    "@escaped": '"\\u0041A=="',
    "@slash": '"AA\\/A"',
}
_NUMBERS = [0, 1, -1, 65_535, 65_536, 2**31, 2**32 - 1, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63,
            -(2**63), -(2**63) - 1, 2**64, 10**19, 10**20]  # fmt: skip
_TEXTS = ["", "x", "AA==", "AB==", "AAA=", "AAB=", "A", "A===", "====", "AA", "AA=A", "A_==", "=",
          "backup", "ping", "/", "..", "a/../b", "a\\b", "a\x00b", "a\x7fb", "a\u2028", "\ufeff",
          "爱丽丝", "📱" * 99, "x" * 101, "x" * 201, "é" * 512, "é" * 513, "text/plain;charset=x",
          "EdDSA", "backupstation-ticket+jwt", "__proto__", "constructor"]  # fmt: skip
_VALUES = st.sampled_from(
    [None, True, False, *_NUMBERS, *_TEXTS, *_RAW, [], {}, [[]], [None], [0], {"x": 1}]
)
_KEYS = st.sampled_from(["x", "", "type", "name", "iss", "__proto__", "toString", "hasOwnProperty"])
_SNIPPETS = [b'"', b",", b":", b"[", b"]", b"{", b"}", b"\\", b" ", b"\n", b"\t", b"\x0c", b"\x00",
             b"\x0b", b"0", b"-", b".5", b"e1", b"=", b"\xff", b"\xc0\x80", b"\xed\xa0\x80",
             b"\xef\xbb\xbf", b"\xf0\x9f\x93\xb1", b"\\u0041", b"\\ud83d", b"\\uDE00", b"\\x", b"_",
             b"null", b"//", b"/**/", b'"x":1,', b"\xe2\x80\xa8", b"%00", b"."]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [
        found
        for key, one in inner
        for found in [(*path, key), *(_places(one, (*path, key)) if _holds(one) else [])]
    ]


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list)


@st.composite
def broken_json(draw: st.DrawFn, documents: list[Any]) -> bytes:
    """One of ``documents``, or of the texts in it, with changed values, keys or characters."""
    chosen = draw(st.sampled_from(documents))
    value = json.loads(chosen if isinstance(chosen, str) else json.dumps(chosen))
    for _ in range(draw(st.integers(0, 2))):
        _change(draw, value)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    for name, raw in _RAW.items():
        text = text.replace(f'"{name}"', raw)
    return _damaged(draw, text.encode()) if draw(st.integers(0, 2)) == 0 else text.encode()


def _change(draw: st.DrawFn, value: Any) -> None:
    places = _places(value)
    if not places:
        return
    *path, key = draw(st.sampled_from(places))
    holder = value
    for step in path:
        holder = holder[step]
    match draw(st.sampled_from(["replace", "replace", "delete", "add", "twice"])):
        case "replace":
            holder[key] = copy.deepcopy(draw(_VALUES))
        case "delete":
            del holder[key]
        case "add" if isinstance(holder, dict):
            holder[draw(_KEYS)] = copy.deepcopy(draw(_VALUES))
        case _ if isinstance(holder, list):
            holder.insert(key, holder[key])


@st.composite
def broken_bytes(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """One of ``originals`` with up to three pieces changed, cut, put in or repeated."""
    return _damaged(draw, draw(st.sampled_from(originals)))


def _damaged(draw: st.DrawFn, data: bytes) -> bytes:
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        end = min(len(data), at + draw(st.integers(0, 4)))
        match draw(st.sampled_from(["flip", "cut", "put", "repeat", "set"])):
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[end:]
            case "put":
                data = data[:at] + draw(st.sampled_from(_SNIPPETS)) + data[at:]
            case "repeat":
                data = data[:end] + data[at:]
            case _ if at < len(data):
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    return data
