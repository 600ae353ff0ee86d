"""What happened, in the admin: invitations with their trails, answers of owners, the audit log."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from transfer.list_filters import ByScope
from transfer.models import Approval, Invitation, TrailEntry
from transfer.recorded import ModelAdmin, Recorded, TabularInline
from wire import tokens
from wire.invitation import Scope


class TrailInline(Recorded, TabularInline[TrailEntry, Invitation]):
    """What happened to an invitation, step by step."""

    model = TrailEntry
    fields = ["at", "step", "reason", "code", "detail"]
    extra = 0


@admin.register(Invitation)
class InvitationAdmin(Recorded, ModelAdmin[Invitation]):
    """QR codes: when each was shown, and what became of it."""

    list_display = [
        "short_id", "owner", "scopes", "purpose", "state", "created_at", "claimed_at", "ended_at",
    ]  # fmt: skip
    list_select_related = ["owner"]
    list_filter = ["state", "purpose", ("scope", ByScope), "created_at"]
    search_fields = ["^session_id", "owner__username", "claimed_by"]
    date_hierarchy = "created_at"
    ordering = ["-created_at"]
    fields = [
        "session_id", "owner", "scopes", "purpose", "state", "issuer", "bound_phone", "resumes",
        "created_at", "expires_at", "claimed_at", "claimed_by", "ended_at",
    ]  # fmt: skip
    readonly_fields = ["scopes"]
    inlines = [TrailInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """Leave what is secret in the database."""
        return super().get_queryset(request).defer("wrapped_secrets", "public_part")

    @admin.display(description=_("invitation"), ordering="session_id")
    def short_id(self, invitation: Invitation) -> str:
        """The part of the id that people compare."""
        return str(invitation)

    @admin.display(description=_("scope"), ordering="scope")
    def scopes(self, invitation: Invitation) -> str:
        """What it permits."""
        return ", ".join(Scope(invitation.scope).names())


@admin.register(TrailEntry)
class TrailEntryAdmin(Recorded, ModelAdmin[TrailEntry]):
    """The transfer log over all invitations."""

    list_display = ["moment", "step", "invitation", "owner", "said"]
    list_select_related = ["invitation__owner"]
    list_filter = ["step", "at"]
    search_fields = ["^invitation__session_id", "invitation__owner__username", "reason"]
    search_help_text = _("Invitation, owner or reason")
    date_hierarchy = "at"
    ordering = ["-at", "-id"]
    show_full_result_count = False
    fields = ["invitation", "at", "step", "reason", "code", "detail"]

    class Media:
        css = {"all": ["css/admin_transfer.css"]}

    @admin.display(description=_("owner"), ordering="invitation__owner")
    def owner(self, entry: TrailEntry) -> str:
        """Whose invitation it was."""
        return entry.invitation.owner.get_username()

    @admin.display(description=_("at"), ordering="at")
    def moment(self, entry: TrailEntry) -> str:
        """To the second: steps come close together."""
        return f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description=_("details"))
    def said(self, entry: TrailEntry) -> str:
        """The reason of a failure with its code, or the details of a step."""
        if entry.reason:
            return f"{entry.reason} ({entry.code})" if entry.code else entry.reason
        return ", ".join(f"{name} {value}" for name, value in entry.detail.items())


@admin.register(Approval)
class ApprovalAdmin(Recorded, ModelAdmin[Approval]):
    """What owners were asked, and what they said."""

    list_display = ["created_at", "name", "kind", "digits", "state", "owner", "expires_at"]
    list_select_related = ["invitation__owner"]
    list_filter = ["state", "kind", "created_at"]
    search_fields = ["name", "digits", "invitation__owner__username"]
    ordering = ["-created_at", "-id"]
    fields = [
        "invitation", "kind", "digits", "thumbprint", "name", "replaces", "state", "created_at",
        "expires_at",
    ]  # fmt: skip
    readonly_fields = ["thumbprint"]

    @admin.display(description=_("owner"), ordering="invitation__owner")
    def owner(self, approval: Approval) -> str:
        """Who was asked."""
        return approval.invitation.owner.get_username()

    @admin.display(description=_("phone"))
    def thumbprint(self, approval: Approval) -> str:
        """The phone by its key's thumbprint."""
        return tokens.thumbprint(bytes.fromhex(approval.phone_key))


@admin.register(LogEntry)
class AuditAdmin(Recorded, ModelAdmin[LogEntry]):
    """Who did what in this administration."""

    list_display = ["action_time", "user", "content_type", "object_repr", "change_message"]
    list_select_related = ["user", "content_type"]
    list_filter = [("user", admin.RelatedOnlyFieldListFilter), "content_type", "action_time"]
    search_fields = ["object_repr", "user__username", "change_message"]
    date_hierarchy = "action_time"
    fields = ["action_time", "user", "content_type", "object_repr", "change_message"]
