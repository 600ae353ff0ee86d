"""Backups and restores over real sockets: what is sent, what is not, going on after cuts."""

import os
import random
import socket
import threading
import time
from pathlib import Path

import pytest

from phone import backup as backup_module
from phone import cache
from phone.backup import backup
from phone.enrolling import ready
from phone.errors import CutOff, NothingToDo, explain
from phone.events import Interrupted, OwnerAsked, Progress
from phone.link import read_link
from phone.restore import restore, verify
from phone.state import Home
from phone.writing import Target
from tests.phone_peer import Cut, Peer
from wire import limits, manifest, messages
from wire.errors import WireError

MIB = 1024 * 1024


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def peer():
    with Peer() as peer:
        yield peer


def fill(folder: Path, files: int = 6, size: int = 3 * MIB) -> Path:
    """Half text, half media, all different, modified an hour ago."""
    source = random.Random(7)
    folder.mkdir(exist_ok=True)
    hour_ago = time.time() - 3600
    for number in range(files):
        path = folder / (f"{number}.txt" if number % 2 else f"{number}.jpg")
        path.write_bytes(source.randbytes(size))
        os.utime(path, (hour_ago, hour_ago))
    return folder


@pytest.fixture
def trusting(monkeypatch):
    """The change time of files made by a test is now: let the cache trust them all the same."""
    monkeypatch.setattr(cache, "RACY_NS", -(10**15))


def run_backup(peer: Peer, home: Home, *paths: Path, **options):
    identity, link = ready(read_link(peer.link()), home)
    return backup(link, paths, identity, home, **{"patience": 0.0} | options)


def bring_back(peer: Peer, home: Home, snapshot: str, out: Path, **options):
    identity, link = ready(read_link(peer.link()), home)
    return restore(link, snapshot, Target(out), identity, **options)


def same(one: Path, other: Path) -> bool:
    def contents(folder: Path) -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return contents(one) == contents(other)


# What is sent


def test_everything_arrives_and_comes_back(tmp_path, home, peer):
    chats = fill(tmp_path / "chats")
    stored = run_backup(peer, home, chats)
    assert stored.sent == peer.received
    assert stored.held == 0
    done = bring_back(peer, home, stored.snapshot_id, tmp_path / "out")
    assert (done.items, done.bytes) == (6, 18 * MIB)
    assert same(tmp_path / "out/chats", chats)


def test_an_unchanged_backup_sends_no_chunk_data_and_reads_no_file(
    tmp_path, home, peer, trusting, monkeypatch
):
    chats = fill(tmp_path / "chats")
    first = run_backup(peer, home, chats)
    received = peer.received
    monkeypatch.setattr("phone.reading.read_item", None)
    second = run_backup(peer, home, chats)
    assert peer.received == received
    assert (second.sent, second.held, second.items) == (0, first.bytes, first.items)
    assert second.snapshot_id != first.snapshot_id


def test_without_a_cache_an_unchanged_backup_still_sends_nothing(tmp_path, home, peer):
    chats = fill(tmp_path / "chats")
    run_backup(peer, home, chats)
    home.cache_path.unlink()
    assert run_backup(peer, home, chats).sent == 0


def test_only_what_changed_is_sent(tmp_path, home, peer, trusting):
    chats = fill(tmp_path / "chats")
    run_backup(peer, home, chats)
    with (chats / "1.txt").open("ab") as file:
        file.write(b"one more message\n")
    again = run_backup(peer, home, chats)
    assert 0 < again.sent < 700 * 1024


def test_equal_files_and_chunks_are_sent_once(tmp_path, home, peer):
    chats = tmp_path / "chats"
    chats.mkdir()
    content = os.urandom(2 * MIB)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (chats / name).write_bytes(content)
    (chats / "zeros.bin").write_bytes(bytes(5 * limits.CHUNK_BYTES_MAX))
    stored = run_backup(peer, home, chats)
    assert stored.items == 4
    assert stored.sent < 2 * MIB + limits.CHUNK_BYTES_MAX + 10_000
    done = bring_back(peer, home, stored.snapshot_id, tmp_path / "out")
    assert not done.failures
    assert same(tmp_path / "out/chats", chats)


def test_many_small_files_share_messages(tmp_path, home, peer):
    chats = tmp_path / "chats"
    chats.mkdir()
    for number in range(2000):
        (chats / f"{number}.txt").write_text(f"message {number}")
    stored = run_backup(peer, home, chats)
    assert stored.items == 2000
    assert not bring_back(peer, home, stored.snapshot_id, tmp_path / "out").failures
    assert same(tmp_path / "out/chats", chats)


def test_manifests_of_many_pages_come_back_whole(tmp_path, home, peer, monkeypatch):
    monkeypatch.setattr(backup_module, "_PAGE_BYTES_MIN", 2000)
    chats = tmp_path / "chats"
    chats.mkdir()
    for number in range(1500):
        (chats / f"{number}").write_text(str(number))
    stored = run_backup(peer, home, chats)
    header = manifest.decode_header(peer.snapshots[stored.snapshot_id].header)
    assert len(header.pages) > 5
    pages = [peer.chunks[page.digest] for page in header.pages]
    names = [item.name for page in pages for item in manifest.decode_page(page)]
    assert names == sorted(names)
    assert len(names) == 1500
    before = peer.received
    (chats / "zzz").write_text("new")
    run_backup(peer, home, chats)
    assert peer.received - before < 2 * max(map(len, pages)) + 100
    assert verify(*_link_and_id(peer, stored), _identity(peer, home)).items == 1500


def _identity(peer, home):
    return ready(read_link(peer.link()), home)[0]


def _link_and_id(peer, stored):
    return read_link(peer.link()), stored.snapshot_id


# Files that do not keep still


def test_a_remembered_file_that_the_station_lacks_is_read_and_hashed_again(
    tmp_path, home, peer, trusting
):
    chats = fill(tmp_path / "chats")
    run_backup(peer, home, chats)
    lost = sorted(peer.chunks)[::3]
    for digest in lost:
        del peer.chunks[digest]
    again = run_backup(peer, home, chats)
    assert set(lost) <= peer.chunks.keys()
    assert again.sent == sum(len(peer.chunks[digest]) for digest in lost)
    assert not bring_back(peer, home, again.snapshot_id, tmp_path / "out").failures


def test_a_remembered_file_that_changed_unnoticed_is_backed_up_as_it_is_now(
    tmp_path, home, peer, trusting, monkeypatch
):
    """The station has lost its chunks, and the file changed without its times showing it."""
    chats = fill(tmp_path / "chats", files=3)
    twin = chats / "twin.jpg"
    twin.write_bytes((chats / "0.jpg").read_bytes())
    run_backup(peer, home, chats)
    peer.chunks.clear()
    found = backup_module.scan([chats])
    (chats / "0.jpg").write_bytes(os.urandom(3 * MIB))
    identity, link = ready(read_link(peer.link()), home)
    monkeypatch.setattr(backup_module, "scan", lambda _paths: found)
    stored = backup(link, [chats], identity, home, patience=0)
    assert not bring_back(peer, home, stored.snapshot_id, tmp_path / "out").failures
    assert same(tmp_path / "out/chats", chats)


def test_a_file_that_vanishes_after_the_scan_is_reported_and_the_rest_stored(
    tmp_path, home, peer, monkeypatch
):
    chats = fill(tmp_path / "chats")
    found = backup_module.scan([chats])
    (chats / "2.jpg").unlink()
    monkeypatch.setattr(backup_module, "scan", lambda _paths: found)
    stored = run_backup(peer, home, chats)
    assert stored.items == 5
    assert [problem.reason for problem in stored.problems] == ["vanished"]
    assert not bring_back(peer, home, stored.snapshot_id, tmp_path / "out").failures


def test_nothing_at_all_to_back_up_is_said_before_connecting(tmp_path, home, peer):
    (tmp_path / "nothing").mkdir()
    identity, link = ready(read_link(peer.link()), home)
    before = peer.connections
    with pytest.raises(NothingToDo):
        backup(link, [tmp_path / "nothing"], identity, home)
    assert peer.connections == before


# Flow control


def test_without_acknowledgements_exactly_the_window_is_sent(tmp_path, home):
    class Silent(Peer):
        hold_acknowledgements = 2**40

        def opened(self, transfer):
            self.transfer = transfer

    chats = fill(tmp_path / "chats", files=8)
    with Silent() as peer:
        link = peer.link()
        backing_up = threading.Thread(
            target=lambda: backup(read_link(link), [chats], identity, home, patience=0),
            daemon=True,
        )
        identity = ready(read_link(peer.link()), home)[0]
        backing_up.start()
        sent = -1
        while sent != peer.received or not sent:
            sent = peer.received
            time.sleep(0.5)
        assert limits.WINDOW_BYTES - limits.MIB < sent <= limits.WINDOW_BYTES
        peer.hold_acknowledgements = 0
        peer.transfer.say(messages.Ack(peer.transfer.owed))
        peer.transfer.owed = 0
        backing_up.join(20)
        assert len(peer.snapshots) == 1


def test_a_slow_disk_lets_the_station_send_no_more_than_the_window(tmp_path, home, peer):
    """The peer ignores credit and floods: the phone ends the connection instead of swelling."""
    chats = fill(tmp_path / "chats", files=20, size=2 * MIB)
    stored = run_backup(peer, home, chats)
    peer.respects_credit = False

    class Slow(Target):
        def begin(self, item):
            time.sleep(0.3)
            return super().begin(item)

    identity = _identity(peer, home)
    with pytest.raises(WireError) as error:
        restore(
            read_link(peer.link()), stored.snapshot_id, Slow(tmp_path / "out"), identity,
            patience=0,
        )  # fmt: skip
    assert error.value.code == 4430


# Going on after a cut


class CutsAfter(Peer):
    """Cuts each of the first connections after so many chunk bytes."""

    cuts = 3
    bytes_before_cut = 4 * MIB

    def __init__(self):
        super().__init__()
        self.this_time = 0
        self.sizes: list[int] = []

    def follow_up(self):
        self.this_time = 0
        return super().follow_up()

    def count(self, size: int) -> None:
        self.this_time += size
        if self.cuts and self.this_time > self.bytes_before_cut:
            self.cuts -= 1
            self.this_time = 0
            raise Cut

    def take(self, digest, data):
        self.count(len(data))
        super().take(digest, data)


def test_a_cut_backup_goes_on_under_the_same_id_and_sends_at_most_the_window_again(
    tmp_path, home, monkeypatch
):
    monkeypatch.setattr("phone.resuming._FIRST_DELAY_SECONDS", 0.05)
    chats = fill(tmp_path / "chats")
    events = []
    with CutsAfter() as peer:
        stored = run_backup(peer, home, chats, tell=events.append, patience=10.0)
        assert peer.cuts == 0
        assert list(peer.snapshots) == [stored.snapshot_id]
        whole = sum(map(len, peer.chunks.values()))
        assert stored.sent <= whole + 3 * limits.WINDOW_BYTES
        assert sum(isinstance(event, Interrupted) for event in events) == 3
        assert not bring_back(peer, home, stored.snapshot_id, tmp_path / "out").failures
    assert same(tmp_path / "out/chats", chats)


class CutsAtCommit(Peer):
    """Stores the snapshot and dies before the phone learns of it."""

    died = False

    def receipt(self, header):
        receipt = super().receipt(header)
        if not self.died:
            self.died = True
            raise Cut

        return receipt


def test_a_receipt_lost_on_the_way_is_asked_for_with_the_same_manifest(tmp_path, home, monkeypatch):
    monkeypatch.setattr("phone.resuming._FIRST_DELAY_SECONDS", 0.05)
    chats = fill(tmp_path / "chats", files=2)
    with CutsAtCommit() as peer:
        seen = []
        honest = peer.receipt
        peer.receipt = lambda header: seen.append(header) or honest(header)
        stored = run_backup(peer, home, chats, patience=10.0)
        assert len(seen) == 2
        assert seen[0] == seen[1]
        assert list(peer.snapshots) == [stored.snapshot_id]


class CutsRestores(Peer):
    """Gives a follow-up, then cuts in the middle of items."""

    cuts = 0
    given = 0

    def give(self, digest):
        self.given += 1
        if self.cuts and self.given % 7 == 0:
            self.cuts -= 1
            raise Cut
        return super().give(digest)

    def opened(self, transfer):
        transfer.say(messages.FollowUp(self.invite()))


def test_a_cut_restore_goes_on_where_it_was(tmp_path, home, monkeypatch):
    monkeypatch.setattr("phone.resuming._FIRST_DELAY_SECONDS", 0.05)
    chats = fill(tmp_path / "chats", files=4, size=9 * limits.CHUNK_BYTES_MAX + 17)
    with CutsRestores() as peer:
        stored = run_backup(peer, home, chats)
        peer.cuts = 2
        done = bring_back(peer, home, stored.snapshot_id, tmp_path / "out", patience=10.0)
        assert peer.cuts == 0
        assert (done.items, done.failures) == (4, [])
        # Nothing that had arrived was asked for again, in the middle of a file neither.
        assert done.received == done.bytes
    assert same(tmp_path / "out/chats", chats)


def test_looking_at_what_is_there_already_is_progress(tmp_path, home, monkeypatch):
    monkeypatch.setattr("phone.delivering._TELL_SECONDS", -1)
    chats = fill(tmp_path / "chats", files=4)
    with Peer() as peer:
        stored = run_backup(peer, home, chats)
        bring_back(peer, home, stored.snapshot_id, tmp_path / "out")
        events = []
        done = bring_back(peer, home, stored.snapshot_id, tmp_path / "out", tell=events.append)
        assert (done.kept, done.received) == (4, 0)
    told = [event for event in events if isinstance(event, Progress)]
    assert [event.items for event in told] == [1, 2, 3, 4, 4]
    assert [event.done for event in told[3:]] == [stored.bytes, stored.bytes]


def test_a_station_that_stays_away_is_given_up_after_the_patience(tmp_path, home, monkeypatch):
    monkeypatch.setattr("phone.resuming._FIRST_DELAY_SECONDS", 0.05)
    chats = fill(tmp_path / "chats")

    class Leaves(Peer):
        def take(self, digest, data):
            threading.Thread(target=self.server.shutdown, daemon=True).start()
            self.http.shutdown()
            self.http.server_close()
            raise Cut

    with Leaves() as peer:
        began = time.monotonic()
        with pytest.raises(CutOff) as error:
            run_backup(peer, home, chats, patience=1.0)
        assert 0.3 < time.monotonic() - began < 5
        assert explain(error.value).hint
        peer.http.socket = socket.socket()


def test_an_interrupted_restore_leaves_no_half_file(tmp_path, home, peer):
    chats = fill(tmp_path / "chats", files=2, size=5 * MIB)
    stored = run_backup(peer, home, chats)

    def stop(event):
        if isinstance(event, Progress) and event.moved > 2 * MIB:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring_back(peer, home, stored.snapshot_id, tmp_path / "out", tell=stop)
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert left <= {"0.jpg", "1.txt"}
    for name in left:
        assert (tmp_path / "out/chats" / name).read_bytes() == (chats / name).read_bytes()


def test_the_owner_is_asked_once_and_the_digits_are_told(tmp_path, home, peer):
    events = []
    ready(read_link(peer.link()), home, tell=events.append)
    ready(read_link(peer.link()), home, tell=events.append)
    asked = [event for event in events if isinstance(event, OwnerAsked)]
    assert len(asked) == 1
    assert asked[0].digits.isdigit()
    assert len(asked[0].digits) == 6


def test_threads_end_with_the_transfer(tmp_path, home, peer):
    chats = fill(tmp_path / "chats", files=2)
    stored = run_backup(peer, home, chats)
    bring_back(peer, home, stored.snapshot_id, tmp_path / "out")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        left = [one.name for one in threading.enumerate() if one.name.startswith("phone-")]
        if not left:
            return
        time.sleep(0.01)
    pytest.fail(f"still running: {left}")
