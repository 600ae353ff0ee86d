"""The IM server's JSON: what is accepted, what is refused, and what exactly is signed."""

import base64
import hashlib
import json

import pytest

from wire import im
from wire.errors import MalformedMessage, NotAllowed, TooLarge, all_errors

KEY = bytes(range(32))
PROOF = bytes(64)


def connect_json(**changes):
    body = {
        "public_part": base64.b64encode(b"part").decode(),
        "phone_key": base64.b64encode(KEY).decode(),
        "scope": "backup",
        "proof": base64.b64encode(PROOF).decode(),
    }
    return json.dumps(body | changes).encode()


@pytest.mark.parametrize(
    "body",
    [
        im.ConnectRequest(b"part", KEY, "restore", PROOF),
        im.ConnectReply("a.b.c", "d.e.f"),
        im.EnrolRequest("CODE", KEY, "爱丽丝的手机 👩‍💻", PROOF),
        im.EnrolReply("station:abc", "sub", [KEY]),
        im.RegisterRequest("CODE", KEY, "NAS", PROOF),
        im.RegisterReply("im:abc", [KEY, KEY], 1_700_000_000),
        im.ErrorReply("phone_revoked", "no"),
    ],
)
def test_bodies_survive_the_wire(body):
    assert im.decode(type(body), im.encode(body)) == body


def test_bytes_travel_as_standard_base64():
    encoded = im.encode(im.ConnectRequest(b"\xfb\xff\xfe", KEY, "backup", PROOF))
    assert encoded.startswith(b'{"public_part":"+//+","phone_key":"AAECAwQ')


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"{}",
        connect_json(extra=1),
        connect_json(scope="delete"),
        connect_json(scope="backup restore"),
        connect_json(phone_key=base64.b64encode(KEY[:31]).decode()),
        connect_json(phone_key=base64.b64encode(KEY + b"x").decode()),
        connect_json(phone_key="***"),
        connect_json(phone_key=7),
        connect_json(proof=base64.b64encode(PROOF[1:]).decode()),
        connect_json(public_part=""),
        connect_json(public_part=base64.b64encode(bytes(2000)).decode()),
        connect_json() + b"x",
        b"[" * 10_000,
    ],
)
def test_refuses_what_is_not_exactly_a_request(payload):
    with pytest.raises(MalformedMessage):
        im.decode(im.ConnectRequest, payload)


def test_refuses_a_body_above_the_cap_before_reading_it():
    with pytest.raises(TooLarge):
        im.decode(im.ConnectRequest, b" " * (im.BODY_BYTES_MAX + 1))


@pytest.mark.parametrize("name", ["", "x" * 101, "a\nb", "a\x1b[2J", "a\u202eb", "a\n", "\x00"])
def test_refuses_names_that_could_mislead_a_page_or_terminal(name):
    with pytest.raises(MalformedMessage):
        im.decode(im.EnrolRequest, im.encode(im.EnrolRequest("CODE", KEY, name, PROOF)))


def test_a_peer_cannot_make_us_pin_many_keys():
    with pytest.raises(MalformedMessage):
        im.decode(im.EnrolReply, im.encode(im.EnrolReply("iss", "sub", [KEY] * 5)))
    with pytest.raises(MalformedMessage):
        im.decode(im.RegisterReply, im.encode(im.RegisterReply("iss", [], 0)))


def test_a_refusal_arrives_under_its_own_name():
    sent = im.Refused(im.Refusal.PHONE_REVOKED)
    received = im.Refused.from_reply(im.encode(sent.reply()))
    assert received.refusal is im.Refusal.PHONE_REVOKED
    assert str(received) == im.Refusal.PHONE_REVOKED.sentence


@pytest.mark.parametrize(
    "body", [b"<html>502</html>", b"", im.encode(im.ErrorReply("made_up", "x")), b" " * 99_999]
)
def test_an_unreadable_error_is_still_a_refusal(body):
    assert im.Refused.from_reply(body).refusal is im.Refusal.UNKNOWN


def test_a_refusal_cannot_bring_control_characters_to_a_terminal():
    body = im.encode(im.ErrorReply("phone_revoked", "no\x1b[2J\r\n" + "x" * 1000))
    message = str(im.Refused.from_reply(body))
    assert message.startswith("no[2Jx")
    assert len(message) == 200


def test_every_refusal_has_a_sentence_and_an_error_status():
    for refusal in im.Refusal:
        assert refusal.sentence.endswith(".")
        assert 400 <= refusal.status <= 500


def test_refused_does_not_displace_an_error_of_the_channel():
    assert all_errors()[4403] is NotAllowed


def test_signed_texts_are_labelled_and_exact():
    sha = lambda data: hashlib.sha256(data).digest()  # noqa: E731
    assert im.connect_proof_text("station:abc", b"part", "backup") == (
        b"backupstation/1 connect" + sha(b"station:abc") + sha(b"part") + b"backup"
    )
    assert im.enrol_code_proof_text("CODE") == b"backupstation/1 enrol-code" + sha(b"CODE")
    assert im.register_proof_text("CODE") == b"backupstation/1 register" + sha(b"CODE")


def test_a_code_is_found_again_however_a_person_types_it():
    code = im.code_from(bytes(range(40, 53)))
    assert len(code) == im.CODE_CHARS
    assert im.canonical_code(im.grouped_code(code).lower()) == code
    assert im.canonical_code(" o0i1-L1 ") == "001111"


def test_codes_use_a_hundred_bits():
    assert len({im.code_from(bytes([at]) + bytes(12)) for at in range(16)}) == 16
    assert im.code_from(b"\xff" * 13) == "Z" * im.CODE_CHARS
