"""Backups and restores over a network that fails: what is lost is resumed, and hardly sent twice.

Bytes are counted in the proxy between phone and station. A cut resets the connection after exactly
so many bytes; afterwards the network is well again, unless a test says otherwise.
"""

import json
import random
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from tests.operating import operated
from tests.proxy import Cut, Proxy
from tests.stations import ROOT, Phone, PhoneRun, tree
from wire.limits import MIB, WINDOW_BYTES

SIZE = 24 * MIB
# Handshakes, tags, frames, manifest pages: generously.
OVERHEAD = SIZE // 50 + 256 * 1024
# What a restore may have under way: the credit of the window.
CREDIT = 2 * WINDOW_BYTES


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A station behind a proxy, and alice's phone."""
    folder = tmp_path_factory.mktemp("resume")
    with operated(folder / "station") as station, Proxy(station.port) as proxy:
        phone = Phone(folder / "phone")
        run = phone.begin("enrol", station.link())
        station.manage("phones", "allow", station.waiting(run)["digits"])
        run.succeed()
        yield SimpleNamespace(station=station, proxy=proxy, phone=phone)


@pytest.fixture(autouse=True)
def well_again(place):
    """Every test begins with a network that works."""
    yield
    place.proxy.throttle(None)
    place.proxy.refuse(False)
    place.proxy.hold(False)
    place.proxy.plan()
    if place.station.process is None:
        place.station.restart()


@pytest.fixture
def media(tmp_path):
    """24 MiB that no station has seen: two films, some photos, a chat."""
    folder = tmp_path / "media"
    folder.mkdir()
    noise = random.Random(str(tmp_path))
    for name, size in [("a.mp4", 9 * MIB), ("b.mp4", 9 * MIB)]:
        (folder / name).write_bytes(noise.randbytes(size))
    for number in range(10):
        (folder / f"{number}.jpg").write_bytes(noise.randbytes(500 * 1024 + number))
    rest = SIZE - sum(file.stat().st_size for file in folder.iterdir())
    (folder / "chat.bin").write_bytes(noise.randbytes(rest))
    return folder


def link(place):
    return place.station.link("--port", str(place.proxy.port))


def check(place, folder, answer, tmp_path):
    """The station gives back what was backed up, without the proxy's failures."""
    place.proxy.plan()
    back = tmp_path / "check"
    place.phone.run("restore", place.station.link(), answer["snapshot_id"], "--to", back)
    assert tree(back / folder.name) == tree(folder)


CUTS = {
    "a little in": [Cut(up=100_000)],
    "before the first pack": [Cut(up=5 * MIB)],
    "within the second pack": [Cut(up=18 * MIB)],
    "again and again": [Cut(up=7 * MIB), Cut(up=MIB), Cut(up=5 * MIB), Cut(up=4 * MIB)],
    "credit lost": [Cut(down=1700), Cut(down=1600)],
    "while it is resumed": [Cut(up=9 * MIB), Cut(up=300), Cut(up=700), Cut(up=1500), Cut(up=2600)],
    "while it is resumed, backwards": [
        Cut(up=9 * MIB),
        Cut(down=200),
        Cut(down=700),
        Cut(down=1300),
    ],
}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS.keys())
def test_a_backup_that_is_cut_goes_on_and_sends_a_window_twice_at_most(
    place, media, tmp_path, cuts
):
    link_ = link(place)
    place.proxy.plan(*cuts)
    run = place.phone.begin("backup", link_, media)
    answer = run.succeed()
    assert len(place.proxy.connections) == len(cuts) + 1, run.errors
    with_data = sum(passed.up > 5000 for passed in place.proxy.connections[:-1])
    assert place.proxy.up <= SIZE + with_data * WINDOW_BYTES + OVERHEAD
    check(place, media, answer, tmp_path)


def test_what_was_acknowledged_is_never_sent_again(place, media, tmp_path):
    """Six cuts, each after 3 MiB: what was under way is repeated, and no more."""
    link_ = link(place)
    place.proxy.plan(*[Cut(up=3 * MIB)] * 6)
    answer = place.phone.run("backup", link_, media)
    assert len(place.proxy.connections) == 7
    assert place.proxy.up <= SIZE + 6 * 3 * MIB + OVERHEAD
    assert answer["sent"] <= SIZE + 6 * WINDOW_BYTES + MIB
    check(place, media, answer, tmp_path)


@pytest.mark.parametrize("missing", [1, 500, 1500, 40_000])
def test_a_receipt_that_was_lost_on_the_way_is_given_again(place, media, tmp_path, missing):
    """The commit or its answer is cut: the same id and manifest get the same receipt."""
    whole = passed_by_a_backup(place, media)
    fresh = grown(media)
    link_ = link(place)
    place.proxy.plan(Cut(up=whole - missing))
    answer = place.phone.run("backup", link_, fresh)
    assert len(place.proxy.connections) in (1, 2)
    check(place, fresh, answer, tmp_path)


@pytest.mark.parametrize("missing", [1, 60, 600])
def test_a_commit_whose_answer_was_cut_is_not_stored_twice(place, media, tmp_path, missing):
    place.proxy.plan()
    place.phone.run("backup", link(place), media)
    whole = place.proxy.connections[-1].down
    before = listed(place)
    link_ = link(place)
    place.proxy.plan(Cut(down=whole - missing))
    answer = place.phone.run("backup", link_, media)
    assert len(listed(place)) == len(before) + 1
    check(place, media, answer, tmp_path)


def passed_by_a_backup(place, folder):
    """The bytes that an undisturbed backup of this folder sends up."""
    link_ = link(place)
    place.proxy.plan()
    place.phone.run("backup", link_, folder)
    return place.proxy.up


def grown(folder):
    """Other bytes of the same sizes."""
    noise = random.Random(str(folder))
    for file in folder.iterdir():
        file.write_bytes(noise.randbytes(file.stat().st_size))
    return folder


def listed(place):
    return place.phone.run("list", place.station.link())["snapshots"]


@pytest.mark.parametrize(
    "cuts",
    [[Cut(down=1700)], [Cut(down=100_000)], [Cut(down=10 * MIB)], [Cut(down=5 * MIB)] * 3],
    ids=["before the manifest", "a little in", "in the middle", "again and again"],
)
def test_a_restore_that_is_cut_goes_on_and_is_sent_a_window_twice_at_most(
    place, media, tmp_path, cuts
):
    stored = place.phone.run("backup", place.station.link(), media)
    link_ = link(place)
    place.proxy.plan(*cuts)
    run = place.phone.begin("restore", link_, stored["snapshot_id"], "--to", tmp_path / "back")
    run.succeed()
    assert len(place.proxy.connections) == len(cuts) + 1, run.errors
    assert place.proxy.down <= SIZE + len(cuts) * CREDIT + OVERHEAD
    assert tree(tmp_path / "back" / media.name) == tree(media)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_station_that_is_restarted_in_the_middle_finds_the_same_phone_again(
    place, media, tmp_path, end
):
    link_ = link(place)
    place.proxy.plan()
    place.proxy.throttle(12 * MIB)
    run = place.phone.begin("backup", link_, media)
    wait_for(lambda: place.proxy.up > SIZE // 2)
    getattr(place.station, end)()
    assert run.process.poll() is None
    place.station.restart()
    place.proxy.throttle(None)
    answer = run.succeed()
    # After a kill the unfinished packs are sent again as well.
    unfinished = 0 if end == "stop" else 16 * MIB
    assert place.proxy.up <= SIZE + WINDOW_BYTES + unfinished + OVERHEAD
    check(place, media, answer, tmp_path)


def test_a_restore_goes_on_after_the_station_was_killed_and_restarted(place, media, tmp_path):
    stored = place.phone.run("backup", place.station.link(), media)
    link_ = link(place)
    place.proxy.plan()
    place.proxy.throttle(12 * MIB)
    run = place.phone.begin("restore", link_, stored["snapshot_id"], "--to", tmp_path / "back")
    wait_for(lambda: place.proxy.down > SIZE // 2)
    place.station.kill()
    place.station.restart()
    place.proxy.throttle(None)
    run.succeed()
    assert place.proxy.down <= SIZE + CREDIT + OVERHEAD
    assert tree(tmp_path / "back" / media.name) == tree(media)


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_network_lost_for_longer_than_the_patience_is_a_clear_error(place, media, tmp_path):
    link_ = link(place)
    place.proxy.plan(Cut(up=15 * MIB))
    run = place.phone.begin("backup", link_, media, "--patience", "2")
    wait_for(lambda: place.proxy.connections and place.proxy.connections[0].ended.is_set())
    place.proxy.refuse(True)
    assert run.finish() == 5
    told = json.loads(run.output)["error"]
    assert told["code"] == "cut_off"
    assert "tried for 2 s" in told["message"]
    assert "not travel again" in told["hint"]
    assert "Trying again" in run.errors
    assert media.name not in {snapshot["label"] for snapshot in listed(place)}

    place.proxy.refuse(False)
    again = place.phone.run("backup", place.station.link(), media)
    assert again["sent"] <= SIZE - 15 * MIB + WINDOW_BYTES + MIB, "what arrived is not sent again"
    check(place, media, again, tmp_path)


def test_a_patience_of_nothing_tries_nothing_again(place, media):
    link_ = link(place)
    place.proxy.plan(Cut(up=5 * MIB))
    run = place.phone.begin("backup", link_, media, "--patience", "0")
    assert run.finish() == 5
    assert len(place.proxy.connections) == 1


IMPATIENT = """
import sys
from wire import limits
limits.PING_SECONDS, limits.IDLE_SECONDS = 1, 3
from phone.cli import main
sys.exit(main())
"""


def impatient(phone, *arguments):
    """The phone's command line, which takes three seconds of silence for a loss, not sixty."""
    return PhoneRun(
        subprocess.Popen(
            [sys.executable, "-c", IMPATIENT, *map(str, arguments), "--json"],
            cwd=ROOT,
            env={"PHONE_HOME": str(phone.home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    )


@pytest.mark.parametrize(
    "cuts",
    [
        [Cut(up=12 * MIB, silent=True)],
        [Cut(up=6 * MIB, silent=True), Cut(up=6 * MIB, silent=True)],
        [Cut(up=6 * MIB, silent=True), Cut(down=700, silent=True)],
    ],
    ids=["once", "twice", "while it is resumed"],
)
def test_a_connection_that_dies_silently_is_replaced_and_its_data_kept(
    place, media, tmp_path, cuts
):
    """The station still holds the dead connection when the phone is back: it seals its pack."""
    link_ = link(place)
    place.proxy.plan(*cuts)
    run = impatient(place.phone, "backup", link_, media)
    answer = run.succeed()
    assert len(place.proxy.connections) == len(cuts) + 1, run.errors
    assert place.proxy.up <= SIZE + len(cuts) * WINDOW_BYTES + OVERHEAD
    check(place, media, answer, tmp_path)


def test_a_restore_whose_connection_dies_silently_goes_on(place, media, tmp_path):
    stored = place.phone.run("backup", place.station.link(), media)
    link_ = link(place)
    place.proxy.plan(Cut(down=10 * MIB, silent=True))
    run = impatient(place.phone, "restore", link_, stored["snapshot_id"], "--to", tmp_path / "back")
    run.succeed()
    assert len(place.proxy.connections) == 2
    assert place.proxy.down <= SIZE + CREDIT + OVERHEAD
    assert tree(tmp_path / "back" / media.name) == tree(media)


def test_a_slow_network_carries_everything_in_one_connection(place, media, tmp_path):
    for file in media.glob("*.mp4"):
        file.write_bytes(file.read_bytes()[:MIB])
    link_ = link(place)
    place.proxy.plan()
    place.proxy.throttle(2 * MIB)
    answer = place.phone.run("backup", link_, media)
    place.phone.run("restore", link(place), answer["snapshot_id"], "--to", tmp_path / "back")
    assert len(place.proxy.connections) == 2
    assert tree(tmp_path / "back" / media.name) == tree(media)


def test_a_network_that_pauses_for_seconds_costs_only_time(place, media, tmp_path):
    link_ = link(place)
    place.proxy.plan()
    run = place.phone.begin("backup", link_, media)
    wait_for(lambda: place.proxy.up > 5 * MIB)
    place.proxy.hold(True)
    threading.Timer(4, place.proxy.hold, [False]).start()
    answer = run.succeed()
    assert len(place.proxy.connections) == 1
    check(place, media, answer, tmp_path)


def test_the_first_connection_cut_before_anything_was_agreed_is_a_clear_error(place, media):
    """A QR code serves once: the phone asks for a fresh one instead of waiting in vain."""
    for cut in (Cut(up=250), Cut(down=150), Cut(up=900)):
        link_ = link(place)
        place.proxy.plan(cut)
        run = place.phone.begin("backup", link_, media)
        assert run.finish() == 5, (cut, run.output, run.errors)
        assert json.loads(run.output)["error"]["code"] in ("cut_off", "unreachable")
