"""Who has seen the QR code cannot hold a connection for ever by pings alone."""

import asyncio
import time
from ipaddress import ip_address

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from accounts.models import User
from backupstation import roles
from transfer import approvals, invitations
from transfer.connection import Connection
from wire import limits
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
