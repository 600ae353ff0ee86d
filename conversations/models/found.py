"""Conversations, their people, messages and attachments."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.sources import SourceRow


class Conversation(models.Model):
    """One conversation of a vault, merged over every export of it.

    ``slug`` names it in addresses and is the same after every reindexing. ``first`` and ``last``
    are message ids.
    """

    vault = models.CharField(_("vault"), max_length=32)
    slug = models.CharField(_("slug"), max_length=16, unique=True)
    app = models.CharField(_("app"), max_length=20)
    key = models.TextField(_("key"))
    title = models.CharField(_("title"), max_length=200)
    kind = models.CharField(_("kind"), max_length=8)
    clock = models.CharField(_("clock"), max_length=4)
    date_order = models.CharField(_("date order"), max_length=3, blank=True)
    is_date_order_sure = models.BooleanField(_("date order is sure"), default=True)
    messages = models.PositiveBigIntegerField(_("messages"), default=0)
    media = models.PositiveBigIntegerField(_("with media"), default=0)
    first = models.BigIntegerField(_("first message"), null=True)
    last = models.BigIntegerField(_("last message"), null=True)

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        indexes = [models.Index(fields=["vault", "-last"], name="conversations_by_last")]

    def __str__(self) -> str:
        return self.title


class Participant(models.Model):
    """Who takes part, by the key that the source has. ``number`` chooses the colour."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="people")
    key = models.TextField(_("key"))
    name = models.CharField(_("name"), max_length=200)
    is_self = models.BooleanField(_("is the owner"), default=False)
    number = models.PositiveIntegerField(_("number"), default=0)

    class Meta:
        verbose_name = _("participant")
        verbose_name_plural = _("participants")
        constraints = [
            models.UniqueConstraint(fields=["conversation", "key"], name="one_person_per_key")
        ]

    def __str__(self) -> str:
        return self.name


class ConversationSource(models.Model):
    """What one source says of one conversation; counts as in the source."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="source_links")
    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="conversation_links")
    messages = models.PositiveBigIntegerField(_("messages"), default=0)
    system = models.PositiveBigIntegerField(_("system lines"), default=0)
    continuations = models.PositiveBigIntegerField(_("continuations"), default=0)
    warned = models.PositiveBigIntegerField(_("not read"), default=0)
    media = models.PositiveBigIntegerField(_("attachments"), default=0)
    media_missing = models.PositiveBigIntegerField(_("attachments left out"), default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "source"], name="one_count_per_conversation_source"
            )
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} in {self.source_id}"


class Message(models.Model):
    """One message. ``id`` orders by time: milliseconds since 1970 times 2**20, plus a number.

    So the newest first, in one conversation or in a search over all, is the order of the primary
    key, and a date is a range of it. ``digest`` with ``nth`` names it for good: that of the app's
    own id, or of time, sender and content, where ``nth`` counts equal ones. ``source`` is the first
    source that has it, ``last_source`` the newest one; ``file`` and ``line`` are its place in
    ``source``.
    ``more`` is JSON: reactions, edits, what was there before, or empty.
    """

    id = models.BigIntegerField(primary_key=True)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="said", db_index=False
    )
    sender = models.ForeignKey(
        Participant, models.CASCADE, null=True, related_name="said", db_index=False
    )
    kind = models.CharField(_("kind"), max_length=10)
    text = models.TextField(_("text"))
    has_media = models.BooleanField(_("has media"), default=False)
    is_timed = models.BooleanField(_("its time is known"), default=True)
    digest = models.BinaryField(_("digest"), max_length=16)
    nth = models.PositiveIntegerField(_("of equal ones"), default=0)
    native_id = models.TextField(_("the app's id"), blank=True)
    reply_to = models.TextField(_("reply to"), blank=True)
    more = models.TextField(_("more"), blank=True)
    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="+", db_index=False)
    last_source = models.ForeignKey(SourceRow, models.CASCADE, related_name="+", db_index=False)
    file = models.PositiveIntegerField(_("file"))
    line = models.PositiveBigIntegerField(_("line or record"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "digest", "nth"], name="one_message_per_digest"
            )
        ]
        indexes = [
            models.Index(fields=["conversation", "id"], name="messages_in_order"),
            models.Index(
                fields=["conversation", "id"],
                name="messages_with_media",
                condition=models.Q(has_media=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id}: {self.id}"


class Attachment(models.Model):
    """A file of a message. ``file`` is "" when the export left it out.

    ``source`` is the one whose snapshots hold the bytes; ``file``, ``start``, ``length`` and
    ``encoding`` are a :class:`conversations.events.Place`.
    """

    message = models.ForeignKey(Message, models.CASCADE, related_name="attachments")
    source = models.ForeignKey(SourceRow, models.CASCADE, related_name="+", db_index=False)
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=8)
    name = models.CharField(_("name"), max_length=200)
    media_type = models.CharField(_("claimed media type"), max_length=100, blank=True)
    size = models.BigIntegerField(_("bytes"), null=True)
    file = models.TextField(_("file"), blank=True)
    start = models.BigIntegerField(_("first byte"), default=0)
    length = models.BigIntegerField(_("length"), null=True)
    encoding = models.CharField(_("encoding"), max_length=6, blank=True)

    class Meta:
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")

    def __str__(self) -> str:
        return self.name
