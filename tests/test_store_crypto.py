"""The root and what is derived from it: the same for ever, and never by accident another."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from transfer.store import rootfile
from transfer.store.crypto import Root, VaultKeys
from transfer.store.rootfile import RootLocked
from transfer.store.sheet import WordsRefused
from wire.errors import Damaged, StationFault

FIXED = Root(bytes(range(32)))
PROJECT = Path(__file__).parents[1]


def same(one: Root, two: Root) -> bool:
    return one.words() == two.words()


# Derivation. A change here would lock every existing store: these bytes are part of the format.


def test_identities_are_derived_as_described():
    public = FIXED.station_key().public_key().public_bytes_raw()
    assert public.hex() == "e0118f25c5003617114da547adb2e7bd5dccdd3855c9f1865276fa8628e2a359"
    assert (
        FIXED.issuer_key().public_key().public_bytes_raw().hex()
        == "100fe40f793641942c640333945e6d47edb88db9043bac52d501c14ae687a309"
    )


def test_a_chunk_id_is_derived_as_described():
    keys = VaultKeys(bytes(16), bytes(range(32)))
    assert (
        keys.chunk_id(bytes(32)).hex()
        == "4638c9f50b8627d736f1e794f240f257275848f65aad344cb1c8352de98a62d6"
    )


def test_object_keys_differ_by_purpose_salt_vault_and_master():
    one, other_vault, other_master = (
        VaultKeys(bytes(16), bytes(32)),
        VaultKeys(b"v" * 16, bytes(32)),
        VaultKeys(bytes(16), b"m" * 32),
    )
    salt = bytes(32)
    keys = [
        one.object_key(b"pack", salt),
        one.object_key(b"receipt", salt),
        one.object_key(b"pack", b"s" * 32),
        other_vault.object_key(b"pack", salt),
        other_master.object_key(b"pack", salt),
    ]
    assert len({key.encrypt(bytes(12), b"text", None) for key in keys}) == 5


def test_the_same_chunk_has_another_id_in_each_vault():
    assert VaultKeys.new().chunk_id(bytes(32)) != VaultKeys.new().chunk_id(bytes(32))


# The recovery sheet


@given(st.binary(min_size=32, max_size=32))
def test_24_words_bring_the_root_back(secret):
    words = Root(secret).words()
    assert len(words.split()) == 24
    assert same(Root.from_words(words), Root(secret))
    assert same(Root.from_words("\n " + words.upper().replace(" ", "  \n")), Root(secret))


def test_the_words_are_bip_39():
    assert Root(bytes(32)).words() == "abandon " * 23 + "art"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "abandon " * 24,
        "abandon " * 23,
        "abandon " * 24 + "art",
        "abandon " * 22 + "abandonn art",
        "abandon " * 11 + "about",
        "a" * 100_000,
    ],
)
def test_words_that_are_no_recovery_sheet_are_refused(typed):
    with pytest.raises(WordsRefused):
        Root.from_words(typed)


TYPED = {
    "numbered lines": lambda words: "\n".join(f"{at}. {word}" for at, word in enumerate(words, 1)),
    "numbers without a space": lambda words: " ".join(
        f"{at}){word.title()}" for at, word in enumerate(words, 1)
    ),
    "commas": lambda words: ", ".join(words).upper(),
    "wide letters": lambda words: "，".join(
        "".join(chr(ord(letter) + 0xFEE0) for letter in word) for word in words
    ),
    "a mark of order": lambda words: "\ufeff" + " ".join(words),
}


@pytest.mark.parametrize("form", TYPED)
def test_words_are_read_however_they_are_laid_out(form):
    assert same(Root.from_words(TYPED[form](FIXED.words().split())), FIXED)


def test_a_word_that_is_not_on_the_list_is_named_with_the_nearest_that_is():
    words = FIXED.words().split()
    words[6] = "abandn"
    words[20] = "xyzzyx"
    with pytest.raises(WordsRefused) as refused:
        Root.from_words(" ".join(words))
    assert 'word 7, "abandn", is not on the list (is it "abandon"?)' in str(refused.value)
    assert 'word 21, "xyzzyx", is not on the list' in str(refused.value)
    with pytest.raises(WordsRefused, match="and 21 more are not either"):
        Root.from_words("zzz " * 24)


def test_two_words_exchanged_are_noticed():
    words = FIXED.words().split()
    words[3], words[4] = words[4], words[3]
    assert not Mnemonic("english").check(" ".join(words))
    with pytest.raises(WordsRefused):
        Root.from_words(" ".join(words))


# Wrapping


def test_what_was_wrapped_opens_for_its_purpose_and_context_only():
    wrapped = FIXED.wrap(b"vault", b"context", b"secret")
    assert FIXED.unwrap(b"vault", b"context", wrapped) == b"secret"
    assert b"secret" not in wrapped
    assert FIXED.wrap(b"vault", b"context", b"secret") != wrapped
    for root, purpose, context in (
        (Root.new(), b"vault", b"context"),
        (FIXED, b"owner", b"context"),
        (FIXED, b"vault", b"other"),
    ):
        with pytest.raises(Damaged, match=purpose.decode()):
            root.unwrap(purpose, context, wrapped)


def test_every_flipped_bit_and_every_cut_of_a_wrapping_is_noticed():
    wrapped = FIXED.wrap(b"vault", b"", b"secret")
    for at in range(8 * len(wrapped)):
        altered = bytearray(wrapped)
        altered[at // 8] ^= 1 << at % 8
        with pytest.raises(Damaged):
            FIXED.unwrap(b"vault", b"", bytes(altered))
    for size in range(len(wrapped)):
        with pytest.raises(Damaged):
            FIXED.unwrap(b"vault", b"", wrapped[:size])


# The file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "root.key"


@pytest.mark.parametrize("passphrase", [None, "correct horse", "带电的订书机 🔋"])
def test_the_first_start_makes_a_root_and_the_next_finds_it(path, passphrase):
    made = Root.load_or_create(path, passphrase)
    assert same(Root.load_or_create(path, passphrase), made)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_passphrase_hides_the_root_from_who_has_the_file(path):
    secret = bytes(range(32))
    Root(secret).save(path, "correct horse")
    assert secret not in path.read_bytes()
    for passphrase in (None, "", "correct  horse", "Correct horse"):
        with pytest.raises(RootLocked):
            Root.load_or_create(path, passphrase)
    assert same(Root.load_or_create(path, "correct horse"), Root(secret))


def test_a_passphrase_is_the_same_however_its_accents_are_spelled(path):
    kept = Root.load_or_create(path, "caf\u00e9")
    assert same(Root.load_or_create(path, "cafe\u0301"), kept)


def test_a_plain_root_is_wrapped_once_a_passphrase_is_set(path):
    plain = Root.load_or_create(path, None)
    wrapped = Root.load_or_create(path, "now with one")
    assert same(wrapped, plain)
    with pytest.raises(RootLocked):
        Root.load_or_create(path, None)
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_a_root_is_never_replaced_by_another(path, passphrase):
    kept = Root.load_or_create(path, passphrase)
    with pytest.raises(StationFault):
        FIXED.save(path, passphrase)
    assert same(Root.load_or_create(path, passphrase), kept)
    assert list(path.parent.iterdir()) == [path]


def test_a_root_from_words_is_kept_like_any_other(path):
    Root.from_words(FIXED.words()).save(path, "new passphrase")
    assert same(Root.load_or_create(path, "new passphrase"), FIXED)


def test_an_altered_plain_file_is_damage_and_says_what_to_do(path):
    Root.load_or_create(path, None)
    raw = path.read_bytes()
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises((Damaged, RootLocked)):
            Root.load_or_create(path, None)
    for size in range(len(raw)):
        path.write_bytes(raw[:size])
        with pytest.raises(Damaged, match="24 words"):
            Root.load_or_create(path, None)


@pytest.mark.parametrize("at", [0, 8, 9, 10, 11, 13, 14, 18, 19, 35, 82])
def test_an_altered_wrapped_file_never_opens_nor_exhausts_the_machine(path, at, monkeypatch):
    monkeypatch.setattr(rootfile, "_MEMORY_KIB", 64)
    Root.load_or_create(path, "correct horse")
    raw = bytearray(path.read_bytes())
    raw[at] ^= 0x80
    path.write_bytes(raw)
    with pytest.raises((Damaged, RootLocked)):
        Root.load_or_create(path, "correct horse")


def test_a_folder_that_cannot_be_written_is_a_named_fault(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StationFault, match="root"):
        Root.load_or_create(tmp_path / "file" / "root.key", None)


def test_without_hard_links_a_root_is_made_and_never_replaced_all_the_same(path, monkeypatch):
    def no_links(*_args):
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", no_links)
    kept = Root.load_or_create(path, None)
    assert same(Root.load_or_create(path, None), kept)
    with pytest.raises(StationFault):
        FIXED.save(path, None)
    assert same(Root.load_or_create(path, None), kept)


def test_of_two_first_starts_at_once_one_makes_the_root(path):
    code = (
        "import sys; from pathlib import Path; from transfer.store.crypto import Root\n"
        "sys.stdin.readline(); print(Root.load_or_create(Path(sys.argv[1]), None).words())"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", code, path], stdin=-1, stdout=-1, cwd=PROJECT)
        for _ in range(3)
    ]
    for start in starts:
        start.stdin.write(b"\n")
        start.stdin.flush()
    assert len({start.communicate()[0] for start in starts}) == 1
    assert all(start.returncode == 0 for start in starts)
