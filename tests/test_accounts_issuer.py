"""Keys of an IM server alone: a private file, rotation with overlap, none lost by a race."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ImproperlyConfigured

from accounts import issuer
from accounts.issuer import Issuer
from accounts.keyring import (
    ROTATION_LEAD_SECONDS,
    ROTATION_TAIL_SECONDS,
    Keyring,
    RotationUnderWayError,
)
from tests.accounts_cast import NOW, Ed25519PrivateKey
from wire.limits import ISSUER_KEYS_MAX


@pytest.fixture
def keyring(tmp_path):
    keyring = Keyring(tmp_path)
    keyring.create_if_missing()
    return keyring


def signer(keyring, now):
    return keyring.issuer().signing_key(now).public_key().public_bytes_raw()


def live(keyring, now):
    return keyring.issuer().live_keys(now)


def test_the_key_file_is_the_owners_alone(keyring, tmp_path):
    files = list(tmp_path.iterdir())
    assert [file.name for file in files] == ["issuer.json"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    keyring.rotate(NOW)
    assert [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()] == [0o600]


def test_the_first_key_signs_at_once_and_stays(keyring, tmp_path):
    again = Keyring(tmp_path)
    again.create_if_missing()
    assert again.issuer().iss == keyring.issuer().iss
    assert live(again, NOW) == [signer(keyring, NOW)]
    assert keyring.issuer().iss.startswith("im:")


def test_many_first_starts_agree_on_one_key(tmp_path):
    def start(_at):
        keyring = Keyring(tmp_path)
        keyring.create_if_missing()
        return keyring.issuer().iss, signer(keyring, NOW)

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(start, range(64)))) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_rotation_publishes_before_it_signs_and_forgets_after(keyring):
    old = signer(keyring, NOW)
    keyring.rotate(NOW)
    starts = NOW + ROTATION_LEAD_SECONDS
    new = live(keyring, NOW)[1]
    assert live(keyring, NOW) == [old, new]
    assert signer(keyring, starts - 1) == old
    assert signer(keyring, starts) == new
    assert live(keyring, starts + ROTATION_TAIL_SECONDS - 1) == [old, new]
    assert live(keyring, starts + ROTATION_TAIL_SECONDS) == [new]


def test_refuses_to_rotate_while_the_last_new_key_does_not_sign_yet(keyring):
    keyring.rotate(NOW)
    before = live(keyring, NOW)
    with pytest.raises(RotationUnderWayError) as caught:
        keyring.rotate(NOW + 1)
    assert caught.value.signs_from == NOW + ROTATION_LEAD_SECONDS
    assert live(keyring, NOW) == before


def test_rotating_as_often_as_allowed_never_publishes_more_keys_than_peers_accept(keyring):
    iss = keyring.issuer().iss
    for turn in range(12):
        now = NOW + turn * ROTATION_LEAD_SECONDS
        keyring.rotate(now)
        assert 2 <= len(live(keyring, now)) <= ISSUER_KEYS_MAX
        assert signer(keyring, now) in live(keyring, now)
    assert keyring.issuer().iss == iss


def test_forgotten_keys_leave_the_file(keyring, tmp_path):
    first = json.loads((tmp_path / "issuer.json").read_text())["keys"][0]["seed"]
    for turn in range(3):
        keyring.rotate(NOW + turn * 2 * ROTATION_LEAD_SECONDS)
    assert first not in (tmp_path / "issuer.json").read_text()


def test_after_a_leak_only_the_new_key_counts(keyring):
    old = signer(keyring, NOW)
    keyring.rotate(NOW)
    keyring.replace_all()
    assert live(keyring, NOW) == [signer(keyring, NOW)]
    assert old not in live(keyring, NOW)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"iss":"x","keys":[]}', b"\xff"])
def test_a_damaged_key_file_is_an_error_and_is_never_replaced(tmp_path, content):
    (tmp_path / "issuer.json").write_bytes(content)
    keyring = Keyring(tmp_path)
    keyring.create_if_missing()
    with pytest.raises(ImproperlyConfigured, match=r"issuer\.json"):
        keyring.issuer()
    assert (tmp_path / "issuer.json").read_bytes() == content


def test_an_embedded_issuer_has_the_one_key_it_was_given():
    key = Ed25519PrivateKey.generate()
    embedded = Issuer.single("station:abc", key)
    assert embedded.signing_key(NOW) is key
    assert embedded.live_keys(NOW) == [key.public_key().public_bytes_raw()]


def test_says_so_when_nobody_configured_an_issuer(monkeypatch):
    monkeypatch.setattr(issuer, "_source", None)
    with pytest.raises(ImproperlyConfigured):
        issuer.current()
