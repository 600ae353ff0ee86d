"""What the station remembers in its main database.

Everything here but the trail and invitations can be rebuilt from objects and the 24 words.
Binary ids are kept in text (hex, or the base32 that people see) wherever the admin shows them.
"""

from datetime import datetime
from typing import Final, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from wire import limits

INSIDE: Final = "the IM server inside this station"


class IssuerQuerySet(models.QuerySet["Issuer"]):
    """Lookups of issuers."""

    def joined(self) -> Self:
        """Those for whose accounts this station makes invitations."""
        return self.filter(left_at=None)

    def current(self, origin: str | None = None) -> "Issuer":
        """The issuer at this origin; without one, where this station registered last, or itself."""
        if origin is not None:
            return self.get(origin=origin)
        elsewhere = self.joined().exclude(origin="").order_by("-registered_at").first()
        return elsewhere or self.get(origin="")


class Issuer(models.Model):
    """An IM server whose tickets this station accepts, with its pinned Ed25519 keys (hex)."""

    iss = models.CharField(_("issuer"), max_length=200, unique=True)
    origin = models.CharField(
        _("origin"),
        max_length=limits.IM_ORIGIN_BYTES_MAX,
        blank=True,
        help_text=_("Empty: the IM server inside this station."),
    )
    keys = models.JSONField(_("public keys"), default=list)
    registered_at = models.DateTimeField(_("registered"), default=timezone.now)
    clock_offset_seconds = models.IntegerField(_("clock offset, seconds"), default=0)
    left_at = models.DateTimeField(_("left"), null=True, blank=True)

    objects = IssuerQuerySet.as_manager()

    class Meta:
        verbose_name = _("IM server")
        verbose_name_plural = _("IM servers")

    def __str__(self) -> str:
        return self.iss

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"the IM server at {self.origin}" if self.origin else INSIDE

    def public_keys(self) -> list[bytes]:
        """The pinned keys, 32 bytes each."""
        return [bytes.fromhex(key) for key in self.keys]


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
        return f"{self.sub} ({self.id[:8]})"


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


class InvitationState(models.TextChoices):
    """The life of one QR code."""

    SHOWN = "shown", _("shown")
    CLAIMED = "claimed", _("claimed")
    ENDED = "ended", _("ended")


class InvitationPurpose(models.TextChoices):
    """Why an invitation was made."""

    QR = "qr", _("QR code")
    FOLLOW_UP = "follow-up", _("follow-up")


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Lookups of invitations."""

    def awaiting_contact(self, now: datetime) -> Self:
        """Those that a phone may still claim."""
        return self.filter(state=InvitationState.SHOWN, expires_at__gt=now)


class Invitation(models.Model):
    """One invitation: single use, short life. Key and secret are wrapped; its end drops them."""

    session_id = models.CharField(_("session id"), primary_key=True, max_length=32)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="invitations",
        verbose_name=_("owner"),
    )
    scope = models.PositiveSmallIntegerField(_("scope"))
    purpose = models.CharField(
        _("purpose"), max_length=10, choices=InvitationPurpose, default=InvitationPurpose.QR
    )
    state = models.CharField(
        _("state"), max_length=10, choices=InvitationState, default=InvitationState.SHOWN
    )
    public_part = models.BinaryField()
    wrapped_secrets = models.BinaryField()
    issuer = models.ForeignKey(Issuer, models.PROTECT, verbose_name=_("IM server"))
    binding = models.JSONField(_("binding"), null=True, blank=True)
    bound_phone = models.CharField(_("for phone"), max_length=43, blank=True)
    resumes = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, verbose_name=_("continues")
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))
    claimed_at = models.DateTimeField(_("claimed"), null=True, blank=True)
    claimed_by = models.CharField(_("phone"), max_length=43, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        indexes = [models.Index(fields=["owner", "-created_at"])]

    def __str__(self) -> str:
        return self.session_id[:8]


class Step(models.TextChoices):
    """The steps of the trail, in the order in which they happen."""

    SHOWN = "shown", _("QR code shown")
    SCANNED = "scanned", _("scanned")
    CONFIRMED = "confirmed", _("confirmed by the IM server")
    CONNECTED = "connected", _("connected")
    WAITING = "waiting", _("waiting for the owner")
    ENROLLED = "enrolled", _("phone enrolled")
    FIRST_VERIFIED = "first", _("phone verified")
    SECOND_SENT = "second", _("station's proof sent")
    VERIFIED = "verified", _("phone agreed")
    RECEIVING = "receiving", _("receiving")
    SENDING = "sending", _("sending back")
    STORED = "stored", _("stored")
    RESTORED = "restored", _("restored")
    FAILED = "failed", _("failed")


class TrailEntry(models.Model):
    """One line of the transfer log: a step that an invitation reached, or why it failed."""

    invitation = models.ForeignKey(
        Invitation, models.CASCADE, related_name="trail", verbose_name=_("invitation")
    )
    step = models.CharField(_("step"), max_length=10, choices=Step)
    code = models.PositiveIntegerField(_("code"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    detail = models.JSONField(_("details"), default=dict, blank=True)
    at = models.DateTimeField(_("at"), default=timezone.now)

    class Meta:
        verbose_name = _("transfer log entry")
        verbose_name_plural = _("transfer log")
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.invitation_id[:8]} {self.step}"


class ApprovalState(models.TextChoices):
    """What the owner said."""

    WAITING = "waiting", _("waiting")
    ALLOWED = "allowed", _("allowed")
    DENIED = "denied", _("denied")


class ApprovalKind(models.TextChoices):
    """What the owner is asked for."""

    ENROL = "enrol", _("enrol this phone")
    LINK = "link", _("link this account")


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """Lookups of approvals."""

    def waiting(self, now: datetime) -> Self:
        """Those that the owner can still answer."""
        return self.filter(state=ApprovalState.WAITING, expires_at__gt=now)


class Approval(models.Model):
    """A question to the owner; the six digits are shown on both screens. One per invitation."""

    invitation = models.OneToOneField(
        Invitation, models.CASCADE, related_name="approval", verbose_name=_("invitation")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=ApprovalKind)
    digits = models.CharField(_("six digits"), max_length=6)
    phone_key = models.CharField(_("phone key"), max_length=64)
    name = models.CharField(_("name"), max_length=limits.NAME_CHARS_MAX)
    state = models.CharField(
        _("state"), max_length=10, choices=ApprovalState, default=ApprovalState.WAITING
    )
    created_at = models.DateTimeField(_("asked"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires"))

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        verbose_name = _("approval")
        verbose_name_plural = _("approvals")

    def __str__(self) -> str:
        return f"{self.digits[:3]} {self.digits[3:]} {self.name}"


class UploadState(models.TextChoices):
    """The life of one upload."""

    RECEIVING = "receiving", _("receiving")
    CUT = "cut", _("cut off")
    COMMITTED = "committed", _("stored")
    REFUSED = "refused", _("refused")


class Upload(models.Model):
    """One backup under way, or how it ended; unique by the snapshot id that the phone drew."""

    vault = models.ForeignKey(
        Vault, models.PROTECT, related_name="uploads", verbose_name=_("vault")
    )
    snapshot_id = models.CharField(_("snapshot id"), max_length=26)
    invitation = models.ForeignKey(
        Invitation, models.SET_NULL, null=True, related_name="uploads", verbose_name=_("invitation")
    )
    phone = models.CharField(_("phone"), max_length=43)
    state = models.CharField(
        _("state"), max_length=10, choices=UploadState, default=UploadState.RECEIVING
    )
    source = models.CharField(_("source"), max_length=limits.SOURCE_CHARS_MAX)
    label = models.CharField(_("label"), max_length=limits.LABEL_CHARS_MAX, blank=True)
    items = models.BigIntegerField(_("items"))
    total_bytes = models.BigIntegerField(_("bytes"))
    received_bytes = models.BigIntegerField(_("received, bytes"), default=0)
    held_bytes = models.BigIntegerField(_("already held, bytes"), default=0)
    started_at = models.DateTimeField(_("started"), default=timezone.now)
    updated_at = models.DateTimeField(_("last seen"), default=timezone.now)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = [
            models.UniqueConstraint(fields=["vault", "snapshot_id"], name="one_upload_per_snapshot")
        ]

    def __str__(self) -> str:
        return self.snapshot_id[:8]


class Lease(models.Model):
    """This upload was told that chunks of this pack are held: the pack must stay."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="leases")
    pack = models.ForeignKey(Pack, models.PROTECT, related_name="leases")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["upload", "pack"], name="one_lease_per_pack")
        ]

    def __str__(self) -> str:
        return f"{self.upload_id} -> {self.pack_id}"


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
