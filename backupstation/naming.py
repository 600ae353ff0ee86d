"""What a phone is called: by its owner, or as it was enrolled at the IM server in this station."""

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import OuterRef, QuerySet, Subquery

from accounts.models import Phone
from transfer.models import VaultPhone


def names_of(field: str, owner: AbstractBaseUser) -> dict[str, Subquery]:
    """Annotations of a query whose ``field`` is a thumbprint of one of this owner's phones."""
    given = VaultPhone.objects.filter(vault__owner_id=owner.pk, phone=OuterRef(field))
    enrolled = Phone.objects.filter(account__user_id=owner.pk, thumbprint=OuterRef(field))
    return {"given_name": _first(given, "name"), "enrolled_name": _first(enrolled, "name")}


def _first(rows: QuerySet[VaultPhone] | QuerySet[Phone], field: str) -> Subquery:
    return Subquery(rows.order_by().values(field)[:1])
