"""What lists in this room's admin are filtered by, in words."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Field, Max, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from transfer.models import Snapshot, Vault
from transfer.recorded import ModelAdmin
from wire.invitation import Scope


class Soundness(admin.SimpleListFilter):
    """By what the latest checks found."""

    title = _("soundness")
    parameter_name = "soundness"

    def lookups(
        self, _request: HttpRequest, _model_admin: ModelAdmin[Any]
    ) -> list[tuple[str, str]]:
        """The three that there are."""
        return [
            ("damaged", gettext("damaged")),
            ("proven", gettext("proven readable")),
            ("never", gettext("never proven")),
        ]

    def queryset(self, _request: HttpRequest, rows: QuerySet[Snapshot]) -> QuerySet[Snapshot]:
        """Those of the chosen kind."""
        match self.value():
            case "damaged":
                return rows.exclude(damage="")
            case "proven":
                return rows.filter(damage="").exclude(proven_at=None)
            case "never":
                return rows.filter(damage="", proven_at=None)
            case _:
                return rows


class YesOrNo(admin.EmptyFieldListFilter):
    """Whether a time or an owner is set."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yes and no, where Django says that the field is not empty, or empty."""
        everything, empty, filled = super().choices(changelist)
        yield everything
        yield {**filled, "display": gettext("Yes")}
        yield {**empty, "display": gettext("No")}


class ByVault(admin.RelatedFieldListFilter):
    """By the vaults that have rows in the list, called by their owners."""

    def field_choices(
        self, _field: "Field[Any, Any]", request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> list[Any]:
        """One query for all of them."""
        used = model_admin.get_queryset(request).order_by().values("vault")
        vaults = Vault.objects.filter(pk__in=used).select_related("owner")
        return [(vault.pk, str(vault)) for vault in vaults.order_by("created_at", "id")]


class ByPhone(admin.AllValuesFieldListFilter):
    """By the phone, as its backups call it; the key's thumbprint tells two apart."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """The names in the place of whole thumbprints."""
        phones = changelist.model._default_manager.order_by().values_list("phone")
        names = dict(phones.annotate(Max("source")))
        yield from _named(
            super().choices(changelist),
            {phone: f"{name} ({phone[:8]})" for phone, name in names.items()},
        )


class ByScope(admin.AllValuesFieldListFilter):
    """By what an invitation permits."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """The names in the place of numbers."""
        names = {str(int(scope)): ", ".join(scope.names()) for scope in map(Scope, (1, 2, 3))}
        yield from _named(super().choices(changelist), names)


def _named(choices: Iterator[Any], names: dict[str, str]) -> Iterator[Any]:
    """These choices, called by other names; a count that follows in brackets stays."""
    for choice in choices:
        value, space, count = str(choice["display"]).partition(" ")
        yield {**choice, "display": names.get(value, value) + space + count}
