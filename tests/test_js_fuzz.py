"""Mutated inputs to both languages: JavaScript accepts what Python accepts, and reads the same.

JavaScript may be the stricter one in three points, none of which a station writes: a key that
occurs twice, base64 whose unused bits are not zero, and more than 32 brackets within each other.
"""

import base64
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import node
from tests.js_mutations import broken_bytes, broken_json
from tests.stations import ROOT
from wire import im, manifest, messages, tokens
from wire.errors import WireError
from wire.handshake import public_bytes
from wire.invitation import Invitation, parse_link

EXAMPLES = 400
VECTORS = {
    path.stem: json.loads(path.read_text()) for path in (ROOT / "tests" / "vectors").glob("*.json")
}
ISSUER = Ed25519PrivateKey.from_private_bytes(b"I" * 32)
ISSUER_KEY = public_bytes(ISSUER).hex()
KINDS = {
    kind.typ: kind for kind in (tokens.Ticket, tokens.Indication, tokens.SecondInfo, tokens.Receipt)
}
ITEM = {
    "name": "Chats/爱丽丝.txt",
    "size": 983_041,
    "mtime_ns": 1_800_000_000_123_456_789,
    "media_type": "text/plain",
    "sha256": base64.b64encode(bytes(32)).decode(),
    "chunks": base64.b64encode(
        b"".join(bytes(32) + size.to_bytes(4) for size in (983_040, 1))
    ).decode(),
}
EMPTY = ITEM | {"name": "empty", "size": 0, "mtime_ns": -1, "chunks": ""}
HEADER = {
    "format": manifest.HEADER_FORMAT,
    "iss": "station:x",
    "sub": "b3f9",
    "snapshot_id": "00D1G52VC9ZKX8QJ5M7R3T4W6Y",
    "source": "Alice's phone",
    "label": "before the journey",
    "created": 1_800_000_000,
    "items": 2,
    "bytes": 983_041,
    "chunks": 2,
    "pages": [{"digest": ITEM["sha256"], "length": 500, "items": 2}],
    "phone_key": ITEM["sha256"],
}
ENROL_REPLY = {"iss": "station:x", "sub": "b3f9", "keys": [ITEM["sha256"]] * 2}
CONNECT_REPLY = {"indication": "a.b.c", "ticket": "d.e.f"}
ERROR_REPLY = {"code": "code_used", "message": "This code was used before. 请\u202e索取\t新的。"}

fuzz = settings(max_examples=EXAMPLES, deadline=None)


@pytest.fixture(scope="module")
def peer():
    with node.peer() as running:
        yield running


def read(work: Callable[[], Any]) -> Any:
    """What Python makes of an input; None when it refuses it."""
    try:
        return work()
    except WireError:
        return None


def is_loose(document: bytes) -> bool:
    """Whether it has what Python's decoders alone let pass."""
    found: list[bool] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len(dict(pairs)) != len(pairs))
        found.extend(has_unused_bits(one) for _, value in pairs for one in each(value))
        return dict(pairs)

    try:
        json.loads(document, object_pairs_hook=look)
    except (ValueError, RecursionError):
        return False
    return any(found) or b"[" * 33 in document


def each(value: Any) -> list[Any]:
    """A list's members, or the one value."""
    return value if isinstance(value, list) else [value]


def has_unused_bits(value: Any) -> bool:
    """Whether it is base64 that no encoder writes."""
    if not isinstance(value, str) or not value.endswith("="):
        return False
    try:
        return base64.b64encode(base64.b64decode(value, validate=True)).decode() != value
    except ValueError:
        return False


def compare(found: Any, wanted: Any, document: bytes) -> None:
    """Both accept and read the same, or both refuse."""
    if isinstance(found, node.Refusal):
        assert wanted is None or is_loose(document), f"JavaScript alone refuses: {found}"
        return
    assert wanted is not None, "JavaScript alone accepts"
    assert plain(found) == plain(msgspec.to_builtins(wanted))


def plain(value: Any) -> Any:
    """Without what is absent: the two languages write that differently."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if one is not None and one != []}
    return [plain(one) for one in value] if isinstance(value, list) else value


# Whole documents


@fuzz
@given(broken_json(VECTORS["messages"]["both"] + VECTORS["messages"]["station"]))
def test_messages(peer, document):
    found, _ = peer.ask("message", document)
    compare(found, read(lambda: messages.decode_from_station(document)), document)


@fuzz
@given(broken_json([[ITEM], [ITEM, EMPTY], []]))
def test_manifest_pages(peer, document):
    found, _ = peer.ask("page", document)
    compare(found, read(lambda: manifest.decode_page(document)), document)


@fuzz
@given(broken_json([HEADER]))
def test_manifest_headers(peer, document):
    found, _ = peer.ask("header", document)
    compare(found, read(lambda: manifest.decode_header(document)), document)


@fuzz
@given(broken_json([ENROL_REPLY]))
def test_replies_to_an_enrolment(peer, document):
    found, _ = peer.ask("enrolReply", document)
    compare(found, read(lambda: im.decode(im.EnrolReply, document)), document)


@fuzz
@given(broken_json([CONNECT_REPLY]))
def test_replies_to_a_request_for_a_ticket(peer, document):
    found, _ = peer.ask("connectReply", document)
    compare(found, read(lambda: im.decode(im.ConnectReply, document)), document)


@fuzz
@given(broken_json([ERROR_REPLY]))
def test_refusals_of_the_im_server(peer, document):
    found, _ = peer.ask("refusal", document)
    refused = im.Refused.from_reply(document)
    known = refused.refusal is not im.Refusal.UNKNOWN
    if found["refusal"] == "unknown" and known:
        assert is_loose(document)
        return
    assert found["refusal"] == refused.refusal.value
    if found["message"]:
        assert found["message"] == str(refused)


@fuzz
@given(broken_json([VECTORS["tokens"]["jwk_set"]]))
def test_published_keys(peer, document):
    def published():
        try:
            return tokens.keys_from_jwk_set(msgspec.json.decode(document))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    found, _ = peer.ask("jwkSet", document)
    wanted = read(published)
    if isinstance(found, node.Refusal):
        assert wanted is None or is_loose(document)
    else:
        assert wanted is not None
        assert found == [key.hex() for key in wanted]


# Tokens


def check_token(peer, token: str, kind: type[tokens.Claims], document: bytes) -> None:
    found, _ = peer.ask("token", token=token, kind=kind.__name__, keys=[ISSUER_KEY])
    wanted = read(lambda: tokens.verify(token, kind, [bytes.fromhex(ISSUER_KEY)]))
    compare(found, wanted, document)


def signed(header: bytes, claims: bytes) -> str:
    text = f"{tokens.b64u(header)}.{tokens.b64u(claims)}"
    return f"{text}.{tokens.b64u(ISSUER.sign(text.encode()))}"


@fuzz
@given(st.data(), st.sampled_from(VECTORS["tokens"]["tokens"]))
def test_claims_of_a_well_signed_token(peer, data, vector):
    document = data.draw(broken_json([vector["claims"]]))
    header = json.dumps({"alg": "EdDSA", "typ": vector["typ"]}).encode()
    check_token(peer, signed(header, document), KINDS[vector["typ"]], document)


@fuzz
@given(broken_json([{"alg": "EdDSA", "typ": tokens.Ticket.typ}]))
def test_header_of_a_well_signed_token(peer, document):
    claims = json.dumps(VECTORS["tokens"]["tokens"][0]["claims"]).encode()
    check_token(peer, signed(document, claims), tokens.Ticket, document)


@fuzz
@given(broken_bytes([signed(b'{"alg":"EdDSA","typ":"backupstation-ticket+jwt"}', b"{}").encode()]))
def test_characters_of_a_token(peer, document):
    check_token(peer, document.decode("utf-8", "surrogateescape"), tokens.Ticket, b"")


# Invitations


@fuzz
@given(
    broken_bytes([bytes.fromhex(one["encoded"]) for one in VECTORS["invitation"]["invitations"]])
)
def test_invitations(peer, document):
    def decoded() -> Invitation:
        invitation = Invitation.decode(document)
        invitation.public().check_addresses()
        return invitation

    found, encoded = peer.ask("invitation", document)
    wanted = read(decoded)
    assert isinstance(found, node.Refusal) == (wanted is None)
    if wanted is not None:
        assert encoded == wanted.encode() == document
        assert found["addresses"] == [str(address) for address in wanted.addresses]
        assert found["imOrigin"] == wanted.im_origin
        assert (found["scope"], found["port"]) == (wanted.scope, wanted.port)
        assert found["expires"] == wanted.expires


@fuzz
@given(broken_bytes([one["link"].encode() for one in VECTORS["invitation"]["invitations"]]))
def test_links(peer, document):
    try:
        link = document.decode()
    except UnicodeDecodeError:
        return
    found, encoded = peer.ask("link", document)
    wanted = read(lambda: parse_link(link))
    assert isinstance(found, node.Refusal) == (wanted is None)
    if wanted is not None:
        assert (found["origin"], encoded) == (wanted[0], wanted[1].encode())
        assert found["scopes"] == list(wanted[1].scope.names())
