"""The cache saves reading and never changes what a backup says."""

import os
import sqlite3
import time
from pathlib import Path

import pytest

from phone import cache as cache_module
from phone.cache import RACY_NS, Cache
from phone.chunking import Reading, read_item
from phone.sources import Entry, scan

HOUR_AGO = time.time_ns() - 3600 * 10**9


def read(entry: Entry) -> Reading:
    reader = read_item(entry)
    while True:
        try:
            next(reader)
        except StopIteration as stop:
            return stop.value


def settled(path: Path, content: bytes) -> Entry:
    """A file that was last modified an hour ago."""
    path.write_bytes(content)
    os.utime(path, ns=(HOUR_AGO, HOUR_AGO))
    return entry_of(path)


def entry_of(path: Path) -> Entry:
    (entry,) = scan([path]).entries
    return entry


def later() -> int:
    """A moment at which files that were written just now are old enough to be trusted."""
    return time.time_ns() + RACY_NS + 10**9


@pytest.fixture
def database(tmp_path) -> Path:
    return tmp_path / "cache.sqlite3"


@pytest.fixture
def chat(tmp_path) -> Entry:
    return settled(tmp_path / "chat.txt", b"hello\n" * 1000)


def remembered(database: Path, entry: Entry, looked_ns: int | None = None) -> Reading:
    reading = read(entry)
    cache = Cache(database)
    cache.remember([(entry, reading)], later() if looked_ns is None else looked_ns)
    cache.close()
    return reading


def test_an_unchanged_file_is_known_in_the_next_run(database, chat):
    reading = remembered(database, chat)
    assert Cache(database).find(chat) == reading.item


def test_a_file_that_was_never_read_is_not_known(database, chat):
    assert Cache(database).find(chat) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"HELLO\n" * 1000),
        lambda path: os.utime(path, ns=(HOUR_AGO, HOUR_AGO + 1)),
        lambda path: path.write_bytes(b"longer\n" * 1000),
    ],
    ids=["content", "time", "size"],
)
def test_a_changed_file_is_not_known(database, chat, change):
    remembered(database, chat)
    change(Path(chat.path))
    assert Cache(database).find(entry_of(Path(chat.path))) is None


def test_a_change_that_hides_behind_its_old_modification_time_is_seen(database, chat):
    remembered(database, chat)
    Path(chat.path).write_bytes(b"hullo\n" * 1000)
    os.utime(chat.path, ns=(HOUR_AGO, HOUR_AGO))
    assert Cache(database).find(entry_of(Path(chat.path))) is None


def test_another_file_in_its_place_with_the_same_size_and_times_is_seen(database, chat, tmp_path):
    remembered(database, chat)
    other = settled(tmp_path / "other", b"jello\n" * 1000)
    Path(other.path).replace(chat.path)
    assert Cache(database).find(entry_of(Path(chat.path))) is None


def test_files_modified_just_before_they_were_read_are_not_trusted(database, tmp_path):
    path = tmp_path / "fresh.txt"
    path.write_bytes(b"now")
    entry = entry_of(path)
    remembered(database, entry, looked_ns=entry.stamp.mtime_ns + RACY_NS)
    assert Cache(database).find(entry) is None
    remembered(database, entry, looked_ns=entry.stamp.ctime_ns + RACY_NS + 1)
    assert Cache(database).find(entry) is not None


def test_unsteady_readings_are_not_remembered(database, chat):
    reading = read(chat)
    cache = Cache(database)
    cache.remember([(chat, Reading(reading.item, reading.stamp, steady=False))], later())
    assert cache.find(chat) is None


def test_a_forgotten_file_is_read_again(database, chat):
    remembered(database, chat)
    cache = Cache(database)
    cache.forget(chat)
    assert cache.find(chat) is None


@pytest.mark.parametrize("column", ["sha256", "chunks", "media_type"])
def test_a_damaged_row_is_not_believed(database, chat, column):
    remembered(database, chat)
    with sqlite3.connect(database) as connection:
        (value,) = connection.execute(f"SELECT {column} FROM item").fetchone()
        broken = "text/other" if isinstance(value, str) else bytes([value[0] ^ 1]) + value[1:]
        connection.execute(f"UPDATE item SET {column} = ?", (broken,))
    connection.close()
    assert Cache(database).find(chat) is None


def test_a_row_that_moved_to_another_path_is_not_believed(database, chat, tmp_path):
    remembered(database, chat)
    other = tmp_path / "other.txt"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE item SET path = ?", (os.fsencode(other),))
    connection.close()
    assert Cache(database).find(chat._replace(path=str(other))) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"this is no database" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192),
        lambda path: os.truncate(path, 5000),
        lambda path: sqlite3.connect(path).execute("PRAGMA user_version = 99").connection.close(),
        lambda path: sqlite3.connect(path).execute("DROP TABLE item").connection.close(),
    ],
    ids=["rubbish", "overwritten", "cut", "version", "no-table"],
)
def test_a_damaged_database_is_replaced_and_serves_again(database, chat, damage):
    remembered(database, chat)
    damage(database)
    for _ in range(2):  # the damage may show only when the file is used
        cache = Cache(database)
        cache.find(chat)
        reading = read(chat)
        cache.remember([(chat, reading)], later())
        cache.close()
    assert Cache(database).find(chat) == reading.item


def test_without_a_place_to_write_nothing_is_remembered_and_nothing_fails(tmp_path, chat):
    cache = Cache(tmp_path / "no-such-folder" / "cache.sqlite3")
    cache.remember([(chat, read(chat))], later())
    cache.forget(chat)
    assert cache.find(chat) is None
    cache.close()


def test_while_another_process_holds_the_database_the_backup_goes_on(database, chat, monkeypatch):
    reading = remembered(database, chat)
    monkeypatch.setattr(cache_module, "_BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    cache = Cache(database)
    assert cache.find(chat) is None
    cache.remember([(chat, reading)], later())
    cache.close()
    holder.execute("ROLLBACK")
    holder.close()
    assert Cache(database).find(chat) == reading.item


def test_the_least_recently_used_items_make_room(database, tmp_path, monkeypatch):
    entries = [settled(tmp_path / f"{number}.txt", b"%d" % number) for number in range(3000)]
    cache = Cache(database)
    cache.remember([(entry, read(entry)) for entry in entries], later())
    cache.close()
    monkeypatch.setattr(cache_module, "_USED_STEP_NS", 0)
    cache = Cache(database)
    assert all(cache.find(entry) for entry in entries[:1000])
    monkeypatch.setattr(cache_module, "CACHE_BYTES_MAX", database.stat().st_size // 2)
    cache.close()
    cache = Cache(database)
    assert all(cache.find(entry) for entry in entries[:1000])
    assert not any(cache.find(entry) for entry in entries[1000:2000])
    cache.close()
