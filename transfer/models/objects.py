"""What lies in the store, and where: vaults, packs, chunks and snapshots."""

from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wire import limits


class Vault(models.Model):
    """What one account keeps on this station. ``id`` is the hex of 16 random bytes."""

    id = models.CharField(_("id"), primary_key=True, max_length=32)
    iss = models.CharField(_("issuer"), max_length=200)
    sub = models.CharField(_("account id"), max_length=200)
    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="vault",
        verbose_name=_("owner"),
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("vault")
        verbose_name_plural = _("vaults")
        constraints = [models.UniqueConstraint(fields=["iss", "sub"], name="one_vault_per_account")]

    def __str__(self) -> str:
        return f"{self.owner or self.sub} ({self.id[:8]})"


class Pack(models.Model):
    """A durable object in the store that holds many sealed chunks.

    ``damaged_at`` sets it apart: nothing in it counts as held, so that phones send it again.
    ``read_at`` is when the daily reading last read it whole.
    """

    name = models.CharField(_("name"), primary_key=True, max_length=64)
    vault = models.ForeignKey(Vault, models.PROTECT, related_name="packs", verbose_name=_("vault"))
    size = models.BigIntegerField(_("bytes"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    damaged_at = models.DateTimeField(_("found damaged"), null=True, blank=True)
    read_at = models.DateTimeField(_("last read whole"), null=True, blank=True)

    class Meta:
        verbose_name = _("pack")
        verbose_name_plural = _("packs")

    def __str__(self) -> str:
        return self.name


class Chunk(models.Model):
    """Where one chunk of a vault lies. ``chunk_id`` is its keyed hash (32 bytes)."""

    vault = models.ForeignKey(Vault, models.PROTECT, db_index=False)
    chunk_id = models.BinaryField(max_length=32)
    pack = models.ForeignKey(Pack, models.PROTECT)
    offset = models.BigIntegerField()
    sealed_length = models.IntegerField()
    raw_length = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vault", "chunk_id"], name="one_chunk_per_id")
        ]

    def __str__(self) -> str:
        return bytes(self.chunk_id).hex()[:16]


class SnapshotState(models.TextChoices):
    """``committed`` still owes its receipt object; people see ``receipted`` ones only."""

    COMMITTED = "committed", _("committed")
    RECEIPTED = "receipted", _("receipted")
    UNRECEIPTED = "unreceipted", _("found, unreceipted")


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Lookups of snapshots."""

    def receipted(self) -> Self:
        """Those that the phone may rely on."""
        return self.filter(state=SnapshotState.RECEIPTED)

    def newest_first(self) -> Self:
        """As they were stored. Times are whole seconds; a vault's sequence tells within one."""
        return self.order_by("-stored_at", "-sequence", "-id")


class Snapshot(models.Model):
    """An immutable snapshot: what one backup produced, named by its ID."""

    id = models.BigAutoField(primary_key=True)
    snapshot_id = models.CharField(_("snapshot id"), max_length=26)
    vault = models.ForeignKey(
        Vault, models.PROTECT, related_name="snapshots", verbose_name=_("vault")
    )
    state = models.CharField(
        _("state"), max_length=12, choices=SnapshotState, default=SnapshotState.COMMITTED
    )
    source = models.CharField(_("source"), max_length=limits.SOURCE_CHARS_MAX)
    label = models.CharField(_("label"), max_length=limits.LABEL_CHARS_MAX, blank=True)
    phone = models.CharField(_("phone"), max_length=43)
    created_at = models.DateTimeField(_("created by the phone"))
    stored_at = models.DateTimeField(_("stored"))
    items = models.BigIntegerField(_("items"))
    total_bytes = models.BigIntegerField(_("bytes"))
    manifest_hash = models.CharField(_("manifest hash"), max_length=64)
    sequence = models.PositiveBigIntegerField(_("sequence"), null=True)
    receipt = models.TextField(_("receipt"), blank=True)
    pinned_at = models.DateTimeField(_("pinned"), null=True, blank=True)
    proven_at = models.DateTimeField(_("last proven readable"), null=True, blank=True)
    damage = models.CharField(_("damage"), max_length=300, blank=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
        constraints = [
            models.UniqueConstraint(fields=["vault", "snapshot_id"], name="one_snapshot_per_id"),
            models.UniqueConstraint(fields=["vault", "sequence"], name="one_snapshot_per_sequence"),
        ]
        indexes = [models.Index(fields=["vault", "-stored_at"])]

    def __str__(self) -> str:
        return self.snapshot_id[:8]


class SnapshotPack(models.Model):
    """This snapshot needs chunks of this pack."""

    snapshot = models.ForeignKey(Snapshot, models.CASCADE, related_name="pack_refs")
    pack = models.ForeignKey(Pack, models.PROTECT, related_name="snapshot_refs")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "pack"], name="one_ref_per_snapshot_pack")
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id} -> {self.pack_id}"
