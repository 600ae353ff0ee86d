"""A person's phones: what each has backed up, and when to be reminded of the next time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext

from accounts.models import Phone
from transfer.models import Reminder, Snapshot, Vault, VaultPhone
from wire import limits, names

SHORT_CHARS: Final = 8
_THUMBPRINT_CHARS_MIN: Final = 6


class NameRefused(ValueError):
    """What cannot be shown as a phone's name; the text says why, in the language of the page."""

    def __init__(self) -> None:
        super().__init__(
            gettext("A name has at most %(most)d characters, all of them visible ones.")
            % {"most": limits.NAME_CHARS_MAX}
        )


@dataclass(frozen=True)
class PhoneBackup:
    """A phone of this person and its last backup; bytes, and zero before the first one."""

    thumbprint: str
    name: str = ""
    """What its owner calls it, or else itself; "" where nobody said."""
    own_name: str = ""
    """What it called itself when it enrolled."""
    enrolled_at: datetime | None = None
    """Never for a phone of an account elsewhere."""
    is_revoked: bool = False
    last_at: datetime | None = None
    last_bytes: int = 0
    snapshots: int = 0
    reminder: Reminder = Reminder.OFF
    due_at: datetime | None = None
    """When to remind; never of a phone that was revoked."""

    @property
    def short(self) -> str:
        """The part of the thumbprint that people compare."""
        return self.thumbprint[:SHORT_CHARS]

    @property
    def is_known(self) -> bool:
        """Whether there is a vault in which a name and a reminder can be kept for it."""
        return self.last_at is not None

    @property
    def every(self) -> str | Promise:
        """How often to remind, in words."""
        return self.reminder.label

    def is_overdue(self, now: datetime) -> bool:
        """Whether its reminder is due."""
        return self.due_at is not None and now >= self.due_at

    def days_since(self, now: datetime) -> int:
        """Whole days since its last backup; none when the clock was put back meanwhile."""
        return max(0, (now - self.last_at) // timedelta(days=1)) if self.last_at else 0


def of_owner(owner: AbstractBaseUser) -> list[PhoneBackup]:
    """Every phone that was enrolled for this owner or has sent a snapshot; two queries.

    Those without a backup come after the others, those that were revoked last.
    """
    backups = {row["phone"]: row for row in _backups(vault__owner_id=owner.pk)}
    known = {phone.thumbprint: phone for phone in Phone.objects.filter(account__user_id=owner.pk)}
    listed = [_listed(key, backups.get(key), known.get(key)) for key in known.keys() | backups]
    return sorted(listed, key=_order)


def of_all() -> dict[tuple[str, str], PhoneBackup]:
    """Every phone that has sent a snapshot, by the user name of its owner and its thumbprint."""
    known = {phone.thumbprint: phone for phone in Phone.objects.all()}
    return {
        (row["vault__owner__username"] or "", row["phone"]): _listed(
            row["phone"], row, known.get(row["phone"])
        )
        for row in _backups()
    }


def meant_by(word: str, listed: Iterable[PhoneBackup]) -> list[PhoneBackup]:
    """Those that a person means who types a phone's name, or how its thumbprint begins.

    A name is taken whole and goes first; of several, those that still act.
    """
    phones = list(listed)
    found = [phone for phone in phones if word and phone.name == word]
    if len(word) >= _THUMBPRINT_CHARS_MIN:
        found = found or [phone for phone in phones if phone.thumbprint.startswith(word)]
    return [phone for phone in found if not phone.is_revoked] or found


def _order(one: PhoneBackup) -> tuple[Any, ...]:
    return (one.is_revoked, one.last_at is None, one.name.casefold(), one.thumbprint)


def _backups(**only: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - Django's lookups
    """The last receipted snapshot of each phone, and what its owner says about it."""
    said = VaultPhone.objects.filter(vault=OuterRef("vault"), phone=OuterRef("phone"))
    newest = Snapshot.objects.receipted().newest_first()
    newest = newest.filter(vault=OuterRef("vault"), phone=OuterRef("phone"))
    rows = (
        Snapshot.objects.receipted()
        .filter(**only)
        .values("vault", "vault__owner__username", "phone")
        .annotate(
            last=Max("stored_at"),
            count=Count("id"),
            last_bytes=Subquery(newest.values("total_bytes")[:1]),
            given_name=Subquery(said.values("name")[:1]),
            remind_days=Coalesce(Subquery(said.values("remind_days")[:1]), Reminder.WEEKLY),
        )
    )
    return cast(list[dict[str, Any]], list(rows))


def _listed(key: str, backup: Mapping[str, Any] | None, phone: Phone | None) -> PhoneBackup:
    listed = PhoneBackup(key)
    if phone is not None:
        listed = PhoneBackup(
            key, phone.name, phone.name, phone.enrolled, is_revoked=phone.revoked_at is not None
        )
    if backup is None:
        return listed
    reminder = Reminder(backup["remind_days"])
    return replace(
        listed,
        name=backup["given_name"] or listed.name,
        last_at=backup["last"],
        last_bytes=backup["last_bytes"],
        snapshots=backup["count"],
        reminder=reminder,
        due_at=None if listed.is_revoked else reminder.due_at(backup["last"]),
    )


def keep(owner: AbstractBaseUser, thumbprint: str, **said: Any) -> None:  # noqa: ANN401 - a row's
    """Keep ``name`` or ``remind_days`` for a phone that has backed up for this owner.

    Raises ``Vault.DoesNotExist`` for any other phone, :class:`NameRefused`, and ValueError for
    another reminder.
    """
    sent = Snapshot.objects.receipted().filter(phone=thumbprint)
    vault = Vault.objects.filter(owner_id=owner.pk, snapshots__in=sent).distinct().get()
    if "name" in said:
        said["name"] = _checked_name(vault, thumbprint, said["name"])
    if "remind_days" in said:
        said["remind_days"] = Reminder(int(said["remind_days"]))
    VaultPhone.objects.update_or_create(vault=vault, phone=thumbprint, defaults=said)


def _checked_name(vault: Vault, thumbprint: str, name: str) -> str:
    """Empty for its own name, so that a new one of its own is seen.

    A name that it has already is not judged again.
    """
    name = " ".join(name.split())
    own = Phone.objects.filter(account__user=vault.owner, thumbprint=thumbprint).first()
    if own and " ".join(own.name.split()) == name:
        return ""
    if not names.is_name(name) and not vault.phones.filter(phone=thumbprint, name=name).exists():
        raise NameRefused
    return name
