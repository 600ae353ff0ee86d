"""Whose database is in the data folder: asked before there is a root, and without a migration."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError

from accounts.models import User
from transfer.models import Issuer, Vault

_EMBEDDED: Final = "station:"  # the beginning of the issuer's name, the station's id follows


def database() -> Path:
    """The file of the database."""
    return Path(settings.DATABASES["default"]["NAME"])


def stations() -> frozenset[str]:
    """The ids of the stations that ran on a database with users or vaults; else none.

    Several if its station was once given another root.
    """
    if not database().exists():
        return frozenset()
    with suppress(DatabaseError):  # no table yet: nobody used it
        if User.objects.exists() or Vault.objects.exists():
            inside = Issuer.objects.filter(origin="").values_list("iss", flat=True)
            return frozenset(iss.removeprefix(_EMBEDDED) for iss in inside)
    return frozenset()
