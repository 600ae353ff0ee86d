"""Vaults: what one account keeps here, owned by one site user, under its own keys."""

import os
from functools import lru_cache

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction

from transfer import station
from transfer.models import Issuer, Vault
from transfer.store.crypto import VaultKeys
from transfer.store.objects import VAULTS, open_vault, put_vault
from wire.errors import NotAllowed, NotFound, VerificationFailed


class AnotherAccount(NotAllowed):
    """The phone's account is not the invitation's owner's. The reason is for the owner alone."""


@lru_cache(maxsize=64)
def keys_of(vault_id: str) -> VaultKeys:
    """The vault's keys, unwrapped with the station's root."""
    identity = station.identity()
    try:
        return open_vault(identity.backend, identity.root, bytes.fromhex(vault_id)).keys
    except NotFound:
        identity.require_store()
        raise


def find(owner: AbstractBaseUser, iss: str, sub: str) -> Vault | None:
    """The vault of this account when it is this owner's; None when the link must be asked for.

    Raises :class:`AnotherAccount` when account or owner is linked otherwise; it names nobody.
    """
    vault = Vault.objects.filter(iss=iss, sub=sub).first()
    if vault is not None and vault.owner_id == owner.pk:
        return vault
    if vault is not None and vault.owner_id is not None:
        raise AnotherAccount("this account is linked to another user of this station")
    _refuse(Vault.objects.filter(owner_id=owner.pk).first())
    return None


def check_issuer(owner: AbstractBaseUser, iss: str) -> None:
    """Raise :class:`AnotherAccount` when what this owner keeps is another issuer's account's."""
    _refuse(Vault.objects.filter(owner_id=owner.pk).exclude(iss=iss).first())


def _refuse(other: Vault | None) -> None:
    if other is not None:
        raise AnotherAccount(
            f"this user's backups belong to an account of {_place(other.iss)}: make the code for"
            " that one, or for another user of this station"
        )


def _place(iss: str) -> str:
    issuer = Issuer.objects.filter(iss=iss).first()
    return issuer.place if issuer else iss


def link(owner: AbstractBaseUser, iss: str, sub: str) -> Vault:
    """Link account and owner, making the vault when it is new. Its object is durable first."""
    found = find(owner, iss, sub)
    if found is not None:
        return found
    rebuilt = Vault.objects.filter(iss=iss, sub=sub, owner=None)
    if rebuilt.update(owner_id=owner.pk) == 1:
        return Vault.objects.get(iss=iss, sub=sub)
    identity = station.identity()
    keys = VaultKeys(os.urandom(16), os.urandom(32))
    identity.require_store()
    put_vault(identity.backend, identity.root, keys, iss, sub)
    try:
        with transaction.atomic():
            return Vault.objects.create(id=keys.vault_id.hex(), iss=iss, sub=sub, owner_id=owner.pk)
    except IntegrityError:
        # Nothing was ever kept under these keys: without a row nobody can have used them.
        identity.backend.delete(VAULTS + keys.vault_id.hex())
        raise VerificationFailed("this account was linked at the same moment") from None
