"""Accounts, phones, stations and codes for whoever runs this server.

Keys are shown by thumbprint or id, codes by their times; nothing here helps to pose as anyone. What
enrolment and registration wrote is not edited or deleted by hand: a deleted phone's key could
enrol again unnoticed, a revoked one cannot.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.admin import UserAdmin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, EnrolmentCode, Phone, RegistrationCode, Station, User

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:

    class ModelAdmin(admin.ModelAdmin):
        """Takes the model in brackets, as the type checker wants it."""

        def __class_getitem__(cls, _model: type) -> type:
            return cls


class Recorded:
    """Rows that the protocol writes and people only look at."""

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:  # noqa: ANN401
        """Nothing is added by hand."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:  # noqa: ANN401
        """Nothing is edited by hand."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:  # noqa: ANN401
        """Nothing is deleted by hand."""
        return False


class YesOrNo(admin.EmptyFieldListFilter):
    """Whether a time is set."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yes and no, where Django says that the field is not empty, or empty."""
        everything, empty, filled = super().choices(changelist)
        yield everything
        yield {**filled, "display": gettext("Yes")}
        yield {**empty, "display": gettext("No")}


@admin.register(Account)
class AccountAdmin(Recorded, ModelAdmin[Account]):
    """IM accounts and how many phones each has."""

    list_display = ["name", "user", "phone_count", "sub", "iss", "created"]
    list_select_related = ["user"]
    search_fields = ["name", "sub", "user__username"]
    date_hierarchy = "created"
    fields = ["name", "user", "iss", "sub", "created"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """Count the phones in the same query."""
        return super().get_queryset(request).annotate(phone_count=Count("phones"))

    @admin.display(description=_("phones"), ordering="phone_count")
    def phone_count(self, account: Account) -> int:
        """How many phones the account has, revoked ones too."""
        count: int = getattr(account, "phone_count", 0)
        return count


@admin.register(Phone)
class PhoneAdmin(Recorded, ModelAdmin[Phone]):
    """Phones; a lost one is revoked here."""

    list_display = ["name", "account", "thumbprint", "enrolled", "last_seen", "revoked_at"]
    list_filter = [("revoked_at", YesOrNo)]
    list_select_related = ["account"]
    search_fields = ["name", "thumbprint", "account__name"]
    fields = ["name", "account", "thumbprint", "enrolled", "last_seen", "revoked_at"]
    actions = ["revoke", "reinstate"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change phones may revoke and reinstate them."""
        return request.user.has_perm("accounts.change_phone")

    @admin.action(description=_("Revoke: refuse these phones"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, phones: QuerySet[Phone]) -> None:
        """Refuse the chosen phones from now on."""
        count = Phone.objects.filter(pk__in=phones).revoke(timezone.now())
        text = ngettext("%(count)d phone was revoked.", "%(count)d phones were revoked.", count)
        messages.success(request, text % {"count": count})

    @admin.action(description=_("Reinstate: accept these phones again"), permissions=["revoke"])
    def reinstate(self, request: HttpRequest, phones: QuerySet[Phone]) -> None:
        """Accept the chosen phones again."""
        count = Phone.objects.filter(pk__in=phones).reinstate()
        text = ngettext("%(count)d phone acts again.", "%(count)d phones act again.", count)
        messages.success(request, text % {"count": count})


@admin.register(Station)
class StationAdmin(Recorded, ModelAdmin[Station]):
    """Stations that this IM server vouches for."""

    list_display = ["name", "station_id", "registered", "revoked_at"]
    list_filter = [("revoked_at", YesOrNo)]
    search_fields = ["name", "station_id"]
    fields = ["name", "station_id", "registered", "revoked_at"]
    actions = ["revoke", "reinstate"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change stations may revoke and reinstate them."""
        return request.user.has_perm("accounts.change_station")

    @admin.action(description=_("Revoke: confirm none of their QR codes"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, stations: QuerySet[Station]) -> None:
        """Confirm no invitation of the chosen stations from now on."""
        count = Station.objects.filter(pk__in=stations).revoke(timezone.now())
        text = ngettext("%(count)d station was revoked.", "%(count)d stations were revoked.", count)
        messages.success(request, text % {"count": count})

    @admin.action(description=_("Reinstate: confirm their QR codes again"), permissions=["revoke"])
    def reinstate(self, request: HttpRequest, stations: QuerySet[Station]) -> None:
        """Confirm invitations of the chosen stations again."""
        count = Station.objects.filter(pk__in=stations).reinstate()
        text = ngettext("%(count)d station acts again.", "%(count)d stations act again.", count)
        messages.success(request, text % {"count": count})


class CodeAdmin(Recorded):
    """One-time codes by their times; deleting an unused one makes it void."""

    def has_delete_permission(self, request: HttpRequest, _obj: Any = None) -> bool:  # noqa: ANN401
        """Whoever may sign in as a superuser may make codes void."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))


@admin.register(EnrolmentCode)
class EnrolmentCodeAdmin(CodeAdmin, ModelAdmin[EnrolmentCode]):
    """Codes by which phones enrol."""

    list_display = ["created", "account", "expires", "used_at"]
    list_select_related = ["account"]
    list_filter = [("used_at", YesOrNo)]
    fields = ["account", "created", "expires", "used_at"]


@admin.register(RegistrationCode)
class RegistrationCodeAdmin(CodeAdmin, ModelAdmin[RegistrationCode]):
    """Codes by which stations register."""

    list_display = ["created", "expires", "used_at"]
    list_filter = [("used_at", YesOrNo)]
    fields = ["created", "expires", "used_at"]


admin.site.register(User, UserAdmin)
