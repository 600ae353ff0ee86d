"""What is kept is read again within thirty days, also by a station that runs an hour a day."""

import shutil
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.models import User
from tests.conftest import SAMPLES
from tests.stations import Phone, Station, running
from transfer import rereading
from transfer.models import Pack, Vault

DAY = timedelta(days=1)


@pytest.fixture
def vault(db) -> Vault:
    owner = User.objects.create_user("alice", password="x")
    return Vault.objects.create(id="00" * 16, iss="station:x", sub="a", owner=owner)


def packs(vault: Vault, count: int, made: timezone.datetime) -> None:
    Pack.objects.bulk_create(
        Pack(name=f"packs/{at:03}", vault=vault, size=1000, created_at=made) for at in range(count)
    )


def run_day(now) -> int:
    """Read what one day asks for, however many slices it takes."""
    read = 0
    while batch := rereading.due(now):
        read += len(batch)
        Pack.objects.filter(pk__in=[pack.pk for pack in batch]).update(read_at=now)
    return read


def test_everything_is_read_within_thirty_days_in_equal_parts(vault: Vault) -> None:
    start = timezone.now()
    packs(vault, 300, start)
    assert run_day(start + timedelta(hours=23)) == 0  # it was written today
    started = start + timedelta(hours=1)  # at the same hour every day, and off after it
    read = [run_day(started + number * DAY) for number in range(1, 31)]
    assert max(read) <= 11
    assert sum(read) >= 300
    assert not Pack.objects.filter(read_at=None).exists()


def test_what_is_overdue_is_read_at_once_but_not_in_one_slice(vault: Vault) -> None:
    packs(vault, 300, timezone.now() - 40 * DAY)
    assert len(rereading.due(timezone.now())) == rereading.PACKS_MAX
    assert run_day(timezone.now()) == 300


def test_the_longest_unread_comes_first_also_when_it_was_set_apart(vault: Vault) -> None:
    now = timezone.now()
    packs(vault, 4, now - 10 * DAY)
    for name, days in (("000", 3), ("001", 9), ("002", 5), ("003", 7)):
        Pack.objects.filter(pk=f"packs/{name}").update(read_at=now - days * DAY)
    Pack.objects.filter(pk="packs/001").update(damaged_at=now)
    assert [pack.pk for pack in rereading.due(now)] == ["packs/001"]


# On a store that a real backup filled


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("kept")
    with running(base / "station") as station:
        phone = Phone(base / "phone")
        phone.enrol(station)
        phone.run("backup", station.link(), SAMPLES, "--label", "chats")
    return base / "station"


@pytest.fixture
def kept(original: Path, tmp_path: Path) -> Path:
    """A copy whose packs were last read long ago."""
    folder = tmp_path / "station"
    shutil.copytree(original, folder)
    with closing(sqlite3.connect(folder / "station.sqlite3")) as database:
        database.execute("UPDATE transfer_pack SET created_at = '2020-01-01 00:00:00'")
        database.commit()
    return folder


def row(folder: Path, sql: str) -> tuple:
    with closing(sqlite3.connect(folder / "station.sqlite3")) as database:
        return database.execute(sql).fetchone()


def wait_for(folder: Path, sql: str) -> None:
    deadline = time.monotonic() + 60
    while not row(folder, sql)[0]:
        assert time.monotonic() < deadline, sql
        time.sleep(0.5)


def flip_a_byte(folder: Path) -> str:
    """Change a byte of a chunk of an item, as rot does; returns the pack."""
    name, offset = row(
        folder, "SELECT pack_id, offset FROM transfer_chunk ORDER BY raw_length DESC LIMIT 1"
    )
    with (folder / "store" / name).open("r+b") as pack:
        pack.seek(offset + 40)
        [byte] = pack.read(1)
        pack.seek(offset + 40)
        pack.write(bytes([byte ^ 1]))
    return name


@pytest.mark.slow
def test_a_running_station_finds_a_flipped_byte_by_itself_and_names_what_it_hurt(
    kept: Path,
) -> None:
    rotten = flip_a_byte(kept)
    station = Station(kept).start()
    try:
        wait_for(kept, "SELECT count(*) FROM transfer_snapshot WHERE damage <> ''")
        [damage] = row(kept, "SELECT damage FROM transfer_snapshot")
        assert ".txt" in damage or ".jpg" in damage
        assert "the bytes were altered" in damage
        wait_for(kept, "SELECT count(*) = 0 FROM transfer_pack WHERE read_at IS NULL")
        assert row(kept, "SELECT name FROM transfer_pack WHERE damaged_at IS NOT NULL") == (rotten,)
    finally:
        station.stop()
    assert ".txt" not in station.log()  # what people keep is nobody's to read in a log


@pytest.mark.slow
def test_a_store_that_went_away_is_not_taken_for_damage(kept: Path) -> None:
    station = Station(kept).start()
    try:
        (kept / "store").rename(kept / "unplugged")
        deadline = time.monotonic() + 40
        while "look at the disk" not in station.log():
            assert time.monotonic() < deadline, station.log()
            time.sleep(0.5)
        assert row(kept, "SELECT count(*) FROM transfer_pack WHERE damaged_at IS NOT NULL") == (0,)
        assert row(kept, "SELECT damage, (SELECT max(read_at) FROM transfer_pack)"
                         " FROM transfer_snapshot") == ("", None)  # fmt: skip
    finally:
        station.stop()


def test_reading_leaves_at_least_half_of_the_time_to_others(vault: Vault, monkeypatch) -> None:
    packs(vault, 3, timezone.now() - 40 * DAY)
    monkeypatch.setattr(rereading, "_read", lambda _pack: time.sleep(0.05))
    pauses: list[float] = []
    rereading.read_slice(pauses.append)
    assert len(pauses) == 3
    assert min(pauses) >= 0.05
