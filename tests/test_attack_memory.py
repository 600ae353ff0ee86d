"""Floods and deaf readers against a real station: its memory grows by less than 64 MiB."""

import os
import socket
import time
from pathlib import Path

import pytest

from tests.apps.serving import frame, push
from tests.attacker import AccountPhone, Desk, Wire, eventually, fresh_address
from tests.stations import running
from wire import limits, manifest, messages
from wire.channel import FrameType, control_frame

BINARY = 2
MIB = limits.MIB
BOUND = 64 * MIB
PING = control_frame(b'{"type":"ping"}')


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flooded") / "station"
    with running(folder) as station:
        desk = Desk(station)
        yield desk
        desk.close()


@pytest.fixture(scope="module")
def phone(desk):
    phone = AccountPhone(desk)
    phone.stored(os.urandom(MIB // 2))  # warm: modules loaded, pools started
    return phone


class Memory:
    """What the station's resident memory grew to, at its peak, since this was made."""

    def __init__(self, pid):
        self._status = Path(f"/proc/{pid}/status")
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._before = self._read("VmRSS")

    def _read(self, field):
        (line,) = (line for line in self._status.read_text().splitlines() if field in line)
        return int(line.split()[1]) * 1024

    @property
    def growth(self):
        return self._read("VmHWM") - self._before


@pytest.fixture
def memory(desk, phone):
    return Memory(desk.station.pid)


def flood(wire, data, at_most):
    """Push bytes past the WebSocket client, which may close its end meanwhile."""
    with socket.fromfd(wire.websocket.socket.fileno(), socket.AF_INET, socket.SOCK_STREAM) as raw:
        return push(raw, data, at_most=at_most, patience=0.3)


def still_serves(desk, phone):
    with phone.opened() as wire:
        wire.say(messages.Ping())
        assert wire.hear(messages.Pong)


@pytest.mark.parametrize("size", [48, 60_000, 900_000])
def test_a_flood_from_an_unverified_connection(desk, phone, memory, size):
    for _ in range(2):
        with Wire(desk.invitation()) as wire:
            burst = frame(BINARY, os.urandom(size)) * max(1, 200_000 // size)
            flood(wire, burst, 50 * MIB)
    assert memory.growth < BOUND
    still_serves(desk, phone)


def test_a_flood_by_who_has_the_channel_but_is_not_verified(desk, phone, memory):
    with phone.connected() as wire:
        burst = b"".join(frame(BINARY, wire.channel.seal(PING)) for _ in range(20_000))
        flood(wire, burst, len(burst))
    with phone.connected() as wire:
        large = frame(BINARY, os.urandom(900_000))
        flood(wire, large, 200 * MIB)
    assert memory.growth < BOUND
    still_serves(desk, phone)


def test_as_many_unverified_connections_as_an_address_may_have(desk, phone, memory):
    address = fresh_address()
    invitation = desk.invitation()
    wires = [
        phone.connected(invitation, address=address)
        for _ in range(limits.CONNECTIONS_PER_ADDRESS_MAX)
    ]
    for wire in wires:
        flood(wire, frame(BINARY, os.urandom(900_000)), 20 * MIB)
    assert memory.growth < BOUND
    for wire in wires:
        wire.cut()
    still_serves(desk, phone)


def test_a_verified_phone_that_ignores_its_window(desk, phone, memory):
    """200 MB of chunks, announced but sent without waiting for a single acknowledgement."""
    with phone.opened() as wire:
        wire.begin()
        base = os.urandom(limits.CHUNK_BYTES_MAX)
        chunks = [number.to_bytes(4) + base[4:] for number in range(200)]
        assert len(wire.lacks(*chunks)) == len(chunks)
        for ref, chunk in enumerate(chunks):
            wire.give((ref, chunk))
        wire.say(messages.Bye())
        assert wire.closing(seconds=30) in (1000, 4430)
    assert memory.growth < BOUND
    still_serves(desk, phone)


@pytest.mark.parametrize(
    "piece",
    [PING, bytes([FrameType.DATA]) + (4).to_bytes(4) + bytes(4), b"\x00\x00\x00\x00\x00"],
    ids=["pings", "empty chunks", "empty messages"],
)
def test_messages_made_of_very_many_tiny_frames(desk, phone, memory, piece):
    with phone.opened() as wire:
        wire.begin()
        wire.lacks(b"something")
        full = piece * (1_000_000 // len(piece))
        for _ in range(12):
            wire.say_frames(full)
    assert memory.growth < BOUND
    still_serves(desk, phone)


@pytest.fixture(scope="module")
def large(phone):
    """A snapshot of 600 MiB that takes less than one on the disk."""
    piece = os.urandom(limits.CHUNK_BYTES_MAX)
    with phone.opened() as wire:
        wire.begin()
        items = [phone.item("large.bin", (piece,) * 640)]
        page = manifest.encode_page(items)
        wire.upload(piece, page)
        wire.commit(phone.header(wire.snapshot_id, items, [(page, 1)]))
        wire.hear(messages.BackupStored)
        return wire.snapshot_id


def test_a_reader_that_never_reads_while_it_asked_for_everything(desk, phone, large, memory):
    with phone.opened("restore", receive_buffer=4096, max_queue=1) as wire:
        everything = messages.ChunksGet(large, 0, [messages.Want(0, 0, 640)])
        wire.say(*[everything] * 20, messages.Ack(2**62))
        until = time.monotonic() + 4
        while time.monotonic() < until:
            wire.say(messages.Ack(2**40))
            time.sleep(0.02)
        assert memory.growth < BOUND
        still_serves(desk, phone)
        wire.cut()


def test_requests_that_are_as_large_as_they_may_be(desk, phone, large, memory):
    """She grants nothing and asks for more and more: what waits is bounded in bytes."""
    wants = messages.encode(messages.ChunksGet(large, 0, [messages.Want(0, 0, 1)] * 60_000))
    names = messages.encode(
        messages.SnapshotGet(large, messages.Selection([f"{n:0200}" for n in range(2000)]))
    )
    first = messages.ChunksGet(large, 0, [messages.Want(0, 0, 640)])
    for request in (wants, names):
        with phone.opened("restore") as wire:
            wire.say(first)
            for _ in range(60):
                wire.say_json(request)
            wire.closing(seconds=30)
            assert eventually(lambda: desk.failures(wire.invitation))[-1][0] == 4429
    assert memory.growth < BOUND
    assert eventually(lambda: desk.kept()["unfinished"] == 0)
    still_serves(desk, phone)
