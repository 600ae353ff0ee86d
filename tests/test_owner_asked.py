"""Questions to the owner whose phone leaves, or cannot be enrolled after all.

On a connection without a network, where the moment can be chosen.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import connections

from accounts.models import Phone, User
from backupstation import roles
from tests.page_cast import alice, shown_to
from transfer import approvals, proving, workers
from transfer.connection import Connection
from transfer.models import Approval, ApprovalKind, TrailEntry, Vault
from transfer.workers import in_database
from wire.handshake import EnrolledAs, PhoneHandshake
from wire.invitation import Invitation, parse_link

KEY = Ed25519PrivateKey.generate()


@pytest.fixture(autouse=True)
def _one_at_a_time(transactional_db, monkeypatch) -> Iterator[None]:
    """A database in memory locks out who reads while another writes."""
    with ThreadPoolExecutor(1) as alone:
        monkeypatch.setattr(workers, "_database", alone)
        yield
        alone.submit(connections.close_all).result()


@pytest.fixture
def owner() -> User:
    return alice()


@pytest.fixture
def invitation(owner: User) -> Invitation:
    return parse_link(shown_to(owner).link)[1]


class Asking:
    """A phone that has asked to be enrolled; ``code`` is what the station closed with."""

    def __init__(self, invitation: Invitation) -> None:
        self.phone = PhoneHandshake(invitation, KEY, X25519PrivateKey.generate())
        self.connection = Connection(invitation.session_id.hex(), self.hear, self.close)
        self.code: int | None = None
        self.closed, self.enrolled = asyncio.Event(), asyncio.Event()

    async def hear(self, message: bytes) -> None:
        if isinstance(self.phone.receive(message), EnrolledAs):
            self.enrolled.set()

    async def close(self, code: int) -> None:
        self.code = code
        self.closed.set()

    async def say(self) -> None:
        for message in self.phone.data_to_send():
            await self.connection.receive(message)

    async def ask(self) -> "Asking":
        await self.connection.start()
        self.phone.hello()
        await self.say()
        self.phone.enrol("Pixel 8")
        await self.say()
        return self

    async def leave(self) -> None:
        await self.connection.lost()


def answer(owner: User, *, allow: bool) -> None:
    approvals.decide(owner, approvals.waiting_for(owner).get().digits, allow=allow)


def test_who_left_before_the_answer_was_used_asks_again(owner, invitation, monkeypatch) -> None:
    monkeypatch.setattr(proving, "_POLL_SECONDS", 60)

    async def go() -> None:
        first = await Asking(invitation).ask()
        await in_database(answer, owner, allow=True)
        await first.leave()
        again = await Asking(invitation).ask()
        assert again.code is None
        digits = str(again.phone.digits)
        assert [row.digits for row in await in_database(_waiting, owner)] == [digits]
        await again.leave()

    asyncio.run(go())
    assert not Approval.objects.exists()


def test_who_was_denied_does_not_ask_again(owner, invitation, monkeypatch) -> None:
    monkeypatch.setattr(proving, "_POLL_SECONDS", 60)

    async def go() -> None:
        first = await Asking(invitation).ask()
        await in_database(answer, owner, allow=False)
        await first.leave()
        again = await Asking(invitation).ask()
        await asyncio.wait_for(again.closed.wait(), 5)
        assert again.code == 4401

    asyncio.run(go())
    assert not approvals.waiting_for(owner).exists()


def _waiting(owner: User) -> list[Approval]:
    return list(approvals.waiting_for(owner))


@pytest.mark.parametrize("answered", [False, True])
def test_a_question_does_not_outlive_the_station(owner, invitation, answered: bool) -> None:
    def ask() -> None:
        approvals.ask(
            invitation.session_id.hex(),
            ApprovalKind.ENROL,
            digits="482113",
            phone_key=bytes(32),
            name="Pixel 8",
        )

    ask()
    if answered:
        answer(owner, allow=True)
    roles.prepare()
    assert not Approval.objects.exists()
    ask()


def _keep_for_another(owner: User) -> None:
    Vault.objects.create(id="00" * 16, owner=owner, iss="urn:other", sub="somebody")


def test_the_owner_is_not_asked_for_what_cannot_be(owner, invitation) -> None:
    _keep_for_another(owner)

    async def go() -> None:
        phone = await Asking(invitation).ask()
        await asyncio.wait_for(phone.closed.wait(), 5)
        assert phone.code == 4403

    asyncio.run(go())
    assert not Approval.objects.exists()
    assert "belong to an account of urn:other" in TrailEntry.objects.get(step="failed").reason


def test_a_phone_whose_account_cannot_be_linked_is_not_enrolled(owner, invitation) -> None:
    async def go() -> None:
        phone = await Asking(invitation).ask()
        await in_database(_keep_for_another, owner)
        await in_database(answer, owner, allow=True)
        await asyncio.wait_for(phone.closed.wait(), 5)
        assert phone.code == 4403

    asyncio.run(go())
    assert not Phone.objects.exists()
    assert not Vault.objects.exclude(iss="urn:other").exists()


def test_an_allowed_phone_is_enrolled(owner, invitation) -> None:
    async def go() -> None:
        phone = await Asking(invitation).ask()
        await in_database(answer, owner, allow=True)
        await asyncio.wait_for(phone.enrolled.wait(), 5)
        await phone.leave()

    asyncio.run(go())
    assert Vault.objects.get(owner=owner).sub == Phone.objects.get().account.sub
