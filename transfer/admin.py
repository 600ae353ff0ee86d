"""The backup terminal for whoever runs it: what is kept, what happened, who asked.

Rows that the protocol wrote are looked at, found and filtered; nothing is edited here. No key,
wrapped secret or chunk id is shown: public keys appear as their thumbprints (RFC 7638).
"""

from typing import Any

from django.contrib import admin
from django.db.models import BigIntegerField, Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from transfer import history_admin, snapshot_admin
from transfer.list_filters import ByPhone, ByVault, YesOrNo
from transfer.models import Issuer, Pack, Snapshot, Upload, Vault
from transfer.recorded import ModelAdmin, Recorded, account_of
from transfer.templatetags import measures
from wire import tokens

__all__ = ["history_admin", "snapshot_admin"]  # registered by being imported

admin.site.site_header = "Backup Station"
admin.site.site_title = "Backup Station"
admin.site.index_title = _("What this station keeps and did")


@admin.register(Vault)
class VaultAdmin(Recorded, ModelAdmin[Vault]):
    """Vaults, how many snapshots each has and how much room it takes."""

    list_display = ["short_id", "owner", "snapshot_count", "stored", "created_at", "sub"]
    list_select_related = ["owner"]
    list_filter = [("owner", YesOrNo)]
    search_fields = ["^id", "sub", "owner__username"]
    fields = ["id", "owner", "iss", "sub", "snapshot_count", "stored", "created_at"]
    readonly_fields = ["snapshot_count", "stored"]
    ordering = ["created_at", "id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Vault]:
        """Count and add up in the same query."""
        snapshots = _per_vault(Snapshot.objects.receipted(), Count("pk"))
        packs = _per_vault(Pack.objects.all(), Sum("size"))
        found = super().get_queryset(request)
        return found.annotate(snapshot_count=snapshots, stored_bytes=packs)

    @admin.display(description=_("vault"), ordering="id")
    def short_id(self, vault: Vault) -> str:
        """The part of the id that people compare."""
        return vault.pk[:8]

    @admin.display(description=_("snapshots"), ordering="snapshot_count")
    def snapshot_count(self, vault: Vault) -> int:
        """How many receipted snapshots it has."""
        return int(getattr(vault, "snapshot_count", 0))

    @admin.display(description=_("in the store"), ordering="stored_bytes")
    def stored(self, vault: Vault) -> str:
        """How many bytes its packs take."""
        return measures.size(getattr(vault, "stored_bytes", 0))


def _per_vault(rows: QuerySet[Any], aggregate: Count | Sum) -> Coalesce:
    mine = rows.filter(vault=OuterRef("pk")).order_by().values("vault")
    found = mine.annotate(result=aggregate).values("result")
    return Coalesce(Subquery(found, output_field=BigIntegerField()), 0)


@admin.register(Pack)
class PackAdmin(Recorded, ModelAdmin[Pack]):
    """Packs by size; what they hold is nobody's to read here."""

    list_display = ["name", "vault", "bytes", "created_at", "read_at", "damaged_at"]
    list_select_related = ["vault__owner"]
    list_filter = [
        ("vault", ByVault),
        ("damaged_at", YesOrNo),
        "created_at",
    ]
    search_fields = ["name"]
    fields = ["name", "vault", "bytes", "created_at", "read_at", "damaged_at"]
    readonly_fields = ["bytes"]
    ordering = ["-created_at", "name"]
    show_full_result_count = False

    @admin.display(description=_("size"), ordering="size")
    def bytes(self, pack: Pack) -> str:
        """Bytes, for people."""
        return measures.size(pack.size)


@admin.register(Upload)
class UploadAdmin(Recorded, ModelAdmin[Upload]):
    """Backups under way, and how they ended."""

    list_display = [
        "short_id", "account", "label", "state", "started_at", "size", "received", "held",
        "updated_at",
    ]  # fmt: skip
    list_select_related = ["vault__owner"]
    list_filter = [
        "state",
        ("vault", ByVault),
        "started_at",
        ("phone", ByPhone),
    ]
    search_fields = ["^snapshot_id", "label", "vault__sub", "vault__owner__username"]
    date_hierarchy = "started_at"
    ordering = ["-started_at", "-id"]
    fields = [
        "snapshot_id", "vault", "invitation", "phone", "source", "label", "state", "items",
        "size", "received", "held", "started_at", "updated_at",
    ]  # fmt: skip
    readonly_fields = ["size", "received", "held"]

    @admin.display(description=_("snapshot"), ordering="snapshot_id")
    def short_id(self, upload: Upload) -> str:
        """The part of the ID that people compare."""
        return upload.snapshot_id[:8]

    @admin.display(description=_("account"), ordering="vault")
    def account(self, upload: Upload) -> str:
        """Whose backup it is."""
        return account_of(upload.vault)

    @admin.display(description=_("size"), ordering="total_bytes")
    def size(self, upload: Upload) -> str:
        """What the phone announced."""
        return measures.size(upload.total_bytes)

    @admin.display(description=_("received"), ordering="received_bytes")
    def received(self, upload: Upload) -> str:
        """What the phone sent."""
        return measures.size(upload.received_bytes)

    @admin.display(description=_("already held"), ordering="held_bytes")
    def held(self, upload: Upload) -> str:
        """What it need not send."""
        return measures.size(upload.held_bytes)


@admin.register(Issuer)
class IssuerAdmin(Recorded, ModelAdmin[Issuer]):
    """IM servers whose tickets this station accepts."""

    list_display = [
        "iss",
        "origin",
        "registered_at",
        "left_at",
        "clock_offset_seconds",
        "thumbprints",
    ]
    search_fields = ["iss", "origin"]
    fields = ["iss", "origin", "registered_at", "left_at", "clock_offset_seconds", "thumbprints"]
    readonly_fields = ["thumbprints"]
    ordering = ["iss"]

    @admin.display(description=_("keys"))
    def thumbprints(self, issuer: Issuer) -> str:
        """The pinned keys by their thumbprints."""
        return ", ".join(tokens.thumbprint(key) for key in issuer.public_keys())
