"""Which snapshots were read, and what became of each of their sources."""

from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class IndexState(models.TextChoices):
    """How far reading has come."""

    WAITING = "waiting", _("waiting")
    READING = "reading", _("reading")
    DONE = "done", _("read")
    FAILED = "failed", _("could not be read")


class IndexedSnapshot(models.Model):
    """The reading of one snapshot. ``sources`` is 0 until the sources are recognised.

    ``readers`` says which ones looked at it: see :func:`conversations.readers.generation`.
    """

    vault = models.CharField(max_length=32)
    snapshot_id = models.CharField(max_length=26)
    state = models.CharField(max_length=8, choices=IndexState, default=IndexState.WAITING)
    sources = models.PositiveIntegerField(default=0)
    sources_done = models.PositiveIntegerField(default=0)
    messages = models.PositiveBigIntegerField(default=0)
    failure = models.CharField(max_length=300, blank=True)
    readers = models.CharField(max_length=16, blank=True)
    tree_warnings = models.JSONField(default=list)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vault", "snapshot_id"], name="one_index_per_snapshot")
        ]

    def __str__(self) -> str:
        return self.snapshot_id[:8]


class SourceRow(models.Model):
    """One source of a vault, named by what is in it: snapshots that hold the same share it.

    ``digest`` is over reader, file names and contents, and the files beside them. ``kept_at`` is
    when the oldest snapshot that is known to hold it was made: of two sources that tell a thing
    differently the younger one is right (:attr:`age`). ``done`` counts the events that
    are committed: reading goes on after them. ``state`` is failed when the store lacked bytes of
    it, or its reader was killed: it is looked at again. The counts are those of
    :class:`conversations.events.Counts`.
    """

    vault = models.CharField(max_length=32)
    digest = models.CharField(max_length=64)
    app = models.CharField(max_length=20)
    reader_version = models.PositiveIntegerField()
    files = models.JSONField()
    kept_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=8, choices=IndexState, default=IndexState.WAITING)
    done = models.PositiveBigIntegerField(default=0)
    seen = models.PositiveBigIntegerField(default=0)
    messages = models.PositiveBigIntegerField(default=0)
    system = models.PositiveBigIntegerField(default=0)
    continuations = models.PositiveBigIntegerField(default=0)
    warned = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["vault", "digest"], name="one_source_per_digest")
        ]

    def __str__(self) -> str:
        return f"{self.app}: {self.files[0] if self.files else ''}"

    @property
    def age(self) -> tuple[datetime, list[str], str]:
        """What is greater of the younger one of two; of one time it is by name."""
        return self.kept_at, self.files, self.digest


class SnapshotSource(models.Model):
    """This snapshot holds this source."""

    snapshot = models.ForeignKey(IndexedSnapshot, models.CASCADE, related_name="source_links")
    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="snapshot_links")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "source"], name="one_link_per_source")
        ]

    def __str__(self) -> str:
        return f"{self.snapshot_id} -> {self.source_id}"


class WarningRow(models.Model):
    """What could not be read (``records`` > 0), or a remark, with its place in the source."""

    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="warnings")
    conversation = models.ForeignKey(
        "conversations.Conversation", models.CASCADE, null=True, related_name="warnings"
    )
    code = models.CharField(max_length=40)
    file = models.PositiveIntegerField(default=0)
    line = models.PositiveBigIntegerField(default=0)
    detail = models.CharField(max_length=200, blank=True)
    records = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return self.code
