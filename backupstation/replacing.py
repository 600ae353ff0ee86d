"""Which of an owner's phones a new one may take the place of: the owner's alone."""

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Max

from accounts.models import Phone
from transfer.models import Approval, ApprovalKind, ApprovalQuerySet, Snapshot
from wire.tokens import thumbprint

_THUMBPRINT_CHARS_MIN = 6


class NotReplaceableError(Exception):
    """No phone can be told from what was typed; the text says why."""


class Replaceable(NamedTuple):
    """A phone, when it last backed up, and whether it calls itself as the one that asks does."""

    thumbprint: str
    name: str
    last_at: datetime | None
    is_likely: bool


def choices_for(approval: Approval) -> tuple[Replaceable, ...]:
    """The phones that act for this owner besides the one that asks, the last enrolled first.

    An account of an IM server elsewhere is linked, not enrolled: nothing can be replaced here.
    """
    if approval.kind != ApprovalKind.ENROL:
        return ()
    own = thumbprint(bytes.fromhex(approval.phone_key))
    phones = Phone.objects.filter(account__user=approval.invitation.owner_id, revoked_at=None)
    others = list(phones.exclude(thumbprint=own))
    if not others:
        return ()
    likely = _likely(approval, others, is_known=phones.filter(thumbprint=own).exists())
    kept = Snapshot.objects.filter(vault__owner=approval.invitation.owner_id)
    last = dict(kept.values_list("phone").annotate(Max("stored_at")))
    return tuple(
        Replaceable(phone.thumbprint, phone.name, last.get(phone.thumbprint), phone == likely)
        for phone in others
    )


def _likely(approval: Approval, others: list[Phone], *, is_known: bool) -> Phone | None:
    """Whoever lost its key, or got a new one, asks by the name that it had."""
    if is_known:
        return None
    name = approval.name.strip().casefold()
    return next((phone for phone in others if phone.name.strip().casefold() == name), None)


def is_theirs(owner: AbstractBaseUser, thumbprint: str) -> bool:
    """Whether this phone is one of the owner's; revoked meanwhile or not."""
    return Phone.objects.filter(account__user=owner.pk, thumbprint=thumbprint).exists()


def named(waiting: ApprovalQuerySet, digits: str, phone: str) -> Phone:
    """The phone, by its name or how its thumbprint begins, of the owner whom these digits ask.

    Raises ``Approval.DoesNotExist`` when nobody is asked, and :class:`NotReplaceableError`.
    """
    approval = waiting.filter(digits=digits).first()
    if approval is None:
        raise Approval.DoesNotExist
    if approval.kind != ApprovalKind.ENROL:
        raise NotReplaceableError("Phones of an IM server elsewhere are replaced there.")
    phones = Phone.objects.filter(account__user=approval.invitation.owner_id)
    found = list(phones.filter(name=phone))
    if len(phone) >= _THUMBPRINT_CHARS_MIN:
        found = found or list(phones.filter(thumbprint__startswith=phone))
    acting = [one for one in found if one.revoked_at is None]
    return _only(acting or found, phone)


def _only(found: list[Phone], name: str) -> Phone:
    if not found:
        raise NotReplaceableError(f"The owner has no phone {name}; `phones` lists them.")
    if len(found) > 1:
        prints = ", ".join(one.thumbprint[:8] for one in found)
        raise NotReplaceableError(f"Several phones are called {name}; say which one: {prints}")
    return found[0]
