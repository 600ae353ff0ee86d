"""Snapshots in the admin: found by ID, with their items and receipt; verified and pinned there."""

import re
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from transfer import items, receipts, station
from transfer.index import promised
from transfer.list_filters import ByPhone, ByVault, Soundness, YesOrNo
from transfer.models import Snapshot, SnapshotState
from transfer.recorded import ModelAdmin, Recorded, account_of
from transfer.templatetags import measures
from transfer.verifying import verifier
from wire import tokens
from wire.errors import WireError
from wire.manifest import CROCKFORD, normalise_snapshot_id

_PART_OF_ID: Final = re.compile(f"[{CROCKFORD}]{{4,26}}")


@admin.register(Snapshot)
class SnapshotAdmin(Recorded, ModelAdmin[Snapshot]):
    """What is kept; nothing of it can be changed here but the pin."""

    list_display = [
        "short_id", "account", "label", "stored_at", "size", "soundness", "items", "state",
        "pinned_at",
    ]  # fmt: skip
    list_select_related = ["vault__owner"]
    list_filter = [
        Soundness,
        "state",
        ("vault", ByVault),
        "stored_at",
        ("pinned_at", YesOrNo),
        ("phone", ByPhone),
    ]
    search_fields = ["^snapshot_id", "label", "vault__sub", "vault__owner__username"]
    search_help_text = _("Snapshot ID or its first characters, label, account or owner")
    date_hierarchy = "stored_at"
    ordering = ["-stored_at", "-sequence", "-id"]
    show_full_result_count = False
    list_per_page = 50
    fieldsets = [
        (None, {"fields": ["snapshot_id", "label", "source", "state", "items", "size"]}),
        (_("Account"), {"fields": ["vault", "phone"]}),
        (_("When"), {"fields": ["created_at", "stored_at", "pinned_at"]}),
        (_("Soundness"), {"fields": ["proven_at", "damage", "manifest_hash"]}),
    ]
    readonly_fields = ["size"]
    actions = ["verify", "pin", "unpin"]

    class Media:
        css = {"all": ["css/admin_transfer.css"]}

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whoever may change snapshots may verify and pin them."""
        return request.user.has_perm("transfer.change_snapshot")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Snapshot]:
        """Receipts are long; a list does without."""
        return super().get_queryset(request).defer("receipt")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Snapshot], search_term: str
    ) -> tuple[QuerySet[Snapshot], bool]:
        """Find an ID also as people type it: with spaces, or letters that look like digits."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        typed = normalise_snapshot_id(search_term.replace(" ", ""))
        if _PART_OF_ID.fullmatch(typed):
            found |= queryset.filter(snapshot_id__startswith=typed)
        return found, may_repeat

    @admin.display(description=_("snapshot"), ordering="snapshot_id")
    def short_id(self, snapshot: Snapshot) -> str:
        """The part of the ID that people compare."""
        return str(snapshot)

    @admin.display(description=_("size"), ordering="total_bytes")
    def size(self, snapshot: Snapshot) -> str:
        """Bytes, for people."""
        return measures.size(snapshot.total_bytes)

    @admin.display(description=_("account"), ordering="vault")
    def account(self, snapshot: Snapshot) -> str:
        """Whose it is: the vault's owner, or its account id while it has none."""
        return account_of(snapshot.vault)

    @admin.display(description=_("soundness"), ordering="proven_at")
    def soundness(self, snapshot: Snapshot) -> str:
        """Damage, or when every byte of it was last seen to be sound."""
        if snapshot.damage:
            return gettext("damaged: %(damage)s") % {"damage": snapshot.damage}
        if snapshot.proven_at is None:
            return gettext("never proven")
        day = date_format(timezone.localtime(snapshot.proven_at), "SHORT_DATE_FORMAT")
        return gettext("proven %(day)s") % {"day": day}

    # The page of one snapshot

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Snapshot | None = None,
    ) -> HttpResponse:
        """Add the items and the receipt."""
        if obj is not None:
            context |= {
                **_items(obj, request.GET.get("items", "")),
                "receipt": _receipt(obj),
                "may_operate": self.has_operate_permission(request),
                "may_verify": obj.state != SnapshotState.UNRECEIPTED,
                "verifying": verifier.progress(),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add how far a verification is."""
        context = {"verifying": verifier.progress()} | (extra_context or {})
        return super().changelist_view(request, context)

    # Actions

    @admin.action(description=_("Verify: read every byte"), permissions=["operate"])
    def verify(self, request: HttpRequest, chosen: QuerySet[Snapshot]) -> None:
        """Read, authenticate and hash every byte of the chosen snapshots, in the background."""
        rows = list(promised(chosen).defer(None).select_related("vault"))
        count = verifier.begin(rows, _person(request))
        _audit(request, rows, gettext("Verification asked for."))
        text = ngettext(
            "%(count)d snapshot is being verified.",
            "%(count)d snapshots are being verified.",
            count,
        )
        messages.success(request, text % {"count": count})

    @admin.action(description=_("Pin: always keep"), permissions=["operate"])
    def pin(self, request: HttpRequest, chosen: QuerySet[Snapshot]) -> None:
        """Keep the chosen snapshots, whatever the rules for keeping say."""
        rows = list(chosen.filter(pinned_at=None))
        Snapshot.objects.filter(pk__in=[row.pk for row in rows]).update(pinned_at=timezone.now())
        _audit(request, rows, gettext("Pinned."))
        text = ngettext(
            "%(count)d snapshot was pinned.", "%(count)d snapshots were pinned.", len(rows)
        )
        messages.success(request, text % {"count": len(rows)})

    @admin.action(description=_("Unpin"), permissions=["operate"])
    def unpin(self, request: HttpRequest, chosen: QuerySet[Snapshot]) -> None:
        """Leave the chosen snapshots to the rules for keeping again."""
        rows = list(chosen.exclude(pinned_at=None))
        Snapshot.objects.filter(pk__in=[row.pk for row in rows]).update(pinned_at=None)
        _audit(request, rows, gettext("Unpinned."))
        text = ngettext(
            "%(count)d snapshot was unpinned.", "%(count)d snapshots were unpinned.", len(rows)
        )
        messages.success(request, text % {"count": len(rows)})


def _items(snapshot: Snapshot, typed: str) -> dict[str, Any]:
    number = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 1
    try:
        return {"items": items.page_of(snapshot, number)}
    except WireError as fault:
        return {"items_fault": str(fault)}


def _receipt(snapshot: Snapshot) -> list[tuple[str, str]]:
    """What the receipt says, by its own words; it is shown only when its signature is good."""
    if not snapshot.receipt:
        return []
    try:
        claims = tokens.verify(snapshot.receipt, tokens.Receipt, [station.identity().public_key])
    except WireError as fault:
        return [(gettext("This receipt is not valid"), str(fault))]
    return [
        (gettext("Station"), claims.iss),
        (gettext("Snapshot ID"), claims.snapshot_id),
        (gettext("Manifest hash"), claims.manifest_hash),
        (gettext("Number in the vault"), str(claims.sequence)),
        (
            gettext("Hash of the receipt before"),
            claims.previous or gettext("none: it is the first"),
        ),
        (gettext("Items"), str(claims.items)),
        (gettext("Bytes"), str(claims.bytes)),
        (gettext("Stored"), date_format(receipts.moment(claims.stored), "DATETIME_FORMAT")),
        (gettext("As the phone has it"), snapshot.receipt),
    ]


def _person(request: HttpRequest) -> int:
    assert request.user.pk is not None  # the admin lets nobody in without signing in
    return int(request.user.pk)


def _audit(request: HttpRequest, rows: list[Snapshot], message: str) -> None:
    LogEntry.objects.log_actions(_person(request), rows, CHANGE, message)
