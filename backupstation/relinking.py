"""Giving a vault that came back from the store to its owner again.

A vault keeps the account that it was made for. When the IM server inside this station was the
issuer, its account is made again with that very id, so that phones which enrol anew reach it.
"""

from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from accounts.models import Account, User
from backupstation import roles
from transfer.models import Vault


class LinkRefusedError(Exception):
    """This vault and this user cannot be put together; the text says why."""


def found() -> list[tuple[str, str]]:
    """Vaults that nobody owns: the id, and what is in it in words; the last used one first."""
    vaults = Vault.objects.filter(owner=None).annotate(last=Max("snapshots__stored_at"))
    ordered = vaults.order_by(F("last").desc(nulls_last=True), "pk")
    return [(vault.pk, _described(vault)) for vault in ordered]


def _described(vault: Vault) -> str:
    snapshots = vault.snapshots.receipted()
    latest = snapshots.newest_first().first()
    if latest is None:
        return gettext("A vault without snapshots")
    number = snapshots.count()
    words = {
        "snapshots": ngettext("%(count)d snapshot", "%(count)d snapshots", number)
        % {"count": number},
        "label": latest.label or latest.source,
        "date": date_format(timezone.localtime(latest.stored_at), "SHORT_DATE_FORMAT"),
    }
    return gettext("%(snapshots)s, latest %(date)s: %(label)s") % words


def link(user: User, vault_id: str = "") -> Vault:
    """Make ``user`` the owner of the one vault that has none, or of the one named by its id.

    A user who owns it already keeps it. Raises :class:`LinkRefusedError`.
    """
    owned = Vault.objects.filter(owner=user).first()
    found = Vault.objects.filter(owner=None, pk__startswith=vault_id).order_by("pk")[:9]
    if owned is not None and not found and owned.pk.startswith(vault_id):
        return owned
    vault = _only(list(found))
    if owned is not None:
        raise LinkRefusedError(f"{user} owns another vault already; choose another user.")
    with transaction.atomic():
        if vault.iss == roles.embedded_iss():
            _take_account(vault, user)
        vault.owner = user
        vault.save(update_fields=["owner"])
    return vault


def _only(found: list[Vault]) -> Vault:
    if not found:
        raise LinkRefusedError("There is no such vault without an owner.")
    if len(found) > 1:
        names = ", ".join(f"{vault.pk[:8]} (account {vault.sub})" for vault in found)
        raise LinkRefusedError(f"Several vaults have no owner; choose one with --vault: {names}")
    return found[0]


def _take_account(vault: Vault, user: User) -> None:
    account = Account.objects.filter(iss=vault.iss, sub=vault.sub).first()
    if account is not None and account.user_id not in (None, user.pk):
        raise LinkRefusedError(f"The vault's account belongs to {account.user}.")
    current = Account.objects.filter(user=user).first()
    if current is not None and current != account:
        if current.phones.exists():
            raise LinkRefusedError(f"{user} has phones of another account; choose another user.")
        current.delete()
    Account.objects.update_or_create(
        iss=vault.iss,
        sub=vault.sub,
        defaults={"user": user},
        create_defaults={"user": user, "name": user.get_username(), "created": timezone.now()},
    )
