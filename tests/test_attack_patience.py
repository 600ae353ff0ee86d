"""Nobody holds a connection for ever: by pings alone, or by leaving an answer where it is."""

import asyncio
import os
import time
from ipaddress import ip_address

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from accounts.models import User
from backupstation import roles
from phone.checking import Nowhere
from phone.enrolling import ready
from phone.link import read_link
from phone.restore import restore
from phone.state import Home
from tests.attacker import AccountPhone, Desk
from tests.stations import ROOT, Phone, running
from transfer import approvals, invitations
from transfer.connection import Connection
from wire import limits, messages
from wire.handshake import PhoneHandshake, Waiting
from wire.invitation import Scope


@pytest.fixture
def invitation(transactional_db):
    roles.prepare()
    owner = User.objects.create_user("alice")
    return invitations.issue(
        owner, scope=Scope.BACKUP, addresses=[ip_address("127.0.0.1")], port=8765
    )


class Pinging:
    """A phone that says nothing but ping, on a connection without a network."""

    def __init__(self, invitation):
        self.phone = PhoneHandshake(
            invitation, Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        )
        self.connection = Connection(invitation.session_id.hex(), self.hear, self.close)
        self.events, self.code = [], None

    async def hear(self, message):
        self.events.append(self.phone.receive(message))

    async def close(self, code):
        self.code = code

    async def say(self):
        for message in self.phone.data_to_send():
            await self.connection.receive(message)

    async def go(self, seconds, *, enrol):
        """Ping for so long, or until the station closes."""
        until = time.monotonic() + seconds
        await self.connection.start()
        self.phone.hello()
        await self.say()
        if enrol:
            self.phone.enrol("patient")
        while self.code is None and time.monotonic() < until:
            self.phone.ping()
            await self.say()
            await asyncio.sleep(0.2)
        await self.connection.lost()


def test_pings_do_not_put_verification_off_for_ever(invitation, monkeypatch):
    monkeypatch.setattr(limits, "IDLE_SECONDS", 2)
    mallory = Pinging(invitation)
    began = time.monotonic()
    asyncio.run(mallory.go(10, enrol=False))
    assert mallory.code == 4408
    assert 2 <= time.monotonic() - began < 5


def test_the_owners_time_does_not_count(invitation, monkeypatch):
    monkeypatch.setattr(limits, "IDLE_SECONDS", 1)
    phone = Pinging(invitation)
    asyncio.run(phone.go(3.5, enrol=True))
    assert phone.code is None
    assert any(isinstance(event, Waiting) for event in phone.events)
    assert not approvals.waiting_for(User.objects.get()).exists()


# An open connection

IMPATIENT = """
from wire import limits
limits.PING_SECONDS, limits.IDLE_SECONDS = 1, 3
"""


@pytest.fixture(scope="module")
def phone(tmp_path_factory):
    """A phone of a station that takes three seconds of silence for a loss, not sixty."""
    folder = tmp_path_factory.mktemp("impatient")
    (folder / "sitecustomize.py").write_text(IMPATIENT)
    with running(folder / "station", PYTHONPATH=f"{folder}{os.pathsep}{ROOT}") as station:
        desk = Desk(station)
        yield AccountPhone(desk)
        desk.close()


@pytest.mark.parametrize("count", [0, 12], ids=["asks nothing", "takes all its credit"])
def test_a_restore_that_falls_silent_is_closed(phone, count):
    """The credit that is left is less than the next chunk: the station waits for the phone."""
    snapshot, _ = phone.stored(*(os.urandom(900_000) for _ in range(12)))
    with phone.opened("restore") as wire:
        began = time.monotonic()
        if count:
            wants = [messages.Want(item, 0, 1) for item in range(count)]
            wire.say(messages.ChunksGet(snapshot, 0, wants))
        assert str(wire.closing(10)).startswith("4408")
        assert time.monotonic() - began >= 3


class SlowToLook(Nowhere):
    """A folder with so much in it that it takes a while to see what is there already."""

    def check(self, item):
        time.sleep(3)
        return super().check(item)


def test_a_phone_that_looks_at_what_it_has_is_not_silent(phone, tmp_path, monkeypatch):
    """The station's pings alone must not keep it from saying something itself."""
    monkeypatch.setattr(limits, "PING_SECONDS", 1.6)
    snapshot, _ = phone.stored(b"one", b"two")
    station = phone.desk.station
    Phone(tmp_path / "home").enrol(station)
    identity, link = ready(read_link(station.link()), Home(tmp_path / "home"))
    assert restore(link, snapshot, SlowToLook(), identity, patience=0).items == 2
