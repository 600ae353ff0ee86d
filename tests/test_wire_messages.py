"""Control messages: exact JSON, strict decoding, limits; and the errors that travel in them."""

import inspect
import json
import typing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import errors, limits, messages
from wire.errors import MalformedMessage, TooLarge, WireError

VECTORS = json.loads((Path(__file__).parent / "vectors" / "messages.json").read_text())
DECODERS = {"phone": messages.decode_from_phone, "station": messages.decode_from_station}
UNIONS = {"phone": messages.PhoneMessage, "station": messages.StationMessage}
SENT = [
    (side, text.encode())
    for side in ("phone", "station")
    for text in VECTORS["both"] + VECTORS[side]
]


def names(cases):
    return [f"{side}-{json.loads(text)['type']}" for side, text in cases]


@pytest.mark.parametrize(("side", "text"), SENT, ids=names(SENT))
def test_the_exact_json(side, text):
    assert messages.encode(DECODERS[side](text)) == text


@pytest.mark.parametrize("side", UNIONS)
def test_every_message_has_a_vector(side):
    known = {kind.__struct_config__.tag for kind in typing.get_args(UNIONS[side])}
    assert known == {json.loads(text)["type"] for of, text in SENT if of == side}


ONE_SIDED = [
    (other, text.encode())
    for side, other in (("phone", "station"), ("station", "phone"))
    for text in VECTORS[side]
]


@pytest.mark.parametrize(("side", "text"), ONE_SIDED, ids=names(ONE_SIDED))
def test_refuses_what_only_the_other_side_may_say(side, text):
    with pytest.raises(MalformedMessage):
        DECODERS[side](text)


@pytest.mark.parametrize(("side", "text"), SENT, ids=names(SENT))
def test_refuses_an_unknown_field(side, text):
    with pytest.raises(MalformedMessage):
        DECODERS[side](text[:-1] + b',"admin":true}')


@pytest.mark.parametrize(("side", "text"), SENT, ids=names(SENT))
def test_refuses_every_missing_field_that_has_no_default(side, text):
    document = json.loads(text)
    kind = type(DECODERS[side](text))
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    for name in [*required, "type"]:
        rest = {key: value for key, value in document.items() if key != name}
        with pytest.raises(MalformedMessage):
            DECODERS[side](json.dumps(rest).encode())


@pytest.mark.parametrize(("side", "text"), SENT, ids=names(SENT))
def test_refuses_every_truncation(side, text):
    for end in range(len(text)):
        with pytest.raises(MalformedMessage):
            DECODERS[side](text[:end])


@pytest.mark.parametrize(("side", "text"), SENT, ids=names(SENT))
def test_refuses_a_value_of_another_kind(side, text):
    document = json.loads(text)
    for name in document:
        for wrong in (None, True, 1.5, [[]], {"a": 1}, -1):
            if wrong is None and name in ("ref", "selection", "binding"):  # as if absent
                continue
            with pytest.raises(MalformedMessage):
                DECODERS[side](json.dumps(document | {name: wrong}).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"\xff",
        b'{"type":"nonsense"}',
        b'{"type":["ping"]}',
        b'{"type":"PING"}',
        b'{"type":"ping"}{"type":"ping"}',
        b'{"type":"ping","type":"bye"}',
        b'{"type":"ack","bytes":-1}',
        b'{"type":"ack","bytes":1.0}',
        b'{"type":"ack","bytes":"1"}',
        b'{"type":"ack","bytes":9223372036854775808}',
        b'{"type":"ack","bytes":' + b"9" * 5000 + b"}",
        b'{"type":"verified","proof":"A"}',
        b'{"type":"verified","proof":"_-8="}',
        b'{"type":"verified","proof":"AA"}',
        b'{"type":"error","code":70000,"message":""}',
        b'{"type":"chunks.have","start":4294967296,"digests":""}',
        b'{"type":"snapshot.get","snapshot_id":"x","selection":{"items":[],"all":true}}',
        b'{"type":"chunks.get","snapshot_id":"x","start":0,"wants":[[0,0]]}',
        b'{"type":"chunks.get","snapshot_id":"x","start":0,"wants":[[0,0,1,1]]}',
        b'{"type":"enrol","phone_key":"","name":"\\ud800","proof":""}',
        b'{"type":"enrol","phone_key":"","name":"\xc3","proof":""}',
        b'{"type":"ping","x":' + b"[" * 100_000,
        b"[" * 100_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_refuses_what_is_no_message(text):
    with pytest.raises(MalformedMessage):
        messages.decode_from_phone(text)


@given(st.binary(max_size=200))
def test_noise_raises_nothing_but_the_protocol_s_errors(data):
    for decode in DECODERS.values():
        for text in (data, b'{"type":"' + data, b'{"type":"first","ticket":"' + data):
            with pytest.raises(WireError):
                decode(text)


def test_a_message_above_the_limit_is_not_parsed():
    text = b'{"type":"ping"' + b" " * limits.CONTROL_BYTES_MAX + b"}"
    with pytest.raises(TooLarge):
        messages.decode_from_phone(text)
    with pytest.raises(TooLarge):
        messages.encode(messages.Enrol(b"", "x" * limits.CONTROL_BYTES_MAX, b""))


def test_the_largest_have_and_lack_fit_a_message():
    most, last = limits.HAVE_DIGESTS_MAX, 2**32 - 1
    have = messages.ChunksHave(last - most, bytes(32 * most))
    assert messages.decode_from_phone(messages.encode(have)) == have
    lack = messages.ChunksLack(last - most, list(range(last - most, last)))
    assert messages.decode_from_station(messages.encode(lack)) == lack


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20))
def test_splits_digests(digests):
    assert messages.split_digests(b"".join(digests)) == digests


def test_refuses_digests_that_are_cut_or_too_many():
    with pytest.raises(MalformedMessage):
        messages.split_digests(bytes(33))
    assert len(messages.split_digests(bytes(32 * limits.HAVE_DIGESTS_MAX))) == 4096
    with pytest.raises(TooLarge):
        messages.split_digests(bytes(32 * (limits.HAVE_DIGESTS_MAX + 1)))


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("chat.txt", True),
        ("media/a.jpg", True),
        ("media/deep/b.jpg", True),
        ("media", False),
        ("media2/a.jpg", False),
        ("chat.txt.bak", False),
        ("other/chat.txt", False),
        ("other/media/a.jpg", False),
    ],
)
def test_a_selection_covers_names_and_whole_folders(name, chosen):
    for folder in ("media", "media/"):
        assert messages.Selection(["chat.txt"], [folder]).covering()(name) is chosen


def test_a_selection_has_a_bounded_number_of_names():
    most = ["n"] * limits.SELECTION_NAMES_MAX
    for selection in (messages.Selection(most, []), messages.Selection([], most)):
        request = messages.SnapshotGet("0" * 26, selection)
        assert messages.decode_from_phone(messages.encode(request)) == request
    for selection in (messages.Selection([*most, "n"]), messages.Selection([], [*most, "n"])):
        with pytest.raises(MalformedMessage):
            messages.decode_from_phone(messages.encode(messages.SnapshotGet("0" * 26, selection)))


def test_an_empty_selection_covers_nothing():
    assert not messages.Selection().covering()("a")
    assert not messages.Selection(under=[""]).covering()("a")


# Errors


def every_error():
    return [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, WireError) and kind is not WireError
    ]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_s_code_brings_it_back(kind):
    received = errors.error_for(kind.code, "why")
    assert issubclass(kind, type(received))
    assert received.code == kind.code
    assert str(received) == "why"
    assert 4400 <= kind.code <= 4999


def test_codes_are_unique_but_for_refused_tokens():
    codes = [kind.code for kind in every_error() if kind is not errors.TokenRefused]
    assert len(codes) == len(set(codes))


def test_an_unknown_code_is_still_an_error_of_the_protocol():
    assert type(errors.error_for(1006, "lost")) is WireError
