"""The phone's folder: one key, private; enrolments whole or not at all."""

import os
import threading
from pathlib import Path

import pytest

from phone.errors import StateDamaged
from phone.state import Enrolment, Home, default_home

EMBEDDED = Enrolment("station:abc", "sub-1", [b"k" * 32], "", "Home PC")
SEPARATE = Enrolment("https://im.example", "alice", [b"i" * 32, b"j" * 32], "https://im.example")


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "phone")


def test_the_key_is_drawn_once_and_kept(home):
    first = home.key().private_bytes_raw()
    assert Home(home.folder).key().private_bytes_raw() == first


def test_only_the_owner_can_read_the_folder_and_the_key(home):
    home.key()
    assert home.folder.stat().st_mode & 0o777 == 0o700
    assert (home.folder / "phone.key").stat().st_mode & 0o777 == 0o600


def test_two_first_uses_at_once_agree_on_one_key(home):
    home.prepare()
    keys: list[bytes] = []
    start = threading.Barrier(8)

    def use():
        start.wait()
        keys.append(Home(home.folder).key().private_bytes_raw())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert [path.name for path in home.folder.iterdir()] == ["phone.key"]


def test_a_key_that_others_may_read_is_refused_with_the_cure(home):
    home.key()
    (home.folder / "phone.key").chmod(0o644)
    with pytest.raises(StateDamaged, match="chmod 600"):
        home.key()


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_named_and_never_replaced(home, content):
    home.key()
    path = home.folder / "phone.key"
    path.write_bytes(content)
    with pytest.raises(StateDamaged, match=r"phone\.key"):
        home.key()
    assert path.read_bytes() == content


def test_enrolments_are_kept_and_found(home):
    assert home.enrolments() == []
    home.remember(EMBEDDED)
    home.remember(SEPARATE)
    again = Home(home.folder)
    assert again.enrolment(iss="station:abc") == EMBEDDED
    assert again.enrolment(im_origin="https://im.example") == SEPARATE
    assert again.enrolment(iss="station:other") is None
    assert again.enrolment() is None


def test_enrolling_again_replaces_the_older_enrolment(home):
    home.remember(EMBEDDED)
    home.remember(SEPARATE)
    newer = Enrolment("station:abc", "sub-2", [b"n" * 32], "", "Home PC")
    home.remember(newer)
    assert home.enrolments() == [SEPARATE, newer]


@pytest.mark.parametrize("content", [b"", b"{", b'{"enrolments": 3}', b"\xff"])
def test_damaged_enrolments_are_named(home, content):
    home.prepare()
    (home.folder / "enrolments.json").write_bytes(content)
    with pytest.raises(StateDamaged, match=r"enrolments\.json is damaged"):
        home.enrolments()


def test_a_failed_write_leaves_the_older_enrolments(home, monkeypatch):
    home.remember(EMBEDDED)

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StateDamaged, match="No space left"):
        home.remember(SEPARATE)
    assert home.enrolments() == [EMBEDDED]
    assert [path.name for path in home.folder.iterdir()] == ["enrolments.json"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateDamaged, match="cannot be used"):
        Home(tmp_path / "file" / "phone").key()


def test_the_environment_chooses_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PHONE_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("PHONE_HOME")
    assert isinstance(default_home(), Path)
    assert default_home() != tmp_path
