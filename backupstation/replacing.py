"""Which of an owner's phones a new one may take the place of: the owner's alone."""

from collections.abc import Iterable

from django.contrib.auth.models import AbstractBaseUser

from accounts.models import Phone
from backupstation import phones
from backupstation.phones import PhoneBackup
from transfer.models import Approval, ApprovalKind, ApprovalQuerySet
from wire.tokens import thumbprint


class NotReplaceableError(Exception):
    """No phone can be told from what was typed; the text says why."""


def choices_for(approval: Approval, listed: Iterable[PhoneBackup]) -> tuple[PhoneBackup, ...]:
    """Those of the owner's phones that act besides the one that asks: the likely ones first.

    Whoever lost its key, or got a new one, asks by the name that it had; but many a phone calls
    itself what its browser is called, so it is the owner who says. Then the last enrolled first.
    An account of an IM server elsewhere is linked, not enrolled: nothing can be replaced here.
    """
    if approval.kind != ApprovalKind.ENROL:
        return ()
    own, name = thumbprint(bytes.fromhex(approval.phone_key)), _plain(approval.name)
    others = [one for one in _enrolled(listed) if not one.is_revoked and one.thumbprint != own]
    return tuple(sorted(others, key=lambda one: name not in map(_plain, (one.own_name, one.name))))


def _enrolled(listed: Iterable[PhoneBackup]) -> list[PhoneBackup]:
    """The last one first."""
    dated = [(one.enrolled_at, one) for one in listed if one.enrolled_at]
    return [one for _, one in sorted(dated, key=lambda pair: pair[0], reverse=True)]


def _plain(name: str) -> str:
    return name.strip().casefold()


def is_theirs(owner: AbstractBaseUser, thumbprint: str) -> bool:
    """Whether this phone is one of the owner's; revoked meanwhile or not."""
    return Phone.objects.filter(account__user=owner.pk, thumbprint=thumbprint).exists()


def named(waiting: ApprovalQuerySet, digits: str, phone: str) -> PhoneBackup:
    """The phone, by its name or how its thumbprint begins, of the owner whom these digits ask.

    Raises ``Approval.DoesNotExist`` when nobody is asked, and :class:`NotReplaceableError`.
    """
    approval = waiting.filter(digits=digits).select_related("invitation__owner").first()
    if approval is None:
        raise Approval.DoesNotExist
    if approval.kind != ApprovalKind.ENROL:
        raise NotReplaceableError("Phones of an IM server elsewhere are replaced there.")
    listed = _enrolled(phones.of_owner(approval.invitation.owner))
    return _only(phones.meant_by(phone, listed), phone)


def _only(found: list[PhoneBackup], name: str) -> PhoneBackup:
    if not found:
        raise NotReplaceableError(f"The owner has no phone {name}; `phones` lists them.")
    if len(found) > 1:
        prints = ", ".join(one.short for one in found)
        raise NotReplaceableError(f"Several phones are called {name}; say which one: {prints}")
    return found[0]
