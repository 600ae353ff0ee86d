"""Tokens: exact bytes, and everything that a reader of the JOSE specifications will try."""

import base64
import itertools
import json
from pathlib import Path

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wire import limits, tokens
from wire.errors import MalformedMessage, TokenRefused, TooLarge
from wire.tokens import Indication, Receipt, SecondInfo, Ticket

VECTORS = json.loads((Path(__file__).parent / "vectors" / "tokens.json").read_text())
KINDS = {kind.typ: kind for kind in (Ticket, Indication, SecondInfo, Receipt)}
KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["private_key"]))
    for name, key in VECTORS["keys"].items()
}
PUBLIC = {name: bytes.fromhex(key["public_key"]) for name, key in VECTORS["keys"].items()}
TICKET_VECTOR = VECTORS["tokens"][0]
TICKET = msgspec.convert(TICKET_VECTOR["claims"], Ticket)
NOW = VECTORS["now"]

by_name = pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda v: v["name"])


@by_name
def test_signs_to_the_exact_bytes(vector):
    claims = msgspec.convert(vector["claims"], KINDS[vector["typ"]])
    assert tokens.sign(claims, KEYS[vector["signed_by"]]) == vector["token"]


@by_name
def test_verifies_the_exact_bytes(vector):
    kind = KINDS[vector["typ"]]
    claims = tokens.verify(vector["token"], kind, [PUBLIC[vector["signed_by"]]])
    assert msgspec.to_builtins(claims) == vector["claims"]


@by_name
def test_another_implementation_agrees(vector):
    """PyJWT reads what we sign, and we read what it signs."""
    key, typ = KEYS[vector["signed_by"]], vector["typ"]
    claims = msgspec.convert(vector["claims"], KINDS[typ])
    theirs = jwt.PyJWS(algorithms=["EdDSA"])
    read = theirs.decode_complete(tokens.sign(claims, key), key.public_key(), algorithms=["EdDSA"])
    assert read["header"] == {"alg": "EdDSA", "typ": typ}
    assert json.loads(read["payload"]) == vector["claims"]
    payload = json.dumps(vector["claims"]).encode()
    signed = theirs.encode(payload, key, algorithm="EdDSA", headers={"typ": typ})
    assert tokens.verify(signed, KINDS[typ], [PUBLIC[vector["signed_by"]]]) == claims


@by_name
def test_no_token_serves_as_another_kind(vector):
    for typ, kind in KINDS.items():
        if typ != vector["typ"]:
            with pytest.raises(TokenRefused, match="header"):
                tokens.verify(vector["token"], kind, PUBLIC.values())


@pytest.mark.parametrize("vector", VECTORS["refused_as_tickets"], ids=lambda v: v["name"])
def test_refuses(vector):
    with pytest.raises(TokenRefused):
        tokens.verify(vector["token"], Ticket, [PUBLIC["issuer"]])


def test_refuses_every_changed_character():
    token = TICKET_VECTOR["token"]
    for at, char in enumerate(token):
        changed = token[:at] + ("A" if char != "A" else "B") + token[at + 1 :]
        with pytest.raises(TokenRefused):
            tokens.verify(changed, Ticket, [PUBLIC["issuer"]])


def test_refuses_every_truncation():
    token = TICKET_VECTOR["token"]
    for end in range(len(token)):
        with pytest.raises(TokenRefused):
            tokens.verify(token[:end], Ticket, [PUBLIC["issuer"]])


def test_looks_at_the_size_before_anything_else(monkeypatch):
    header = json.dumps({"alg": "EdDSA", "typ": Ticket.typ, "x": "A" * 2**20}).encode()
    token = tokens.b64u(header) + ".e30." + "A" * 86
    monkeypatch.setattr(tokens, "unb64u", lambda _part: pytest.fail("decoded a huge token"))
    with pytest.raises(TokenRefused, match="size"):
        tokens.verify(token, Ticket, [PUBLIC["issuer"]])


def test_the_limit_is_the_largest_token_accepted():
    room = limits.TOKEN_BYTES_MAX - len(TICKET_VECTOR["token"])
    largest = msgspec.structs.replace(TICKET, jti="j" * (room * 3 // 4))
    token = tokens.sign(largest, KEYS["issuer"])
    assert limits.TOKEN_BYTES_MAX - 64 < len(token) <= limits.TOKEN_BYTES_MAX
    assert tokens.verify(token, Ticket, [PUBLIC["issuer"]]) == largest
    with pytest.raises(TooLarge):
        tokens.sign(msgspec.structs.replace(TICKET, jti="j" * room), KEYS["issuer"])


def test_any_pinned_key_may_have_signed_and_no_other():
    token = TICKET_VECTOR["token"]
    assert tokens.verify(token, Ticket, [PUBLIC["phone"], PUBLIC["issuer"]]) == TICKET
    for keys in ([], [PUBLIC["phone"], PUBLIC["station"]], [b"short"], [bytes(32)]):
        with pytest.raises(TokenRefused, match="no accepted key"):
            tokens.verify(token, Ticket, keys)


@pytest.mark.parametrize("claim", Ticket.__struct_fields__)
def test_every_claim_is_required(claim):
    claims = {name: value for name, value in TICKET_VECTOR["claims"].items() if name != claim}
    with pytest.raises(TokenRefused, match="missing required field"):
        tokens.verify(signed(json.dumps(claims).encode()), Ticket, [PUBLIC["issuer"]])


def test_white_space_and_order_of_claims_are_the_signer_s_choice():
    claims = dict(reversed(TICKET_VECTOR["claims"].items()))
    token = signed(json.dumps(claims, indent=2).encode())
    assert tokens.verify(token, Ticket, [PUBLIC["issuer"]]) == TICKET


def signed(claims):
    header = json.dumps({"alg": "EdDSA", "typ": Ticket.typ}).encode()
    text = tokens.b64u(header) + "." + tokens.b64u(claims)
    return text + "." + tokens.b64u(KEYS["issuer"].sign(text.encode()))


@given(
    st.builds(
        Receipt,
        iss=st.text(max_size=40),
        snapshot_id=st.text(max_size=40),
        manifest_hash=st.text(max_size=40),
        sequence=st.integers(0, 2**63 - 1),
        previous=st.text(max_size=40),
        items=st.integers(0, 2**63 - 1),
        bytes=st.integers(0, 2**63 - 1),
        stored=st.integers(0, 2**32 - 1),
    )
)
def test_what_was_signed_verifies_to_the_same(receipt):
    token = tokens.sign(receipt, KEYS["station"])
    assert tokens.verify(token, Receipt, [PUBLIC["station"]]) == receipt


@given(st.text(alphabet=st.sampled_from("abcXYZ019-_.=\0é "), max_size=120))
def test_refuses_noise(text):
    with pytest.raises(TokenRefused):
        tokens.verify(text, Ticket, [PUBLIC["issuer"]])


# Times


@pytest.mark.parametrize("now", [TICKET.iat - 60, TICKET.iat, TICKET.exp, TICKET.exp + 60])
def test_a_ticket_is_current_within_the_skew(now):
    tokens.check_times(TICKET, now)


@pytest.mark.parametrize(
    ("now", "why"), [(TICKET.iat - 61, "future"), (TICKET.exp + 61, "expired"), (0, "future")]
)
def test_a_ticket_is_refused_beyond_it(now, why):
    with pytest.raises(TokenRefused, match=why):
        tokens.check_times(TICKET, now)


@pytest.mark.parametrize("life", [-1, 0, limits.TICKET_SECONDS + 1, 2**31])
def test_a_ticket_lives_no_longer_than_a_ticket(life):
    with pytest.raises(TokenRefused, match="life"):
        tokens.check_times(msgspec.structs.replace(TICKET, exp=TICKET.iat + life), TICKET.iat)


# Base64url


@given(st.binary(max_size=100))
def test_base64url_round_trips_without_padding(data):
    text = tokens.b64u(data)
    assert "=" not in text
    assert tokens.unb64u(text) == data


def test_one_text_only_for_each_byte():
    """Of all two-character texts, one for each of the 256 byte values is accepted."""
    alphabet = base64.urlsafe_b64encode(bytes(range(256))).decode() + "+/=. \n~é"
    accepted = set()
    for text in map("".join, itertools.product(sorted(set(alphabet)), repeat=2)):
        try:
            accepted.add((tokens.unb64u(text), text))
        except TokenRefused:
            continue
    assert accepted == {(bytes([value]), tokens.b64u(bytes([value]))) for value in range(256)}


@pytest.mark.parametrize("text", ["A", "AAAAA", "AA==", "AAA=", "AB", "AA\n", " AA", "A+", "Aé"])
def test_refuses_base64url_that_is_not_canonical(text):
    with pytest.raises(TokenRefused):
        tokens.unb64u(text)


# Keys


def test_the_thumbprint_of_rfc_8037():
    """RFC 8037 appendix A.3."""
    key = tokens.unb64u("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert tokens.thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_thumbprints_and_hashes_of_the_vectors():
    for name, key in VECTORS["keys"].items():
        assert tokens.thumbprint(PUBLIC[name]) == key["thumbprint"]
    assert tokens.token_hash(TICKET_VECTOR["token"]).hex() == VECTORS["ticket_hash"]


def test_publishes_keys_as_a_jwk_set():
    assert tokens.jwk_set([PUBLIC["issuer"]]) == VECTORS["jwk_set"]
    both = [PUBLIC["issuer"], PUBLIC["station"]]
    assert tokens.keys_from_jwk_set(json.loads(json.dumps(tokens.jwk_set(both)))) == both


def jwk(**changes):
    return {"kty": "OKP", "crv": "Ed25519", "x": tokens.b64u(PUBLIC["issuer"])} | changes


def test_ignores_unknown_members_of_a_jwk_set():
    """RFC 7517 sections 4 and 5 ask for it."""
    published = {"keys": [jwk(use="sig", kid="1", other=[1])], "other": 1}
    assert tokens.keys_from_jwk_set(published) == [PUBLIC["issuer"]]


@pytest.mark.parametrize(
    "published",
    [
        None,
        [],
        {},
        {"keys": []},
        {"keys": {}},
        {"keys": [None]},
        {"keys": [jwk()] * (limits.ISSUER_KEYS_MAX + 1)},
        {"keys": [jwk(kty="RSA")]},
        {"keys": [jwk(crv="X25519")]},
        {"keys": [jwk(), jwk(kty="oct")]},
        {"keys": [jwk(x=tokens.b64u(bytes(31)))]},
        {"keys": [jwk(x=tokens.b64u(bytes(33)))]},
        {"keys": [jwk(x=jwk()["x"] + "=")]},
        {"keys": [jwk(x=1)]},
    ],
)
def test_refuses_a_jwk_set(published):
    with pytest.raises(MalformedMessage):
        tokens.keys_from_jwk_set(published)
