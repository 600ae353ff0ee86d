"""The people of the page tests: Alice owns the station, Bob shares it, Mallory attacks."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import User
from backupstation import roles
from backupstation.showing import Choice, Shown, show
from transfer.models import Invitation, InvitationState, Snapshot, SnapshotState, TrailEntry, Vault

HOST = "127.0.0.1:8765"
PASSWORD = "correct horse battery"  # Alice's and Bob's


def client(host: str = HOST, **extra: Any) -> Client:
    return Client(headers={"host": host}, **extra)


def alice() -> User:
    roles.prepare()
    return User.objects.create_superuser("alice", password=PASSWORD)


def bob() -> User:
    return User.objects.create_user("bob", password=PASSWORD)


def signed_in(user: User, **extra: Any) -> Client:
    browser = client(**extra)
    browser.force_login(user)
    return browser


def shown_to(user: User) -> Shown:
    shown = show(user, Choice("127.0.0.1"))
    assert shown is not None
    return shown


def trail(
    user: User,
    steps: Iterable[tuple[str, dict[str, Any]]],
    *,
    resumes: str | None = None,
    state: str = InvitationState.CLAIMED,
    ago: timedelta = timedelta(0),
) -> str:
    """An invitation of this user with these trail entries (step, other fields); its session id."""
    session_id = shown_to(user).session_id
    Invitation.objects.filter(pk=session_id).update(state=state, resumes=resumes)
    at: datetime = timezone.now() - ago
    for step, fields in steps:
        at += timedelta(microseconds=1)
        TrailEntry.objects.create(invitation_id=session_id, step=step, **{"at": at, **fields})
    return session_id


def plain(*steps: str) -> list[tuple[str, dict[str, Any]]]:
    """Entries that say nothing but their step."""
    return [(step, {}) for step in steps]


def snapshot_of(user: User, **fields: Any) -> Snapshot:
    vault, _ = Vault.objects.get_or_create(owner=user, id=f"{user.pk:032x}", sub=str(user.pk))
    return snapshot_in(vault, **fields)


def snapshot_in(vault: Vault, **fields: Any) -> Snapshot:
    count = Snapshot.objects.count()
    now = timezone.now()
    values: dict[str, Any] = {
        "snapshot_id": f"{count:08d}" + "A" * 18,
        "state": SnapshotState.RECEIPTED,
        "source": "Pixel 8",
        "phone": "thumbprint-of-a-phone",
        "created_at": now,
        "stored_at": now,
        "items": 3,
        "total_bytes": 12_345_678,
        "manifest_hash": "00",
        "sequence": count,
    }
    return Snapshot.objects.create(vault=vault, **values | fields)
