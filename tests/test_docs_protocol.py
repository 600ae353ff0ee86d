"""docs/protocol.md says what the code does: every table in it is compared with the code."""

import json
import re
import typing
from pathlib import Path

import msgspec
import pytest

from wire import errors, im, invitation, limits, manifest, messages, proofs, tokens
from wire.invitation import Invitation

TESTS = Path(__file__).parent
DOCUMENT = (TESTS.parent / "docs" / "protocol.md").read_text()
NOT_LIMITS = {"KIB", "MIB", "PROTOCOL_VERSION", "SUBPROTOCOL", "LISTEN_PATH"}


def section(number):
    """The text of one numbered section."""
    return re.split(r"^## \d+\. .*$", DOCUMENT, flags=re.MULTILINE)[number]


def rows(text):
    """The cells of every table row, head and rule left out."""
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        for line in block.splitlines()[2:]:
            yield [cell.strip() for cell in line.strip("|").split(" |")]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_every_limit_and_its_value():
    written = {quoted(row[0])[0]: int(row[1].replace(",", "")) for row in rows(section(11))}
    known = {
        name: value
        for name, value in vars(limits).items()
        if name.isupper() and name not in NOT_LIMITS
    }
    assert written == known


def test_every_error_and_whether_it_ends_the_connection():
    written = {int(row[0]): (row[1], row[2] == "ends") for row in rows(section(12))}
    known = {code: (cls.__name__, cls.fatal) for code, cls in errors.all_errors().items()}
    assert written == known


def test_every_message_its_sender_and_its_fields():
    written = {
        quoted(row[0])[0]: (row[1], quoted(re.sub(r"\(`.*?\)", "", row[3])))
        for row in rows(section(9))
    }
    phone, station = (
        {kind.__struct_config__.tag: kind for kind in typing.get_args(union)}
        for union in (messages.PhoneMessage, messages.StationMessage)
    )
    assert written.keys() == phone.keys() | station.keys()
    for tag, (sender, fields) in written.items():
        assert (
            sender
            == {(True, True): "both", (True, False): "P", (False, True): "S"}[
                (tag in phone, tag in station)
            ]
        )
        assert fields == list((phone.get(tag) or station[tag]).__struct_fields__), tag


def test_optional_fields_are_marked():
    for row in rows(section(9)):
        tag, marked = quoted(row[0])[0], re.findall(r"`(\w+)` \(optional\)", row[3])
        kinds = typing.get_args(messages.PhoneMessage) + typing.get_args(messages.StationMessage)
        kind = next(kind for kind in kinds if kind.__struct_config__.tag == tag)
        optional = [field.name for field in msgspec.structs.fields(kind) if not field.required]
        assert marked == optional, tag


def test_every_token_and_its_claims():
    written = {quoted(row[1])[0]: quoted(row[3]) for row in rows(section(4)) if len(row) == 4}
    kinds = (tokens.Indication, tokens.Ticket, tokens.SecondInfo, tokens.Receipt)
    assert written == {kind.typ: list(kind.__struct_fields__) for kind in kinds}


def test_every_call_of_the_im_server():
    calls = {quoted(row[0])[0]: row[1:] for row in rows(section(5)) if "/im/v1/" in row[0]}
    for path, request, reply in (
        (im.CONNECTIONS_PATH, im.ConnectRequest, im.ConnectReply),
        (im.PHONES_PATH, im.EnrolRequest, im.EnrolReply),
        (im.STATIONS_PATH, im.RegisterRequest, im.RegisterReply),
    ):
        asked, answered = calls.pop(f"POST {path}")
        assert quoted(asked) == list(request.__struct_fields__)
        assert quoted(answered) == list(reply.__struct_fields__)
    assert list(calls) == [f"GET {im.KEYS_PATH}"]


def test_every_refusal_of_the_im_server():
    written = {quoted(row[0])[0]: int(row[1]) for row in rows(section(5)) if row[1].isdecimal()}
    assert written == {refusal.value: refusal.status for refusal in im.Refusal}


def test_every_field_of_a_manifest():
    written = [name for row in rows(section(10)) for name in quoted(row[0])]
    item, header = manifest.Item, manifest.ManifestHeader
    assert written == [*item.__struct_fields__, *header.__struct_fields__]


def test_every_label():
    written = {quoted(row[0])[0].encode() for row in rows(section(1))}
    key = bytes(32)
    texts = [
        im.connect_proof_text("", b"", "backup")[: -64 - len("backup")],
        im.enrol_code_proof_text("")[:-32],
        im.register_proof_text("")[:-32],
        proofs.enrol_text(key)[:-32],
        proofs.first_text(key, "")[:-64],
        proofs.verified_text("")[:-32],
    ]
    assert written == {
        *texts,
        invitation.SIGNATURE_LABEL,
        invitation.PROLOGUE_LABEL,
        invitation.PSK_INFO,
        proofs.DIGITS,
        manifest.SIGNATURE_LABEL,
    }


def test_the_example_computes_what_the_code_does():
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    namespace: dict[str, typing.Any] = {}
    exec(code, namespace)
    vectors = json.loads((TESTS / "vectors" / "invitation.json").read_text())["invitations"]
    for vector in vectors:
        scanned = Invitation.decode(bytes.fromhex(vector["encoded"]))
        payload = vector["link"].partition("#")[2]
        expected = (scanned.invitation_key, scanned.psk(), scanned.prologue())
        assert namespace["channel_inputs"](payload) == expected


@pytest.mark.parametrize("row", list(rows(section(14))), ids=lambda row: quoted(row[2])[1])
def test_every_attack_is_tried_by_the_test_that_is_named(row):
    file, name = quoted(row[2])
    assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), flags=re.MULTILINE)


def test_every_file_of_vectors_is_mentioned():
    for vectors in (TESTS / "vectors").glob("*.json"):
        assert f"{vectors.name}`" in DOCUMENT


def test_links_inside_the_document_lead_somewhere():
    headings = re.findall(r"^## (.*)$", DOCUMENT, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", DOCUMENT)) == anchors
