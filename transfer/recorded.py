"""What the pages of this room's admin have in common: what was recorded is looked at."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from transfer.models import Vault

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin, TabularInline
else:

    class ModelAdmin(admin.ModelAdmin):
        """Takes the model in brackets, as the type checker wants it."""

        def __class_getitem__(cls, _model: type) -> type:
            return cls

    class TabularInline(admin.TabularInline):
        """Takes its models in brackets, as the type checker wants them."""

        def __class_getitem__(cls, _models: object) -> type:
            return cls


__all__ = ["ModelAdmin", "Recorded", "TabularInline", "account_of"]


class Recorded:
    """Nothing is added, edited or deleted by hand."""

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:  # noqa: ANN401
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:  # noqa: ANN401
        """Nothing is edited by hand."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:  # noqa: ANN401
        """Nothing is deleted by hand."""
        return False


def account_of(vault: Vault) -> str:
    """What people call this vault's account: its owner, or account and vault while it has none."""
    return str(vault) if vault.owner is None else vault.owner.get_username()
