"""``manage.py store`` on a data folder that a real backup filled: what is damaged is named, and
objects and 24 words are enough to come back."""

import json
import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import SAMPLES
from tests.stations import ROOT, Phone, Station, _environment, running, tree
from transfer.store import objects
from transfer.store.backends.posix import PosixBackend
from transfer.store.crypto import Root, VaultKeys
from transfer.store.packs import PackWriter
from wire import tokens

NEW = "new.txt"


class Kept(NamedTuple):
    """The folder of a station that holds two snapshots; the second added one pack."""

    folder: Path
    first: str
    second: str
    pack_of_second: str
    chats: Path
    phone: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def database(self) -> Path:
        return self.folder / "station.sqlite3"

    def object(self, folder: str, snapshot: str) -> Path:
        [path] = (self.store / folder).glob(f"*/{snapshot}")
        return path

    @property
    def pack(self) -> Path:
        return self.store / self.pack_of_second


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    base = tmp_path_factory.mktemp("kept")
    chats = base / "chats"
    shutil.copytree(SAMPLES, chats)
    phone = Phone(base / "phone")
    with running(base / "station") as station:
        phone.enrol(station)
        first = phone.run("backup", station.link(), chats, "--label", "first")["snapshot_id"]
        before = set(_packs(base / "station/store"))
        _copy_database(base / "station/station.sqlite3", base / "station/older.sqlite3")
        (chats / NEW).write_bytes(os.urandom(20_000))  # does not compress: it fills its pack
        second = phone.run("backup", station.link(), chats, "--label", "second")["snapshot_id"]
    [added] = set(_packs(base / "station/store")) - before
    return Kept(base / "station", first, second, added, chats, phone.home)


@pytest.fixture
def kept(original: Kept, tmp_path: Path) -> Kept:
    """A copy that the test may ruin."""
    shutil.copytree(original.folder, tmp_path / "station")
    shutil.copytree(original.phone, tmp_path / "own-phone")
    return original._replace(folder=tmp_path / "station", phone=tmp_path / "own-phone")


def _packs(store: Path) -> list[str]:
    return [path.relative_to(store).as_posix() for path in (store / "packs").rglob("*")
            if path.is_file()]  # fmt: skip


def _copy_database(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(sql).fetchall()


def _store(kept: Kept, *arguments: str, code: int = 0, typed: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "store", *arguments],
        cwd=ROOT, env=_environment(kept.folder), input=typed,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def _answer(kept: Kept, *arguments: str, code: int = 0) -> Any:
    told = _store(kept, *arguments, "--json", code=code)
    [answer] = [line for line in told.splitlines() if line.startswith("{")]  # the log speaks too
    return json.loads(answer)


def _lose_everything_but_the_objects(kept: Kept) -> Path:
    """Returns the file with the words of the recovery sheet."""
    sheet = kept.folder.parent / "words.txt"
    sheet.write_text(_root(kept).words().upper())
    for path in kept.folder.iterdir():
        if path.name != "store":
            path.unlink()
    return sheet


def _root(kept: Kept) -> Root:
    return Root.load_or_create(kept.folder / "root.key", None)


def _backend(kept: Kept) -> PosixBackend:
    return PosixBackend(kept.store)


def _vault(kept: Kept) -> objects.StoredVault:
    [vault_id] = objects.list_vaults(_backend(kept))
    return objects.open_vault(_backend(kept), _root(kept), vault_id)


# check


def test_finds_a_sound_store_sound_and_notes_what_it_read(kept: Kept) -> None:
    told = _store(kept, "check")
    assert told.startswith("2 snapshots checked")
    assert "nothing is damaged" in told
    proven = "SELECT proven_at IS NOT NULL, damage FROM transfer_snapshot"
    assert _rows(kept.database, proven) == [(0, ""), (0, "")]

    sample = _answer(kept, "check", "--sample", "5%")
    assert _rows(kept.database, proven) == [(0, ""), (0, "")]

    whole = _answer(kept, "check", "--read-data")
    assert _rows(kept.database, proven) == [(1, ""), (1, "")]
    assert whole["findings"] == []
    assert (whole["snapshots"], whole["damaged_snapshots"]) == (2, 0)
    read_once = sum(len(content) for content in set(tree(kept.chats).values()))
    assert whole["bytes_read"] >= read_once > sample["bytes_read"]


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], None]] = {
    "directory flipped": lambda path: _flip(path, -20),
    "header flipped": lambda path: _flip(path, 3),
    "truncated": lambda path: os.truncate(path, path.stat().st_size - 1),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": Path.unlink,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_names_snapshot_and_item_of_a_damaged_pack(kept: Kept, damage: str) -> None:
    DAMAGE[damage](kept.pack)
    told = _answer(kept, "check", code=1)
    assert told["damaged_snapshots"] == 1
    assert {found["pack"] for found in told["findings"]} == {kept.pack_of_second}
    assert {found["snapshot"] for found in told["findings"]} == {"", kept.second}
    kinds = {"missing"} if damage == "deleted" else {"altered"}
    assert {found["kind"] for found in told["findings"]} == kinds


def test_items_that_one_pack_has_hurt_share_a_line(kept: Kept) -> None:
    for pack in set(_packs(kept.store)) - {kept.pack_of_second}:
        (kept.store / pack).unlink()
    findings = _answer(kept, "check", code=1)["findings"]
    hurt = Counter((one["snapshot"], one["pack"]) for one in findings if one["item"])
    told = [line for line in _store(kept, "check", code=1).splitlines() if " more" in line]
    assert len(told) == len(hurt)
    for (snapshot, pack), number in hurt.items():
        [line] = [line for line in told if snapshot in line and pack in line]
        assert f"): {number} items: " in line
        assert f" and {number - 3} more" in line


def test_only_reading_finds_a_flipped_byte_of_a_chunk_and_names_the_item(kept: Kept) -> None:
    _flip(kept.pack, 200)
    assert _answer(kept, "check")["findings"] == []
    told = _answer(kept, "check", "--read-data", code=1)
    [found] = told["findings"]
    assert (found["snapshot"], found["item"]) == (kept.second, f"chats/{NEW}")
    damage = f"SELECT damage FROM transfer_snapshot WHERE snapshot_id = '{kept.second}'"
    assert NEW in _rows(kept.database, damage)[0][0]
    sound = f"SELECT damage, proven_at FROM transfer_snapshot WHERE snapshot_id = '{kept.first}'"
    [(no_damage, proven)] = _rows(kept.database, sound)
    assert (no_damage, bool(proven)) == ("", True)


def test_damage_is_taken_back_by_a_whole_reading_only(kept: Kept) -> None:
    _flip(kept.pack, 200)
    _store(kept, "check", "--read-data", code=1)
    _flip(kept.pack, 200)
    damaged = "SELECT count(*) FROM transfer_snapshot WHERE damage != ''"
    _store(kept, "check")
    assert _rows(kept.database, damaged) == [(1,)]
    _store(kept, "check", "--read-data")
    assert _rows(kept.database, damaged) == [(0,)]


@pytest.mark.parametrize("folder", ["snapshots", "receipts"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "deleted", "swapped"])
def test_names_the_snapshot_of_a_damaged_header_or_receipt(
    kept: Kept, folder: str, damage: str
) -> None:
    path = kept.object(folder, kept.second)
    match damage:
        case "flipped":
            _flip(path, 100)
        case "truncated":
            os.truncate(path, 40)
        case "deleted":
            path.unlink()
        case _:
            shutil.copy(kept.object(folder, kept.first), path)
    told = _answer(kept, "check", code=1)
    assert {found["snapshot"] for found in told["findings"]} == {kept.second}
    assert told["damaged_snapshots"] == 1


def test_names_every_snapshot_of_a_vault_whose_key_is_gone(kept: Kept) -> None:
    [vault] = (kept.store / "vaults").iterdir()
    vault.unlink()
    told = _answer(kept, "check", code=1)
    assert {found["snapshot"] for found in told["findings"]} == {"", kept.first, kept.second}


def test_a_pack_of_a_cut_upload_is_told_and_is_no_damage(kept: Kept) -> None:
    keys = _vault(kept).keys
    writer = PackWriter(_backend(kept), keys)
    writer.add(keys.chunk_id(bytes(32)), b"sent, and then the phone was gone")
    writer.finish()
    [pack] = writer.take_finished()
    told = _answer(kept, "check")
    assert [(found["kind"], found["pack"]) for found in told["findings"]] == [
        ("unknown", pack.name)
    ]
    assert (told["damage"], told["unknown"]) == (0, 1)
    assert "uploads that were cut off" in _store(kept, "check")


def test_refuses_to_look_where_there_is_no_store(kept: Kept) -> None:
    shutil.rmtree(kept.store)
    assert "There is no store at" in _store(kept, "check", code=2)
    assert "There is no store at" in _store(kept, "rebuild", code=2)


@pytest.mark.parametrize("share", ["0", "101%", "-5%", "much"])
def test_refuses_a_share_that_is_none(kept: Kept, share: str) -> None:
    assert "give a share like 5%" in _store(kept, "check", f"--sample={share}", code=2)


# rebuild


def test_objects_and_24_words_are_enough_to_restore_the_same_bytes(
    kept: Kept, tmp_path: Path
) -> None:
    sheet = _lose_everything_but_the_objects(kept)
    told = _answer(kept, "rebuild", "--words-file", str(sheet))
    assert (told["vaults"], told["packs"], told["snapshots"]) == (1, 2, 2)
    assert (told["unreceipted"], told["findings"]) == (0, [])
    station = Station(kept.folder)
    station.add_owner()
    assert "belongs to alice again" in _store(kept, "rebuild", "--owner", "alice")
    new_phone, old_phone = Phone(tmp_path / "new-phone"), Phone(kept.phone)
    with _serving(station):
        new_phone.enrol(station)
        listed = new_phone.run("list", station.link())["snapshots"]
        assert [row["snapshot_id"] for row in listed] == [kept.second, kept.first]
        assert [row["label"] for row in listed] == ["second", "first"]
        new_phone.run("restore", station.link(), kept.second, "--to", tmp_path / "back")
        assert tree(tmp_path / "back/chats") == tree(kept.chats)
        old_phone.enrol(station)
        third = old_phone.run("backup", station.link(), kept.chats)
        assert third["sent"] == 0
        # The chain of receipts goes on where it was.
        rows = _rows(kept.database, "SELECT receipt FROM transfer_snapshot ORDER BY sequence")
        key = _root(kept).station_key().public_key().public_bytes_raw()
        chain = [tokens.verify(row[0], tokens.Receipt, [key]) for row in rows]
        assert [receipt.sequence for receipt in chain] == [1, 2, 3]
        assert chain[2].previous == tokens.b64u(tokens.token_hash(rows[1][0]))
    assert _answer(kept, "check", "--read-data")["findings"] == []


@contextmanager
def _serving(station: Station) -> Iterator[None]:
    station.start()
    try:
        yield
    finally:
        station.stop()


TABLES = {
    "transfer_vault": "id, iss, sub, owner_id",
    "transfer_pack": "name, vault_id, size",
    "transfer_chunk": "vault_id, chunk_id, pack_id, offset, sealed_length, raw_length",
    "transfer_snapshot": (
        "snapshot_id, vault_id, state, source, label, phone, created_at, stored_at, items,"
        " total_bytes, manifest_hash, sequence, receipt, damage"
    ),
    "transfer_snapshotpack JOIN transfer_snapshot s ON s.id = transfer_snapshotpack.snapshot_id": (
        "s.snapshot_id, pack_id"
    ),
}


def _contents(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: sorted(_rows(database, f"SELECT {columns} FROM {table}"))
        for table, columns in TABLES.items()
    }


def test_a_rebuilt_database_says_what_the_lost_one_said(kept: Kept) -> None:
    before = _contents(kept.database)
    before["transfer_vault"] = [(*row[:3], None) for row in before["transfer_vault"]]
    kept.database.unlink()
    _store(kept, "rebuild")
    assert _contents(kept.database) == before


def test_rebuilding_twice_changes_nothing(kept: Kept) -> None:
    before = _contents(kept.database)
    assert _answer(kept, "rebuild")["added"] == 0
    assert _contents(kept.database) == before


def test_brings_an_old_database_up_to_newer_objects(kept: Kept) -> None:
    newest = _contents(kept.database)
    (kept.folder / "older.sqlite3").rename(kept.database)
    assert len(_contents(kept.database)["transfer_snapshot"]) == 1
    told = _answer(kept, "check")
    assert {found["kind"] for found in told["findings"]} == {"unknown"}
    assert _answer(kept, "rebuild")["added"] == 2
    assert _contents(kept.database) == newest
    assert _answer(kept, "check", "--read-data")["findings"] == []


def test_keeps_both_of_two_snapshots_with_one_number(kept: Kept, tmp_path: Path) -> None:
    """The old database was used for another backup before anybody thought of rebuilding it."""
    (kept.folder / "older.sqlite3").rename(kept.database)
    station, phone = Station(kept.folder), Phone(kept.phone)
    with _serving(station):
        third = phone.run("backup", station.link(), kept.chats / NEW)["snapshot_id"]
    told = _answer(kept, "rebuild", code=1)
    [found] = told["findings"]
    assert (found["kind"], found["snapshot"]) == ("contradicts", kept.second)
    with _serving(station):
        listed = phone.run("list", station.link())["snapshots"]
        assert {row["snapshot_id"] for row in listed} == {kept.first, kept.second, third}
        phone.run("restore", station.link(), kept.second, "--to", tmp_path / "back")
    assert tree(tmp_path / "back/chats") == tree(kept.chats)


def test_a_manifest_without_a_receipt_comes_back_hidden(kept: Kept) -> None:
    kept.object("receipts", kept.second).unlink()
    kept.database.unlink()
    told = _answer(kept, "rebuild")
    assert (told["snapshots"], told["unreceipted"]) == (1, 1)
    state = f"SELECT state FROM transfer_snapshot WHERE snapshot_id = '{kept.second}'"
    assert _rows(kept.database, state) == [("unreceipted",)]
    station, phone = Station(kept.folder), Phone(kept.phone)
    station.add_owner()
    _store(kept, "rebuild", "--owner", "alice")
    with _serving(station):
        phone.enrol(station)
        listed = phone.run("list", station.link())["snapshots"]
    assert [row["snapshot_id"] for row in listed] == [kept.first]


def test_finds_chunks_that_moved_to_another_pack(kept: Kept) -> None:
    moved = kept.pack.with_name("0" * 32)
    kept.pack.rename(moved)
    _store(kept, "check", code=1)
    assert _answer(kept, "rebuild")["forgotten_packs"] == 1
    assert _answer(kept, "check", "--read-data")["findings"] == []


def test_what_is_damaged_is_named_and_the_rest_comes_back(kept: Kept, tmp_path: Path) -> None:
    kept.pack.unlink()
    kept.database.unlink()
    told = _answer(kept, "rebuild", code=1)
    assert [found["snapshot"] for found in told["findings"]] == [kept.second]
    station, phone = Station(kept.folder), Phone(kept.phone)
    station.add_owner()
    _store(kept, "rebuild", "--owner", "alice", code=1)
    with _serving(station):
        phone.enrol(station)
        phone.run("restore", station.link(), kept.first, "--to", tmp_path / "back")
    expected = tree(kept.chats)
    del expected[NEW]
    assert tree(tmp_path / "back/chats") == expected


def test_counts_the_chunks_that_are_gone_when_the_manifest_is_there(kept: Kept) -> None:
    [other] = set(_packs(kept.store)) - {kept.pack_of_second}
    (kept.store / other).unlink()
    kept.database.unlink()
    found = {each["snapshot"]: each for each in _answer(kept, "rebuild", code=1)["findings"]}
    assert set(found) == {kept.first, kept.second}
    assert int(found[kept.second]["detail"].split()[0]) > int(
        found[kept.first]["detail"].split()[0]
    )
    damaged = "SELECT count(*) FROM transfer_snapshot WHERE damage LIKE '%not in the store'"
    assert _rows(kept.database, damaged) == [(2,)]


@pytest.mark.parametrize("database", ["lost", "of the unused vault"])
def test_of_two_vaults_of_one_account_the_used_one_comes_back(kept: Kept, database: str) -> None:
    vault = _vault(kept)
    # Listed first or last, the unused one must not win: draw ids on both sides.
    for first_byte in (b"\x00", b"\xff"):
        unused = VaultKeys(first_byte + bytes(15), bytes(32))
        objects.put_vault(_backend(kept), _root(kept), unused, vault.iss, vault.sub)
    kept.database.unlink()
    if database == "of the unused vault":
        used = kept.store / "vaults" / vault.keys.vault_id.hex()
        content = used.read_bytes()
        used.unlink()
        _store(kept, "rebuild")
        used.write_bytes(content)
    told = _answer(kept, "rebuild")
    assert (told["findings"], told["snapshots"]) == ([], 2)
    owners = [row[0] for row in _rows(kept.database, "SELECT id FROM transfer_vault")]
    assert owners == [vault.keys.vault_id.hex()]


# words


def test_prints_the_24_words(kept: Kept) -> None:
    assert _store(kept, "words").split() == _root(kept).words().split()


def test_asks_before_it_shows_the_words_on_a_terminal(kept: Kept) -> None:
    for typed, shown in (("n", False), ("y", True)):
        told = _on_terminal(kept, typed, "words")
        assert ("Whoever sees these words" in told, _root(kept).words() in told) == (True, shown)


def _on_terminal(kept: Kept, typed: str, *arguments: str) -> str:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "store", *arguments],
        cwd=ROOT, env=_environment(kept.folder), stdin=follower, stdout=follower, stderr=follower,
    )  # fmt: skip
    os.close(follower)
    os.write(leader, typed.encode() + b"\n")
    told = b"".join(_until_closed(leader)).decode()
    os.close(leader)
    process.wait(60)
    return told.replace("\r\n", "\n")


def _until_closed(leader: int) -> Iterator[bytes]:
    while True:
        try:
            read = os.read(leader, 4096)
        except OSError:  # how Linux says that the other side is closed
            return
        yield read


def test_types_the_words_on_a_terminal(kept: Kept) -> None:
    words = _root(kept).words()
    _lose_everything_but_the_objects(kept)
    assert "Type the 24 words" in _on_terminal(kept, words, "rebuild")
    assert _root(kept).words() == words


def test_shows_on_a_terminal_what_a_check_is_doing(kept: Kept) -> None:
    told = _on_terminal(kept, "", "check", "--read-data")
    assert "of 2 snapshots" in told
    assert "nothing is damaged" in told


def test_never_draws_a_new_root_in_place_of_a_lost_one(kept: Kept) -> None:
    _lose_everything_but_the_objects(kept)
    for arguments in (["check"], ["words"], ["rebuild"]):
        assert "root key" in _store(kept, *arguments, code=2)
    assert not (kept.folder / "root.key").exists()


@pytest.mark.parametrize("words", ["another station's", "misspelt", "too few"])
def test_refuses_words_that_are_not_this_stores(kept: Kept, words: str) -> None:
    sheet = _lose_everything_but_the_objects(kept)
    right = sheet.read_text().split()
    wrong = {
        "another station's": Root(bytes(32)).words(),
        "misspelt": " ".join([*right[:-1], "zzzz"]),
        "too few": " ".join(right[:-1]),
    }
    sheet.write_text(wrong[words])
    _store(kept, "rebuild", "--words-file", str(sheet), code=2)
    assert not (kept.folder / "root.key").exists()


def test_refuses_other_words_than_those_of_the_root_that_is_there(kept: Kept) -> None:
    sheet = kept.folder.parent / "words.txt"
    sheet.write_text(Root(bytes(32)).words())
    assert "are not those of" in _store(kept, "rebuild", "--words-file", str(sheet), code=2)


# owners


def test_gives_a_vault_to_nobody_who_has_another_account(kept: Kept) -> None:
    kept.database.unlink()
    _store(kept, "rebuild")
    station = Station(kept.folder)
    assert "There is no user alice" in _store(kept, "rebuild", "--owner", "alice", code=2)
    station.add_owner()
    with _serving(station):
        Phone(kept.phone).enrol(station)
    assert "owns another vault" in _store(kept, "rebuild", "--owner", "alice", code=2)
    station.add_owner("bob")
    _store(kept, "rebuild", "--owner", "bob")
    _store(kept, "rebuild", "--owner", "bob")
    assert "no such vault" in _store(kept, "rebuild", "--owner", "bob", "--vault", "zz", code=2)
